"""Measuring until decided: process pairs in rounds, a judgement after each, and a confirmation.

A first alarm is measured again, on fresh processes; those decide.
"""

from __future__ import annotations

import math
import random
import shutil
import tempfile
from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import Path
from time import perf_counter
from typing import Any

from benchmarks.common.exits import InfrastructureError
from benchmarks.common.statistics import quantile
from benchmarks.contenders.revisions import Side
from benchmarks.judging.gate import (
    MetricSample,
    MetricVerdict,
    Settings,
    Verdict,
    WorkloadVerdict,
    judge,
)
from benchmarks.measuring.interleave import Contender, PairResult, process_pair, run_pair
from benchmarks.measuring.process import ROOT, ProcessLacks, WrongResult

Verdicts = dict[tuple[str, str], MetricVerdict]
Results = dict[str, list[PairResult]]
Tell = Callable[[str, int, int], None]
"""Called with what is being done, and the progress."""
_BINS_A_DECADE = 20


@dataclass(frozen=True)
class Method:
    """Where and how two sides are measured."""

    folder: Path  # where databases go; exists
    settings: Settings = field(default_factory=Settings)
    budget_s: float = math.inf  # a further round begins only if it is likely to end within it
    confirms: bool = True  # whether an alarm is measured again before it counts
    tell: Tell = lambda _text, _done, _total: None
    seed: int = 0  # of the order of batches


@dataclass
class Timed:
    """The results: workloads, without counters, and those that the base lacks."""

    workloads: list[WorkloadVerdict] = field(default_factory=list)
    skipped: list[Mapping[str, str]] = field(default_factory=list)
    interrupted: bool = False


class HeadLacks(InfrastructureError):
    """The head lacks what a workload needs."""


def is_skipped(name: str, error: Exception, is_base: bool, why: str) -> bool:
    """Whether a workload for which a side reports ProcessLacks or WrongResult is left out, since
    the base is too old; otherwise the head fails it. HeadLacks where the head lacks what it needs,
    InfrastructureError where the base fails it."""
    lacks = isinstance(error, ProcessLacks)
    if lacks is not is_base:
        kind = HeadLacks if lacks else InfrastructureError
        raise kind(f"{name} cannot be measured: {why}") from None
    return lacks


@contextmanager
def fresh_pair(
    base: Side, head: Side, folder: Path, number: int
) -> Iterator[tuple[tuple[Contender, Contender], Path]]:
    """Two processes and a folder of their own, which is removed."""
    place = Path(tempfile.mkdtemp(prefix="pair-", dir=folder))
    try:
        with process_pair(base, head, ROOT, place, number) as pair:
            yield pair, place
    finally:
        shutil.rmtree(place, ignore_errors=True)


