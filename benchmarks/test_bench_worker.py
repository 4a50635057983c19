"""Workers, the plugin and the start-up in pytest-benchmark: a round is a batch of calls."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.conftest import bench
from benchmarks.scenarios import Scenario

if TYPE_CHECKING:
    import pytest

_SMALL = 20


def wants(scenario: Scenario) -> bool:
    """Which scenarios are taken: those with batches that test_bench_queue.py leaves."""
    return scenario.batch > 0 and not scenario.counted_calls


def test_worker(request: pytest.FixtureRequest, scenario: Scenario) -> None:
    # What takes long is one call a round, as everybody expects; the worker is timed on the run.
    bench(request, scenario, 1 if scenario.batch < _SMALL else scenario.batch // 10)
