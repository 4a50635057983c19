"""JUnit XML, for CI: a suite a workload, a case a metric or counter; undecided is an error."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.judging.gate import Comparison, Verdict, WorkloadVerdict
from benchmarks.reporting.filling import render
from benchmarks.reporting.text import figure, metric_sentence


def comparison_junit(comparison: Comparison) -> str:
    """A comparison as JUnit XML."""
    suites = [(each.name, each.elapsed_s, [*_cases(each)]) for each in comparison.workloads]
    skipped = [(each["name"], 0.0, [("measured", "skipped", each["reason"])])
               for each in comparison.skipped]  # fmt: skip
    return render("junit.xml", suites=suites + skipped)


def _cases(workload: WorkloadVerdict) -> Iterator[tuple[str, str, str]]:
    """Of each case its name; "failure", "error" or ""; and what there is to say."""
    outcomes = {Verdict.REGRESSED: "failure", Verdict.INCONCLUSIVE: "error"}
    for metric in workload.metrics:
        is_open = metric.verdict is Verdict.INCONCLUSIVE and not metric.decides
        outcome = "" if is_open else outcomes.get(metric.verdict, "")
        yield metric.metric, outcome, metric_sentence(metric)
    for each in workload.counters:
        said = f"{figure(each.base)} -> {figure(each.head)} per operation"
        yield each.counter, outcomes.get(each.verdict, ""), said
    yield "check", "failure" if workload.wrong else "", workload.wrong
