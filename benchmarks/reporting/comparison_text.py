"""A comparison in words: lines for a terminal, Markdown for a pull request, JUnit XML for CI."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from xml.etree import ElementTree as ET

from benchmarks.common.project import project
from benchmarks.judging.gate import (
    FEWEST_PAIRS,
    Comparison,
    Limit,
    MetricVerdict,
    Verdict,
    WorkloadVerdict,
)

_MARKS = {
    Verdict.IMPROVED: "🟢 improved",
    Verdict.UNCHANGED: "⚪ unchanged",
    Verdict.REGRESSED: "🔴 regressed",
    Verdict.INCONCLUSIVE: "🟡 inconclusive",
}
_ADVICE = {
    Verdict.INCONCLUSIVE: (
        "This machine was too busy to tell: try again, give a larger --budget-minutes, or see "
        "`python -m benchmarks doctor`."
    ),
}


def percent(share: float) -> str:
    """A signed share as per cent: "+2.1 %"."""
    return f"{100 * share:+.1f} %" if abs(share) < 100 else f"{1 + share:.0f} times"


def figure(value: float) -> str:
    """A measured value with four digits."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def headline(comparison: Comparison) -> str:
    """One sentence: what became of the head."""
    sides = f"{_named(comparison.head)} against {_named(comparison.base)}"
    measured = (
        f"{comparison.elapsed_s:.0f} s of measuring"
        if comparison.workloads
        else ("nothing was measured")
    )
    return f"{comparison.verdict}: {sides}, {measured}"


def metric_sentence(metric: MetricVerdict) -> str:
    """A metric's verdict, how sure it is, and what could have been seen."""
    if not metric.has_enough_pairs:
        return (
            f"{metric.metric}: {metric.verdict}, {percent(metric.effect)}, not enough process "
            f"pairs to tell: {len(metric.processes)}, and at least {FEWEST_PAIRS} are needed"
        )
    return (
        f"{metric.metric}: {metric.verdict}, {percent(metric.effect)} "
        f"({percent(metric.low)} to {percent(metric.high)} at {metric.confidence:.0%}; "
        f"a change of {visible(metric)} would have been seen)"
    )


def visible(metric: MetricVerdict) -> str:
    """The smallest change that would have been seen, as per cent; a dash where nobody can tell."""
    share = metric.smallest_visible_change
    if not metric.has_enough_pairs:
        return "\N{EN DASH}"
    return f"{100 * share:.1f} %" if share < 10 else "more than 1000 %"


def interval(metric: MetricVerdict) -> str:
    """The effect with half its interval: "+2.1 ± 0.4 %"; without one where nobody can tell."""
    if not metric.has_enough_pairs:
        return percent(metric.effect)
    return f"{100 * metric.effect:+.1f} ± {100 * (metric.high - metric.low) / 2:.1f} %"


def unmeasured(limit: Mapping[str, Any]) -> str:
    """What is said of a limit on what was not measured."""
    return f"{limit['limit']} was not measured, and has the limit {limit['allowed']:g}: a failure"


def reasons(workload: WorkloadVerdict) -> list[str]:
    """Why the workload's verdict is what it is, a sentence each; empty when unchanged."""
    found = [workload.wrong] if workload.wrong else []
    found += [
        metric_sentence(metric)
        for metric in workload.metrics
        if metric.verdict is workload.verdict is not Verdict.UNCHANGED
    ]
    found += [
        f"{each.counter}: {each.base:g} -> {each.head:g} per operation, counted exactly"
        for each in workload.counters
        if each.has_regressed(workload.relevance)
    ]
    if workload.confirmed is not None:
        said = "confirmed" if workload.confirmed else "not confirmed"
        found.append(f"a first alarm was {said} on fresh processes")
    return found


