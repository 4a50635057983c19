"""Scraping with real yt-dlp over real sockets and TLS, from the simulated YouTube.

Its server is a thread of this process, so its work is part of the figures: it is the plugin's
changes that show, not its share. `channel-scrape` asks for one page of a channel. `listing` streams
a channel through a worker into SQLite, a task for each video with it. `enriching` does such tasks,
at 100 ms a request, with eight workers: as processes, and as threads of one. `classification` asks
for videos that cannot be had, for each reason that there is. Beside the times they count requests:
what a scraper costs its source, and what it is throttled for.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from time import perf_counter, sleep
from typing import Any

from benchmarks.workloads import base
from benchmarks.workloads.base import Sample, Workload, public, sizes
from benchmarks.workloads.own_process import peak_mb

_CHANNEL = "plugins.channel_plugin:YouTubeChannelPlugin"
_VIDEO = "plugins.video_plugin:YouTubeVideoPlugin"
_VIDEOS = 60
_POLL_S = 0.002
_PATIENCE_S = 60.0
_PROBLEMS = {
    "REMOVED": "video_unavailable",
    "PRIVATE": "private",
    "AGE_RESTRICTED": "age_restricted",
    "GEO_BLOCKED": "geo_blocked",
    "MEMBERS_ONLY": "members_only",
    "PAYMENT": "members_only",
    "UPCOMING": "upcoming",
    "BOT_CHECK": "bot_check",
    "RATE_LIMITED": "rate_limited",
}


def _server(resources: ExitStack, world: Any, **settings: float) -> Any:
    return resources.enter_context(public("testing.youtube:SimulatedYouTube")(world, **settings))


def _plugin(resources: ExitStack, place: str, server: Any) -> Any:
    plugin = public(place)(proxy=server.proxy_url, ca_file=server.ca_file)
    resources.callback(plugin.close)
    return plugin


class _Plugin(Workload):
    """A plugin by itself."""

    place: str
    counted_calls = 0  # the server's thread is not started while counting

    def begin(self, state: Any) -> None:
        world = public("testing.youtube:World")()
        self.populate(world)
        state.server = _server(state.resources, world)
        state.plugin = _plugin(state.resources, self.place, state.server)

    def populate(self, world: Any) -> None:
        """Add what is scraped."""
        raise NotImplementedError  # pragma: no cover


class ChannelScrape(_Plugin):
    """One channel's 60 newest videos a call: two requests."""

    name = "channel-scrape"
    place = _CHANNEL
    calls = sizes(6, 80, 1_000)
    batch = 10

    def populate(self, world: Any) -> None:
        world.channel("@lighthouse", videos=2 * _VIDEOS)

    def call(self, state: Any) -> base.Call:
        def scrape() -> None:
            ideas = state.plugin.scrape(channel_url="@lighthouse", max_results=_VIDEOS)
            state.held.append(len(ideas))

        return scrape

    def check(self, state: Any) -> None:
        assert set(state.held) == {_VIDEOS}, "videos were missed, or made up"
        assert not state.server.unexpected_hosts, "it called another host"


class Classification(_Plugin):
    """One video a call that cannot be had, for each reason alternately, with its error code."""

    name = "classification"
    place = _VIDEO
    calls = sizes(18, 180, 1_800)
    figures = ("requests_per_video", "misclassified")
    batch = 0  # too long for the gate

    def populate(self, world: Any) -> None:
        problems = public("testing.youtube:problems")
        for number, problem in enumerate(_PROBLEMS):
            world.video(f"problem-{number:03}", problem=getattr(problems, problem))

    def call(self, state: Any) -> base.Call:
        error_type, codes = public("PluginError"), [*_PROBLEMS.values()]

        def ask() -> None:
            number = len(state.held) % len(codes)
            code = "none"
            try:
                state.plugin.scrape(video=f"problem-{number:03}")
            except error_type as error:
                code = error.code
            state.held.append((codes[number], code))

        return ask

    def work(self, state: Any, calls: int) -> Sample:
        requests = state.server.requests()
        sample = super().work(state, calls)
        per_video = (state.server.requests() - requests) / calls
        wrong = sum(wanted != code for wanted, code in state.held)
        sample.values = {"requests_per_video": per_video, "misclassified": float(wrong)}
        return sample

    def check(self, state: Any) -> None:
        for wanted, code in state.held:
            assert code == wanted


