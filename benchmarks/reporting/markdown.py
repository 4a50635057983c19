"""A comparison for a pull request."""

from __future__ import annotations

from benchmarks.judging.gate import INSTRUCTIONS, Comparison, MetricVerdict, Verdict
from benchmarks.reporting.text import (
    figure,
    headline,
    percent,
    remarks,
    sentence,
    visible,
)

MARKS = {
    Verdict.IMPROVED: "🟢 improved",
    Verdict.UNCHANGED: "⚪ unchanged",
    Verdict.REGRESSED: "🔴 regressed",
    Verdict.INCONCLUSIVE: "🟡 inconclusive",
}
MARKER = "<!-- the lab: comparison -->"
"""The first line, by which the workflow finds its comment again."""


def comparison_markdown(found: Comparison) -> str:
    """The report: a sentence, what was timed, what was counted, remarks."""
    lines = [MARKER, f"### {MARKS[found.verdict]}: {sentence(found)}", ""]
    lines += [headline(found), ""]
    if any(workload.metrics for workload in found.workloads):
        lines += [
            "| workload | metric | base | head | change | 99 % interval | visible from | verdict |",
            "|---|---|--:|--:|--:|---|--:|---|",
        ]
        lines += [
            _row(workload.name, metric)
            for workload in found.workloads
            for metric in workload.metrics
        ]
        lines.append("")
    counted = [
        (workload.name, counter)
        for workload in found.workloads
        for counter in workload.counters
        if counter.counter == INSTRUCTIONS
    ]
    if counted:
        lines += [
            "| workload | instructions, base | head | change | verdict |",
            "|---|--:|--:|--:|---|",
        ]
        lines += [
            f"| {name} | {figure(each.base)} | {figure(each.head)} | {percent(each.change)} "
            f"| {MARKS[each.verdict]} |"
            for name, each in counted
        ]
        lines.append("")
    lines += [f"- **{name}**: {said}" if name else f"- {said}" for name, said in remarks(found)]
    pairs = sum(workload.pairs for workload in found.workloads)
    if pairs:
        note = (
            f"{pairs} pairs of processes; false alarms at most {found.settings.error:.0%} over all "
            "rows. Rows in brackets can fail, but do not hold the verdict up."
        )
        lines += ["", f"<sub>{note}</sub>"]
    return "\n".join(lines) + "\n"


def _row(workload: str, metric: MetricVerdict) -> str:
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
        MARKS[metric.verdict],
    ]
    return f"| {' | '.join(cells)} |"
