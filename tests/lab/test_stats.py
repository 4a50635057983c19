"""The formulas, against published values and simple cases."""

from __future__ import annotations

import math
import random

import pytest

from benchmarks.common.statistics import Estimate, clopper_pearson, estimate, holm, quantile


def test_half_width_is_students_t_times_the_standard_error() -> None:
    # Student's table: t(7 degrees, 0.995) = 3.499, t(31, 0.995) = 2.744.
    assert Estimate(0.0, 1.0, 8).half_width(0.005) == pytest.approx(3.499, abs=1e-3)
    assert Estimate(0.0, 0.5, 32).half_width(0.005) == pytest.approx(2.744 / 2, abs=1e-3)


def test_p_values_mirror_each_other() -> None:
    found = Estimate(0.02, 0.01, 8)
    assert found.p_worse() == pytest.approx(0.0428, abs=1e-3)  # t = 2, 7 degrees
    assert found.p_worse() + found.p_better() == pytest.approx(1.0)


def test_one_process_says_nothing() -> None:
    found = estimate([0.5])
    assert found.p_worse() == 1.0
    assert found.half_width(0.005) == math.inf
    assert found.smallest_visible(0.005) == math.inf
    assert estimate([]).p_worse() == 1.0


def test_equal_processes_are_certain() -> None:
    assert estimate([0.1] * 8).p_worse() == 0.0
    assert estimate([0.0] * 8).p_worse() == 1.0
    assert estimate([-0.1] * 8).p_worse() == 1.0


def test_mean_and_standard_error_of_few_processes() -> None:
    found = estimate([0.01, 0.02, 0.03])
    assert found.mean == pytest.approx(0.02)
    assert found.standard_error == pytest.approx(0.01 / math.sqrt(3))
    assert found.processes == 3


def test_from_sixteen_processes_on_outliers_are_trimmed() -> None:
    usual = [0.001 * each for each in range(-7, 7)]
    found = estimate([*usual, 9.0, -5.0])
    assert abs(found.mean) < 0.002
    assert found.half_width(0.005) < 0.02
    assert found.processes == 12  # two of each end are gone


def test_the_smallest_visible_change_is_seen_as_often_as_promised() -> None:
    chance = random.Random(3)
    level, seen = 0.005, 0
    change = Estimate(0.0, 0.02 / math.sqrt(8), 8).smallest_visible(level)
    for _ in range(400):
        found = estimate([chance.gauss(change, 0.02) for _ in range(8)])
        seen += found.p_worse() < level
    assert seen / 400 == pytest.approx(0.95, abs=0.05)


def test_holm_as_in_its_paper() -> None:
    adjusted = holm({"a": 0.01, "b": 0.04, "c": 0.03, "d": 0.005})
    assert adjusted == pytest.approx({"d": 0.02, "a": 0.03, "c": 0.06, "b": 0.06})
    assert holm({"alone": 0.9}) == {"alone": 0.9}
    assert holm({"a": 0.7, "b": 0.8}) == {"a": 1.0, "b": 1.0}


def test_quantiles_are_values_of_the_sample() -> None:
    ordered = [float(each) for each in range(1, 201)]
    assert quantile(ordered, 0.95) == 190.0
    assert quantile(ordered, 0.0) == 1.0
    assert quantile(ordered, 1.0) == 200.0
    assert quantile([7.0], 0.5) == 7.0


def test_exact_intervals_of_rates() -> None:
    # As facts of the literature: no alarm in 299 bounds the rate by 1 %, 59 of 59 by 95 %.
    assert clopper_pearson(0, 299)[1] == pytest.approx(0.01, abs=1e-4)
    assert clopper_pearson(59, 59)[0] == pytest.approx(0.95, abs=1e-3)
    assert clopper_pearson(5, 10) == pytest.approx((0.1871, 0.8129), abs=1e-4)
    assert clopper_pearson(0, 0) == (0.0, 1.0)
