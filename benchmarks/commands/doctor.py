"""Show how noisy this machine is: the work tree against itself, and what the gate would see
here."""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Mapping
from dataclasses import replace
from statistics import stdev
from typing import Any

from benchmarks.commands.compare import MEMORY_FOLDER, add_measuring, asked, compare
from benchmarks.common.exits import BadInput, ExitCode
from benchmarks.common.output import show_table
from benchmarks.common.project import project
from benchmarks.common.statistics import Estimate
from benchmarks.contenders.revisions import WORK
from benchmarks.judging.gate import FEWEST_PAIRS, MetricVerdict, Settings
from benchmarks.judging.targets import read_settings
from benchmarks.reporting.text import figure

_FEWEST_PAIRS = 2
_TESTS = 10
"""Metrics that the gate judges together by default: five of each of two workloads."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    add_measuring(parser)
    parser.add_argument("--json", action="store_true", help="print what was found as JSON")
    parser.set_defaults(pairs=8, no_counters=True, workload=None)


def run(options: argparse.Namespace) -> int:
    """Measure the work tree against itself, and show what that means; 0 when the gate can decide
    here, 4 when it cannot, even with the most samples."""
    wanted = asked(options)
    if options.pairs < _FEWEST_PAIRS:
        raise BadInput(f"a spread needs at least {_FEWEST_PAIRS} process pairs (--pairs)")
    settings = wanted.settings or read_settings()
    # One look only: this is about the noise, not about a verdict.
    wanted = replace(
        wanted, settings=replace(settings, looks=(options.pairs,)), even_if_equal=True,
        names=options.workload or project().timed,
    )  # fmt: skip
    comparison = compare(WORK, WORK, wanted)
    if options.pairs < FEWEST_PAIRS and not comparison.interrupted:
        print(f"note: {options.pairs} process pairs say little", file=sys.stderr)
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
        _show(comparison.machine, rows, advice)
    if comparison.interrupted:
        raise KeyboardInterrupt
    can_decide = all(row["pairs_needed"] for row in rows if row["decides"])
    return ExitCode.PASS if can_decide and rows else ExitCode.INCONCLUSIVE


def noise(metric: MetricVerdict, settings: Settings) -> dict[str, Any]:
    """What a metric of an A/A comparison says about the machine.

    Returns:
        metric, value (in its unit), spread (standard deviation of the log-ratios between process
        pairs), pairs_needed (the look at which the gate can decide; None: not even the last one),
        smallest_visible_change (by number of process pairs, as shares), decides.
    """
    spread = stdev(math.log1p(each) for each in metric.processes)
    level = settings.error / len(settings.looks) / _TESTS
    width = settings.resolution * settings.factor(metric.metric)
    expected = {look: Estimate(0.0, spread / math.sqrt(look), look) for look in settings.looks}
    enough = (
        look for look, each in expected.items() if each.half_width(settings.interval_error) <= width
    )
    visible = {
        str(look): math.expm1(min(50.0, each.smallest_visible(level)))
        for look, each in expected.items()
    }
    return {
        "metric": metric.metric, "value": metric.base, "spread": spread,
        "pairs_needed": next(enough, None), "smallest_visible_change": visible,
        "decides": metric.decides,
    }  # fmt: skip


def advise(machine: Mapping[str, Any], rows: list[dict[str, Any]]) -> list[str]:
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


def _show(machine: Mapping[str, Any], rows: list[dict[str, Any]], advice: list[str]) -> None:
    print(
        f"{machine['cpu']}, {machine['cores']} cores, {machine['system']} {machine['kernel']}, "
        f"{machine['python']}, SQLite {machine['sqlite']}, load {machine['load_1m']}"
    )
    columns = {"": 20, "value": 9, "spread": 7, "decided": 11, "sees after 8": 12, "16": 8,
               "32 pairs": 8}  # fmt: skip
    tables: dict[str, list[list[str]]] = {}
    for row in rows:
        needed = f"{row['pairs_needed']} pairs" if row["pairs_needed"] else "never"
        changes = (f"{100 * each:.1f} %" for each in row["smallest_visible_change"].values())
        tables.setdefault(row["workload"], []).append([
            row["metric"], figure(row["value"]), f"{100 * row['spread']:.1f} %",
            needed if row["decides"] else f"({needed})", *changes,
        ])  # fmt: skip
    for name, cells in tables.items():
        show_table(f"{name}: the work tree against itself", columns, cells)
    print("\n".join(advice))
