"""What compare and gate write: tables for people, JSON, Markdown, JUnit XML."""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.common.project import lab_folder
from benchmarks.judging.gate import Comparison, WorkloadVerdict
from benchmarks.reporting.comparison_text import (
    figure,
    headline,
    interval,
    junit,
    markdown,
    reasons,
    unmeasured,
    visible,
)

LAST_COMPARISON = lab_folder() / "last-comparison.json"


def write(comparison: Comparison, options: argparse.Namespace) -> None:
    """Keep the comparison, print it, and write the files that were asked for."""
    text = json.dumps(comparison.to_json(), indent=1)
    LAST_COMPARISON.parent.mkdir(parents=True, exist_ok=True)
    LAST_COMPARISON.write_text(text + "\n", encoding="utf-8")
    if options.json:
        print(text)
    else:
        show(comparison)
    if options.junit:
        _write_text(options.junit, junit(comparison))
    if options.markdown:
        _write_text(options.markdown, markdown(comparison))
    summary = os.environ.get("GITHUB_STEP_SUMMARY")
    if summary:
        with Path(summary).open("a", encoding="utf-8") as file:
            file.write(markdown(comparison))


def _write_text(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def _table(workload: WorkloadVerdict) -> Table:
    table = Table(title=workload.name, title_justify="left", box=None, padding=(0, 1, 0, 0))
    table.add_column("", width=20)
    for column, width in (("base", 9), ("head", 9), ("change, 99 %", 15), ("visible", 9)):
        table.add_column(column, justify="right", width=width, no_wrap=True)
    table.add_column("verdict", width=13)
    colours = {"regressed": "red", "improved": "green", "inconclusive": "yellow"}
    for metric in workload.metrics:
        table.add_row(
            metric.metric if metric.decides else f"({metric.metric})",
            figure(metric.base),
            figure(metric.head),
            interval(metric),
            visible(metric),
            str(metric.verdict),
            style=colours.get(metric.verdict, "") if metric.decides else "dim",
        )
    return table


def show(comparison: Comparison) -> None:
    """Print the comparison for people."""
    console = Console()
    console.print(headline(comparison), style="bold", highlight=False)
    for workload in comparison.workloads:
        console.print(_table(workload))
    for workload in comparison.workloads:
        for reason in reasons(workload):
            console.print(f"{workload.name}: {reason}", soft_wrap=True, highlight=False)
        if workload.explanation:
            console.print(f"{workload.name}: counted {workload.explanation}", soft_wrap=True)
    for limit in comparison.limits:
        if limit.missed:
            also = "" if limit.broken else f" (the base too: {limit.base:.4g})"
            console.print(
                f"{limit.workload}: {limit.limit} is {limit.head:.4g}, the limit "
                f"{limit.allowed:g}{also}"
            )
    for each in comparison.unmeasured:
        console.print(f"{each['workload']}: {unmeasured(each)}", soft_wrap=True, highlight=False)
    for skipped in comparison.skipped:
        console.print(f"skipped {skipped['name']}: {skipped['reason']}", soft_wrap=True)
