"""Scraping with the real yt-dlp over real sockets and TLS, from a simulated YouTube.

What the queue adds to a scrape is told in two ways. A scrape through queue and worker beside a
direct one, turn and turn about: all that there is to see, and the noise of both. And the time of a
task that is spent outside of the plugin: exact, but blind to what slows the plugin itself down.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from pathlib import Path
from time import perf_counter
from typing import Any

from benchmarks.speed.long_listing import listing, simulated
from benchmarks.speed.rows import Row
from benchmarks.speed.timing import interleaved, steps
from benchmarks.workloads.base import Profile
from benchmarks.workloads.listing import Enriching
from tubeq import BaseWorker, Idea, QueueManager, WorkerConfig
from tubeq.plugins.channel_plugin import YouTubeChannelPlugin

_TASK_TYPE = "youtube_channel"
_PARAMETERS = {"channel_url": "@lighthouse", "max_results": 50}
_LISTED, _QUICK_LISTED = 5_000, 600
_WARM_UP = 3


def measure(quick: bool, folder: Path) -> Iterator[Row]:
    """A row for the queue's share, two for enriching, two for a listing."""
    yield _share(folder, rounds=5 if quick else 101)
    size = Profile.SMOKE if quick else Profile.LARGE
    yield _enriched(folder, Enriching("8 processes", 8, 1), size, 30)
    yield _enriched(folder, Enriching("one process of 8 threads", 1, 8), size, 40)
    yield from listing(folder, _QUICK_LISTED if quick else _LISTED)


class _Watched:
    """The plugin, and how long its last scrape took."""

    def __init__(self, plugin: YouTubeChannelPlugin) -> None:
        self._plugin = plugin
        self.took_s = 0.0

    def scrape(self, **parameters: Any) -> list[Idea]:
        """One task's work."""
        began = perf_counter()
        ideas = self._plugin.scrape(**parameters)
        self.took_s = perf_counter() - began
        return ideas


def _share(folder: Path, rounds: int) -> Row:
    path = folder / "share.db"
    config = WorkerConfig(worker_id="w", task_type=_TASK_TYPE)
    outside_s: list[float] = []
    with simulated({"@lighthouse": 500}) as (proxy, ca_file):
        plugin = YouTubeChannelPlugin(proxy=proxy, ca_file=ca_file)
        watched = _Watched(plugin)
        with QueueManager(path) as queue, BaseWorker(config, path, watched, queue=queue) as worker:

            def queued() -> list[float]:
                began = perf_counter()
                queue.create_task(_TASK_TYPE, _PARAMETERS)
                task = worker.claim_task()
                result = worker.process_task(task) if task else None
                took_s = perf_counter() - began
                if result is None or not result.success:
                    raise RuntimeError(f"a scrape failed: {result}")
                outside_s.append(took_s - watched.took_s)
                return [took_s]

            def direct() -> list[float]:
                watched.scrape(**_PARAMETERS)
                return [watched.took_s]

            turns = {"queued": queued, "direct": direct}
            for turn in list(turns.values()) * _WARM_UP:
                turn()
            outside_s.clear()
            found = interleaved(turns, rounds, "scraping, queued and direct")
            if queue.stats().results != 50 * (rounds + _WARM_UP):
                raise RuntimeError("ideas were lost, or made up")
        plugin.close()
    queued_s = statistics.median(seconds for each in found["queued"] for seconds in each)
    direct_s = statistics.median(seconds for each in found["direct"] for seconds in each)
    return Row(
        "scraping",
        "50 videos of a channel, 0 ms latency, balanced",
        {
            "through the queue P50 ms": queued_s * 1e3,
            "direct P50 ms": direct_s * 1e3,
            # Below nothing there is noise only.
            "queue's share %": max(0.0, (queued_s / direct_s - 1) * 100),
            "outside the plugin P50 ms": statistics.median(outside_s) * 1e3,
            "outside the plugin %": statistics.median(outside_s) / direct_s * 100,
        },
        {"queue's share %": 2, "outside the plugin %": 2},
    )


def _enriched(folder: Path, workers: Enriching, size: Profile, limit_s: float) -> Row:
    videos = workers.calls[size]
    own = folder / workers.name.replace(" ", "-")
    own.mkdir()
    state = workers.prepare(own, size)
    try:
        for _ in steps(range(1), f"enriching {videos} videos"):
            sample = workers.work(state, videos)
        workers.check(state)
    finally:
        workers.close(state)
    return Row(
        "scraping",
        f"{videos} videos enriched, 100 ms latency, {workers.name}, start included",
        {"s": sample.elapsed_s, "videos/s": videos / sample.elapsed_s, **sample.values},
        {"s": limit_s},
    )
