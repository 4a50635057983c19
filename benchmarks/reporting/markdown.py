"""A comparison for a pull request."""

from __future__ import annotations

from benchmarks.judging.gate import INSTRUCTIONS, Comparison, Verdict
from benchmarks.reporting.filling import render

MARKS = {
    Verdict.IMPROVED: "🟢 improved",
    Verdict.UNCHANGED: "⚪ unchanged",
    Verdict.REGRESSED: "🔴 regressed",
    Verdict.INCONCLUSIVE: "🟡 inconclusive",
}


def comparison_markdown(found: Comparison) -> str:
    """The report: a sentence, what was timed, what was counted, remarks."""
    counted = [(workload.name, each) for workload in found.workloads for each in workload.counters
               if each.counter == INSTRUCTIONS]  # fmt: skip
    return render("comparison.md", found=found, counted=counted, marks=MARKS)
