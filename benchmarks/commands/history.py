"""Show the history: for each workload the newest ratios and instructions, and where they changed,
between which packages, with the counters that changed, too.

`--check` is for CI: exit code 1 where HEAD is more than 20 distinct packages after the newest
counted one. `--old` shows the absolute times that were kept before 26 November 2026.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.common.exits import ExitCode
from benchmarks.common.git import UNSHALLOW, is_shallow
from benchmarks.common.options import check_names, existing_folder, whole
from benchmarks.common.output import show_table, warn
from benchmarks.common.project import root
from benchmarks.judging.change_points import ChangePoint, change_points
from benchmarks.records import history as old_lines
from benchmarks.records.package_files import read
from benchmarks.records.packages import Package, distinct_packages
from benchmarks.records.record import higher_is_better
from benchmarks.records.series import INSTRUCTIONS, Series, current, read_series

ROOT = root()
MOST_BEHIND = 20
_SHOWN = (INSTRUCTIONS, "latency_p50_ms", "latency_p95_ms", "throughput_per_s")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("workload", nargs="*", help="which ones; all if none is named")
    add("--metric", metavar="NAME", help=f"this metric (default: {', '.join(_SHOWN)})")
    add("--json", action="store_true", help="print JSON: all metrics and points")
    flag = parser.add_mutually_exclusive_group().add_argument
    flag("--old", action="store_true", help="the old absolute times instead")
    flag("--check", action="store_true", help="fail when HEAD is far after the newest counted one")
    add("--last", type=whole(1, 1_000), default=4, metavar="N", help="how many old values (4)")
    add("--results", type=existing_folder, default=old_lines.RESULTS, metavar="DIR",
        help="the results folder (default: results; your own: .lab/results)")  # fmt: skip


def run(options: argparse.Namespace) -> int:
    if options.check:
        return _check(options.results)
    if options.old:
        _show_old(options)
    else:
        _show(options)
    return ExitCode.PASS


def _check(results: Path) -> int:
    """Whether main's packages are counted, except for the newest 20."""
    packages = distinct_packages(ROOT)
    counted = {each.package.key for each in read(results / "counts")}
    ages = (age for age, each in enumerate(reversed(packages)) if each.key in counted)
    behind = next(ages, None)
    if behind is None and is_shallow(ROOT):
        print(f"not checked how old the history is, it is not all here: {UNSHALLOW}")
        return ExitCode.PASS
    if behind is not None and behind <= MOST_BEHIND:
        print(f"HEAD is {behind} packages after the newest counted one, of {MOST_BEHIND} allowed")
        return ExitCode.PASS
    missing = len(packages) if behind is None else behind
    warn(f"error: HEAD is {missing} packages after the newest counted one, {MOST_BEHIND} are "
         "allowed: run 'uv run python -m benchmarks backfill --only instructions "
         f"--newest {missing} --results results' (under a minute a package) and commit results/"
         )  # fmt: skip
    return ExitCode.REGRESSION


def _changes(series: Series) -> list[ChangePoint]:
    higher = higher_is_better(series.metric)
    return change_points(series.points, series.kind, higher_is_better=higher)


def _show(options: argparse.Namespace) -> None:
    everything = read_series(options.results, distinct_packages(ROOT))
    found = current(everything)
    if apart := {each.name for each in everything} - {each.name for each in found}:
        names = ", ".join(sorted(apart))
        warn(f"{len(apart)} series of another anchor or machine are apart, in {names}")
    check_names("workload", options.workload, {each.workload for each in found})
    found = [each for each in found if not options.workload or each.workload in options.workload]
    if options.metric is not None:
        check_names("metric", [options.metric], {each.metric for each in found})
        found = [each for each in found if each.metric == options.metric]
    if is_shallow(ROOT):
        warn(f"older packages are not seen: {UNSHALLOW}")
    if not found:
        hint = "'python -m benchmarks backfill' measures into .lab/results, see --results"
        warn(f"there is no history in {options.results}: {hint}")
    if options.json:
        print(json.dumps([_as_json(each) for each in found]))
        return
    found = [each for each in found if options.metric or each.metric in _SHOWN]
    headings = ("workload", "figure", "now", "interval", "packages", "gaps", "age")
    show_table("", headings, map(_row, found), left=headings)
    for companion in dict.fromkeys(each.companion for each in found if each.companion):
        print(f"Ratios are to {_named(companion, found[0].packages)}.")
    for each in found:
        _print_changes(each)


