"""Measure the packages of the history: instructions, then time as ratios to the anchor.

Each distinct package of the range (its source and its dependencies) is measured once. A workload is
stored as soon as it is measured, and stored ones are not measured again, so the command can be
stopped at any time and repeated. Counting uses all cores and is not affected by other programs
(about a minute for each package); timing runs one process at a time, the package and the anchor
interleaved, in an order that mixes old and new packages in each stretch of time (about 2.5 minutes
for each package).

Results go to .lab/results, which is private to a developer; what results/ has is not measured
again. `--results results` adds to the published history, as the workflow does that measures main.
Commit what it writes.

A package that cannot be built, or lacks a workload, is a gap, and reported. Exit code 1 where a
workload's check failed at some package; 3 where nothing could be measured.
"""

from __future__ import annotations

import argparse
import os
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from itertools import groupby
from typing import Any

from benchmarks.commands.backfill_time import (
    ROOT,
    Work,
    anchor_package,
    measure_times,
    measure_waiting,
)
from benchmarks.common.exits import (
    BadInput,
    ExitCode,
    InfrastructureError,
    LabError,
    in_a_line,
)
from benchmarks.common.git import UNSHALLOW, is_dirty, is_shallow
from benchmarks.common.options import QUIET, matching, minutes, output_folder, whole
from benchmarks.common.output import warn
from benchmarks.common.progress import LINE_EVERY_S, Progress, left_in_words
from benchmarks.common.project import lab_folder, project
from benchmarks.contenders.revisions import source_tree
from benchmarks.measuring.counters import measure_counters
from benchmarks.measuring.instructions import measure_instructions, why_not
from benchmarks.records import counts
from benchmarks.records.package_files import keep
from benchmarks.records.packages import Package, distinct_packages

SEEDS = (0, 1, 2)
_MOST = 1_000_000
_INTERRUPTED_WITHIN_S = 0.5


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("range", metavar="REV..REV", nargs="?", default="HEAD",
        help="whose packages, along first parents (default: all up to HEAD)")  # fmt: skip
    add("--only", choices=("instructions", "time"), help="one of the two")
    add("--newest", type=whole(1, _MOST), metavar="N", help="only the newest N packages of it")
    which = parser.add_mutually_exclusive_group().add_argument
    which("--workload", action="append", metavar="NAME", help="a workload or a pattern (claim-*), "
          "may be repeated (default: `counted` in lab.toml)")  # fmt: skip
    which("--all-workloads", action="store_true", help="every one that can be counted or timed")
    add("--anchor", metavar="REV", help="time compared with this one (default: results/anchor)")
    add("--pairs", type=whole(4, 32), default=8, metavar="N", help="process pairs a workload (8)")
    add("--jobs", type=whole(1, 8), default=min(os.cpu_count() or 1, 8), metavar="N",
        help="packages counted at once")  # fmt: skip
    add("--budget-minutes", type=minutes, metavar="N",
        help="begin no further workload after so long; run again to go on")  # fmt: skip
    add("--again", action="store_true", help="also what is kept already")
    add("--results", type=output_folder, default=lab_folder() / "results", metavar="DIR",
        help="the results folder (default: .lab/results)")  # fmt: skip
    add("--quiet", **QUIET)


def run(options: argparse.Namespace) -> int:
    if options.only == "instructions" and why_not():
        raise BadInput(why_not())
    packages = distinct_packages(ROOT, options.range)[-(options.newest or 0) :]
    counted = _chosen(options, lambda each: each.counted_calls, project().counted)
    timed = _chosen(options, lambda each: each.batch and not _waits(each), project().counted)
    waiting = _chosen(options, _waits, ())
    anchor = None if options.only == "instructions" else anchor_package(options.anchor)
    if is_shallow(ROOT):
        warn(f"older packages are not seen: {UNSHALLOW}")
    if is_dirty(ROOT, but_for_results=True):
        warn("commits are measured, not what is uncommitted: see 'compare' for that")
    if options.only is None and why_not():
        warn(f"nothing is counted: {why_not()}")
    ends_at = time.monotonic() + 60 * (options.budget_minutes or _MOST)
    with Progress(options.quiet) as progress:
        work = Work(packages, options, progress, ends_at)
        if options.only != "time" and not why_not():
            _count_missing(work, counted)
        if anchor is not None:
            measure_times(work, anchor, timed)
            measure_waiting(work, waiting)
    print(f"{work.kept} workloads of {len(packages)} packages are measured: {options.results}")
    if work.begun and not work.kept:
        raise InfrastructureError("nothing could be measured")
    return ExitCode.REGRESSION if work.wrong else ExitCode.PASS


def _waits(workload: Any) -> bool:
    """Whether it waits for other processes, so that only comparison with the reference is fair."""
    return bool(workload.has_reference and not workload.counted_calls)


def _chosen(
    options: argparse.Namespace, fits: Callable[[Any], int], default: Sequence[str]
) -> Sequence[str]:
    """The workloads that were asked for and that fit; the default where none were."""
    from benchmarks.workloads import all_workloads

    known = all_workloads()
    if not (options.workload or options.all_workloads):
        return default
    return [n for n in matching("workload", options.workload or ["*"], known) if fits(known[n])]


def _count_missing(work: Work, names: Sequence[str]) -> None:
    """Count what is not stored, the newest packages first, several at once."""
    environment = counts.environment(SEEDS)
    folders = work.folders(counts.folder_of, environment)
    jobs = work.missing(reversed(work.packages), names, folders)
    stopped = threading.Event()
    doing: dict[str, str] = {}

    def count(own: Sequence[tuple[Package, str]]) -> None:
        for package, name in own:
            if stopped.is_set() or time.monotonic() > work.ends_at:
                return
            doing[package.sha[:7]] = name
            work.begun += 1
            try:
                keep(folders[0], package, environment, name, _counted(package, name))
                work.kept += 1
            except RuntimeError as error:
                if not stopped.wait(_INTERRUPTED_WITHIN_S):  # Ctrl-C ends the counting process too
                    warn(f"{package.sha[:7]} {name}: not counted: {in_a_line(error)}")
            finally:
                doing.pop(package.sha[:7], None)

    began = time.monotonic()
    with ThreadPoolExecutor(work.options.jobs) as pool:
        try:
            grouped = groupby(jobs, lambda job: job[0].key)
            left = {pool.submit(count, list(own)) for _, own in grouped}
            while left:
                now = ", ".join(f"{sha} {name}" for sha, name in sorted(doing.items()))
                ready = work.begun - len(doing)
                about = left_in_words(began, ready, len(jobs))
                work.progress.tell(f"counting {now}{about}; workloads", ready, len(jobs))
                finished, left = wait(left, LINE_EVERY_S, FIRST_EXCEPTION)
                for each in finished:
                    each.result()  # or why it could not be stored
        finally:
            stopped.set()


def _counted(package: Package, workload: str) -> dict[str, Any]:
    """One workload's counts; RuntimeError where it failed."""
    try:
        source = source_tree(ROOT, package.sha) / project().source
        counters = measure_counters(workload, path=(source.parent,))
        instructions = measure_instructions(workload, seeds=SEEDS, package=source)
    except NotImplementedError as error:
        return {"lacks": str(error)}
    except (OSError, LabError) as error:
        raise RuntimeError(str(error)) from error
    return {"instructions": round(instructions, 1), "counters": counters}
