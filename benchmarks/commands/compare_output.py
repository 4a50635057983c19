"""What compare and gate write: a sentence, tables, JSON, Markdown, JUnit XML, a page."""

from __future__ import annotations

import argparse
import json
import os
import sys
import webbrowser
from importlib import import_module
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.common.options import output_file
from benchmarks.common.project import lab_folder
from benchmarks.judging.gate import INSTRUCTIONS, Comparison, Counter, WorkloadVerdict
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
_COLOURS = {"regressed": "red", "improved": "green", "inconclusive": "yellow"}


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
    _write_text(LAST_COMPARISON, text + "\n")
    if options.json:
        print(text)
    else:
        show(comparison)
    if options.junit:
        _write_text(options.junit, comparison_junit(comparison))
    report = comparison_markdown(comparison)
    if options.markdown:
        _write_text(options.markdown, report)
    summary = os.environ.get("GITHUB_STEP_SUMMARY")
    if summary:
        with Path(summary).open("a", encoding="utf-8") as file:
            file.write(report)
    if not comparison.equal:
        _write_page(content, options)


def _write_page(content: dict[str, object], options: argparse.Namespace) -> None:
    """The page, and where it is. That it cannot be written costs no verdict."""
    try:
        page = import_module("benchmarks.reporting.site.comparison_page")
        path: Path = page.write(content, options.html or LAST_COMPARISON.with_suffix(".html"))
    except (ImportError, OSError) as error:
        print(f"no page was written: {error}", file=sys.stderr)
        return
    print(f"page: {path}", file=sys.stderr)
    if options.open and not webbrowser.open(path.resolve().as_uri()):
        print("no browser could be started", file=sys.stderr)


def _write_text(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def show(comparison: Comparison) -> None:
    """Print the comparison for people: the sentence first."""
    console = Console()

    def say(text: str, style: str = "") -> None:
        console.print(text, style=style, soft_wrap=True, highlight=False, markup=False)

    say(sentence(comparison), "bold")
    say(headline(comparison))
    for workload in comparison.workloads:
        if workload.metrics:
            console.print(_times(workload))
    counted = [workload for workload in comparison.workloads if workload.counters]
    if counted:
        console.print(_counts(counted))
    for name, said in remarks(comparison):
        say(f"{name}: {said}" if name else said)


def _table(title: str, columns: tuple[tuple[str, int], ...]) -> Table:
    table = Table(title=title, title_justify="left", box=None, padding=(0, 1, 0, 0))
    table.add_column("", width=20)
    for column, width in columns:
        table.add_column(column, justify="right", width=width, no_wrap=True)
    table.add_column("verdict", width=13)
    return table


def _times(workload: WorkloadVerdict) -> Table:
    columns = (("base", 9), ("head", 9), ("change, 99 %", 15), ("visible", 9))
    table = _table(workload.name, columns)
    for metric in workload.metrics:
        table.add_row(
            metric.metric if metric.decides else f"({metric.metric})",
            figure(metric.base),
            figure(metric.head),
            interval(metric),
            visible(metric),
            str(metric.verdict),
            style=_COLOURS.get(metric.verdict, "") if metric.decides else "dim",
        )
    return table


def _counts(workloads: list[WorkloadVerdict]) -> Table:
    """Instructions of each workload, or its first counter that decides; others are remarks."""
    table = _table("counted per operation", (("base", 11), ("head", 11), ("change", 11)))
    for workload in workloads:
        each = _main_counter(workload)
        name = workload.name if each.counter == INSTRUCTIONS else f"{workload.name}, {each.counter}"
        table.add_row(
            name,
            figure(each.base),
            figure(each.head),
            percent(each.change) if each.has_moved else "none",
            str(each.verdict),
            style=_COLOURS.get(each.verdict, ""),
        )
    return table


def _main_counter(workload: WorkloadVerdict) -> Counter:
    deciding = [each for each in workload.counters if each.limit is not None]
    return (deciding or [*workload.counters])[0]
