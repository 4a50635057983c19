"""The queue's verbs in pytest-benchmark: a round is one call, of each countable scenario."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.conftest import bench
from benchmarks.scenarios import Profile, Scenario

if TYPE_CHECKING:
    import pytest


def wants(scenario: Scenario) -> bool:
    """Which scenarios are taken: of a million tasks, filling the queue would be most of it."""
    return scenario.counted_calls > 0 and scenario.from_profile is not Profile.LARGE


def test_queue(request: pytest.FixtureRequest, scenario: Scenario) -> None:
    bench(request, scenario, calls_a_round=1)