class Rounds:
    """The process pairs of one base and one head, on workloads of these names."""

    def __init__(self, base: Side, head: Side, workloads: Sequence[str], method: Method) -> None:
        self._sides = (base, head)
        self._method = method
        self._began = perf_counter()
        self._chance = random.Random(method.seed)
        self._seconds = dict.fromkeys(workloads, 0.0)
        self._confirmed: dict[str, bool] = {}
        self._wrong: dict[str, str] = {}
        self._started = self._done = self._planned = 0
        self.results: Results = {name: [] for name in workloads}
        self._timed = Timed()

    def run(self) -> Timed:
        """Measure until every workload is decided, or the budget is used up.

        Ctrl-C ends it early: then `interrupted` is set, and the results so far are returned.

        Raises:
            InfrastructureError: a side cannot be run.
        """
        verdicts: Verdicts = {}
        try:
            verdicts = self._decide(self.results, list(self.results))
            if self._method.confirms:
                self._confirm(verdicts)
        except KeyboardInterrupt:
            self._timed.interrupted = True
            verdicts = {**self._judged(self.results), **verdicts}
        self._timed.workloads = [
            self._workload_verdict(name, verdicts)
            for name, found in self.results.items()
            if found or name in self._wrong
        ]
        return self._timed

    def _decide(self, results: Results, undecided: list[str]) -> Verdicts:
        """Rounds of process pairs until the verdicts of all those workloads stand."""
        verdicts: Verdicts = {}
        for look in self._method.settings.looks:
            planned = sum(look - len(results[name]) for name in undecided)
            per_pair_s = sum(self._seconds.values()) / max(1, self._started)
            ends_s = perf_counter() - self._began + planned * per_pair_s
            if verdicts and ends_s > self._method.budget_s:
                break
            self._planned += planned * self._method.settings.batches
            for number in range(look):
                for name in list(undecided):
                    if len(results[name]) <= number and not self._measure(name, results, look):
                        undecided.remove(name)
            # A verdict is final: the next round is only for the undecided.
            found = self._judged(results)
            verdicts |= {key: each for key, each in found.items() if key[0] in undecided}
            undecided = [
                name
                for name in undecided
                if _workload(name, verdicts).verdict is Verdict.INCONCLUSIVE
            ]
            if not undecided:
                break
        return verdicts

    def _measure(self, name: str, results: Results, look: int) -> bool:
        """One process pair; False where a side cannot do the workload, or does it wrong."""
        began = perf_counter()
        method = self._method
        self._started += 1

        def batch_is_done() -> None:
            self._done += 1
            method.tell(f"{name}, {look} process pairs, batches", self._done, self._planned)

        try:
            with fresh_pair(*self._sides, method.folder, self._started) as (pair, place):
                batches = method.settings.batches
                found = run_pair(pair, name, place, batches, self._chance, progress=batch_is_done)
            results[name].append(found)
        except (ProcessLacks, WrongResult) as error:
            if is_skipped(name, error, error.process.side is self._sides[0], str(error)):
                self._timed.skipped.append({"name": name, "reason": str(error)})
            else:
                self._wrong[name] = str(error)
            return False
        finally:
            self._seconds[name] += perf_counter() - began
        return True

    def _judged(self, results: Mapping[str, Sequence[PairResult]]) -> Verdicts:
        samples = {}
        for name, pairs in results.items():
            for metric in pairs[0].log_ratios if pairs else ():
                figures = [
                    (pair.log_ratios[metric], pair.base[metric], pair.head[metric])
                    for pair in pairs
                    if metric in pair.log_ratios
                ]
                samples[name, metric] = MetricSample(*zip(*figures))
        return judge(samples, self._method.settings)

    def _confirm(self, verdicts: Verdicts) -> None:
        """Measure alarms again, on fresh processes; for the metrics concerned, these decide."""
        alarms = [key for key, each in verdicts.items() if each.verdict is Verdict.REGRESSED]
        names = sorted({name for name, _ in alarms})
        if not names:
            return
        try:
            second = self._decide({name: [] for name in names}, list(names))
        except KeyboardInterrupt:
            for key in alarms:
                verdicts[key] = replace(verdicts[key], verdict=Verdict.INCONCLUSIVE)
            raise
        for key in alarms:
            if key in second and second[key].verdict is not Verdict.REGRESSED:
                verdicts[key] = second[key]
        still = {key[0] for key in alarms if verdicts[key].verdict is Verdict.REGRESSED}
        self._confirmed = {name: name in still for name in names}

    def _workload_verdict(self, name: str, verdicts: Verdicts) -> WorkloadVerdict:
        pairs = self.results[name]
        return replace(
            _workload(name, verdicts),
            pairs=len(pairs),
            calls=sum(len(pair.base_calls) for pair in pairs),
            elapsed_s=self._seconds[name],
            confirmed=self._confirmed.get(name),
            wrong=self._wrong.get(name, ""),
            latencies={
                "base": distribution(pair.base_calls for pair in pairs),
                "head": distribution(pair.head_calls for pair in pairs),
            },
        )


def _workload(name: str, verdicts: Verdicts) -> WorkloadVerdict:
    return WorkloadVerdict(name, [each for key, each in verdicts.items() if key[0] == name])


def distribution(samples: Iterable[array[float]]) -> dict[str, Any]:
    """What a plot needs of many latencies (seconds).

    Returns:
        {calls: how many, quantiles_ms: 101, of 0.00, 0.01 ... 1.00, edges_ms and counts: of a
        histogram with logarithmic bins, which has one edge more}.
    """
    ordered = sorted(chain.from_iterable(samples))
    if not ordered:
        return {"calls": 0, "quantiles_ms": [], "edges_ms": [], "counts": []}
    positive = [each for each in ordered if each > 0] or [1e-9]
    bins = Counter(math.floor(math.log10(each) * _BINS_A_DECADE) for each in positive)
    first, last = min(bins), max(bins) + 1
    return {
        "calls": len(ordered),
        "quantiles_ms": [1e3 * quantile(ordered, share / 100) for share in range(101)],
        "edges_ms": [1e3 * 10 ** (edge / _BINS_A_DECADE) for edge in range(first, last + 1)],
        "counts": [bins[each] for each in range(first, last)],
    }
