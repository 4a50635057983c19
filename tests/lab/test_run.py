"""`python -m benchmarks run`: its table, files, verdicts and exit codes."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree as ET

import pytest

from benchmarks.commands import run as command
from benchmarks.commands import run_output
from benchmarks.common.exits import BadInput
from benchmarks.judging import reference
from benchmarks.judging.targets import judge, read_thresholds
from benchmarks.measuring import counters
from benchmarks.records import environment, history
from benchmarks.records.record import Commit, Measure, WorkloadRecord
from benchmarks.workloads import Lacks, Profile, Sample, all_workloads
from benchmarks.workloads.base import Workload, sizes

pytest.importorskip("hdrh", reason="needs the group lab")


class Steady(Workload):
    """A millisecond a call, on paper."""

    name = "steady"
    calls = sizes(100, 1_000, 10_000)
    counted_calls = 0

    def prepare(self, folder: Path, profile: Profile) -> object:
        return folder

    def run(self, state: object, calls: int) -> Sample:
        return Sample([0.001] * calls, 0.001 * calls, calls)

    def check(self, state: object) -> None:
        pass


class Wrong(Steady):
    name = "wrong"

    def check(self, state: object) -> None:
        raise AssertionError("a task was lost")


class Broken(Steady):
    name = "broken"

    def prepare(self, folder: Path, profile: Profile) -> object:
        raise OSError("no disk")


class Missing(Steady):
    name = "missing"

    def prepare(self, folder: Path, profile: Profile) -> object:
        raise Lacks("no such verb")


class Interrupting(Steady):
    name = "interrupting"

    def prepare(self, folder: Path, profile: Profile) -> object:
        raise KeyboardInterrupt


LIMITS = {"steady": {"latency_p95_ms": 2.0, "throughput_per_s": 900.0}}


class Ran(NamedTuple):
    """How the command ended."""

    code: int
    out: str


Run = Callable[..., Ran]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """The command over made-up workloads, with results and limits of the test's own."""
    workloads = [Steady(), Wrong(), Broken(), Missing(), Interrupting()]
    monkeypatch.setattr(command, "all_workloads", lambda: {each.name: each for each in workloads})
    clean = Commit("a" * 40, "A commit", "2026-11-22T20:00:00+00:00")
    monkeypatch.setattr(history, "commit_of", lambda: clean)
    monkeypatch.setattr(command, "wine_version", lambda: "")  # times are judged
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)

    def carry_out(*arguments: str, limits: dict[str, dict[str, float]] = LIMITS) -> Ran:
        monkeypatch.setattr(command, "read_thresholds", lambda: limits)
        parser = argparse.ArgumentParser()
        command.add_arguments(parser)
        code = command.run(parser.parse_args(["--no-report", *arguments]))
        return Ran(code, capsys.readouterr().out)

    return carry_out


def test_a_run_that_keeps_its_limits_passes(run: Run) -> None:
    code, output = run("steady")
    assert code == 0
    assert "steady" in output
    assert "1.00 (1.00" in output
    assert "passed" in output


def test_a_broken_limit_is_named(run: Run) -> None:
    code, output = run("steady", limits={"steady": {"latency_p95_ms": 0.5}})
    assert code == 1
    assert "latency_p95_ms 1, limit <= 0.5: broken" in output


