"""Say how noisy this machine is: the work tree against itself, and what the gate would see here."""

from __future__ import annotations

import argparse
import json
import math
import sys
from dataclasses import replace
from statistics import stdev
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.commands.compare import (
    MEMORY_FOLDER,
    add_measuring,
    compare,
    measuring,
    report_failure,
)
from benchmarks.common.exits import BadInput, ExitCode, LabError
from benchmarks.common.project import project
from benchmarks.common.statistics import Estimate
from benchmarks.contenders.revisions import WORK
from benchmarks.judging.gate import FEWEST_PAIRS, Comparison, MetricVerdict, Settings
from benchmarks.judging.settings import read_settings
from benchmarks.reporting.text import figure


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    add_measuring(parser)
    parser.add_argument("--json", action="store_true", help="print what was found as JSON")
    parser.set_defaults(pairs=8, no_counters=True, workload=None)


def run(options: argparse.Namespace) -> int:
    """Measure the work tree against itself, and show what that means.

    Returns:
        0 when the gate can decide here, 4 when it cannot, even with all the samples it may take.
    """
    try:
        chosen = measuring(options)
        # One look only: this is about the noise, not about a verdict.
        chosen["settings"] = replace(chosen["settings"], looks=(options.pairs,))
        if options.pairs < _FEWEST_PAIRS:
            raise BadInput(f"a spread needs at least {_FEWEST_PAIRS} process pairs (--pairs)")
        comparison = compare(
            WORK, WORK, names=options.workload or project().timed, even_if_equal=True, **chosen
        )
        if options.pairs < FEWEST_PAIRS and not comparison.interrupted:
            print(f"note: {options.pairs} process pairs say little", file=sys.stderr)
    except LabError as error:
        return report_failure(error)
    rows = [
        {"workload": workload.name, **noise(metric, read_settings())}
        for workload in comparison.workloads
        for metric in workload.metrics
        if len(metric.processes) >= _FEWEST_PAIRS  # after Ctrl-C there may be fewer
    ]
    advice = advise(comparison.machine, rows)
    if options.json:
        found = {"machine": comparison.machine, "noise": rows, "advice": advice}
        print(json.dumps(found, indent=1))
    else:
        _show(comparison, rows, advice)
    if comparison.interrupted:
        raise KeyboardInterrupt
    can_decide = all(row["pairs_needed"] for row in rows if row["decides"])
    return ExitCode.PASS if can_decide and rows else ExitCode.INCONCLUSIVE


def noise(metric: MetricVerdict, settings: Settings) -> dict[str, Any]:
    """What a metric of an A/A comparison says of the machine.

    Returns:
        metric, value (in its unit), spread (standard deviation of the log-ratios between process
        pairs), pairs_needed (the look at which the gate can decide; None: not even the last one),
        smallest_visible_change (by number of process pairs, as shares), decides.
    """
    spread = stdev(math.log1p(each) for each in metric.processes)
    level = settings.error / len(settings.looks) / _TESTS
    width = settings.resolution * settings.factor(metric.metric)
    needed, visible = None, {}
    for look in settings.looks:
        expected = Estimate(0.0, spread / math.sqrt(look), look)
        visible[str(look)] = math.expm1(min(50.0, expected.smallest_visible(level)))
        if needed is None and expected.half_width(settings.interval_error) <= width:
            needed = look
    return {
        "metric": metric.metric,
        "value": metric.base,
        "spread": spread,
        "pairs_needed": needed,
        "smallest_visible_change": visible,
        "decides": metric.decides,
    }


_FEWEST_PAIRS = 2
_TESTS = 10
"""Metrics that the gate judges together by default: five of each of two workloads."""


def advise(machine: Any, rows: list[dict[str, Any]]) -> list[str]:
    """What could be done about the noise, a sentence each."""
    found = []
    load, cores = machine.get("load_1m") or 0.0, machine.get("cores") or 1
    # The measuring itself keeps one core busy.
    if load > cores:
        found.append(f"{load:.1f} programs compete for {cores} cores: end some, or wait.")
    governor = machine.get("governor")
    if governor and governor != "performance":
        found.append(f"The processor's clock follows the load ({governor}): set it to performance.")
    if not MEMORY_FOLDER.is_dir():
        found.append("Databases go to a disk here: give --folder on a memory disk for less noise.")
    found += [
        f"{row['workload']}, {row['metric']}: the gate could not decide here, and would say so."
        for row in rows
        if row["decides"] and row["pairs_needed"] is None
    ]
    return found or ["Nothing stands out: the gate can decide here."]


def _show(comparison: Comparison, rows: list[dict[str, Any]], advice: list[str]) -> None:
    console = Console()
    machine = comparison.machine
    console.print(
        f"{machine['cpu']}, {machine['cores']} cores, {machine['system']} {machine['kernel']}, "
        f"{machine['python']}, SQLite {machine['sqlite']}, load {machine['load_1m']}",
        soft_wrap=True,
        highlight=False,
    )
    for workload in comparison.workloads:
        console.print(
            _table(workload.name, [row for row in rows if row["workload"] == workload.name])
        )
    for each in advice:
        console.print(each, soft_wrap=True, highlight=False)


def _table(workload: str, rows: list[dict[str, Any]]) -> Table:
    title = f"{workload}: the work tree against itself"
    table = Table(title=title, title_justify="left", box=None, padding=(0, 1, 0, 0))
    table.add_column("", width=20)
    columns = ("value", "spread", "decided", "sees after 8", "16", "32 pairs")
    for column, width in zip(columns, (9, 7, 11, 12, 8, 8)):
        table.add_column(column, justify="right", width=width, no_wrap=True)
    for row in rows:
        needed = f"{row['pairs_needed']} pairs" if row["pairs_needed"] else "never"
        table.add_row(
            row["metric"],
            figure(row["value"]),
            f"{100 * row['spread']:.1f} %",
            needed if row["decides"] else f"({needed})",
            *(f"{100 * each:.1f} %" for each in row["smallest_visible_change"].values()),
        )
    return table
