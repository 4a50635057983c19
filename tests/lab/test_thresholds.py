"""A limit holds something: names are those of workloads and metrics, values are numbers, and what
is limited is measured."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

import pytest

from benchmarks.__main__ import main
from benchmarks.commands import publish
from benchmarks.commands import run as run_command
from benchmarks.common.exits import BadInput, ExitCode
from benchmarks.judging import targets as thresholds
from benchmarks.judging.targets import REFERENCE, judge, read_targets, read_thresholds
from benchmarks.measuring.counters import COUNTERS, measure_counters
from benchmarks.records.record import Commit, Measure, WorkloadRecord
from benchmarks.workloads import Profile, all_workloads

ROOT = Path(__file__).resolve().parents[2]
REFERENCE_SHA256 = "6ebc850ee76241a233b935cd9c756769635df79ce4c41c2c0b37e40250031221"
MISTAKES = [
    ("[claim-lifo-1e33]\nlatency_p95_ms = 1", "did you mean claim-lifo-1e"),
    ("[no-such-thing]\nlatency_p95_ms = 1", "there is no workload 'no-such-thing'"),
    ("[claim-lifo-1e3]\nlatency_p95_msx = 1", "did you mean latency_p95_ms"),
    ("[claim-lifo-1e3]\nmemory_mb = 1", "has no metric 'memory_mb'"),
    ("[claim-lifo-1e3]\n[claim-lifo-1e3.smoke]\nfsyncs = 1", "has no metric 'smoke'"),
    ("[claim-lifo-1e3]\nlatency_p95_ms = 'low'", "not a number"),
    ("[claim-lifo-1e3]\nlatency_p95_ms = true", "not a number"),
    ("[claim-lifo-1e3]\nlatency_p95_ms = -1", "not a number from 0 on"),
    ("[claim-lifo-1e3]\nlatency_p95_ms = nan", "not a number"),
    ("[claim-lifo-1e3]\nlatency_p95_ms = inf", "not a number"),
    (f"[claim-lifo-1e3]\nlatency_p95_ms = {10**400}", "not a number"),
    ("[claim-lifo-1e3]\nfsyncs = 1\nfsyncs = 2", "limits.toml"),
    ("[claim-lifo-1e3]\nfsyncs = 1\n[claim-lifo-1e3]\nfsyncs = 2", "limits.toml"),
    ("[claim-lifo-1e3\n", "limits.toml"),
    ("claim-lifo-1e3 = 1", "outside of a workload's table"),
    ("[[claim-lifo-1e3]]\nfsyncs = 1", "outside of a workload's table"),
    ("[claim-lifo-1e3]\nfsyncs = ['why', 1]", "not a number"),
    ("[claim-lifo-1e3]\nfsyncs = [1, 2]", '[number, "why"]'),
    ("[prune]\nreference_p50 = 2", "has no metric 'reference_p50'"),
]


@pytest.mark.parametrize(("text", "words"), MISTAKES)
def test_a_mistake_is_named(text: str, words: str, tmp_path: Path) -> None:
    path = tmp_path / "limits.toml"
    path.write_text(text)

    with pytest.raises(BadInput) as caught:
        read_thresholds(path)

    assert words in str(caught.value)
    assert "limits.toml" in str(caught.value)


def test_an_editor_that_marks_utf_8_or_ends_lines_otherwise_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "limits.toml"
    path.write_bytes(b"\xef\xbb\xbf[claim-lifo-1e3]\r\nfsyncs = 1\r\n")
    assert read_thresholds(path) == {"claim-lifo-1e3": {"fsyncs": 1.0}}


@pytest.mark.parametrize("name", ["run", "publish"])
def test_the_commands_refuse_it_before_they_measure(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "thresholds.toml"
    path.write_text("[claim-lifo-1e3]\nlatency_p95_msx = 1\n")

    def read() -> thresholds.Limits:
        return read_thresholds(path)

    for module in (run_command, thresholds):
        monkeypatch.setattr(module, "read_thresholds", read)
    monkeypatch.setattr(publish, "OUT", tmp_path / "site")
    arguments = {
        "run": ["run", "claim-lifo-1e3"],
        "publish": ["publish", "--out", str(tmp_path / "site")],
    }[name]

    assert main(arguments) == ExitCode.BAD_INPUT
    assert "did you mean latency_p95_ms" in capsys.readouterr().err
    assert not (tmp_path / "site").exists()


def test_every_limit_has_a_reason_and_ratios_are_of_what_can_be_compared() -> None:
    for workload, limits in read_targets().items():
        for name, (_, why) in limits.items():
            assert why, f"{workload}: {name} has no reason"
            assert name not in REFERENCE or all_workloads()[workload].batch, (workload, name)


def test_ratios_are_judged_only_where_they_were_measured() -> None:
    record = WorkloadRecord(
        "enqueue", Commit("a" * 40, "s", "2026-11-22T20:00:00+00:00"), "m", "smoke", "now"
    )
    limits = {"enqueue": {"reference_p50": 2.0}}

    assert judge(record, limits) == []
    assert [each.is_missing for each in judge(record, limits, {})] == [True]
    (slow,) = judge(record, limits, {"reference_p50": Measure(2.2, 2.1, 2.3)})
    assert slow.is_broken
    (unsure,) = judge(record, limits, {"reference_p50": Measure(2.2, 1.9, 2.5)})
    assert not unsure.is_broken


def test_each_reviewed_limit_is_on_what_its_smallest_run_measures() -> None:
    """So CI's smoke run judges every one of them."""
    from benchmarks.common.statistics import calls_needed
    from benchmarks.records.record import QUANTILES

    for name, limits in read_thresholds().items():
        workload = all_workloads()[name]
        calls = workload.calls[Profile.SMOKE]
        for metric in limits:
            quantile = QUANTILES.get(metric.removeprefix("latency_").removesuffix("_ms"))
            assert quantile is None or calls >= calls_needed(quantile), (name, metric)
            assert metric not in COUNTERS or workload.counted_calls, (name, metric)


def test_the_counters_have_the_names_that_can_be_limited() -> None:
    assert set(measure_counters("claim-lifo-1e3", 5)) <= set(COUNTERS)


def test_the_reference_is_frozen() -> None:
    """Another file is another series: published ratios to the older one cannot be compared."""
    source = (ROOT / "benchmarks/contenders/reference_sqlite.py").read_bytes()

    assert sha256(source).hexdigest() == REFERENCE_SHA256
