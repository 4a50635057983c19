"""Long listings and what follows them: real yt-dlp, real sockets, the simulated YouTube.

`listing` streams one channel through a worker into SQLite, a task for each video with it; the
server is a thread of this process, so its work is part of the figure. `enriching` does such tasks,
at 100 ms a request, with eight workers: as processes, and as threads of one. `classification` asks
for videos that cannot be had, for each reason that there is. Beside the times they count requests:
what a scraper costs its source, and what it is throttled for.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from time import perf_counter
from typing import Any, NamedTuple

from benchmarks.workloads.base import (
    Profile,
    Sample,
    Workload,
    each_timed,
    open_queue,
    public,
    sizes,
    verb_of,
)

_LATENCY_S = 0.1
_LOOK_EVERY_S = 0.002
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


class _State(NamedTuple):
    server: Any
    queue: Any
    path: Path
    done: list[int]
    resources: ExitStack


class _OnOneChannel(Workload):
    batch = 0  # too long for the gate
    counted_calls = 0  # several threads
    latency_s = 0.0

    def prepare(self, folder: Path, profile: Profile) -> _State:
        world = public("testing.youtube:World")()
        public("plugins.saving:save")
        world.big_channel("@archive", self.calls[profile])
        resources = ExitStack()
        server = resources.enter_context(
            public("testing.youtube:SimulatedYouTube")(world, latency_s=self.latency_s)
        )
        path = folder / "queue.db"
        queue = resources.enter_context(open_queue(path, "save_progress", durability="fast"))
        return _State(server, queue, path, [], resources)

    def close(self, state: _State) -> None:
        state.resources.close()


class Listing(_OnOneChannel):
    """One video a call: listed flat, stored, and made a task of."""

    name = "listing"
    calls = sizes(120, 3_000, 50_000)
    figures = ("first_idea_ms", "requests_per_video", "memory_growth_mb")

    def work(self, state: _State, calls: int) -> Sample:
        plugin = public("plugins.channel_plugin:YouTubeChannelPlugin")(
            proxy=state.server.proxy_url, ca_file=state.server.ca_file
        )
        config = public("WorkerConfig")(worker_id="listing", task_type="youtube_channel")
        worker = public("BaseWorker")(config, state.path, plugin, queue=state.queue)
        parameters = {"channel_url": "@archive", "max_results": calls, "enrich": True}
        task_id = state.queue.create_task("youtube_channel", parameters)
        requests, memory_mb = state.server.requests(), _peak_mb()
        first = FirstIdea(state.queue, task_id)
        began = perf_counter()
        worker.process_task(worker.claim_task())
        elapsed_s = perf_counter() - began
        values = {
            "first_idea_ms": (first.seen_at() - began) * 1000,
            "requests_per_video": (state.server.requests() - requests) / calls,
            "memory_growth_mb": _peak_mb() - memory_mb,
        }
        worker.close()
        plugin.close()
        state.done.append(calls)
        return Sample([], elapsed_s, calls, values)

    def check(self, state: _State) -> None:
        stats = state.queue.stats()
        assert stats.results == sum(state.done), "ideas were lost, or stored twice"
        assert stats.by_type["youtube_video"]["QUEUED"] == sum(state.done)


class Enriching(_OnOneChannel):
    """One video a call: its own page fetched by one of eight workers. Their start is included."""

    calls = sizes(16, 100, 500)
    figures = ("requests_per_video",)
    latency_s = _LATENCY_S

    def __init__(self, name: str, processes: int, threads: int) -> None:
        self.name = name
        self._processes = processes
        self._threads = threads

    def work(self, state: _State, calls: int) -> Sample:
        new_task = public("NewTask")
        videos = state.server.world.find("@archive").videos[:calls]
        state.queue.create_tasks(
            new_task("youtube_video", {"video": each.video_id}) for each in videos
        )
        config = public("RunnerConfig")(
            worker=public("WorkerConfig")(task_type="youtube_video"),
            processes=self._processes,
            threads=self._threads,
            until_idle=True,
        )
        requests = state.server.requests()
        began = perf_counter()
        with _environment(state.server.environment):
            public("Runner")(state.path, config).run()
        elapsed_s = perf_counter() - began
        state.done.append(calls)
        per_video = (state.server.requests() - requests) / calls
        return Sample([], elapsed_s, calls, {"requests_per_video": per_video})

    def check(self, state: _State) -> None:
        assert state.queue.stats().by_status["COMPLETED"] == sum(state.done)
        assert not state.server.unexpected_hosts


class _Refused(NamedTuple):
    server: Any
    plugin: Any
    videos: list[tuple[str, str]]
    told: list[tuple[str, str]]
    resources: ExitStack


class Classification(Workload):
    """One video a call that cannot be had, of each reason in turn: its error, told right."""

    name = "classification"
    calls = sizes(18, 180, 1_800)
    figures = ("requests_per_video", "misclassified")
    batch = 0
    counted_calls = 0

    def prepare(self, folder: Path, profile: Profile) -> _Refused:
        world = public("testing.youtube:World")()
        problems = public("testing.youtube:problems")
        videos = []
        for number, (problem, code) in enumerate(_PROBLEMS.items()):
            video_id = f"problem-{number:03}"
            world.video(video_id, problem=getattr(problems, problem))
            videos.append((video_id, code))
        resources = ExitStack()
        server = resources.enter_context(public("testing.youtube:SimulatedYouTube")(world))
        plugin = public(
            "plugins.youtube.video:YouTubeVideoPlugin", "plugins.video_plugin:YouTubeVideoPlugin"
        )(proxy=server.proxy_url, ca_file=server.ca_file)
        resources.callback(plugin.close)
        return _Refused(server, plugin, videos, [], resources)

    def work(self, state: _Refused, calls: int) -> Sample:
        error_type = public("PluginError")

        def ask() -> None:
            video_id, code = state.videos[len(state.told) % len(state.videos)]
            try:
                state.plugin.scrape(video=video_id)
                state.told.append((code, "none"))
            except error_type as error:
                state.told.append((code, error.code))

        requests = state.server.requests()
        sample = each_timed(ask, calls)
        per_video = (state.server.requests() - requests) / calls
        wrong = sum(code != told for code, told in state.told)
        sample.values = {"requests_per_video": per_video, "misclassified": float(wrong)}
        return sample

    def check(self, state: _Refused) -> None:
        assert [told for _, told in state.told] == [code for code, _ in state.told]

    def close(self, state: _Refused) -> None:
        state.resources.close()


class FirstIdea:
    """Looks for the first stored idea of a task, as somebody who waits for it would."""

    def __init__(self, queue: Any, task_id: str) -> None:
        self._seen_at = 0.0
        self._thread = threading.Thread(target=self._look, args=(queue, task_id), daemon=True)
        self._thread.start()

    def _look(self, queue: Any, task_id: str) -> None:
        pause = threading.Event()
        results = verb_of(queue, "_storage.results", "storage.results")
        while not results(task_id, limit=1):
            pause.wait(_LOOK_EVERY_S)
        self._seen_at = perf_counter()

    def seen_at(self) -> float:
        self._thread.join()
        return self._seen_at


def _peak_mb() -> float:
    """The most memory that this process ever had; 0 where the system does not tell."""
    try:
        import resource
    except ImportError:
        return 0.0
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


@contextmanager
def _environment(variables: Mapping[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


WORKLOADS = [
    Listing(),
    Enriching("enriching-8-processes", 8, 1),
    Enriching("enriching-8-threads", 1, 8),
    Classification(),
]
