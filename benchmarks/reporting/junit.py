"""JUnit XML, for CI: a suite a workload, a case a metric or counter; undecided is an error."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from xml.etree import ElementTree as ET

from benchmarks.common.project import project
from benchmarks.judging.gate import Comparison, Verdict, WorkloadVerdict
from benchmarks.reporting.text import figure, metric_sentence

Case = tuple[str, str, str]
"""A test case: its name; "failure", "error", "skipped" or ""; and what there is to say."""
_COUNTED = {"failures": "failure", "errors": "error", "skipped": "skipped"}


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
        for attribute, tag in _COUNTED.items():
            suite.set(attribute, str(len(suite.findall(f"testcase/{tag}"))))
        suite.set("tests", str(len(suite)))
    ET.indent(root)
    # By hand: ElementTree would declare the encoding of the locale, and the file is UTF-8.
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{ET.tostring(root, encoding="unicode")}\n'


def comparison_junit(comparison: Comparison) -> str:
    """A comparison as JUnit XML."""
    measured = [(each.name, _cases(each), each.elapsed_s) for each in comparison.workloads]
    skipped = [
        (each["name"], [("measured", "skipped", each["reason"])], 0.0)
        for each in comparison.skipped
    ]
    return junit([*measured, *skipped])


def _cases(workload: WorkloadVerdict) -> Iterator[Case]:
    outcomes = {Verdict.REGRESSED: "failure", Verdict.INCONCLUSIVE: "error"}
    for metric in workload.metrics:
        is_open = metric.verdict is Verdict.INCONCLUSIVE and not metric.decides
        outcome = "" if is_open else outcomes.get(metric.verdict, "")
        yield metric.metric, outcome, metric_sentence(metric)
    for each in workload.counters:
        said = f"{figure(each.base)} -> {figure(each.head)} per operation"
        yield each.counter, outcomes.get(each.verdict, ""), said
    yield "check", "failure" if workload.wrong else "", workload.wrong
