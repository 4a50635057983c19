"""How long the gate measures, and when it measures anew: with process pairs that are made up."""

from __future__ import annotations

import math
import random
import sys
from array import array
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from benchmarks.common.exits import InfrastructureError
from benchmarks.contenders.revisions import Side
from benchmarks.judging import rounds
from benchmarks.judging.gate import ExitCode, Verdict
from benchmarks.judging.rounds import Bench, Duel, distribution
from benchmarks.measuring.blocks import Lacks, PairResult, WrongResult

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
        monkeypatch.setattr(rounds, "contestants", self._contestants)
        monkeypatch.setattr(rounds, "run_pair", self._run_pair)

    @contextmanager
    def _contestants(self, *_: Any) -> Iterator[None]:
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


def bench(tmp_path: Path, **changes: Any) -> Bench:
    return Bench(tmp_path, tmp_path, **changes)


def test_a_quiet_pair_needs_one_round(machine: Machine, tmp_path: Path) -> None:
    found = Duel(BASE, HEAD, ["claim"], bench(tmp_path)).run()
    assert (found.verdict, machine.pairs) == (Verdict.UNCHANGED, 8)
    assert found.workloads[0].calls == 16
    assert found.workloads[0].confirmed is None


def test_noise_takes_more_rounds(machine: Machine, tmp_path: Path) -> None:
    machine.noise = 0.05
    found = Duel(BASE, HEAD, ["claim"], bench(tmp_path)).run()
    assert found.verdict is Verdict.UNCHANGED
    assert machine.pairs in (16, 32)


def test_too_much_noise_ends_undecided(machine: Machine, tmp_path: Path) -> None:
    machine.noise = 1.0
    found = Duel(BASE, HEAD, ["claim"], bench(tmp_path)).run()
    assert (found.exit_code, machine.pairs) == (ExitCode.INCONCLUSIVE, 32)


def test_the_budget_ends_it_after_a_round(machine: Machine, tmp_path: Path) -> None:
    machine.noise = 1.0
    found = Duel(BASE, HEAD, ["claim"], bench(tmp_path, budget_s=0.0)).run()
    assert (found.exit_code, machine.pairs) == (ExitCode.INCONCLUSIVE, 8)


def test_an_alarm_is_confirmed(machine: Machine, tmp_path: Path) -> None:
    machine.change = SLOWER
    found = Duel(BASE, HEAD, ["claim"], bench(tmp_path)).run()
    assert (found.exit_code, machine.pairs) == (ExitCode.REGRESSION, 16)
    assert found.workloads[0].confirmed is True


def test_an_alarm_that_is_not_seen_again_does_not_count(machine: Machine, tmp_path: Path) -> None:
    machine.change = lambda pair: SLOWER if pair <= 8 else 0.0  # type: ignore[assignment]
    found = Duel(BASE, HEAD, ["claim"], bench(tmp_path)).run()
    assert found.exit_code is ExitCode.PASS
    assert found.workloads[0].confirmed is False


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
    found = Duel(BASE, HEAD, ["claim", "lifecycle"], bench(tmp_path)).run()
    assert [each.verdict for each in found.workloads] == [
        Verdict.UNCHANGED,
        Verdict.INCONCLUSIVE,
    ]
    assert (asked.count("claim"), asked.count("lifecycle")) == (8, 32)


def test_an_interruption_keeps_what_was_measured(machine: Machine, tmp_path: Path) -> None:
    machine.stop_after = 5
    found = Duel(BASE, HEAD, ["claim"], bench(tmp_path)).run()
    assert found.interrupted
    assert found.workloads[0].pairs == 5
    assert found.exit_code is ExitCode.INCONCLUSIVE


def test_an_interrupted_confirmation_is_no_alarm(machine: Machine, tmp_path: Path) -> None:
    machine.change, machine.stop_after = SLOWER, 10
    found = Duel(BASE, HEAD, ["claim"], bench(tmp_path)).run()
    assert found.exit_code is ExitCode.INCONCLUSIVE


def test_a_base_that_lacks_a_workload_is_skipped(machine: Machine, tmp_path: Path) -> None:
    machine.failure = Lacks(BASE, "no claim_many")
    found = Duel(BASE, HEAD, ["claim"], bench(tmp_path)).run()
    assert found.skipped == [{"name": "claim", "reason": "main: no claim_many"}]
    assert found.workloads == []
    assert found.exit_code is ExitCode.PASS  # said, not failed


def test_a_head_that_lacks_a_workload_is_an_error(machine: Machine, tmp_path: Path) -> None:
    machine.failure = Lacks(HEAD, "no claim_many")
    with pytest.raises(InfrastructureError, match="no claim_many"):
        Duel(BASE, HEAD, ["claim"], bench(tmp_path)).run()


def test_wrong_results_of_the_head_fail_it(machine: Machine, tmp_path: Path) -> None:
    machine.failure = WrongResult(HEAD, "claimed twice")
    found = Duel(BASE, HEAD, ["claim"], bench(tmp_path)).run()
    assert found.exit_code is ExitCode.REGRESSION
    machine.failure = WrongResult(BASE, "claimed twice")
    with pytest.raises(InfrastructureError, match="claimed twice"):
        Duel(BASE, HEAD, ["claim"], bench(tmp_path)).run()


def test_counters_that_do_not_repeat_are_not_exact(machine: Machine, tmp_path: Path) -> None:
    drawn = iter(range(100))

    def count(side: Side, _workload: str) -> dict[str, float]:
        return {"statements": 3.0 if side is BASE else 4.0, "vm_steps": float(next(drawn))}

    found = Duel(BASE, HEAD, ["claim"], bench(tmp_path, count=count)).run()
    exact = {each.counter: each.exact for each in found.workloads[0].counters}
    assert exact == {"statements": True, "vm_steps": False}
    assert found.exit_code is ExitCode.REGRESSION


def test_distributions_hold_every_call() -> None:
    found = distribution([array("d", [0.001, 0.01]), array("d", [0.1, 0.1])])
    assert found["calls"] == sum(found["counts"]) == 4
    assert len(found["edges_ms"]) == len(found["counts"]) + 1
    assert found["edges_ms"][0] <= 1.0 < found["edges_ms"][1]
    assert found["quantiles_ms"][0] == 1.0
    assert found["quantiles_ms"][100] == pytest.approx(100.0)
    assert distribution([])["calls"] == 0
