"""The commands from end to end, on two copies of today's package, and what they write."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from benchmarks.__main__ import main
from benchmarks.commands import compare, doctor
from benchmarks.common.exits import ExitCode
from benchmarks.judging import counted, rounds
from benchmarks.judging.gate import Counter, Settings, WorkloadVerdict
from benchmarks.measuring.instructions import why_not
from benchmarks.proving.planting import PLANTS, plant

ROOT = Path(__file__).resolve().parents[2]
CLAIM = ("--workload", "claim-lifo-1e3", "--quiet")


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Few and short batches, and no file outside of the test's folder."""
    monkeypatch.setattr(compare, "read_settings", partial(Settings, batches=5))
    last = tmp_path / ".lab" / "last-comparison.json"
    monkeypatch.setattr(compare, "LAST_COMPARISON", last)
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)


@pytest.fixture(scope="module")
def trees(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """Today's package, and a copy with one statement more in each claim."""
    folder = tmp_path_factory.mktemp("trees")
    base = plant(ROOT, folder / "base", None)
    return str(base), str(plant(ROOT, folder / "head", PLANTS["extra-query-a-claim"]))


def test_compare_writes_all_that_was_asked_for(
    trees: tuple[str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    summary = tmp_path / "summary.md"
    summary.write_text("before\n")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    monkeypatch.setattr(counted, "why_not", lambda: "statements are enough here")
    reports = ("--json", "--junit", str(tmp_path / "out" / "junit.xml"))
    markdown = ("--markdown", str(tmp_path / "out" / "report.md"))
    code = main(["compare", *trees, *CLAIM, "--pairs", "2", *reports, *markdown])
    assert code == ExitCode.PASS  # compare tells, gate fails
    printed = json.loads(capsys.readouterr().out)
    assert printed == json.loads(compare.LAST_COMPARISON.read_text("utf-8"))
    assert printed["verdict"] == "regressed"
    assert "+1 statements" in printed["workloads"][0]["explanation"]
    sides = printed["workloads"][0]["latencies"]
    assert len(sides["base"]["quantiles_ms"]) == 101
    assert sides["base"]["calls"] == sum(sides["head"]["counts"]) == 2 * 5 * 200
    assert ET.parse(tmp_path / "out" / "junit.xml").find("testsuite") is not None
    report = (tmp_path / "out" / "report.md").read_text("utf-8")
    assert summary.read_text("utf-8") == "before\n" + report


def test_gate_fails_by_a_counter_however_noisy(
    trees: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["gate", *trees, *CLAIM, "--pairs", "2"]) == ExitCode.REGRESSION
    assert "+1 statement" in capsys.readouterr().out


@pytest.mark.timeout(300)
@pytest.mark.skipif(bool(why_not()), reason=why_not() or "-")
def test_two_per_cent_more_instructions_are_found_by_counts_alone(
    trees: tuple[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    head = plant(ROOT, tmp_path / "busy", None)
    manager = head / "src" / "tubeq" / "queue" / "queue_manager.py"
    line = "    return ClaimRequest(task_type, worker_id, strategy, lease_s)\n"
    text = manager.read_text("utf-8")
    assert text.count(line) == 1
    busy = "    for _ in range(33):\n        pass\n"  # about 2 % of a claim
    manager.write_text(text.replace(line, busy + line), "utf-8")
    assert main(["gate", trees[0], str(head), *CLAIM, "--no-time"]) == ExitCode.REGRESSION
    found = json.loads(compare.LAST_COMPARISON.read_text("utf-8"))
    instructions = found["workloads"][0]["counters"][0]
    assert instructions["counter"] == "instructions"
    assert instructions["noise"] == 0.003  # counted with five seeds
    assert 1.015 < instructions["head"] / instructions["base"] < 1.05
    assert capsys.readouterr().out.startswith("claim-lifo-1e3 takes 2")


def test_without_valgrind_python_calls_decide_and_that_is_said_once(
    trees: tuple[str, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(counted, "why_not", lambda: "instructions need valgrind")
    claims = ("--workload", "claim-[lf]ifo-1e3", "--quiet")
    assert main(["gate", *trees, *claims, "--no-time"]) == ExitCode.REGRESSION
    out = capsys.readouterr().out
    assert out.count("instructions need valgrind") == 1
    assert "claim-fifo-1e3" in out
    counters = json.loads(compare.LAST_COMPARISON.read_text("utf-8"))["workloads"][0]
    limits = {each["counter"]: each["limit"] for each in counters["counters"]}
    assert limits["python_calls"] == limits["statements"] == 0.05
    assert limits["vm_steps"] is None


def test_a_workloads_row_has_the_counter_that_decides() -> None:
    """Where instructions are not counted, statements come first, and Python calls decide too."""
    counters = [Counter(name, 40, head, limit=0.05) for name, head in
                (("statements", 40), ("python_calls", 45))]  # fmt: skip
    row = compare._counter_row(WorkloadVerdict("claim", [], counters=counters))
    assert row == ["claim, python_calls", "40", "45", "+12.5 %", "regressed"]


def test_equal_packages_are_answered_at_once(
    trees: tuple[str, str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compare, "count_both", lambda *_: pytest.fail("it was measured"))
    assert main(["gate", trees[0], trees[0], "--quiet"]) == ExitCode.PASS
    assert "the same package" in capsys.readouterr().out


def test_an_interruption_is_passed_on_after_writing(
    trees: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(rounds, "run_pair", interrupted)
    assert main(["gate", *trees, *CLAIM, "--no-counters"]) == ExitCode.INTERRUPTED
    assert json.loads(compare.LAST_COMPARISON.read_text("utf-8"))["interrupted"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("no-such-branch",), "git knows no revision 'no-such-branch'"),
        (("HEAD", "--workload", "nope"), "no workload 'nope'; there are"),
        (("HEAD", "--workload", "nope-*"), "no workload 'nope-*'"),
        (("HEAD", "--no-time", "--no-counters"), "nothing to measure"),
        (("HEAD", "--workload", "null"), "has no batches"),
        (("./nowhere",), "no src/tubeq"),
    ],
)
def test_bad_input_is_named(
    arguments: tuple[str, ...], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["gate", *arguments]) == ExitCode.BAD_INPUT
    assert message in capsys.readouterr().err


def test_bisect_wants_an_ancestor(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bisect", "no-such", "HEAD", "claim-lifo-1e3"]) == ExitCode.BAD_INPUT
    assert "no-such" in capsys.readouterr().err


def test_doctor_says_what_can_be_seen(
    trees: tuple[str, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(doctor, "WORK", trees[0])
    code = main(["doctor", *CLAIM, "--pairs", "2", "--json"])
    found = json.loads(capsys.readouterr().out)
    assert code in (ExitCode.PASS, ExitCode.INCONCLUSIVE)
    assert found["advice"]
    p95 = next(row for row in found["noise"] if row["metric"] == "latency_p95_ms")
    visible = p95["smallest_visible_change"]
    assert visible["8"] > visible["16"] > visible["32"] > 0
