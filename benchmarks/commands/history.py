"""Show what the history holds: each workload's last values, its trend, where it changed.

A workload, metric, machine or profile that the history has not is bad input.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from typing import Any

from benchmarks.common.exits import BadInput, ExitCode
from benchmarks.common.options import check_names, existing_folder, whole
from benchmarks.records import history
from benchmarks.records.record import WorkloadRecord
from benchmarks.reporting.plots import Trend
from benchmarks.reporting.site import words
from benchmarks.reporting.site.views import Group, Line, groups

_BARS = "▁▂▃▄▅▆▇█"
_SHOWN = 24


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    parser.add_argument("workload", nargs="*", help="which ones; all if none is named")
    parser.add_argument("--metric", metavar="NAME", help="this metric instead of the foremost one")
    parser.add_argument("--machine", metavar="NAME", help="only this machine's")
    parser.add_argument("--profile", metavar="NAME", help="only this profile's")
    parser.add_argument(
        "--last", type=whole(1, 1_000), default=4, metavar="N", help="how many values (4)"
    )
    parser.add_argument("--json", action="store_true", help="print JSON instead of tables")
    parser.add_argument(
        "--results", type=existing_folder, metavar="DIR",
        help="the results folder (default: results)",
    )  # fmt: skip


def run(options: argparse.Namespace) -> int:
    """Print it; the exit code."""
    if hasattr(sys.stdout, "reconfigure"):  # a Windows pipe may know no bars
        sys.stdout.reconfigure(errors="replace")
    reading = history.read(options.results)
    for problem in reading.problems:
        print(f"warning: not read: {problem}", file=sys.stderr)
    records = [
        record
        for record in reading.records
        if (not options.workload or record.workload in options.workload)
        and options.machine in {None, record.machine}
        and options.profile in {None, record.profile}
    ]
    try:
        _check_asked(options, reading.records, records)
        found = groups(records, {}, {})
        _check_metric(options.metric, found)
    except BadInput as error:
        print(f"error: {error}", file=sys.stderr)
        return ExitCode.BAD_INPUT
    except ImportError as error:
        print(f"error: change points need the lab's packages: {error}", file=sys.stderr)
        return ExitCode.INFRASTRUCTURE
    if options.json:
        print(json.dumps(as_json(found, options.metric, reading.problems), indent=2))
    elif not found:
        print("The history is empty: 'python -m benchmarks run' or 'backfill' fills it.")
    else:
        _print_tables(found, options.metric, options.last)
    return ExitCode.PASS


def _check_asked(
    options: argparse.Namespace,
    everything: Sequence[WorkloadRecord],
    chosen: Sequence[WorkloadRecord],
) -> None:
    """Refuse names that the history has not, and combinations of which it has nothing."""
    if options.machine is not None:
        check_names("machine", [options.machine], {each.machine for each in everything})
    if options.profile is not None:
        check_names("profile", [options.profile], {each.profile for each in everything})
    check_names("workload", options.workload, {each.workload for each in everything})
    check_names("workload of that machine and profile", options.workload,
        {each.workload for each in chosen})  # fmt: skip
    if everything and not chosen:
        raise BadInput("the history has nothing of that machine in that profile")


def _check_metric(metric: str | None, found: Sequence[Group]) -> None:
    if metric is not None:
        known = {name for group in found for line in group.lines for name in line.trends}
        known |= {name for group in found for line in group.lines for name in line.counters}
        check_names("metric", [metric], known)


def as_json(found: Sequence[Group], metric: str | None, problems: Sequence[str]) -> dict[str, Any]:
    """Series and change points as JSON values."""
    return {
        "problems": list(problems),
        "series": [
            {
                "machine": group.machine,
                "profile": group.profile,
                "workload": line.name,
                "metric": name,
                "points": [
                    {"commit": commit, "value": value, "low": low, "high": high}
                    for commit, value, low, high in zip(
                        trend.commits, trend.values, trend.lows, trend.highs
                    )
                ],
                "change_points": [
                    {
                        "commit": trend.commits[point.index],
                        "before": point.before,
                        "after": point.after,
                        "worse": point.worse,
                    }
                    for point in trend.changes
                ],
            }
            for group in found
            for line in group.lines
            for name, trend in {**line.trends, **line.counters}.items()
            if metric in {None, name}
        ],
    }


def spark(values: Sequence[float]) -> str:
    """A trend in a line of text, the lowest value lowest; flat where it moves less than 1 %."""
    shown = values[-_SHOWN:]
    low, high = min(shown), max(shown)
    if high - low <= 0.01 * abs(high):
        return _BARS[3] * len(shown)
    return "".join(_BARS[round((value - low) / (high - low) * 7)] for value in shown)


def _print_tables(found: Sequence[Group], metric: str | None, last: int) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(width=None if sys.stdout.isatty() else 160)
    for group in found:
        table = Table(title=Text(group.name), title_justify="left")
        for heading in ("workload", "metric", f"last {last}, newest last", "trend", "commits"):
            table.add_column(heading, overflow="fold")
        table.add_column("change points", overflow="fold")
        for line in group.lines:
            name = metric or line.headline
            trend = {**line.trends, **line.counters}.get(name)
            if trend is not None:
                table.add_row(*(Text(cell) for cell in _cells(line, name, trend, last)))
        console.print(table)


def _cells(line: Line, metric: str, trend: Trend, last: int) -> list[str]:
    changes = [
        f"{trend.commits[point.index]} {words.share(point.change)}" for point in trend.changes
    ]
    return [
        line.name,
        words.short(metric),
        "  ".join(words.shown(metric, value) for value in trend.values[-last:]),
        spark(trend.values),
        str(len(trend.values)),
        "\n".join(changes) or "none",
    ]
