"""Records: what a run is worth as numbers, and that it comes back from JSON as it went."""

from __future__ import annotations

import json
import random

import pytest

from benchmarks.common.statistics import order_interval
from benchmarks.records.histograms import BadHistogram, encode_histogram, merge_histograms
from benchmarks.records.record import (
    BadRecord,
    Measure,
    RunRecord,
    WorkloadRecord,
    higher_is_better,
    latency_metrics,
)

from .synthetic_history import FakeSample, commit, latencies, run_of


@pytest.fixture
def record():
    return run_of(3, 10).workloads[0]


def test_round_trip_through_json(record):
    again = WorkloadRecord.from_json(json.loads(json.dumps(record.to_json())))
    assert again.to_json() == record.to_json()
    assert (again.commit, again.calls, again.histogram) == (
        record.commit, record.calls, record.histogram,
    )  # fmt: skip
    for name, measure in record.metrics.items():
        assert again.metrics[name].value == pytest.approx(measure.value, rel=1e-5)


def test_a_line_stays_small(record):
    assert len(json.dumps(record.to_json(), separators=(",", ":"))) < 2_500


def test_only_what_is_counted_per_second_is_better_higher():
    assert higher_is_better("throughput_per_s")
    assert not any(map(higher_is_better, ("latency_p95_ms", "start_up_s", "memory_mb")))


@pytest.mark.parametrize(("quantile", "fewest"), [(0.5, 6), (0.90, 36), (0.95, 72), (0.99, 368)])
def test_a_percentile_of_too_few_calls_is_refused(quantile, fewest):
    assert order_interval(fewest - 1, quantile) is None
    low, high = order_interval(fewest, quantile)
    assert 1 <= low < high <= fewest


def test_the_interval_holds_the_true_percentile_as_often_as_it_says():
    chance = random.Random(20)
    low, high = order_interval(400, 0.95)
    held = 0
    for _ in range(1_000):
        ordered = sorted(chance.random() for _ in range(400))
        held += ordered[low - 1] <= 0.95 <= ordered[high - 1]
    assert 930 <= held <= 995


def test_the_interval_of_a_million_calls_is_quick_and_narrow():
    low, high = order_interval(1_000_000, 0.95)
    assert 949_000 < low < 950_000 < high < 951_000


def test_percentiles_that_were_refused_are_absent():
    metrics = latency_metrics(latencies(1, 100))
    assert "latency_p95_ms" in metrics
    assert "latency_p99_ms" not in metrics
    assert metrics["latency_max_ms"].low is None


def test_a_percentile_below_ten_steps_of_the_clock_is_refused():
    metrics = latency_metrics([70e-9] * 1000, clock_resolution_ns=40)
    assert set(metrics) == {"latency_max_ms", "latency_mean_ms"}


def test_no_calls_no_latencies():
    run = RunRecord.of(
        {"x": FakeSample(values={"memory_mb": 3.0})},
        commit=commit(0), machine="m", profile="smoke", environment={},
    )  # fmt: skip
    assert dict(run.workloads[0].metrics) == {"memory_mb": Measure(3.0)}
    assert run.workloads[0].histogram is None


def test_histograms_add_up():
    parts = [latencies(seed, 2000) for seed in range(4)]
    merged = merge_histograms([encode_histogram(part) for part in parts])
    every = sorted(latency for part in parts for latency in part)
    assert merged.get_total_count() == 8000
    for percentile in (50, 95, 99):
        exact_ns = every[8000 * percentile // 100 - 1] * 1e9
        assert merged.get_value_at_percentile(percentile) == pytest.approx(exact_ns, rel=0.01)


def test_a_histogram_takes_any_latency():
    merged = merge_histograms([encode_histogram([0.0, 1e-12, 7200.0])])
    assert merged.get_total_count() == 3


@pytest.mark.parametrize("text", ["", "nonsense", "HISTFAAA", "é"])
def test_no_histogram_is_said(text):
    with pytest.raises(BadHistogram):
        merge_histograms([text])


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"schema": 99}, "newer"),
        ({"workload": ""}, "workload"),
        ({"workload": 7}, "workload"),
        ({"metrics": {"x": [1.0, 2.0]}}, "metrics.x"),
        ({"metrics": {"x": ["1"]}}, "metrics.x"),
        ({"metrics": {"x": [float("nan")]}}, "metrics.x"),
        ({"metrics": None}, "items"),
        ({"counters": {"x": True}}, "x is not"),
        ({"measured_at": "2026-01-01T00:00:00"}, "zone"),
        ({"measured_at": "yesterday"}, "yesterday"),
        ({"commit": {"sha": "../../x", "subject": "", "committed_at": "2026-01-01T00:00:00Z"}},
         "not a commit"),
        ({"commit": {"sha": "abcdef0"}}, "missing"),
        ({"histogram": 5}, "histogram"),
    ],
)  # fmt: skip
def test_a_bad_field_is_named(record, change, says):
    with pytest.raises(BadRecord, match=says):
        WorkloadRecord.from_json({**record.to_json(), **change})


@pytest.mark.parametrize("data", [None, [], 5, "text", {}])
def test_what_is_no_record_at_all_is_said(data):
    with pytest.raises(BadRecord):
        WorkloadRecord.from_json(data)
