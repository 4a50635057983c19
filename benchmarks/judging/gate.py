"""The gate: what measured process pairs say about a head against its base. Pure: no clocks, no I/O.

The JSON form of a comparison (`Comparison.to_json`, written to `.lab/last-comparison.json`):

    schema            1
    base, head        {name, commit ("" for a folder), dirty}
    started_at        "2026-11-22T20:00:00+00:00"
    elapsed_s         seconds
    machine           fingerprint as of lab.environment, {} where unknown
    settings          numbers of Settings
    verdict           improved | unchanged | regressed | inconclusive
    exit_code         0 pass, 1 regression, 4 inconclusive (2, bad input, and 3, the lab failed,
                      write no comparison)
    skipped           [{name, reason}]: workloads that the base lacks
    limits            [{workload, limit, allowed, base, head, missed, broken}]: tier 0;
                      missed: by the head; broken: and not by the base
    unmeasured        [{workload, limit, allowed}]: limits on what was not measured, each a failure
    workloads         a list of
        name, verdict, pairs (process pairs), calls (per side), elapsed_s
        wrong         how the head failed the workload's own check; else ""
        confirmed     true | false after a first alarm was measured anew, else null
        explanation   "+2 vm_steps, +1 statements per operation"; "" where no counter differs
        counters      [{counter, base, head, exact}] per operation; exact: alike in every repetition
        metrics       a list of
            metric           latency_p50_ms | latency_p95_ms | latency_p99_ms | service_time_ms |
                             throughput_per_s | a name from Sample.values
            higher_is_better true for throughput
            verdict, decides see below
            base, head       medians across processes, in the unit of the name
            effect           head / base - 1, from the paired log-ratios: 0.1 is 10 % more
            low, high        its interval, `confidence` two-sided
            confidence       0.99
            p_value          one-sided, towards the effect's side, adjusted (Holm)
            relevance        a smaller effect is no change that counts
            smallest_visible_change   seen with probability 0.95, as a share
            processes        each process pair's head / base - 1
        latencies     {"base": side, "head": side}, a side being
            calls            how many
            quantiles_ms     101: quantile 0.00, 0.01, ... 1.00
            edges_ms, counts histogram with logarithmic bins; len(edges_ms) == len(counts) + 1

How it decides. Each process pair gives one log-ratio a metric; effects are their (from 16 pairs on
trimmed) mean, with a t interval. After 8, 16 and 32 pairs the gate looks: `regressed` where Holm's
adjusted p-value over all workloads and metrics is below the level, and the effect above the
relevance threshold; `unchanged` where the effect is below it and the interval narrow; otherwise
more pairs, and in the end `inconclusive`. Each look spends a third of the error, so that all looks
together keep it (union bound; nothing is assumed of how they depend on each other). What is found
regressed is measured once more on fresh processes, and those decide.

P99 does not hold a verdict up (`decides` is false): on a busy machine it is other programs' doing
more than the head's. It can turn a verdict to `regressed`, at twice the relevance threshold, and it
says how small a change it could have shown.

Of the counters, statements, transactions and fsyncs decide too, without any noise: a head that does
more of them an operation, by more than the relevance threshold, has regressed. The others explain.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from enum import Enum
from statistics import median
from typing import Any

from benchmarks.common.exits import ExitCode
from benchmarks.common.statistics import Estimate, estimate, holm
from benchmarks.measuring.counters import COUNTERS

SCHEMA = 1
DECIDING_COUNTERS = ("statements", "transactions", "fsyncs")
TAIL = "latency_p99_ms"
FEWEST_PAIRS = 4
"""Of fewer process pairs no latency is judged: their spread says nothing of the next ones."""


class Verdict(str, Enum):
    """What became of the head."""

    IMPROVED = "improved"
    UNCHANGED = "unchanged"
    REGRESSED = "regressed"
    INCONCLUSIVE = "inconclusive"

    __str__ = str.__str__


@dataclass(frozen=True)
class Settings:
    """How strict the gate is. Effects are shares: 0.05 is 5 %.

    Args:
        error: probability of any false alarm over all workloads, metrics and looks.
        relevance: a smaller effect is no change that counts.
        resolution: the half-width that an interval must reach before "unchanged" is said.
        tail_factor: for P99, of which a sample holds few calls, both are that many times larger.
        looks: process pairs after which the gate looks.
        batches: pairs of batches a process pair runs.
    """

    error: float = 0.01
    relevance: float = 0.05
    resolution: float = 0.04
    tail_factor: float = 2.0
    looks: tuple[int, ...] = (8, 16, 32)
    batches: int = 40

    def factor(self, metric: str) -> float:
        """How much wider relevance and resolution are for the metric."""
        return self.tail_factor if metric == TAIL else 1.0

    @property
    def interval_error(self) -> float:
        """The error of each end of a reported interval: a 99 % one."""
        return 0.005


@dataclass(frozen=True)
class MetricVerdict:
    """One metric of one workload. The fields are described at the top of this file."""

    metric: str
    verdict: Verdict
    base: float
    head: float
    effect: float
    low: float
    high: float
    p_value: float
    relevance: float
    smallest_visible_change: float
    processes: tuple[float, ...]
    higher_is_better: bool = False
    decides: bool = True
    confidence: float = 0.99

    @property
    def has_enough_pairs(self) -> bool:
        """Whether its interval, and what could have been seen, are more than a guess."""
        return len(self.processes) >= FEWEST_PAIRS


@dataclass(frozen=True)
class MetricSample:
    """What the process pairs gave of one metric.

    Args:
        log_ratios: one a process pair, above 0 where the head is worse.
        base, head: the two sides' values, one a process, in the metric's unit.
    """

    log_ratios: Sequence[float]
    base: Sequence[float]
    head: Sequence[float]


@dataclass(frozen=True)
class Counter:
    """A deterministic cost per operation, on both sides."""

    counter: str
    base: float
    head: float
    exact: bool = True

    def has_regressed(self, relevance: float) -> bool:
        """Whether this alone makes the head worse."""
        costs = self.counter in DECIDING_COUNTERS
        return costs and self.exact and self.head > self.base * (1 + relevance) + 1e-9


@dataclass(frozen=True)
class Limit:
    """An absolute limit of tier 0, as measured."""

    workload: str
    limit: str
    allowed: float
    base: float
    head: float
    missed: bool
    broken: bool


@dataclass(frozen=True)
class WorkloadVerdict:
    """One workload. The fields are described at the top of this file."""

    name: str
    metrics: Sequence[MetricVerdict]
    pairs: int = 0
    calls: int = 0
    elapsed_s: float = 0.0
    confirmed: bool | None = None
    counters: Sequence[Counter] = ()
    latencies: Mapping[str, Any] = field(default_factory=dict)
    wrong: str = ""
    relevance: float = 0.05

    @property
    def verdict(self) -> Verdict:
        """The worst of its metrics; improved where one is and none is worse or unknown."""
        if self.wrong or any(counter.has_regressed(self.relevance) for counter in self.counters):
            return Verdict.REGRESSED
        return overall(
            metric.verdict
            for metric in self.metrics
            if metric.decides or metric.verdict is not Verdict.INCONCLUSIVE
        )

    @property
    def explanation(self) -> str:
        """Which counters differ, such as "+2 vm_steps per operation"."""
        changes = [
            f"{each.head - each.base:+.6g} {each.counter}"
            for each in self.counters
            if each.exact and not math.isclose(each.base, each.head, rel_tol=1e-9, abs_tol=1e-9)
        ]
        return f"{', '.join(changes)} per operation" if changes else ""


@dataclass
class Comparison:
    """A head against its base. `to_json` is described at the top of this file."""

    base: Mapping[str, Any]
    head: Mapping[str, Any]
    started_at: str
    settings: Settings
    machine: Mapping[str, Any] = field(default_factory=dict)
    workloads: list[WorkloadVerdict] = field(default_factory=list)
    limits: list[Limit] = field(default_factory=list)
    unmeasured: list[Mapping[str, Any]] = field(default_factory=list)
    skipped: list[Mapping[str, str]] = field(default_factory=list)
    elapsed_s: float = 0.0
    interrupted: bool = False

    @property
    def verdict(self) -> Verdict:
        """The worst of its workloads; a limit broken or not measured counts as a regression.

        Where the base lacks all that was asked for there is nothing to hold against the head.
        """
        if self.unmeasured or any(limit.broken for limit in self.limits):
            return Verdict.REGRESSED
        verdicts = [workload.verdict for workload in self.workloads]
        if self.interrupted or not (verdicts or self.skipped):
            verdicts.append(Verdict.INCONCLUSIVE)
        return overall(verdicts)

    @property
    def exit_code(self) -> ExitCode:
        """0 pass, 1 regression, 4 inconclusive."""
        if self.verdict is Verdict.REGRESSED:
            return ExitCode.REGRESSION
        return ExitCode.INCONCLUSIVE if self.verdict is Verdict.INCONCLUSIVE else ExitCode.PASS

    def to_json(self) -> dict[str, Any]:
        """A JSON object, as described at the top of this file."""
        workloads = [
            {**asdict(each), "verdict": each.verdict, "explanation": each.explanation}
            for each in self.workloads
        ]
        return {
            "schema": SCHEMA,
            "verdict": self.verdict,
            "exit_code": int(self.exit_code),
            **asdict(self),
            "workloads": workloads,
        }


_SEVERITY = (Verdict.UNCHANGED, Verdict.IMPROVED, Verdict.INCONCLUSIVE, Verdict.REGRESSED)


def overall(verdicts: Iterable[Verdict]) -> Verdict:
    """The one that decides: regressed, else inconclusive, else improved, else unchanged."""
    return max(verdicts, key=_SEVERITY.index, default=Verdict.UNCHANGED)


def judge(
    samples: Mapping[tuple[str, str], MetricSample],
    settings: Settings,
) -> dict[tuple[str, str], MetricVerdict]:
    """What the samples say at one look, by (workload, metric)."""
    estimates = {key: estimate(sample.log_ratios) for key, sample in samples.items()}
    worse = holm({key: each.p_worse() for key, each in estimates.items()})
    better = holm({key: each.p_better() for key, each in estimates.items()})
    verdicts = {}
    for key, each in estimates.items():
        p_value = (worse if each.mean > 0 else better)[key]
        verdicts[key] = _judged(key[1], samples[key], each, p_value, settings, len(samples))
    return verdicts


def _judged(
    metric: str,
    sample: MetricSample,
    found: Estimate,
    p_value: float,
    settings: Settings,
    tests: int,
) -> MetricVerdict:
    level = settings.error / len(settings.looks)
    relevance = settings.relevance * settings.factor(metric)
    half_width = found.half_width(settings.interval_error)
    if len(sample.log_ratios) < FEWEST_PAIRS:
        verdict = Verdict.INCONCLUSIVE
    elif abs(found.mean) <= math.log1p(relevance):
        narrow = half_width <= settings.resolution * settings.factor(metric)
        verdict = Verdict.UNCHANGED if narrow else Verdict.INCONCLUSIVE
    elif p_value < level:
        verdict = Verdict.REGRESSED if found.mean > 0 else Verdict.IMPROVED
    else:
        verdict = Verdict.INCONCLUSIVE
    higher_is_better = metric.endswith("_per_s")
    sign = -1.0 if higher_is_better else 1.0
    ends = sorted(_share(sign * (found.mean + side * half_width)) for side in (-1, 1))
    return MetricVerdict(
        metric=metric,
        verdict=verdict,
        base=median(sample.base),
        head=median(sample.head),
        effect=_share(sign * found.mean),
        low=ends[0],
        high=ends[1],
        p_value=p_value,
        relevance=relevance,
        smallest_visible_change=_share(found.smallest_visible(level / tests)),
        processes=tuple(_share(sign * ratio) for ratio in sample.log_ratios),
        higher_is_better=higher_is_better,
        decides=metric != TAIL,
        confidence=1 - 2 * settings.interval_error,
    )


_WIDEST = 50.0
"""Log-ratios are cut off here, so that a share is always a number that JSON can hold."""


def _share(log_ratio: float) -> float:
    return math.expm1(max(-_WIDEST, min(_WIDEST, log_ratio)))


def limits_of(workload: WorkloadVerdict, allowed: Mapping[str, float]) -> list[Limit]:
    """Tier 0: the workload's absolute limits, as of `benchmarks/judging/targets.toml`.

    A limit that the base misses too, here and now, is the machine's or the base's doing: it is
    shown, and not held against the head.
    """
    measured = {each.metric: (each.base, each.head) for each in workload.metrics}
    measured |= {each.counter: (each.base, each.head) for each in workload.counters}
    limits = []
    for name, value in allowed.items():
        if name in measured:
            base, head = measured[name]
            sign = -1 if name.endswith("_per_s") else 1
            base_misses, head_misses = (sign * side > sign * value for side in (base, head))
            broken = head_misses and not base_misses
            limits.append(Limit(workload.name, name, value, base, head, head_misses, broken))
    return limits


def unmeasured_limits(
    workload: WorkloadVerdict, allowed: Mapping[str, float], has_counters: bool = True
) -> list[Mapping[str, Any]]:
    """Limits on what was not measured, each a failure: a limit that nothing can break is none.

    Args:
        workload: as measured.
        allowed: its limits.
        has_counters: false where the user left the counters out: then theirs are no failure.
    """
    measured = {each.metric for each in workload.metrics}
    measured |= {each.counter for each in workload.counters}
    left_out = set() if has_counters else set(COUNTERS)
    return [
        {"workload": workload.name, "limit": name, "allowed": value}
        for name, value in allowed.items()
        if name not in measured | left_out
    ]
