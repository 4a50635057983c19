"""The proof's bookkeeping: which trials, which are left, and the matrix."""

from __future__ import annotations

import json
from collections import Counter as Tally
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.commands.prove import planned
from benchmarks.proving.proof import (
    ENGINE,
    Outcome,
    append_line,
    matrix,
    read_lines,
    read_outcomes,
)
from benchmarks.reporting.filling import render


def outcome(tool: str, is_change: bool, alarm: bool, undecided: bool = False) -> Outcome:
    plant = "uniform" if is_change else "comment-only"
    return Outcome(
        "x", alarm, undecided, 10.0, {}, f"{tool}/{plant}", tool, plant, is_change, "claim"
    )


def test_trials_are_as_many_as_asked_for_and_all_different() -> None:
    trials = list(planned(60, 60, 12))
    kinds = Tally((trial.tool, trial.plant.is_change) for trial in trials)
    assert kinds == {
        ("gate", False): 60,
        ("gate", True): 60,
        ("asv", False): 12,
        ("asv", True): 12,
        ("pytest-benchmark", False): 12,
        ("pytest-benchmark", True): 12,
    }
    assert len({trial.key for trial in trials}) == len(trials)
    gate = {(trial.plant.name, trial.workload) for trial in trials if trial.tool == "gate"}
    assert len(gate) == 3 * 2 + 5 * 2 + 1
    first = [trial.plant.is_change for trial in trials[:10]]
    assert first == [False, True] * 5


def test_outcomes_survive_a_cut_off_line(tmp_path: Path) -> None:
    path = tmp_path / "outcomes.ndjson"
    assert read_outcomes(path) == []
    whole = outcome("gate", True, True)
    path.write_text(json.dumps({**whole.to_json(), "at": "now"}) + '\n{"key": "ga')
    assert read_outcomes(path) == [whole]


def test_alarms_of_counters_alone_are_told_apart() -> None:
    by = (["statements"], ["statements", "latency_p50_ms"], [])
    alarms = [replace(outcome("gate", True, True), details={"by": each}) for each in by]
    table = matrix(alarms)
    assert table["tools"][0]["by_counters_alone"] == 1
    assert "1 came from counters alone" in render("proof_matrix.md", **table)


def test_the_matrix_counts_and_bounds() -> None:
    outcomes = [outcome("gate", False, False) for _ in range(58)]
    outcomes += [outcome("gate", False, False, undecided=True) for _ in range(2)]
    outcomes += [outcome("gate", True, True) for _ in range(60)]
    outcomes += [outcome("asv", False, True) for _ in range(3)]
    gate, asv = matrix(outcomes)["tools"]
    assert gate["no_change"]["alarm"] == 0
    assert gate["no_change"]["undecided"] == 2
    assert gate["no_change"]["passed"] == 58
    assert gate["no_change"]["alarm_high"] == pytest.approx(0.049, abs=1e-3)
    assert gate["planted"]["alarm_low"] == pytest.approx(0.951, abs=1e-3)
    assert asv["no_change"]["alarm_rate"] == 1.0
    assert asv["planted"]["alarm_rate"] is None
    assert matrix(outcomes)["commits"] == [""]
    assert "| gate | 60 x no change | 0 | 2 | 58 | 0 % (0.0 to 4.9 %) |" in render(
        "proof_matrix.md", **matrix(outcomes)
    )


@pytest.mark.parametrize(("tool", "kept"), [("gate", ["c"]), ("asv", ["a", "b", "c"])])
def test_the_gate_of_another_engine_is_asked_again_and_no_other_tool(
    tool: str, kept: list[str], tmp_path: Path
) -> None:
    path = tmp_path / "outcomes.ndjson"
    now = outcome(tool, True, True).to_json()
    older = {name: each for name, each in now.items() if name != "engine"}
    for number, record in enumerate((older, {**older, "engine": ENGINE - 1}, now)):
        append_line(path, {**record, "key": "abc"[number]})
    assert [each.key for each in read_outcomes(path)] == kept


def test_a_trial_that_two_runs_made_at_once_counts_once(tmp_path: Path) -> None:
    path = tmp_path / "outcomes.ndjson"
    first, second = outcome("gate", True, True), outcome("gate", True, False)
    assert first.key == second.key
    for each in (first, second):
        append_line(path, each.to_json())
    assert read_outcomes(path) == [first]


def test_a_line_after_one_that_was_cut_off_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "outcomes.ndjson"
    path.write_text('{"key": "ga')
    append_line(path, {"key": "gate"})
    assert read_lines(path) == [{"key": "gate"}]