def markdown(comparison: Comparison) -> str:
    """A report for a pull request."""
    sides = f"{_named(comparison.head)} against {_named(comparison.base)}"
    lines = [
        f"### {_MARKS[comparison.verdict]}: {sides}",
        "",
        "| workload | metric | base | head | change | 99 % interval | visible from | verdict |",
        "|---|---|--:|--:|--:|---|--:|---|",
    ]
    for workload in comparison.workloads:
        lines += [_row(workload.name, metric) for metric in workload.metrics]
    lines.append("")
    for workload in comparison.workloads:
        explained = [f"counted: {workload.explanation}"] if workload.explanation else []
        lines += [f"- **{workload.name}**: {each}" for each in (*reasons(workload), *explained)]
    lines += [f"- **{each.workload}**: {_limit(each)}" for each in comparison.limits if each.missed]
    lines += [f"- **{each['workload']}**: {unmeasured(each)}" for each in comparison.unmeasured]
    lines += [f"- skipped **{each['name']}**: {each['reason']}" for each in comparison.skipped]
    lines += ["- interrupted: what was measured is shown"] if comparison.interrupted else []
    if comparison.verdict in _ADVICE:
        lines += ["", _ADVICE[comparison.verdict]]
    pairs = sum(workload.pairs for workload in comparison.workloads)
    note = (
        f"{pairs} pairs of processes in {comparison.elapsed_s:.0f} s; false alarms at most "
        f"{comparison.settings.error:.0%} over all rows. Rows in brackets can fail, but do not "
        "hold the verdict up."
    )
    lines += ["", f"<sub>{note}</sub>"]
    return "\n".join(lines) + "\n"


def junit(comparison: Comparison) -> str:
    """JUnit XML: a suite a workload, a case a metric or counter; inconclusive is an error."""
    root = ET.Element("testsuites", name=f"{project().name} benchmarks")
    for workload in comparison.workloads:
        _suite(root, workload.name, _cases(workload), workload.elapsed_s)
    limits = [
        (f"{each.workload} {each.limit}", "failure" if each.broken else "", _limit(each))
        for each in comparison.limits
    ]
    limits += [
        (f"{each['workload']} {each['limit']}", "failure", unmeasured(each))
        for each in comparison.unmeasured
    ]
    _suite(root, "limits", limits)
    for skipped in comparison.skipped:
        _suite(root, skipped["name"], [("measured", "skipped", skipped["reason"])])
    ET.indent(root)
    return ET.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


Case = tuple[str, str, str]
"""A test case: its name; "failure", "error", "skipped" or ""; and what there is to say."""


def _cases(workload: WorkloadVerdict) -> Iterator[Case]:
    for metric in workload.metrics:
        outcome = ""
        if metric.verdict is Verdict.REGRESSED:
            outcome = "failure"
        elif metric.verdict is Verdict.INCONCLUSIVE and metric.decides:
            outcome = "error"
        yield metric.metric, outcome, metric_sentence(metric)
    for each in workload.counters:
        outcome = "failure" if each.has_regressed(workload.relevance) else ""
        yield each.counter, outcome, f"{each.base:g} -> {each.head:g} per operation"
    yield "check", "failure" if workload.wrong else "", workload.wrong


def _suite(root: ET.Element, name: str, cases: Iterable[Case], elapsed_s: float = 0.0) -> None:
    suite = ET.SubElement(root, "testsuite", name=name, time=f"{elapsed_s:.1f}")
    for title, outcome, message in cases:
        case = ET.SubElement(suite, "testcase", classname=f"benchmarks.{name}", name=title)
        if outcome:
            ET.SubElement(case, outcome, message=message)
        elif message:
            ET.SubElement(case, "system-out").text = message
    for attribute, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        suite.set(attribute, str(len(suite.findall(f"testcase/{tag}"))))
    suite.set("tests", str(len(suite)))


def _limit(limit: Limit) -> str:
    also = "" if limit.broken else f", but the base has {limit.base:.4g} here too"
    return f"{limit.limit} is {limit.head:.4g}, the limit {limit.allowed:g}" + (
        also if limit.missed else ""
    )


def _row(workload: str, metric: MetricVerdict) -> str:
    said = _MARKS[metric.verdict]
    cells = [
        workload,
        metric.metric if metric.decides else f"({metric.metric})",
        figure(metric.base),
        figure(metric.head),
        percent(metric.effect),
        f"{percent(metric.low)} to {percent(metric.high)}"
        if metric.has_enough_pairs
        else "too few pairs",
        visible(metric),
        said,
    ]
    return f"| {' | '.join(cells)} |"


def _named(side: Mapping[str, Any]) -> str:
    commit = str(side.get("commit", ""))[:10]
    return f"{side['name']} ({commit})" if commit and commit != side["name"] else str(side["name"])
