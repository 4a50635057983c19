"""Workers, the channel plugin and start-up in asv, over its history. Thin, as bench_queue.py."""

from __future__ import annotations

import math

from benchmarks.bench_queue import Figures, figures

_THROUGHPUT = ["worker-balanced", "worker-fast", "contention-4"]
_LATENCY = ["start-up-queue", "start-up-cli", "channel-scrape"]


class Workers:
    """Tasks through whole workers, and claims of four processes at once."""

    params = _THROUGHPUT
    param_names = ("workload",)
    timeout = 300

    def setup_cache(self) -> Figures:
        """Measure each workload once a commit."""
        return figures(self.params)

    setup_cache.timeout = 900  # type: ignore[attr-defined]

    def track_seconds_per_1000_tasks(self, found: Figures, name: str) -> float:
        """The inverse of throughput."""
        return found[name].get("s_per_1000", math.nan)

    track_seconds_per_1000_tasks.unit = "s"  # type: ignore[attr-defined]

    def track_p95(self, found: Figures, name: str) -> float:
        """The time of a task, or of a claim, that one in twenty exceeds."""
        return found[name].get("p95_ms", math.nan)

    track_p95.unit = "ms"  # type: ignore[attr-defined]


class Waits:
    """What people wait for: imports in a fresh process, a channel's listing."""

    params = _LATENCY
    param_names = ("workload",)
    timeout = 300

    def setup_cache(self) -> Figures:
        """Measure each workload once a commit."""
        return figures(self.params)

    setup_cache.timeout = 900  # type: ignore[attr-defined]

    def track_p50(self, found: Figures, name: str) -> float:
        """The median."""
        return found[name].get("p50_ms", math.nan)

    track_p50.unit = "ms"  # type: ignore[attr-defined]


class Footprint:
    """The memory of a worker, and the bytes that a finished task leaves in the file."""

    timeout = 300

    def setup_cache(self) -> Figures:
        """Measure each workload once a commit."""
        return figures(["worker-memory", "file-growth"])

    setup_cache.timeout = 900  # type: ignore[attr-defined]

    def track_worker_memory(self, found: Figures) -> float:
        """The most that a process with one worker ever had."""
        return found["worker-memory"].get("memory_mb", math.nan)

    track_worker_memory.unit = "MB"  # type: ignore[attr-defined]

    def track_file_bytes_per_task(self, found: Figures) -> float:
        """Of the database file."""
        return found["file-growth"].get("file_bytes_per_task", math.nan)

    track_file_bytes_per_task.unit = "bytes"  # type: ignore[attr-defined]
