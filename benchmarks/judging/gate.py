"""The gate: the verdict of measured process pairs on a head against its base. Pure: no clocks, no
I/O.

Each process pair gives one log-ratio a metric; effects are their (from 16 pairs on trimmed) mean,
with a t interval. After 8, 16 and 32 pairs the gate checks: `regressed` where Holm's adjusted
p-value over all workloads and metrics is below the level, and the effect above the relevance
threshold; `unchanged` where the effect is below it and the interval narrow; otherwise more pairs,
and in the end `inconclusive`. Each check spends a third of the error, so that all checks together
keep it (union bound; no assumption about their dependence is needed). What is found regressed is
measured once more on fresh processes, and those decide.

P99 does not delay a verdict (`decides` is false), since on a busy machine it depends more on other
programs than on the head; it can turn one to `regressed`, at twice the relevance threshold.

Exact counts decide too: a head that does more statements, transactions or fsyncs an operation, or
more instructions, by more than the counter's limit, has regressed. Other counters only explain.

The JSON form of a comparison (`.lab/last-comparison.json`) has the fields of these classes, and the
verdict and the explanation of each; shares are of 1, so that 0.1 is 10 %.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from enum import Enum
from statistics import median
from typing import Any, NamedTuple

from benchmarks.common.exits import ExitCode
from benchmarks.common.statistics import Estimate, estimate, holm

INSTRUCTIONS = "instructions"
COUNTS = (INSTRUCTIONS, "statements", "transactions", "fsyncs")
"""Counters that can decide; without instructions, python_calls do too."""
TAIL = "latency_p99_ms"
FEWEST_PAIRS = 4
"""With fewer process pairs latencies are not judged: they do not predict further ones."""


class Verdict(str, Enum):
    """The verdict on the head."""

    IMPROVED = "improved"
    UNCHANGED = "unchanged"
    REGRESSED = "regressed"
    INCONCLUSIVE = "inconclusive"

    __str__ = str.__str__


@dataclass(frozen=True)
class Settings:
    """How strict the gate is. Effects are shares: 0.05 is 5 %."""

    error: float = 0.01  # probability of any false alarm over all workloads, metrics and looks
    relevance: float = 0.05  # a smaller effect does not count as a change
    instructions: float = 0.015  # a larger rise of them per operation is a regression by itself
    resolution: float = 0.04  # the half-width that an interval must reach before "unchanged"
    tail_factor: float = 2.0  # for P99, of few calls, both are this many times larger
    looks: tuple[int, ...] = (8, 16, 32)  # process pairs after which the gate checks
    batches: int = 40  # pairs of batches that a process pair runs

    def factor(self, metric: str) -> float:
        """How much wider relevance and resolution are for the metric."""
        return self.tail_factor if metric == TAIL else 1.0

    @property
    def interval_error(self) -> float:
        """The error of each end of a reported interval: a 99 % one."""
        return 0.005


@dataclass(frozen=True)
class MetricVerdict:
    """One metric of one workload: latency_p50_ms ... latency_p99_ms, service_time_ms,
    throughput_per_s, or a name from Sample.values."""

    metric: str
    verdict: Verdict
    base: float  # medians across processes, in the unit of the name
    head: float
    effect: float  # head / base - 1, from the paired log-ratios
    low: float  # its interval, two-sided with `confidence`
    high: float
    p_value: float  # one-sided, towards the effect's side, adjusted (Holm)
    relevance: float  # a smaller effect does not count as a change
    smallest_visible_change: float  # detected with probability 0.95
    processes: tuple[float, ...]  # each process pair's head / base - 1
    higher_is_better: bool = False
    decides: bool = True
    confidence: float = 0.99

    @property
    def has_enough_pairs(self) -> bool:
        """Whether its interval, and the smallest visible change, are more than a guess."""
        return len(self.processes) >= FEWEST_PAIRS


class MetricSample(NamedTuple):
    """The values of each process pair for one metric."""

    log_ratios: Sequence[float]  # above 0 where the head is worse
    base: Sequence[float]  # the sides' values, in the metric's unit
    head: Sequence[float]


@dataclass(frozen=True)
class Counter:
    """A deterministic cost per operation, on both sides."""

    counter: str
    base: float
    head: float
    exact: bool = True  # whether it was equal in every repetition
    noise: float = 0.0  # a smaller relative change does not count
    limit: float | None = None  # a larger relative rise has regressed; None: it only explains

    @property
    def change(self) -> float:
        """The head's relative change; infinite where the base has 0."""
        if self.base == self.head:
            return 0.0
        return self.head / self.base - 1 if self.base else math.inf

    @property
    def has_moved(self) -> bool:
        """Whether the sides differ by more than chance."""
        return self.exact and abs(self.change) > self.noise + 1e-9

    @property
    def verdict(self) -> Verdict:
        """The verdict of this counter alone; unchanged where it only explains."""
        if not self.has_moved or self.limit is None or abs(self.change) <= self.limit:
            return Verdict.UNCHANGED
        return Verdict.REGRESSED if self.change > 0 else Verdict.IMPROVED

    def __str__(self) -> str:
        """Its change: "+1 statements", "+2.1 % instructions"."""
        if self.counter == INSTRUCTIONS:
            return f"{100 * self.change:+.1f} % instructions"
        return f"{self.head - self.base:+.6g} {self.counter}"