class _OnOneChannel(Workload):
    verbs = ("save_progress",)
    settings = {"durability": "fast"}
    batch = 0  # too long for the gate
    counted_calls = 0  # several threads
    latency_s = 0.0

    def begin(self, state: Any) -> None:
        world = public("testing.youtube:World")()
        public("plugins.saving:save")
        world.big_channel("@archive", self.calls[state.profile])
        state.server = _server(state.resources, world, latency_s=self.latency_s)


class Listing(_OnOneChannel):
    """One video a call: listed flat, stored, and made a task of."""

    name = "listing"
    calls = sizes(120, 3_000, 50_000)
    figures = ("first_idea_ms", "requests_per_video", "memory_growth_mb")

    def work(self, state: Any, calls: int) -> Sample:
        with ExitStack() as resources:
            plugin = _plugin(resources, _CHANNEL, state.server)
            config = public("WorkerConfig")(worker_id="listing", task_type="youtube_channel")
            worker = public("BaseWorker")(config, state.path, plugin, queue=state.queue)
            resources.callback(worker.close)
            parameters = {"channel_url": "@archive", "max_results": calls, "enrich": True}
            task_id = state.queue.create_task("youtube_channel", parameters)
            requests, memory_mb = state.server.requests(), peak_mb()
            pool = resources.enter_context(ThreadPoolExecutor(1))
            first = pool.submit(_first_idea_at, state.queue, task_id)
            began = perf_counter()
            worker.process_task(worker.claim_task())
            elapsed_s = perf_counter() - began
            values = {
                "first_idea_ms": (first.result() - began) * 1000,
                "requests_per_video": (state.server.requests() - requests) / calls,
                "memory_growth_mb": peak_mb() - memory_mb,
            }
        state.done += calls
        return Sample([], elapsed_s, calls, values)

    def check(self, state: Any) -> None:
        stats = state.queue.stats()
        assert stats.results == state.done, "ideas were lost, or stored twice"
        assert stats.by_type["youtube_video"]["QUEUED"] == state.done


class Enriching(_OnOneChannel):
    """One video a call: its own page fetched by one of eight workers. Their start is included."""

    calls = sizes(16, 100, 500)
    figures = ("requests_per_video",)
    latency_s = 0.1

    def __init__(self, name: str, processes: int, threads: int) -> None:
        super().__init__()
        self.name = name
        self.workers = {"processes": processes, "threads": threads}

    def work(self, state: Any, calls: int) -> Sample:
        new_task = public("NewTask")
        videos = state.server.world.find("@archive").videos[:calls]
        state.queue.create_tasks(
            new_task("youtube_video", {"video": each.video_id}) for each in videos
        )
        worker = public("WorkerConfig")(task_type="youtube_video")
        config = public("RunnerConfig")(worker=worker, until_idle=True, **self.workers)
        requests = state.server.requests()
        before = dict(os.environ)
        began = perf_counter()
        try:
            os.environ.update(state.server.environment)
            public("Runner")(state.path, config).run()
            elapsed_s = perf_counter() - began
        finally:
            os.environ.clear()
            os.environ.update(before)
        state.done += calls
        per_video = (state.server.requests() - requests) / calls
        return Sample([], elapsed_s, calls, {"requests_per_video": per_video})

    def check(self, state: Any) -> None:
        assert state.queue.stats().by_status["COMPLETED"] == state.done
        assert not state.server.unexpected_hosts


def _first_idea_at(queue: Any, task_id: str) -> float:
    """The moment when the task has a stored idea, as a user who waits for it sees it."""
    ends = perf_counter() + _PATIENCE_S
    while not queue.storage.results(task_id, limit=1) and perf_counter() < ends:
        sleep(_POLL_S)
    return perf_counter()


WORKLOADS = [
    ChannelScrape(),
    Listing(),
    Enriching("enriching-8-processes", 8, 1),
    Enriching("enriching-8-threads", 1, 8),
    Classification(),
]
