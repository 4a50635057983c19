"""A comparison in words: one sentence that a person can repeat, then what it rests on."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from benchmarks.judging.gate import (
    FEWEST_PAIRS,
    INSTRUCTIONS,
    Comparison,
    Counter,
    MetricVerdict,
    Verdict,
    WorkloadVerdict,
)

_NAMES = {"latency_p50_ms": "P50", "latency_p95_ms": "P95", "latency_p99_ms": "P99",
          "service_time_ms": "service time", "throughput_per_s": "throughput"}  # fmt: skip


def percent(share: float) -> str:
    """A signed share as per cent: "+2.1 %"."""
    return f"{100 * share:+.1f} %" if abs(share) < 100 else f"{1 + share:.0f} times"


def figure(value: float) -> str:
    """A measured value with four digits."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def named(side: Mapping[str, Any]) -> str:
    """A side's name, with its commit where that is another word."""
    name, commit = str(side["name"]), str(side.get("commit", ""))
    if not commit:
        return name
    return name[:10] if commit.startswith(name) else f"{name} ({commit[:10]})"


def sentence(comparison: Comparison) -> str:
    """What became of the head, in one sentence."""
    if comparison.equal:
        sides = f"{named(comparison.head)} and {named(comparison.base)}"
        return f"{sides} have the same package: nothing can be slower, and nothing was measured"
    if comparison.interrupted:
        return "interrupted: what was measured until then is below"
    verdict = comparison.verdict
    if verdict is Verdict.UNCHANGED:
        return _all_clear(comparison)
    ranked = sorted(_findings(comparison, verdict), key=lambda each: each[0], reverse=True)
    if not ranked:
        return "nothing could be measured"
    also = f" ({len(ranked) - 1} more below)" if ranked[1:] else ""
    return f"{ranked[0][1]}{also}"


def _findings(comparison: Comparison, verdict: Verdict) -> Iterator[tuple[float, str]]:
    """(how much it matters, what is said) of each figure with that verdict."""
    for workload in comparison.workloads:
        if workload.wrong:
            yield math.inf, f"{workload.name} is done wrong: {workload.wrong}"
        for metric in workload.metrics:
            if metric.verdict is verdict:
                weight = abs(math.log1p(metric.effect)) if metric.effect > -1 else math.inf
                yield weight + metric.decides, _of_metric(workload, metric)
        # What time shows too is its cause, not a finding of its own.
        alone = [each for each in workload.counters if each.verdict is verdict]
        if alone and not any(metric.verdict is verdict for metric in workload.metrics):
            yield min(10.0, abs(alone[0].change)), _of_counter(workload, alone[0])


def _of_metric(workload: WorkloadVerdict, metric: MetricVerdict) -> str:
    what = f"{workload.name} {_NAMES.get(metric.metric, metric.metric)}"
    if metric.verdict is Verdict.INCONCLUSIVE:
        return f"it is not known whether {what} changed: {interval(metric)}"
    is_small = abs(metric.effect) < 1
    size = f"{100 * abs(metric.effect):.2g} %" if is_small else f"{metric.effect:.2g} times"
    if metric.metric.startswith(("latency_", "service_time")):
        direction = "slower" if metric.verdict is Verdict.REGRESSED else "faster"
    else:
        direction = "higher" if metric.effect > 0 else "lower"
    sure = f"sure to {100 * metric.confidence:.0f} %"
    moved = [each for each in workload.counters if each.has_moved]
    causes = _causes(workload) or [each for each in moved if each.counter == INSTRUCTIONS]
    why = f"because of {' and '.join(map(counted, causes))}" if causes else "and no count says why"
    if not workload.counters:
        why = "and nothing was counted that could say why"
    return f"{what} is {size} {direction}, {sure}, {why}"


def counted(counter: Counter) -> str:
    """A counter's change for a sentence: "+1 statement"."""
    text = str(counter)
    return text[:-1] if text.startswith(("+1 ", "-1 ")) and text.endswith("s") else text


def _of_counter(workload: WorkloadVerdict, counter: Counter) -> str:
    less = "fewer" if counter.change < 0 else "more"
    size = f"{abs(counter.head - counter.base):.4g} {less} {counter.counter} an operation"
    if counter.counter == INSTRUCTIONS:
        size = f"{100 * abs(counter.change):.1f} % {less} {counter.counter}"
    timed = "its time did not move" if workload.metrics else "its time was not measured"
    others = [counted(each) for each in _causes(workload) if each is not counter]
    also = f" ({', '.join(others)})" if others else ""
    return f"{workload.name} takes {size}{also}, counted exactly; {timed}"


