"""The queue's verbs in pytest-benchmark: a round is one call, of each countable workload."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.conftest import bench
from benchmarks.workloads import Profile, Workload

if TYPE_CHECKING:
    import pytest


def wants(workload: Workload) -> bool:
    """Which workloads are taken: of a million tasks, filling the queue would be most of it."""
    return workload.counted_calls > 0 and workload.from_profile is not Profile.LARGE


def test_queue(request: pytest.FixtureRequest, workload: Workload) -> None:
    bench(request, workload, calls_a_round=1)
