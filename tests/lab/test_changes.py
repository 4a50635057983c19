"""Change points: found where a series steps, not where it is noisy, with a range and a cause."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence

import pytest

from benchmarks.judging.change_points import SMALLEST, change_points
from benchmarks.records.packages import Package
from benchmarks.records.series import Point


def flat(seed: int, count: int = 60, noise: float = 0.02, spikes: float = 0.0) -> list[Point]:
    """Ratios as records have them: a disturbed one knows by its interval that it is."""
    chance = random.Random(seed)
    return [
        point(place, math.exp(chance.gauss(0, width)), 3 * width)
        for place in range(count)
        for width in [noise * (5 if chance.random() < spikes else 1)]
    ]


def point(place: int, value: float, half_width: float = 0.0, **counters: float) -> Point:
    package = Package(f"{place:016x}", f"{place:040x}", f"commit {place}", "2026-01-01T00:00:00Z")
    ends = value * math.exp(-half_width), value * math.exp(half_width)
    return Point(package, place, value, *ends, counters)


def points_of(values: Sequence[float]) -> list[Point]:
    return [point(place, value) for place, value in enumerate(values)]


def stepped(points: Sequence[Point], start: int, factor: float) -> list[Point]:
    return [
        Point(
            each.package, each.place, *(factor * end for end in (each.value, each.low, each.high))
        )
        if each.place >= start
        else each
        for each in points
    ]


@pytest.mark.parametrize("count", [2, 6, 30, 100])
@pytest.mark.parametrize("spikes", [0.0, 0.1])
def test_noise_raises_no_alarm(count: int, spikes: float) -> None:
    alarms = sum(
        bool(change_points(flat(seed, count, spikes=spikes), "time")) for seed in range(60)
    )
    assert alarms <= 1


@pytest.mark.parametrize("step", [0.10, 0.25, -0.2])
def test_a_step_is_found_where_it_is_with_its_size(step: float) -> None:
    found = 0
    for seed in range(20):
        changes = change_points(stepped(flat(seed), 30, 1 + step), "time")
        if len(changes) == 1 and abs(changes[0].index - 30) <= 1:
            (change,) = changes
            found += change.low <= step <= change.high
            assert change.last.place < 30 <= change.first.place
            assert change.worse is (step > 0)
    assert found >= 18


def test_the_newest_package_alone_can_be_a_step() -> None:
    (change,) = change_points(stepped(flat(1, noise=0.01), 59, 1.15), "time")
    assert (change.last.place, change.first.place) == (58, 59)


def test_two_steps_are_two_and_more_is_better_for_rates() -> None:
    points = stepped(stepped(flat(3, 90, 0.01), 30, 1.3), 60, 1 / 1.3)
    assert [each.index for each in change_points(points, "time")] == [30, 60]
    worse = [each.worse for each in change_points(points, "time", higher_is_better=True)]
    assert worse == [False, True]


def test_what_the_history_cannot_see_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    """4 % of time, 15 % of what waits: clear in the figures, but below what the proof supports."""
    exact = points_of([1.0] * 20 + [1.04] * 20)
    assert change_points(exact, "time") == []
    waiting = points_of([1.0] * 20 + [1.15] * 20)
    assert change_points(waiting, "waits") == []
    assert len(change_points(points_of([1.0] * 20 + [1.3] * 20), "waits")) == 1
    monkeypatch.setitem(SMALLEST, "time", 0.03)
    assert len(change_points(exact, "time")) == 1


def test_a_range_covers_gaps_and_what_cannot_be_told_apart() -> None:
    points = [each for each in stepped(flat(2, 40, 0.01), 20, 1.2) if each.place not in (18, 19)]
    (change,) = change_points(points, "time")
    assert (change.last.place, change.first.place, change.packages) == (17, 20, 3)
    halfway = stepped(flat(2, 40, 0.01), 20, 1.1)
    halfway[20] = point(20, 1.05, 0.03)
    (change,) = change_points(halfway, "time")
    assert (change.last.place, change.first.place) == (19, 21)


def test_commands_to_copy_search_only_where_there_is_something_between() -> None:
    def commands(*places: int) -> list[str]:
        (change,) = change_points(
            [point(place, value) for place, value in zip(places, (1000, 1100))], "instructions"
        )
        return change.commands("enqueue")

    assert [each.split(" benchmarks ")[1] for each in commands(1, 2)] == [
        "compare 0000000 0000000 --workload enqueue"
    ]
    assert commands(1, 4)[1].endswith("benchmarks bisect 0000000 0000000 enqueue")


@pytest.mark.parametrize(
    ("values", "steps"),
    [
        ((1000, 1003, 999, 1002), []),
        ((1000, 1000, 1020, 1020, 1000), [(1, 2), (3, 4)]),
        ((1000, 1004, 1008, 1012), [(0, 2)]),
        ((1000,), []),
        ((), []),
    ],
    ids=["too small", "there and back", "a drift that adds up", "one", "none"],
)
def test_instructions_are_exact(values: Sequence[float], steps: list[tuple[int, int]]) -> None:
    found = change_points(points_of(values), "instructions")
    assert [(each.last.place, each.first.place) for each in found] == steps


def test_a_change_names_the_counters_that_changed_with_it() -> None:
    points = [point(0, 1000, statements=1, fsyncs=1), point(1, 1100, statements=2, fsyncs=1)]
    (change,) = change_points(points, "instructions")
    assert change.change == pytest.approx(0.1)
    assert change.counters == {"statements": (1, 2)}
