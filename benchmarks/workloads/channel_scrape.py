"""Scraping a channel with real yt-dlp over real sockets and TLS, from the simulated YouTube."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.workloads.base import Profile, Sample, Workload, each_timed, public, sizes

_VIDEOS = 60


class _State(NamedTuple):
    server: Any
    plugin: Any
    found: list[int]
    resources: ExitStack


class ChannelScrape(Workload):
    """One channel's 60 newest videos a call: two requests. The server is a thread of this process,
    so its work is part of the figure: it is the plugin's changes that show, not its share.
    """

    name = "channel-scrape"
    calls = sizes(6, 80, 1_000)
    batch = 10
    counted_calls = 0  # the server's thread is not started while counting

    def prepare(self, folder: Path, profile: Profile) -> _State:
        world = public("testing.youtube:World")()
        world.channel("@lighthouse", videos=2 * _VIDEOS)
        resources = ExitStack()
        server = resources.enter_context(public("testing.youtube:SimulatedYouTube")(world))
        plugin = public("plugins.channel_plugin:YouTubeChannelPlugin")(
            proxy=server.proxy_url, ca_file=server.ca_file
        )
        resources.callback(plugin.close)
        return _State(server, plugin, [], resources)

    def work(self, state: _State, calls: int) -> Sample:
        def scrape() -> None:
            ideas = state.plugin.scrape(channel_url="@lighthouse", max_results=_VIDEOS)
            state.found.append(len(ideas))

        return each_timed(scrape, calls)

    def check(self, state: _State) -> None:
        assert set(state.found) == {_VIDEOS}, "videos were missed, or made up"
        assert not state.server.unexpected_hosts, "it called somebody else"

    def close(self, state: _State) -> None:
        state.resources.close()


WORKLOADS = [ChannelScrape()]
