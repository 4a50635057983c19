"""Workers, the plugin and the start-up in pytest-benchmark: a round is a batch of calls."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.conftest import bench
from benchmarks.workloads import Workload

if TYPE_CHECKING:
    import pytest

_SMALL = 20


def wants(workload: Workload) -> bool:
    """Which workloads are taken: those with batches that test_bench_queue.py leaves."""
    return workload.batch > 0 and not workload.counted_calls


def test_worker(request: pytest.FixtureRequest, workload: Workload) -> None:
    # What takes long is one call a round, as everybody expects; the worker is timed on the run.
    bench(request, workload, 1 if workload.batch < _SMALL else workload.batch // 10)
