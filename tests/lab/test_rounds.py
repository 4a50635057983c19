"""How long the gate measures, and when it measures anew: with process pairs that are made up."""

from __future__ import annotations

import math
import random
import sys
from array import array
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from benchmarks.common.exits import InfrastructureError
from benchmarks.contenders.revisions import Side
from benchmarks.judging import rounds
from benchmarks.judging.gate import Verdict, overall
from benchmarks.judging.rounds import Method, Rounds, Timed, distribution
from benchmarks.measuring.interleave import PairResult
from benchmarks.measuring.process import ProcessLacks, WrongResult

BASE = Side("main", "a" * 40, False, Path(sys.executable))
HEAD = Side("WORK", "b" * 40, True, Path(sys.executable))
SLOWER = math.log(1.2)


class Machine:
    """Stands in for running processes: each pair's log-ratio is what the test asks for."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.pairs = 0
        self.change = 0.0
        self.noise = 0.01
        self.stop_after: float = math.inf
        self.failure: Exception | None = None
        self._chance = random.Random(5)
        monkeypatch.setattr(rounds, "process_pair", self._process_pair)
        monkeypatch.setattr(rounds, "run_pair", self._run_pair)

    @contextmanager
    def _process_pair(self, *_: Any) -> Iterator[None]:
        yield None

    def _run_pair(self, _pair: Any, _workload: str, *_: Any, **__: Any) -> PairResult:
        if self.failure:
            raise self.failure
        if self.pairs >= self.stop_after:
            raise KeyboardInterrupt
        self.pairs += 1
        change = self.change(self.pairs) if callable(self.change) else self.change
        ratio = self._chance.gauss(change, self.noise)
        metric = "latency_p50_ms"
        calls = array("d", [0.001, 0.002])
        return PairResult({metric: ratio}, {metric: 1.0}, {metric: math.exp(ratio)}, calls, calls)


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    return Machine(monkeypatch)


def measured(tmp_path: Path, *names: str, **changes: Any) -> Timed:
    return Rounds(BASE, HEAD, names or ("claim",), Method(tmp_path, **changes)).run()


def verdict(found: Timed) -> Verdict:
    return overall(each.verdict for each in found.workloads)


def of(side: Side) -> SimpleNamespace:
    """Stands for the process of a side."""
    return SimpleNamespace(name=side.name, side=side)


@pytest.mark.parametrize(
    ("noise", "change", "budget_s", "wanted", "pairs", "confirmed"),
    [
        (0.01, 0.0, math.inf, Verdict.UNCHANGED, {8}, None),
        (0.05, 0.0, math.inf, Verdict.UNCHANGED, {16, 32}, None),
        (1.0, 0.0, math.inf, Verdict.INCONCLUSIVE, {32}, None),
        (1.0, 0.0, 0.0, Verdict.INCONCLUSIVE, {8}, None),
        (0.01, SLOWER, math.inf, Verdict.REGRESSED, {16}, True),
        (0.01, lambda pair: SLOWER if pair <= 8 else 0, math.inf, Verdict.UNCHANGED, {16}, False),
    ],
    ids=[
        "a quiet pair needs one round", "noise takes more", "too much noise ends undecided",
        "the budget ends it after a round", "an alarm is confirmed", "an alarm is not seen again",
    ],
)  # fmt: skip
def test_how_long_it_measures(
    machine: Machine, tmp_path: Path, noise: float, change: Any, budget_s: float, wanted: Verdict,
    pairs: set[int], confirmed: bool | None,
) -> None:  # fmt: skip
    machine.noise, machine.change = noise, change
    found = measured(tmp_path, budget_s=budget_s)
    assert verdict(found) is wanted
    assert machine.pairs in pairs
    assert found.workloads[0].confirmed is confirmed
    if pairs == {8}:
        assert found.workloads[0].calls == 16


def test_only_the_undecided_are_measured_further(
    machine: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    usual = machine._run_pair

    def noisy_lifecycle(pair: Any, workload: str, *rest: Any, **more: Any) -> PairResult:
        asked.append(workload)
        machine.noise = 1.0 if workload == "lifecycle" else 0.01
        return usual(pair, workload, *rest, **more)

    monkeypatch.setattr(rounds, "run_pair", noisy_lifecycle)
    found = measured(tmp_path, "claim", "lifecycle")
    assert [each.verdict for each in found.workloads] == [Verdict.UNCHANGED, Verdict.INCONCLUSIVE]
    assert (asked.count("claim"), asked.count("lifecycle")) == (8, 32)


def test_an_interruption_keeps_what_was_measured(machine: Machine, tmp_path: Path) -> None:
    machine.stop_after = 5
    found = measured(tmp_path)
    assert found.interrupted
    assert found.workloads[0].pairs == 5


def test_an_interrupted_confirmation_is_no_alarm(machine: Machine, tmp_path: Path) -> None:
    machine.change, machine.stop_after = SLOWER, 10
    found = measured(tmp_path)
    assert verdict(found) is Verdict.INCONCLUSIVE


def test_a_base_that_lacks_a_workload_is_skipped(machine: Machine, tmp_path: Path) -> None:
    machine.failure = ProcessLacks(of(BASE), "no claim_many")
    found = measured(tmp_path)
    assert found.skipped == [{"name": "claim", "reason": "main: no claim_many"}]
    assert found.workloads == []


def test_a_head_that_lacks_a_workload_is_an_error(machine: Machine, tmp_path: Path) -> None:
    machine.failure = ProcessLacks(of(HEAD), "no claim_many")
    with pytest.raises(InfrastructureError, match="no claim_many"):
        measured(tmp_path)


def test_wrong_results_of_the_head_fail_it(machine: Machine, tmp_path: Path) -> None:
    machine.failure = WrongResult(of(HEAD), "claimed twice")
    found = measured(tmp_path)
    assert verdict(found) is Verdict.REGRESSED
    machine.failure = WrongResult(of(BASE), "claimed twice")
    with pytest.raises(InfrastructureError, match="claimed twice"):
        measured(tmp_path)


def test_distributions_hold_every_call() -> None:
    found = distribution([array("d", [0.001, 0.01]), array("d", [0.1, 0.1])])
    assert found["calls"] == sum(found["counts"]) == 4
    assert len(found["edges_ms"]) == len(found["counts"]) + 1
    assert found["edges_ms"][0] <= 1.0 < found["edges_ms"][1]
    assert found["quantiles_ms"][0] == 1.0
    assert found["quantiles_ms"][100] == pytest.approx(100.0)
    assert distribution([])["calls"] == 0
