"""Measuring in this process: what is timed, thrown away, checked and closed."""

from __future__ import annotations

import gc
from pathlib import Path

import pytest

from benchmarks.measuring.sample import measure, warm_up_calls
from benchmarks.workloads.base import Profile, Sample, Workload, sizes


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
