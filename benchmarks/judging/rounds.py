"""Measuring until it is decided: process pairs in rounds, a look after each, a second opinion."""

from __future__ import annotations

import math
import random
import shutil
import tempfile
from array import array
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from pathlib import Path
from time import perf_counter
from typing import Any

from benchmarks.common.exits import InfrastructureError
from benchmarks.common.statistics import quantile
from benchmarks.contenders.revisions import Side
from benchmarks.judging.gate import (
    Comparison,
    Counter,
    MetricSample,
    MetricVerdict,
    Settings,
    Verdict,
    WorkloadVerdict,
    judge,
)
from benchmarks.measuring.blocks import Lacks, PairResult, Unfit, contestants, run_pair

Verdicts = dict[tuple[str, str], MetricVerdict]
_BINS_A_DECADE = 20


class Watcher:
    """Told how the measuring goes on; does nothing with it."""

    def round_begins(self, batches: int, what: str) -> None:
        """So many more pairs of batches are planned."""

    def batch_is_done(self, workload: str) -> None:
        """One of them is done."""


@dataclass(frozen=True)
class Bench:
    """Where and how two sides are measured.

    Args:
        root: the folder that has today's `benchmarks`.
        folder: where databases go; exists.
        settings: how strict the gate is.
        budget_s: a further round begins only if it is likely to end within so many seconds.
        confirms: whether an alarm is measured anew before it counts.
        count: measures counters: (side, workload) to figures by name, empty where it cannot.
        watcher: told of each batch.
        seed: of the order of batches.
    """

    root: Path
    folder: Path
    settings: Settings = field(default_factory=Settings)
    budget_s: float = math.inf
    confirms: bool = True
    count: Callable[[Side, str], Mapping[str, float]] = lambda _side, _workload: {}
    watcher: Watcher = field(default_factory=Watcher)
    seed: int = 0


class HeadLacks(InfrastructureError):
    """The head has not what a workload needs."""


