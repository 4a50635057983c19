"""Change points: found where a series steps, not where it is noisy."""

from __future__ import annotations

import math
import random

import pytest

from benchmarks.judging.change_points import annotated, change_points, environment_changes


def flat(seed, count=60, noise=0.03, spikes=0.0):
    chance = random.Random(seed)
    return [
        math.exp(chance.gauss(0, noise)) * (1.8 if chance.random() < spikes else 1.0)
        for _ in range(count)
    ]


@pytest.mark.parametrize("count", [6, 12, 60, 200])
def test_flat_noise_raises_few_alarms(count):
    alarms = sum(bool(change_points(flat(seed, count))) for seed in range(100))
    assert alarms <= 5


def test_single_slow_commits_are_no_change():
    alarms = sum(bool(change_points(flat(seed, 100, 0.02, spikes=0.05))) for seed in range(50))
    assert alarms <= 4


@pytest.mark.parametrize("step", [0.10, 0.25, -0.2])
def test_a_step_is_found_where_it_is(step):
    found = 0
    for seed in range(20):
        values = flat(seed)
        values[30:] = [value * (1 + step) for value in values[30:]]
        points = change_points(values)
        if len(points) == 1 and abs(points[0].index - 30) <= 2:
            found += 1
            assert points[0].change == pytest.approx(step, abs=0.04)
            assert points[0].worse is (step > 0)
    assert found >= 18


def test_two_steps_are_two():
    values = flat(3, 90, 0.01)
    values[30:60] = [value * 1.3 for value in values[30:60]]
    assert [point.index for point in change_points(values)] == [30, 60]


def test_drift_is_told_as_steps_all_the_same_way():
    values = [value * (1 + 0.5 * index / 120) for index, value in enumerate(flat(5, 120, 0.01))]
    points = change_points(values)
    assert points
    assert all(point.worse for point in points)


def test_more_is_better_turns_the_verdict():
    values = [100.0] * 10 + [150.0] * 10
    (point,) = change_points(values, higher_is_better=True)
    assert (point.index, point.worse) == (10, False)


def test_a_step_below_what_counts_is_none():
    assert change_points([100.0 + 0.001 * index % 2 for index in range(20)]) == []
    assert change_points([100.0] * 20 + [101.0] * 20) == []


@pytest.mark.parametrize("values", [[], [1.0], [1.0] * 5, [0.0] * 10, [1.0, 2.0, 3.0, 4.0, 5.0]])
def test_too_little_to_say(values):
    assert change_points(values) == []


def test_zeros_and_negatives_do_not_hurt():
    (point,) = change_points([0.0] * 10 + [5.0] * 10)
    assert (point.index, point.change) == (10, math.inf)
    (point,) = change_points([-1.0] * 10 + [-2.0] * 10)
    assert point.index == 10


def test_counters_are_exact():
    (point,) = change_points([112.0, 112.0, 114.0], exact=True)
    assert (point.index, point.before, point.after, point.worse) == (2, 112.0, 114.0, True)
    assert change_points([4.2667] * 3 + [4.26670001] * 3, exact=True) == []


def test_where_the_machine_changed_is_told_beside_the_change():
    machines = [{"sqlite": "3.40.1", "load_1m": each, "memory_mb": 5} for each in range(10)]
    machines += [{"sqlite": "3.46.0", "load_1m": 0, "memory_mb": 6}] * 10
    notes = environment_changes(machines)
    assert notes == {10: ("sqlite 3.40.1 → 3.46.0",)}
    (point,) = annotated(change_points([1.0] * 10 + [2.0] * 10), notes)
    assert point.environment == ("sqlite 3.40.1 → 3.46.0",)
    (point,) = annotated(change_points([1.0] * 5 + [2.0] * 15), notes)
    assert point.environment == ()
