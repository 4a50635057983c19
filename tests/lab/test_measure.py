"""Percentiles: refused from too few samples, and intervals that cover as often as they say."""

from __future__ import annotations

import gc
import random
from pathlib import Path

import pytest

from benchmarks.measuring.sample import (
    calls_needed,
    measure,
    percentile,
    percentiles,
    warm_up_calls,
)
from benchmarks.workloads.base import Profile, Sample, Workload, sizes


@pytest.mark.parametrize(("quantile", "calls"), [(0.5, 6), (0.9, 36), (0.95, 72), (0.99, 368)])
def test_the_fewest_calls_of_a_percentile(quantile: float, calls: int) -> None:
    """Where the chance that all calls are below it falls to 2.5 %: quantile ** calls <= 0.025."""
    assert quantile**calls <= 0.025 < quantile ** (calls - 1)
    assert calls_needed(quantile) == calls


def test_a_percentile_of_too_few_calls_is_refused_with_its_reason() -> None:
    enough = [1.0 + number for number in range(72)]

    assert percentile(enough, 0.95).value_s is not None
    refused = percentile(enough[1:], 0.95)
    assert (refused.value_s, refused.low_s, refused.high_s) == (None, None, None)
    assert refused.refusal == "P95 needs 72 calls, not 71"


def test_a_percentile_that_the_clock_cannot_tell_is_refused() -> None:
    refused = percentile([4e-7] * 1000, 0.95, resolution_s=1e-7)

    assert refused.value_s is None
    assert "clock" in refused.refusal


def test_no_calls_have_no_percentiles() -> None:
    assert percentiles([]) == {}


def test_it_is_an_order_statistic_whatever_the_order() -> None:
    ordered = [float(number) for number in range(1, 1001)]
    shuffled = ordered.copy()
    random.Random(1).shuffle(shuffled)

    found = {name: each.value_s for name, each in percentiles(shuffled).items()}

    assert found == {"p50": 500.0, "p90": 900.0, "p95": 950.0, "p99": 990.0}


@pytest.mark.parametrize("calls", [100, 400, 2_000])
@pytest.mark.parametrize("quantile", [0.5, 0.95])
def test_intervals_cover_as_often_as_they_say(quantile: float, calls: int) -> None:
    """2,000 simulated runs of a skewed distribution: at least 95 %, less 3 standard errors."""
    runs = 2_000 if calls < 1_000 else 500
    chance = random.Random(1)
    truth = _lognormal_quantile(quantile)
    covered = 0
    for _ in range(runs):
        found = percentile(
            [chance.lognormvariate(0.0, 1.0) for _ in range(calls)], quantile, resolution_s=1e-9
        )
        assert found.low_s is not None
        assert found.high_s is not None
        covered += found.low_s <= truth <= found.high_s
    assert covered / runs >= 0.95 - 3 * (0.95 * 0.05 / runs) ** 0.5


def _lognormal_quantile(quantile: float) -> float:
    from math import exp
    from statistics import NormalDist

    return exp(NormalDist().inv_cdf(quantile))


class _Counting(Workload):
    name = "counting"
    calls = sizes(100, 1_000, 10_000)
    batch = 10

    def __init__(self, is_right: bool = True) -> None:
        self.events: list[str] = []
        self.runs: list[int] = []
        self.is_frozen: list[bool] = []
        self._is_right = is_right

    def prepare(self, folder: Path, profile: Profile) -> Path:
        assert not list(folder.iterdir())
        self.events.append("prepare")
        return folder

    def run(self, state: Path, calls: int) -> Sample:
        self.runs.append(calls)
        self.is_frozen.append(gc.get_freeze_count() > 0)
        assert gc.isenabled()
        return Sample([0.001] * calls, 0.001 * calls, calls, {"size_mb": float(len(self.runs))})

    def check(self, state: Path) -> None:
        self.events.append("check")
        assert self._is_right, "it was not"

    def close(self, state: Path) -> None:
        assert state.is_dir()
        self.events.append("close")


def test_warm_up_is_thrown_away_and_all_calls_are_taken_in_stretches() -> None:
    workload = _Counting()
    told: list[tuple[int, int]] = []

    sample = measure(workload, Profile.SMOKE, progress=lambda *step: told.append(step))

    assert workload.runs == [10, *[10] * 10]
    assert workload.is_frozen == [False, *[True] * 10]
    assert (len(sample.latencies_s), sample.operations) == (100, 100)
    assert sample.elapsed_s == pytest.approx(0.1)
    assert sample.values == {"size_mb": 11.0}
    assert told == [(done, 100) for done in range(10, 101, 10)]
    assert workload.events == ["prepare", "check", "close"]
    assert gc.get_freeze_count() == 0


def test_a_number_of_calls_that_no_stretch_divides() -> None:
    workload = _Counting()

    assert len(measure(workload, Profile.SMOKE, calls=33).latencies_s) == 33


def test_wrong_work_is_an_error_and_all_is_closed() -> None:
    workload = _Counting(is_right=False)

    with pytest.raises(AssertionError, match="it was not"):
        measure(workload, Profile.SMOKE)
    assert workload.events[-1] == "close"


@pytest.mark.parametrize(("calls", "warm_up"), [(1, 1), (5, 1), (100, 10), (100_000, 50)])
def test_how_much_warm_up(calls: int, warm_up: int) -> None:
    assert warm_up_calls(calls) == warm_up


def test_parts_of_a_sample_add_up() -> None:
    sample = Sample([1.0], 1.0, 1, {"a": 1.0, "b": 1.0})
    sample.add(Sample([2.0, 3.0], 5.0, 2, {"b": 2.0}))

    assert sample.latencies_s == [1.0, 2.0, 3.0]
    assert (sample.elapsed_s, sample.operations) == (6.0, 3)
    assert sample.values == {"a": 1.0, "b": 2.0}