def test_under_wine_counts_are_judged_and_absolute_times_are_not(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(environment, "wine_version", lambda: "8.0")
    monkeypatch.setattr(command, "wine_version", lambda: "8.0")
    monkeypatch.setattr(Steady, "counted_calls", 1)
    monkeypatch.setattr(command, "measure_counters", lambda _: {"statements": 2.0})
    times = {"latency_p95_ms": 0.5, "throughput_per_s": 1e9, "first_idea_ms": 1.0}
    report = tmp_path / "report.md"
    code, output = run("steady", "--markdown", str(report), limits={"steady": times})
    assert code == 0
    assert "no absolute time is judged under Wine 8.0" in output
    assert "no absolute time is judged under Wine 8.0" in report.read_text("utf-8")
    code, output = run("steady", limits={"steady": {**times, "statements": 1.0}})
    assert code == 1
    assert "statements 2, limit <= 1: broken" in output and "0.5: broken" not in output
    said = json.loads(run("steady", "--json", limits={"steady": times}).out)
    assert said["environment"]["wine"] == "8.0"
    assert said["environment"]["machine"].startswith("wine-")


@pytest.mark.parametrize(
    ("name", "code", "words"),
    [
        ("wrong", 1, "a task was lost"),
        ("broken", 3, "OSError: no disk"),
        ("missing", 0, "no such verb"),
    ],
)
def test_what_goes_wrong_is_told_and_costs_nothing_else(
    name: str, code: int, words: str, run: Run
) -> None:
    ended, output = run("steady", name)
    assert ended == code
    assert words in output


def test_a_limit_on_what_was_not_measured_is_a_failure(run: Run, tmp_path: Path) -> None:
    junit = tmp_path / "junit.xml"
    limits = {"steady": {"latency_p95_ms": 2.0, "vm_steps": 9.0}}
    code, output = run("steady", "--junit", str(junit), limits=limits)
    assert code == 1
    assert "vm_steps not measured, limit <= 9: a limit on what was not measured" in output
    assert "limit not measured" in output
    assert ET.parse(junit).getroot().get("failures") == "1"


def test_too_few_calls_for_a_limited_percentile_are_a_failure_too(run: Run) -> None:
    limits = {"steady": {"latency_p99_ms": 2.0}}
    code, output = run("steady", "--profile", "smoke", "--json", limits=limits)
    told = json.loads(output)
    assert code == 1
    assert told["verdict"] == "a limit is on what was not measured"
    assert told["workloads"][0]["limits"][0]["missing"] is True


def test_a_workload_that_was_skipped_keeps_no_limit(run: Run) -> None:
    code, output = run("missing", limits={"missing": {"latency_p95_ms": 2.0}})
    assert code == 1
    assert "missing skipped: no such verb" in output
    assert "not measured" in output


def test_ctrl_c_keeps_what_was_measured(run: Run) -> None:
    code, output = run("steady", "interrupting", "wrong")
    assert code == 130
    assert "steady" in output
    assert "interrupted" in output


def test_an_unknown_workload_has_close_matches(run: Run) -> None:
    with pytest.raises(BadInput, match="did you mean steady"):
        run("stedy")


def test_json_junit_markdown_and_githubs_summary(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary.md"))
    files = ["--junit", str(tmp_path / "out/junit.xml"), "--markdown", str(tmp_path / "run.md")]

    code, output = run("--json", *files, "steady", "wrong", "missing")

    assert code == 1
    told = json.loads(output)
    assert told["verdict"] == "a limit is broken"
    steady, wrong, missing = told["workloads"]
    assert steady["verdict"] == "passed"
    assert steady["limits"][0]["allowed"] == 2.0
    assert (wrong["verdict"], wrong["reason"]) == ("wrong", "a task was lost")
    assert (missing["verdict"], missing["record"]) == ("skipped", None)
    assert told["environment"]["sqlite"]
    suite = ET.parse(tmp_path / "out/junit.xml").getroot()
    assert {key: suite.get(key) for key in ("tests", "failures", "errors", "skipped")} == {
        "tests": "3", "failures": "1", "errors": "0", "skipped": "1",
    }  # fmt: skip
    markdown = (tmp_path / "run.md").read_text("utf-8")
    assert "| steady |" in markdown
    assert (tmp_path / "summary.md").read_text("utf-8").strip() == markdown.strip()


def test_percentiles_of_few_calls_are_refused_in_every_form(run: Run) -> None:
    code, output = run("--json", "--profile", "smoke", "steady")
    (steady,) = json.loads(output)["workloads"]
    assert code == 0
    assert steady["refused"] == {"p99": "needs 368 calls, not 100"}
    assert "latency_p99_ms" not in steady["record"]["metrics"]


def test_a_run_without_names_takes_the_profiles_workloads() -> None:
    workloads = all_workloads()

    regular = {each.name for each in command.choose(workloads, [], Profile.REGULAR)}
    large = {each.name for each in command.choose(workloads, [], Profile.LARGE)}

    assert large == set(workloads)
    assert {name for name in large - regular if not name.endswith("1e6")} == set()
    assert command.choose(workloads, ["claim-lifo-1e6"], Profile.SMOKE)


def record(**metrics: Measure) -> WorkloadRecord:
    commit = Commit("a" * 40, "", "2026-11-22T20:00:00+00:00")
    return WorkloadRecord(
        "s", commit, "m", "regular", "2026-11-22T20:00:00+00:00", metrics=metrics,
        counters={"fsyncs": 1.0},
    )  # fmt: skip


@pytest.mark.parametrize(
    ("name", "allowed", "is_broken"),
    [
        ("latency_p95_ms", 1.2, False),  # 1.5, but perhaps 1.1
        ("latency_p95_ms", 1.0, True),
        ("throughput_per_s", 101.0, True),
        ("throughput_per_s", 100.0, False),
        ("fsyncs", 0.0, True),
        ("fsyncs", 1.0, False),
        ("latency_p99_ms", 0.0, False),  # refused: nothing is known
    ],
)
def test_a_limit_is_broken_where_even_the_better_end_is_beyond_it(
    name: str, allowed: float, is_broken: bool
) -> None:
    measured = record(latency_p95_ms=Measure(1.5, 1.1, 2.0), throughput_per_s=Measure(100.0))

    (judged,) = judge(measured, {"s": {name: allowed}})
    assert judged.is_broken is is_broken


def test_the_reviewed_limits_are_of_workloads_that_exist() -> None:
    limits = read_thresholds()

    assert limits.keys() <= all_workloads().keys()
    for strategy in ("lifo", "fifo", "priority", "weighted-random"):
        claim = limits[f"claim-{strategy}-1e3"]
        assert claim["latency_p95_ms"] <= 10  # the original specification's
        assert claim["throughput_per_s"] >= 5


def test_patterns_choose_workloads_and_a_wrong_one_is_named() -> None:
    known = all_workloads()

    chosen = command.choose(known, ["claim-*-1e3", "claim-lifo-1e3", "enqueue"], Profile.SMOKE)
    assert [each.name for each in chosen] == [
        *(f"claim-{each}-1e3" for each in ("lifo", "fifo", "priority", "weighted-random")),
        "enqueue",
    ]
    with pytest.raises(BadInput, match="did you mean claim-lifo-1e"):
        command.choose(known, ["claim-lifo-1e9"], Profile.SMOKE)


def test_targets_are_a_table_with_reasons_and_ratios(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    limits = {"steady": {"latency_p95_ms": 2.0, "reference_p50": 1.5}}
    reasons = {"steady": {"reference_p50": (1.5, "Python")}}
    monkeypatch.setattr(run_output, "read_targets", lambda: reasons)

    def targets(ratio: Measure, *arguments: str) -> Ran:
        measured = {"reference_p50": ratio}
        monkeypatch.setattr(reference, "ratios_to_reference", lambda *_, **__: measured)
        return run(*arguments, limits=limits)

    slow, wide = Measure(2.0, 1.9, 2.1), Measure(2.0, 1.0, 4.0)
    assert targets(slow, "steady").code == 0, "a plain run measures no ratios, and judges none"
    code, output = targets(slow, "--targets")
    assert code == 1
    assert "Python" in output and "not met" in output
    assert "wrong" not in output, "what has no limit is not measured"
    code, output = targets(wide, "--targets")
    assert code == 0
    assert "undecided" in output, "the interval has the limit in it"
    assert targets(slow, "--targets", "--report-only").code == 0
    assert targets(slow, "--targets", "--json").code == 1


def test_the_real_package_is_compared_with_the_reference() -> None:
    found = reference.ratios_to_reference("enqueue-fast", pairs=1, batches=1)

    assert found.keys() == {"reference_p50", "reference_p95", "reference_throughput"}
    assert all(0.2 < each.value < 50 for each in found.values())


def test_the_real_lifecycle_keeps_the_reviewed_counters() -> None:
    found = counters.measure_counters("lifecycle", 30)

    limits = read_thresholds()["lifecycle"]
    assert all(found[name] <= allowed for name, allowed in limits.items() if name in found)
