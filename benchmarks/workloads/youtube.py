"""Scraping with real yt-dlp over real sockets and TLS, from the simulated YouTube.

Its server is a thread of this process, so its work is part of the figures: they show changes of the
plugin, not its share. Requests are counted, too: they are the load on the source.
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

_CHANNEL = ("plugins.channel_plugin:YouTubeChannelPlugin",)
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


def _open_plugin(resources: ExitStack, places: tuple[str, ...], server: Any) -> Any:
    plugin = public(*places)(proxy=server.proxy_url, ca_file=server.ca_file)
    resources.callback(plugin.close)
    return plugin


class _OnYouTube(Workload):
    # Where the class of `state.plugin` is, the newest location first; without any, `work` creates
    # it.
    plugin: tuple[str, ...] = ()
    latency_s = 0.0
    batch = counted_calls = 0  # too long for the gate, and several threads: the server's at least

    def begin(self, state: Any) -> None:
        world = public("testing.youtube:World")()
        self.populate(world, self.calls[state.profile])
        settings = {"latency_s": self.latency_s} if self.latency_s else {}
        server = public("testing.youtube:SimulatedYouTube")(world, **settings)
        state.server = state.resources.enter_context(server)
        if self.plugin:
            state.plugin = _open_plugin(state.resources, self.plugin, state.server)

    def populate(self, world: Any, videos: int) -> None:
        """Add what is scraped."""
        raise NotImplementedError  # pragma: no cover

    def run(self, state: Any, calls: int) -> Sample:
        requests = state.server.requests()
        sample = super().run(state, calls)
        if self.figures:
            per_video = (state.server.requests() - requests) / calls
            sample.values = {**sample.values, "requests_per_video": per_video}
        return sample


class ChannelScrape(_OnYouTube):
    """One channel's 60 newest videos a call: two requests."""

    name = "channel-scrape"
    plugin = _CHANNEL
    calls = sizes(6, 80, 1_000)
    batch = 10

    def populate(self, world: Any, videos: int) -> None:
        world.channel("@lighthouse", videos=2 * _VIDEOS)

    def call(self, state: Any) -> base.Call:
        def scrape() -> None:
            ideas = state.plugin.scrape(channel_url="@lighthouse", max_results=_VIDEOS)
            state.held.append(len(ideas))

        return scrape

    def check(self, state: Any) -> None:
        assert set(state.held) == {_VIDEOS}, "videos were missed, or made up"
        assert not state.server.unexpected_hosts, "it called another host"


class Classification(_OnYouTube):
    """One unavailable video a call, for each reason in turn, with its error code."""

    name = "classification"
    plugin = ("plugins.youtube.video:YouTubeVideoPlugin", "plugins.video_plugin:YouTubeVideoPlugin")
    calls = sizes(18, 180, 1_800)
    figures = ("requests_per_video", "misclassified")

    def populate(self, world: Any, videos: int) -> None:
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
        sample = super().work(state, calls)
        wrong = sum(wanted != code for wanted, code in state.held)
        sample.values = {"misclassified": float(wrong)}
        return sample

    def check(self, state: Any) -> None:
        for wanted, code in state.held:
            assert code == wanted


class _OnOneChannel(_OnYouTube):
    verbs = ("save_progress",)
    settings = {"durability": "fast"}

    def populate(self, world: Any, videos: int) -> None:
        public("plugins.saving:save")
        world.big_channel("@archive", videos)


class Listing(_OnOneChannel):
    """One video a call: listed flat by a worker, stored in SQLite, with a task created for it."""

    name = "listing"
    calls = sizes(120, 3_000, 50_000)
    figures = ("first_idea_ms", "requests_per_video", "memory_growth_mb")

    def work(self, state: Any, calls: int) -> Sample:
        with ExitStack() as resources:
            plugin = _open_plugin(resources, _CHANNEL, state.server)
            config = public("WorkerConfig")(worker_id="listing", task_type="youtube_channel")
            worker = public("BaseWorker")(config, state.path, plugin, queue=state.queue)
            resources.callback(worker.close)
            parameters = {"channel_url": "@archive", "max_results": calls, "enrich": True}
            task_id = state.queue.create_task("youtube_channel", parameters)
            memory_mb = peak_mb()
            pool = resources.enter_context(ThreadPoolExecutor(1))
            first = pool.submit(_first_idea_at, state.queue, task_id)
            began = perf_counter()
            worker.process_task(worker.claim_task())
            elapsed_s = perf_counter() - began
            values = {
                "first_idea_ms": (first.result() - began) * 1000,
                "memory_growth_mb": peak_mb() - memory_mb,
            }
        state.done += calls
        return Sample([], elapsed_s, calls, values)

    def check(self, state: Any) -> None:
        stats = state.queue.stats()
        assert stats.results == state.done, "ideas were lost, or stored twice"
        assert stats.by_type["youtube_video"]["QUEUED"] == state.done


class Enriching(_OnOneChannel):
    """One video a call: its own page, at 100 ms a request, fetched by one of eight workers (as
    processes, or as threads of one). Their start is included."""

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
        return Sample([], elapsed_s, calls)

    def check(self, state: Any) -> None:
        assert state.queue.stats().by_status["COMPLETED"] == state.done
        assert not state.server.unexpected_hosts


def _first_idea_at(queue: Any, task_id: str) -> float:
    """The moment when the task has a stored idea, as a waiting user sees it."""
    ends = perf_counter() + _PATIENCE_S
    results = base.verb_of(queue, "_storage.results", "storage.results")
    while not results(task_id, limit=1) and perf_counter() < ends:
        sleep(_POLL_S)
    return perf_counter()


WORKLOADS = [
    ChannelScrape(),
    Listing(),
    Enriching("enriching-8-processes", 8, 1),
    Enriching("enriching-8-threads", 1, 8),
    Classification(),
]
