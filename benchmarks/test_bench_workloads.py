"""The workloads in pytest-benchmark: a round is a call, or a tenth of a batch of a worker's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.conftest import bench
from benchmarks.workloads import Profile, Workload

if TYPE_CHECKING:
    import pytest

_SMALL = 20


def wants(workload: Workload) -> bool:
    """Which workloads are taken: of a million tasks, filling the queue would be most of it."""
    return workload.batch > 0 and workload.from_profile is not Profile.LARGE


def test_workload(request: pytest.FixtureRequest, workload: Workload) -> None:
    is_one = workload.counted_calls > 0 or workload.batch < _SMALL
    bench(request, workload, calls_a_round=1 if is_one else workload.batch // 10)
