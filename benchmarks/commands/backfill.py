"""Measure the packages of the history: instructions, then time as ratios to the anchor.

Each distinct package of the range (its source and its dependencies) is measured once and kept,
its counts in results/counts and its times in results/ratios; what is kept is not measured again, so
the command can be stopped and repeated. Counting uses both cores and does not mind other programs;
timing runs one process at a time, the package and the anchor (results/anchor) interleaved, in an
order that spreads each stretch of time over old and new packages.

Exit code 1 where a workload's check failed at some package; 3 where nothing could be measured.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timezone
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from benchmarks.commands.compare import Teller, no_counters, working_folder
from benchmarks.common.exits import BadInput, ExitCode, InfrastructureError, LabError
from benchmarks.common.git import UnknownRevision
from benchmarks.common.options import minutes, output_folder, whole
from benchmarks.common.progress import Progress
from benchmarks.common.project import LAB, project, root
from benchmarks.contenders.revisions import Side, source_tree
from benchmarks.judging.gate import Settings, WorkloadVerdict
from benchmarks.judging.rounds import Bench, Duel, HeadLacks
from benchmarks.measuring.blocks import stock_folder
from benchmarks.records import ratios
from benchmarks.records.environment import fingerprint
from benchmarks.records.history import RESULTS
from benchmarks.records.packages import Package, distinct_packages

ROOT = root()
_PAIRS, _BATCHES = 8, 20
"""Half of the batches that a gate runs: what differs between processes outweighs them."""
_MOST = 1_000_000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    parser.add_argument(
        "range", metavar="REV..REV", nargs="?", default="HEAD",
        help="whose packages, along first parents (default: all up to HEAD)",
    )  # fmt: skip
    parser.add_argument(
        "--newest", type=whole(1, _MOST), metavar="N", help="only the newest N packages of it"
    )
    parser.add_argument(
        "--workload", action="append", metavar="NAME",
        help="a workload or a pattern (claim-*), may be repeated (default: the eight)",
    )  # fmt: skip
    parser.add_argument(
        "--pairs", type=whole(4, 32), default=_PAIRS, metavar="N",
        help=f"process pairs a workload ({_PAIRS})",
    )  # fmt: skip
    parser.add_argument(
        "--budget-minutes", type=minutes, metavar="N",
        help="begin no further workload after so long; run again to go on",
    )  # fmt: skip
    parser.add_argument("--again", action="store_true", help="also what is kept already")
    parser.add_argument(
        "--results", type=output_folder, default=RESULTS, metavar="DIR",
        help="the results folder (default: results)",
    )  # fmt: skip
    parser.add_argument("--quiet", action="store_true", help="no progress on standard error")


def run(options: argparse.Namespace) -> int:
    """Carry it out; the exit code."""
    try:
        packages = distinct_packages(ROOT, options.range)
        if options.newest is not None:
            packages = packages[-options.newest :]
        anchor = anchor_package(RESULTS / "anchor")
        names = _chosen(options.workload)
        return _time(packages, anchor, names, options)
    except LabError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code


def anchor_package(path: Path) -> Package:
    """The package that results/anchor names.

    Raises:
        BadInput: it names none.
    """
    try:
        name = path.read_text(encoding="utf-8").split()[0]
        return distinct_packages(ROOT, f"{name}~1..{name}")[-1]
    except (OSError, IndexError, UnknownRevision) as error:
        raise BadInput(f"{path} names no package of this repository: {error}") from None


def spread(packages: Sequence[Package]) -> list[Package]:
    """The newest first, then in an order whose every stretch has old and new ones: by the van der
    Corput sequence, the digits of a count in base 2 read backwards."""

    def reversed_bits(number: int) -> int:
        return int(f"{number:032b}"[::-1], 2)

    newest_first = list(reversed(packages))
    places = sorted(range(len(packages)), key=reversed_bits)
    return [newest_first[place] for place in places]


def _time(
    packages: Sequence[Package], anchor: Package, names: Sequence[str], options: argparse.Namespace
) -> int:
    environment = ratios.environment(f"anchor {anchor.key}")
    kept = {} if options.again else ratios.read(options.results, environment)
    jobs = [
        (package, name)
        for package in spread(packages)
        for name in names
        if name not in kept.get(package.key, {})
    ]
    began = time.monotonic()
    wrong = done = 0
    with Progress(options.quiet) as progress, working_folder(None) as place:
        for number, (package, name) in enumerate(jobs):
            budget_s = 60 * (options.budget_minutes or _MOST)
            if time.monotonic() - began > budget_s:
                break
            progress.tell(f"{package.sha[:7]} {name}; workloads", number, len(jobs))
            sides = (side_of(anchor), side_of(package))
            try:
                found = measured(*sides, name, options.pairs, place, Teller(progress))
            except InfrastructureError as error:
                print(f"{package.sha[:7]} {name}: not measured: {error}", file=sys.stderr)
                continue
            if "wrong" in found:
                wrong += 1
                print(f"{package.sha[:7]} {name}: wrong: {found['wrong']}", file=sys.stderr)
                continue
            ratios.keep(options.results, package, environment, name, found)
            done += 1
    if jobs and not done:
        print("error: nothing could be measured", file=sys.stderr)
        return ExitCode.INFRASTRUCTURE
    return ExitCode.REGRESSION if wrong else ExitCode.PASS


def side_of(package: Package) -> Side:
    """The package's sources, run by this interpreter beside this environment's dependencies."""
    source = source_tree(ROOT, package.sha) / project().source
    return Side(package.sha[:7], package.sha, False, Path(sys.executable), (source.parent,))


def measured(
    base: Side, head: Side, workload: str, pairs: int, place: Path, watcher: Teller
) -> dict[str, Any]:
    """What `records.ratios` keeps of one workload; {"lacks": why}, or {"wrong": why}.

    Raises:
        InfrastructureError: it failed.
        KeyboardInterrupt: Ctrl-C; what was measured by then is not enough.
    """
    settings = replace(Settings(), looks=(pairs,), batches=_BATCHES)
    bench = Bench(
        LAB, place, settings, confirms=False, count=no_counters, watcher=watcher,
        seed=int.from_bytes(os.urandom(4), "big"),
    )  # fmt: skip
    load_1m = fingerprint()["load_1m"]
    try:
        comparison = Duel(base, head, [workload], bench).run()
    except HeadLacks as error:
        return {"lacks": str(error)}
    finally:
        shutil.rmtree(stock_folder(place, 1, head, workload), ignore_errors=True)
    if comparison.interrupted:
        raise KeyboardInterrupt
    if comparison.skipped:
        return {"lacks": comparison.skipped[0]["reason"]}
    found = comparison.workloads[0]
    if found.wrong:
        return {"wrong": found.wrong}
    return {**as_ratios(found), "load_1m": load_1m}


def as_ratios(found: WorkloadVerdict) -> dict[str, Any]:
    """A workload's figures in the form of records.ratios."""
    return {
        "metrics": {
            each.metric: {
                "ratio": ratios.ratio_of([1 + effect for effect in each.processes]),
                "processes": [_rounded(1 + effect) for effect in each.processes],
                "value": _rounded(each.head),
                "companion_value": _rounded(each.base),
            }
            for each in found.metrics
        },
        "pairs": found.pairs,
        "calls": found.calls,
        "confidence": ratios.CONFIDENCE,
        "measured_at": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "elapsed_s": _rounded(found.elapsed_s),
    }


def _rounded(value: float) -> float:
    return float(f"{value:.5g}")


def _chosen(patterns: Sequence[str] | None) -> list[str]:
    from benchmarks.workloads import all_workloads

    if not patterns:
        return list(project().counted)
    known = [name for name, each in all_workloads().items() if each.batch]
    chosen = [name for name in known if any(fnmatchcase(name, each) for each in patterns)]
    if not chosen:
        raise BadInput(f"no workload is named {' or '.join(patterns)}: have {', '.join(known)}")
    return chosen
