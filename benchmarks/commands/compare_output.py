"""What compare and gate write: a sentence, tables, JSON, Markdown, JUnit XML, a page."""

from __future__ import annotations

import argparse
import json
import sys
import webbrowser
from importlib import import_module
from pathlib import Path

from benchmarks.common.options import output_file
from benchmarks.common.output import console, show_table, write_markdown, write_text
from benchmarks.common.project import lab_folder
from benchmarks.judging.gate import INSTRUCTIONS, Comparison, MetricVerdict, WorkloadVerdict
from benchmarks.reporting.junit import comparison_junit
from benchmarks.reporting.markdown import comparison_markdown
from benchmarks.reporting.text import (
    figure,
    headline,
    interval,
    percent,
    remarks,
    sentence,
    visible,
)

LAST_COMPARISON = lab_folder() / "last-comparison.json"


def add_outputs(parser: argparse.ArgumentParser) -> None:
    """Add what says where to write."""
    add = parser.add_argument
    add("--json", action="store_true", help="print the comparison as JSON")
    add("--junit", type=output_file, metavar="FILE", help="write JUnit XML")
    add("--markdown", type=output_file, metavar="FILE", help="write a report for a pull request")
    add("--html", type=output_file, metavar="FILE",
        help="where the comparison's page goes (.lab/last-comparison.html)")  # fmt: skip
    add("--open", action="store_true", help="open the page in a browser")


def write(comparison: Comparison, options: argparse.Namespace) -> None:
    """Keep the comparison, print it, and write the files that were asked for."""
    content = comparison.to_json()
    text = json.dumps(content, indent=1)
    write_text(LAST_COMPARISON, text + "\n")
    if options.json:
        print(text)
    else:
        show(comparison)
    if options.junit:
        write_text(options.junit, comparison_junit(comparison))
    write_markdown(options.markdown, comparison_markdown(comparison))
    if comparison.equal:
        return
    try:
        page = import_module("benchmarks.reporting.site.comparison_page")
        path: Path = page.write(content, options.html or LAST_COMPARISON.with_suffix(".html"))
    except (ImportError, OSError) as error:  # costs no verdict
        print(f"no page was written: {error}", file=sys.stderr)
        return
    print(f"page: {path}", file=sys.stderr)
    if options.open and not webbrowser.open(path.resolve().as_uri()):
        print("no browser could be started", file=sys.stderr)


def show(comparison: Comparison) -> None:
    """Print the comparison for people: the sentence first."""
    console().print(sentence(comparison), style="bold", soft_wrap=True, markup=False)
    print(headline(comparison))
    for each in comparison.workloads:
        if each.metrics:
            headings = ("", "base", "head", "change, 99 %", "visible", "verdict")
            rows = map(_metric_row, each.metrics)
            show_table(each.name, headings, rows, widths=(20, 9, 9, 15, 9, 13), styled=True)
    counted = [_counter_row(each) for each in comparison.workloads if each.counters]
    if counted:
        headings = ("", "base", "head", "change", "verdict")
        widths = (20, 11, 11, 11, 13)
        show_table("counted per operation", headings, counted, widths=widths, styled=True)
    for name, said in remarks(comparison):
        print(f"{name}: {said}" if name else said)


def _metric_row(metric: MetricVerdict) -> list[str]:
    name = metric.metric if metric.decides else f"({metric.metric})"
    figures = (figure(metric.base), figure(metric.head), interval(metric), visible(metric))
    return [name, *figures, str(metric.verdict)]


def _counter_row(workload: WorkloadVerdict) -> list[str]:
    """Instructions of a workload, or its first counter that decides; others are remarks."""
    deciding = [each for each in workload.counters if each.limit is not None]
    each = (deciding or [*workload.counters])[0]
    name = workload.name if each.counter == INSTRUCTIONS else f"{workload.name}, {each.counter}"
    change = percent(each.change) if each.has_moved else "none"
    return [name, figure(each.base), figure(each.head), change, str(each.verdict)]
