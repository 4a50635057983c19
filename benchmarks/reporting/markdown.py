"""A comparison for a pull request, and the tables of Markdown that other reports are made of."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from benchmarks.judging.gate import INSTRUCTIONS, Comparison, MetricVerdict, Verdict
from benchmarks.reporting.text import figure, headline, percent, remarks, sentence, visible

MARKS = {
    Verdict.IMPROVED: "🟢 improved",
    Verdict.UNCHANGED: "⚪ unchanged",
    Verdict.REGRESSED: "🔴 regressed",
    Verdict.INCONCLUSIVE: "🟡 inconclusive",
}
MARKER = "<!-- the lab: comparison -->"
"""The first line, by which the workflow finds its comment again."""


def table_lines(
    columns: Sequence[str], sides: str, rows: Iterable[Sequence[str]], escape: str = "/"
) -> list[str]:
    """A table: its header, and a line a row.

    Args:
        sides: a letter a column: l for text, r for figures.
        escape: what is written for a "|" in a cell.
    """
    aligned = "|".join({"l": "---", "r": "--:"}[side] for side in sides)
    lines = [f"| {' | '.join(cell.replace('|', escape) for cell in row)} |" for row in rows]
    return [f"| {' | '.join(columns)} |", f"|{aligned}|", *lines]


def comparison_markdown(found: Comparison) -> str:
    """The report: a sentence, what was timed, what was counted, remarks."""
    lines = [MARKER, f"### {MARKS[found.verdict]}: {sentence(found)}", "", headline(found), ""]
    timed = [_row(each.name, metric) for each in found.workloads for metric in each.metrics]
    if timed:
        columns = ("workload", "metric", "base", "head", "change", "99 % interval", "visible from",
                   "verdict")  # fmt: skip
        lines += [*table_lines(columns, "llrrrlrl", timed), ""]
    counted = [
        (workload.name, figure(each.base), figure(each.head), percent(each.change),
         MARKS[each.verdict])
        for workload in found.workloads
        for each in workload.counters
        if each.counter == INSTRUCTIONS
    ]  # fmt: skip
    if counted:
        columns = ("workload", "instructions, base", "head", "change", "verdict")
        lines += [*table_lines(columns, "lrrrl", counted), ""]
    lines += [f"- **{name}**: {said}" if name else f"- {said}" for name, said in remarks(found)]
    if pairs := sum(workload.pairs for workload in found.workloads):
        note = (
            f"{pairs} pairs of processes; false alarms at most {found.settings.error:.0%} over all "
            "rows. Rows in brackets can fail, but do not hold the verdict up."
        )
        lines += ["", f"<sub>{note}</sub>"]
    return "\n".join(lines) + "\n"


def _row(workload: str, metric: MetricVerdict) -> tuple[str, ...]:
    ends = f"{percent(metric.low)} to {percent(metric.high)}"
    return (
        workload, metric.metric if metric.decides else f"({metric.metric})", figure(metric.base),
        figure(metric.head), percent(metric.effect),
        ends if metric.has_enough_pairs else "too few pairs", visible(metric),
        MARKS[metric.verdict],
    )  # fmt: skip