def _as_json(series: Series) -> dict[str, Any]:
    """A series with its points, gaps and change points."""
    kept = {key: getattr(series, key) for key in ("workload", "metric", "kind", "companion")}
    return {
        **kept, "environment": dict(series.environment),
        "age": {**asdict(series.age), "days": round(series.age.days, 2)},
        "points": [
            {"package": each.package.key, "commit": each.package.sha, "value": each.value,
             "low": each.low, "high": each.high}
            for each in series.points
        ],
        "gaps": [each.sha for each in series.gaps],
        "change_points": [
            {"last_good": each.last.package.sha, "first_bad": each.first.package.sha,
             "packages": each.packages, "before": each.before, "after": each.after,
             "change": each.change, "low": each.low, "high": each.high, "worse": each.worse,
             "counters": each.counters, "commands": each.commands(series.workload)}
            for each in _changes(series)
        ],
    }  # fmt: skip


def _row(series: Series) -> list[str]:
    now = series.points[-1]
    value, interval = f"{now.value:.3f}x", f"{now.low:.3f} to {now.high:.3f}"
    if series.kind == INSTRUCTIONS:
        value, interval = f"{now.value:,.0f}", "exact"
    counts = (str(len(series.points)), str(len(series.gaps)), str(series.age))
    return [series.workload, series.metric, value, interval, *counts]


def _named(companion: str, packages: Sequence[Package]) -> str:
    kind, _, key = companion.partition(" ")
    named = (f"the {kind}, the package of {each.sha[:7]} ({each.subject:.60})"
             for each in packages if each.key == key)  # fmt: skip
    return next(named, companion)


def _print_changes(series: Series) -> None:
    for number, each in enumerate(_changes(series)):
        if not number:
            print(f"\n{series.workload}, {series.metric}:")
        size = f"{each.change:+7.1%}"
        if series.kind != INSTRUCTIONS:
            size += f" ({each.low:+.1%} to {each.high:+.1%})"
        among = "" if each.packages == 1 else f" one of {each.packages} packages up to"
        print(f"  {size}  {each.range} {among} {each.first.package.subject:.60}")
        print(f"           {each.explanation or 'no counter differs'}")
        print(f"           {each.commands(series.workload)[-1]}")


def _show_old(options: argparse.Namespace) -> None:
    """The lines of results/history: absolute times, from which no trend is derived."""
    reading = old_lines.read(options.results)
    for problem in reading.problems:
        warn(f"warning: not read: {problem}")
    check_names("workload", options.workload, {each.workload for each in reading.records})
    metric = options.metric or "latency_p95_ms"
    check_names("metric", [metric], {name for each in reading.records for name in each.metrics})
    rows = []
    groups = sorted({(each.workload, each.machine, each.profile) for each in reading.records})
    for workload, machine, profile in groups:
        points = old_lines.series(reading.records, workload, machine, profile)
        values = [each.metrics[metric].value for each in points if metric in each.metrics]
        if values and (not options.workload or workload in options.workload):
            shown = "  ".join(f"{value:.4g}" for value in values[-options.last :])
            rows.append([workload, f"{machine}, {profile}", shown, str(len(values))])
    headings = ("workload", "machine, profile", f"{metric}, last {options.last}", "commits")
    title = "Absolute times, of machines of that day: no trend is made of them"
    show_table(title, headings, rows, left=headings)