@dataclass(frozen=True)
class WorkloadVerdict:
    """One workload."""

    name: str
    metrics: Sequence[MetricVerdict]
    pairs: int = 0  # number of process pairs; 0 where only counts were taken
    calls: int = 0  # timed calls of one side
    elapsed_s: float = 0.0
    confirmed: bool | None = None  # whether a first alarm was confirmed; None without one
    counters: Sequence[Counter] = ()
    # Of "base" and "head", as of rounds.distribution.
    latencies: Mapping[str, Any] = field(default_factory=dict)
    wrong: str = ""  # how the head failed the workload's own check; else ""

    @property
    def verdict(self) -> Verdict:
        """The worst of its metrics; improved where one is and none is worse or unknown."""
        if self.wrong:
            return Verdict.REGRESSED
        timed = [
            metric.verdict
            for metric in self.metrics
            if metric.decides or metric.verdict is not Verdict.INCONCLUSIVE
        ]
        return overall([*timed, *(counter.verdict for counter in self.counters)])

    @property
    def explanation(self) -> str:
        """Which counters differ, such as "+2 vm_steps, +1 statements per operation"; else ""."""
        changes = [str(each) for each in self.counters if each.has_moved]
        return f"{', '.join(changes)} per operation" if changes else ""


@dataclass
class Comparison:
    """A head against its base."""

    base: Mapping[str, Any]  # {name, commit ("" for a folder), dirty}
    head: Mapping[str, Any]
    started_at: str  # ISO 8601
    settings: Settings
    machine: Mapping[str, Any] = field(default_factory=dict)  # as of records.environment
    workloads: list[WorkloadVerdict] = field(default_factory=list)
    skipped: list[Mapping[str, str]] = field(default_factory=list)  # {name, reason}; base lacks it
    notes: list[str] = field(default_factory=list)  # such as why instructions were not counted
    elapsed_s: float = 0.0
    equal: bool = False  # both are the same package, so that nothing was measured
    interrupted: bool = False

    @property
    def verdict(self) -> Verdict:
        """The worst of its workloads; where the base lacks all of them, unchanged."""
        verdicts = [workload.verdict for workload in self.workloads]
        if self.interrupted or not (verdicts or self.skipped or self.equal):
            verdicts.append(Verdict.INCONCLUSIVE)
        return overall(verdicts)

    @property
    def exit_code(self) -> ExitCode:
        """0 pass, 1 regression, 4 inconclusive."""
        codes = {"regressed": ExitCode.REGRESSION, "inconclusive": ExitCode.INCONCLUSIVE}
        return codes.get(self.verdict, ExitCode.PASS)

    def to_json(self) -> dict[str, Any]:
        """A JSON object. Schema 1 had limits, and counters without `noise` and `limit`."""
        summary = {"schema": 2, "verdict": self.verdict, "exit_code": int(self.exit_code)}
        workloads = [
            {**asdict(each), "verdict": each.verdict, "explanation": each.explanation}
            for each in self.workloads
        ]
        return {**summary, **asdict(self), "workloads": workloads}


_SEVERITY = (Verdict.UNCHANGED, Verdict.IMPROVED, Verdict.INCONCLUSIVE, Verdict.REGRESSED)


def overall(verdicts: Iterable[Verdict]) -> Verdict:
    """The verdict that decides: regressed, else inconclusive, else improved, else unchanged."""
    return max(verdicts, key=_SEVERITY.index, default=Verdict.UNCHANGED)


def judge(
    samples: Mapping[tuple[str, str], MetricSample], settings: Settings
) -> dict[tuple[str, str], MetricVerdict]:
    """The verdicts of the samples at one check, by (workload, metric)."""
    estimates = {key: estimate(sample.log_ratios) for key, sample in samples.items()}
    worse = holm({key: each.p_worse() for key, each in estimates.items()})
    better = holm({key: each.p_better() for key, each in estimates.items()})
    verdicts = {}
    for key, each in estimates.items():
        p_value = (worse if each.mean > 0 else better)[key]
        verdicts[key] = _judged(key[1], samples[key], each, p_value, settings, len(samples))
    return verdicts


def _judged(
    metric: str, sample: MetricSample, found: Estimate, p: float, settings: Settings, tests: int
) -> MetricVerdict:
    level = settings.error / len(settings.looks)
    relevance = settings.relevance * settings.factor(metric)
    half_width = found.half_width(settings.interval_error)
    verdict = Verdict.INCONCLUSIVE
    if len(sample.log_ratios) >= FEWEST_PAIRS:
        if abs(found.mean) > math.log1p(relevance):
            if p < level:
                verdict = Verdict.REGRESSED if found.mean > 0 else Verdict.IMPROVED
        elif half_width <= settings.resolution * settings.factor(metric):
            verdict = Verdict.UNCHANGED
    higher_is_better = metric.endswith("_per_s")
    sign = -1.0 if higher_is_better else 1.0
    low, high = sorted(_share(sign * (found.mean + side * half_width)) for side in (-1, 1))
    return MetricVerdict(
        metric, verdict, median(sample.base), median(sample.head), _share(sign * found.mean),
        low, high, p, relevance, _share(found.smallest_visible(level / tests)),
        tuple(_share(sign * ratio) for ratio in sample.log_ratios), higher_is_better,
        decides=metric != TAIL, confidence=1 - 2 * settings.interval_error,
    )  # fmt: skip


_WIDEST = 50.0
"""Log-ratios are cut off here, so that a share is always a number that JSON can hold."""


def _share(log_ratio: float) -> float:
    return math.expm1(max(-_WIDEST, min(_WIDEST, log_ratio)))
