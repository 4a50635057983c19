"""The queue's verbs in asv, over its history. Thin: the work is done by the workloads.

asv installs an older commit and imports this file as it is today; what a commit lacks is skipped
(`setup` raises Lacks, a NotImplementedError) or has no figure (nan). Percentiles, throughput and
counters come from one measurement each, in `setup_cache`, since asv itself keeps means of batches
only. Throughput is published as seconds per 1,000 tasks: asv knows no "higher is better".
"""

from __future__ import annotations

import math
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.measuring.counters import measure_counters
from benchmarks.measuring.sample import measure
from benchmarks.records.environment import clock_resolution_s
from benchmarks.records.record import QUANTILES, latency_metrics
from benchmarks.workloads import Profile, Workload, all_workloads

_WORKLOADS = all_workloads()
_CALLS = 2_000
_NAMES = [
    "claim-lifo-1e3",
    "claim-fifo-1e3",
    "claim-priority-1e3",
    "claim-weighted-random-1e3",
    "claim-lifo-1e5",
    "claim-batch",
    "complete",
    "enqueue",
    "lifecycle",
    "retry",
]

Figures = Mapping[str, Mapping[str, float]]


def figures(names: list[str]) -> dict[str, dict[str, float]]:
    """Percentiles in ms, seconds per 1,000 tasks and counters, by workload; empty where the
    installed commit lacks what a workload needs."""
    return {name: _figures_of(_WORKLOADS[name]) for name in names}


def _figures_of(workload: Workload) -> dict[str, float]:
    try:
        calls = min(_CALLS, workload.calls[Profile.REGULAR])
        sample = measure(workload, Profile.REGULAR, calls=calls)
        found = dict(sample.values)
        metrics = latency_metrics(sample.latencies_s, clock_resolution_s() * 1e9)
        for name in QUANTILES:
            each = metrics.get(f"latency_{name}_ms")
            found[f"{name}_ms"] = math.nan if each is None else each.value
        if sample.operations:
            found["s_per_1000"] = 1e3 * sample.elapsed_s / sample.operations
        if workload.counted_calls:
            found |= measure_counters(workload.name)
    except NotImplementedError:
        return {}
    return found


class Batches:
    """A batch of calls, as many as a workload's `batch` says, in a folder of its own."""

    params = [name for name in _NAMES if name != "claim-lifo-1e5"]  # asv prepares each sample anew
    param_names = ("workload",)
    timeout = 300
    number = 1  # a batch is long enough, and `setup` forces it anyway
    warmup_time = 0.2

    def setup(self, name: str) -> None:
        """Prepare, and run one batch that fills the caches."""
        self._workload = _WORKLOADS[name]
        self._folder = tempfile.mkdtemp(prefix="tubeq-asv-")
        self._state: Any = None
        try:
            self._state = self._workload.prepare(Path(self._folder), Profile.REGULAR)
        except BaseException:
            self.teardown(name)
            raise
        self._workload.run(self._state, self._workload.batch)

    def teardown(self, _: str) -> None:
        """Clear up."""
        if self._state is not None:
            self._workload.close(self._state)
        shutil.rmtree(self._folder, ignore_errors=True)

    def time_batch(self, _: str) -> None:
        """One batch of calls, which `work` does without putting back what it used up."""
        self._workload.work(self._state, self._workload.batch)

    def peakmem_batch(self, _: str) -> None:
        """The memory of a process that does the same."""
        self._workload.work(self._state, self._workload.batch)


class Calls:
    """Single calls: what asv's means cannot say."""

    params = _NAMES
    param_names = ("workload",)
    timeout = 300

    def setup_cache(self) -> Figures:
        """Measure each workload once a commit."""
        return figures(self.params)

    setup_cache.timeout = 900  # type: ignore[attr-defined]

    def track_p95(self, found: Figures, name: str) -> float:
        """The latency that one call in twenty exceeds."""
        return found[name].get("p95_ms", math.nan)

    track_p95.unit = "ms"  # type: ignore[attr-defined]

    def track_seconds_per_1000_tasks(self, found: Figures, name: str) -> float:
        """The inverse of throughput."""
        return found[name].get("s_per_1000", math.nan)

    track_seconds_per_1000_tasks.unit = "s"  # type: ignore[attr-defined]

    def track_vm_steps(self, found: Figures, name: str) -> float:
        """Steps of SQLite's virtual machine per operation: exact."""
        return found[name].get("vm_steps", math.nan)

    track_vm_steps.unit = "steps"  # type: ignore[attr-defined]

    def track_wal_bytes(self, found: Figures, name: str) -> float:
        """Bytes written to the log per operation: exact."""
        return found[name].get("wal_bytes", math.nan)

    track_wal_bytes.unit = "bytes"  # type: ignore[attr-defined]