class Duel:
    """One base against one head, on some workloads.

    Args:
        base, head: the two sides.
        workloads: their names.
        bench: where and how.
    """

    def __init__(self, base: Side, head: Side, workloads: Sequence[str], bench: Bench) -> None:
        self._sides = (base, head)
        self._bench = bench
        self._began = perf_counter()
        self._chance = random.Random(bench.seed)
        self._seconds = dict.fromkeys(workloads, 0.0)
        self._confirmed: dict[str, bool] = {}
        self._wrong: dict[str, str] = {}
        self._counters: dict[str, list[Counter]] = {}
        self._started = 0
        self.results: dict[str, list[PairResult]] = {name: [] for name in workloads}
        self.comparison = Comparison(
            base.to_json(),
            head.to_json(),
            datetime.now(timezone.utc).isoformat(timespec="seconds"),
            bench.settings,
        )

    def run(self) -> Comparison:
        """Measure until every workload is decided, or the budget is used up.

        Ctrl-C ends it early: the comparison then says `interrupted`, and has what was measured.

        Raises:
            InfrastructureError: a side cannot be run.
        """
        verdicts: Verdicts = {}
        try:
            self._count_all()
            verdicts = self._decide(self.results, list(self.results))
            if self._bench.confirms:
                self._confirm(verdicts)
        except KeyboardInterrupt:
            self.comparison.interrupted = True
            measured = {name: found for name, found in self.results.items() if found}
            verdicts = {**self._judged(measured), **verdicts}
        self.comparison.workloads = [
            self._workload_verdict(name, verdicts)
            for name, found in self.results.items()
            if found or name in self._wrong
        ]
        self.comparison.elapsed_s = perf_counter() - self._began
        return self.comparison

    def _decide(self, results: dict[str, list[PairResult]], undecided: list[str]) -> Verdicts:
        """Rounds of process pairs until the verdicts of all those workloads stand."""
        verdicts: Verdicts = {}
        for look in self._bench.settings.looks:
            planned = sum(look - len(results[name]) for name in undecided)
            if verdicts and not self._has_time_for(planned):
                break
            batches = self._bench.settings.batches
            self._bench.watcher.round_begins(planned * batches, f"{look} process pairs")
            for number in range(look):
                for name in list(undecided):
                    if len(results[name]) <= number and not self._measure(name, results):
                        undecided.remove(name)
            found = self._judged({name: each for name, each in results.items() if each})
            # A verdict once given stands: the next look is for the undecided alone.
            verdicts |= {key: each for key, each in found.items() if key[0] in undecided}
            undecided = [
                name
                for name in undecided
                if self._workload(name, verdicts).verdict is Verdict.INCONCLUSIVE
            ]
            if not undecided:
                break
        return verdicts

    def _has_time_for(self, pairs: int) -> bool:
        """Whether so many more pairs are likely to end within the budget."""
        per_pair_s = sum(self._seconds.values()) / max(1, self._started)
        return perf_counter() - self._began + pairs * per_pair_s <= self._bench.budget_s

    def _measure(self, name: str, results: dict[str, list[PairResult]]) -> bool:
        """One process pair; False where a side lacks what the workload needs."""
        began = perf_counter()
        bench = self._bench
        place = Path(tempfile.mkdtemp(prefix="pair-", dir=bench.folder))
        self._started += 1
        try:
            with contestants(*self._sides, bench.root, place, self._started) as pair:
                results[name].append(
                    run_pair(
                        pair,
                        name,
                        place,
                        bench.settings.batches,
                        self._chance,
                        progress=lambda: bench.watcher.batch_is_done(name),
                    )
                )
        except Unfit as error:
            self._drop(name, error)
            return False
        finally:
            shutil.rmtree(place, ignore_errors=True)
            self._seconds[name] += perf_counter() - began
        return True

    def _drop(self, name: str, error: Unfit) -> None:
        """What a side that cannot do a workload means: a base may be too old, a head may not."""
        if error.side is self._sides[0] and isinstance(error, Lacks):
            self.comparison.skipped.append({"name": name, "reason": str(error)})
        elif error.side is self._sides[1] and not isinstance(error, Lacks):
            self._wrong[name] = str(error)
        else:
            kind = HeadLacks if isinstance(error, Lacks) else InfrastructureError
            raise kind(f"{name} cannot be measured: {error}") from None

    def _judged(self, results: Mapping[str, Sequence[PairResult]]) -> Verdicts:
        samples = {}
        for name, pairs in results.items():
            for metric in pairs[0].log_ratios:
                having = [pair for pair in pairs if metric in pair.log_ratios]
                samples[name, metric] = MetricSample(
                    [pair.log_ratios[metric] for pair in having],
                    [pair.base[metric] for pair in having],
                    [pair.head[metric] for pair in having],
                )
        return judge(samples, self._bench.settings)

    def _confirm(self, verdicts: Verdicts) -> None:
        """Measure alarms anew, on fresh processes; for the metrics concerned these decide."""
        alarms = [key for key, each in verdicts.items() if each.verdict is Verdict.REGRESSED]
        names = sorted({name for name, _ in alarms})
        if not names:
            return
        again: dict[str, list[PairResult]] = {name: [] for name in names}
        try:
            second = self._decide(again, list(names))
        except KeyboardInterrupt:
            for key in alarms:
                verdicts[key] = replace(verdicts[key], verdict=Verdict.INCONCLUSIVE)
            raise
        for key in alarms:
            if key in second and second[key].verdict is not Verdict.REGRESSED:
                verdicts[key] = second[key]
        for name in names:
            metrics = [metric for each, metric in alarms if each == name]
            self._confirmed[name] = any(
                verdicts[name, metric].verdict is Verdict.REGRESSED for metric in metrics
            )

    def _count_all(self) -> None:
        for name in self.results:
            counters = self._counted(name)
            if any(each.base != each.head for each in counters):
                again = self._counted(name)
                counters = [replace(each, exact=each in again) for each in counters]
            self._counters[name] = counters

    def _counted(self, name: str) -> list[Counter]:
        base, head = (self._bench.count(side, name) for side in self._sides)
        return [Counter(each, base[each], head[each]) for each in base if each in head]

    def _workload_verdict(self, name: str, verdicts: Verdicts) -> WorkloadVerdict:
        pairs = self.results[name]
        return replace(
            self._workload(name, verdicts),
            pairs=len(pairs),
            calls=sum(len(pair.base_calls) for pair in pairs),
            elapsed_s=self._seconds[name],
            confirmed=self._confirmed.get(name),
            latencies={
                "base": distribution(pair.base_calls for pair in pairs),
                "head": distribution(pair.head_calls for pair in pairs),
            },
        )

    def _workload(self, name: str, verdicts: Verdicts) -> WorkloadVerdict:
        return WorkloadVerdict(
            name,
            [each for key, each in verdicts.items() if key[0] == name],
            counters=self._counters.get(name, ()),
            wrong=self._wrong.get(name, ""),
            relevance=self._bench.settings.relevance,
        )


def distribution(samples: Iterable[array[float]]) -> dict[str, Any]:
    """What a plot needs of many latencies (seconds): see the top of gate.py."""
    ordered: list[float] = []
    for sample in samples:
        ordered.extend(sample)
    ordered.sort()
    if not ordered:
        return {"calls": 0, "quantiles_ms": [], "edges_ms": [], "counts": []}
    positive = [each for each in ordered if each > 0] or [1e-9]
    first = math.floor(math.log10(positive[0]) * _BINS_A_DECADE)
    last = math.floor(math.log10(positive[-1]) * _BINS_A_DECADE) + 1
    counts = [0] * (last - first)
    for each in positive:
        counts[min(len(counts) - 1, math.floor(math.log10(each) * _BINS_A_DECADE) - first)] += 1
    return {
        "calls": len(ordered),
        "quantiles_ms": [1e3 * quantile(ordered, share / 100) for share in range(101)],
        "edges_ms": [1e3 * 10 ** (edge / _BINS_A_DECADE) for edge in range(first, last + 1)],
        "counts": counts,
    }
