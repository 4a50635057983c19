"""JUnit XML, for CI: a suite a workload, a case a metric or counter; undecided is an error."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from xml.etree import ElementTree as ET

from benchmarks.common.project import project
from benchmarks.judging.gate import Comparison, Verdict, WorkloadVerdict
from benchmarks.reporting.text import figure, metric_sentence

Case = tuple[str, str, str]
"""A test case: its name; "failure", "error", "skipped" or ""; and what there is to say."""


def junit(suites: Iterable[tuple[str, Iterable[Case], float]]) -> str:
    """The XML of suites: name, cases, seconds."""
    root = ET.Element("testsuites", name=f"{project().name} benchmarks")
    for name, cases, elapsed_s in suites:
        suite = ET.SubElement(root, "testsuite", name=name, time=f"{elapsed_s:.1f}")
        for title, outcome, message in cases:
            case = ET.SubElement(suite, "testcase", classname=f"benchmarks.{name}", name=title)
            if outcome:
                ET.SubElement(case, outcome, message=message)
            elif message:
                ET.SubElement(case, "system-out").text = message
        for attribute, tag in (
            ("failures", "failure"), ("errors", "error"), ("skipped", "skipped"),
        ):  # fmt: skip
            suite.set(attribute, str(len(suite.findall(f"testcase/{tag}"))))
        suite.set("tests", str(len(suite)))
    ET.indent(root)
    return ET.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def comparison_junit(comparison: Comparison) -> str:
    """A comparison as JUnit XML."""
    suites = [
        (workload.name, list(_cases(workload)), workload.elapsed_s)
        for workload in comparison.workloads
    ]
    suites += [
        (skipped["name"], [("measured", "skipped", skipped["reason"])], 0.0)
        for skipped in comparison.skipped
    ]
    return junit(suites)


def _cases(workload: WorkloadVerdict) -> Iterator[Case]:
    for metric in workload.metrics:
        outcome = ""
        if metric.verdict is Verdict.REGRESSED:
            outcome = "failure"
        elif metric.verdict is Verdict.INCONCLUSIVE and metric.decides:
            outcome = "error"
        yield metric.metric, outcome, metric_sentence(metric)
    for each in workload.counters:
        outcome = "failure" if each.verdict is Verdict.REGRESSED else ""
        yield each.counter, outcome, f"{figure(each.base)} -> {figure(each.head)} per operation"
    yield "check", "failure" if workload.wrong else "", workload.wrong