def _causes(workload: WorkloadVerdict) -> list[Counter]:
    """What moved that can decide, but for instructions, which say how much and not what."""
    moved = [each for each in workload.counters if each.has_moved and each.limit is not None]
    return [each for each in moved if each.counter != INSTRUCTIONS]


def _all_clear(comparison: Comparison) -> str:
    timed = [each for each in comparison.workloads if each.metrics]
    number = sum(bool(each.counters) for each in comparison.workloads)
    plural = "" if number == 1 else "s"
    found = [f"nothing is slower: {number} workload{plural} counted, {len(timed)} timed"]
    moved = [
        (abs(each.change), f"most moved {workload.name} {each}")
        for workload in comparison.workloads
        for each in workload.counters
        if each.counter == INSTRUCTIONS and each.has_moved
    ]
    seen = [
        f"a change of {visible(metric)} in {workload.name} P95 would have been seen"
        for workload in timed
        for metric in workload.metrics
        if metric.metric == "latency_p95_ms" and metric.has_enough_pairs
    ]
    return "; ".join([*found, *(text for _, text in sorted(moved)[-1:]), *seen[:1]])


def headline(comparison: Comparison) -> str:
    """The verdict, of what, and how long it took."""
    sides = f"{named(comparison.head)} compared with {named(comparison.base)}"
    return f"{comparison.verdict}: {sides}, in {comparison.elapsed_s:.0f} s"


def metric_sentence(metric: MetricVerdict) -> str:
    """A metric's verdict, how sure it is, and what could have been seen."""
    found = f"{metric.metric}: {metric.verdict}, {percent(metric.effect)}"
    if not metric.has_enough_pairs:
        few = f"{len(metric.processes)}, and at least {FEWEST_PAIRS} are needed"
        return f"{found}, not enough process pairs to tell: {few}"
    ends = f"{percent(metric.low)} to {percent(metric.high)} at {metric.confidence:.0%}"
    return f"{found} ({ends}; a change of {visible(metric)} would have been seen)"


def visible(metric: MetricVerdict) -> str:
    """The smallest change that would have been seen, as per cent; a dash where it is unknown."""
    share = metric.smallest_visible_change
    if not metric.has_enough_pairs:
        return "\N{EN DASH}"
    return f"{100 * share:.1f} %" if share < 10 else "more than 1000 %"


def interval(metric: MetricVerdict) -> str:
    """The effect with half its interval: "+2.1 ± 0.4 %"; without one of too few pairs."""
    if not metric.has_enough_pairs:
        return percent(metric.effect)
    return f"{100 * metric.effect:+.1f} ± {100 * (metric.high - metric.low) / 2:.1f} %"


def reasons(workload: WorkloadVerdict) -> list[str]:
    """Why the workload's verdict is what it is, a sentence each; empty when unchanged."""
    found = [workload.wrong] if workload.wrong else []
    if workload.verdict is not Verdict.UNCHANGED:
        found += [metric_sentence(metric) for metric in workload.metrics
                  if metric.verdict is workload.verdict]  # fmt: skip
    found += [
        f"{each.counter}: {figure(each.base)} -> {figure(each.head)} per operation, counted exactly"
        for each in workload.counters
        if each.verdict is Verdict.REGRESSED
    ]
    if workload.confirmed is not None:
        said = "confirmed" if workload.confirmed else "not confirmed"
        found.append(f"a first alarm was {said} on fresh processes")
    return found


def remarks(comparison: Comparison) -> Iterator[tuple[str, str]]:
    """(workload or "", what is said) of all that no table has."""
    for workload in comparison.workloads:
        for reason in reasons(workload):
            yield workload.name, reason
        if any(each.has_moved and each.limit is not None for each in workload.counters):
            yield workload.name, f"counted {workload.explanation}"
    for skipped in comparison.skipped:
        yield skipped["name"], f"skipped: {skipped['reason']}"
    for note in comparison.notes:
        yield "", note
    if comparison.verdict is Verdict.INCONCLUSIVE and not comparison.interrupted:
        advice = "try again, give a larger --budget-minutes, or see `python -m benchmarks doctor`"
        yield "", f"This machine was too busy to tell: {advice}."
