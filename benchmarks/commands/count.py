"""Count instructions and exact counters of this repository's packages, and show where they changed.

Each distinct package of the range (its source and its dependencies) is counted once, newest first,
and kept in results/counts; what is kept already is not counted again, so the command can be stopped
and repeated. Counting does not mind other programs: both cores may be used. It takes about a minute
a package and core, and needs valgrind on Linux, x86-64.

Exit code 2 without valgrind too; 3 where nothing could be counted.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import threading
from collections.abc import Container, Mapping, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from typing import Any

from benchmarks.common.exits import BadInput, ExitCode, LabError
from benchmarks.common.git import UNSHALLOW, is_shallow
from benchmarks.common.options import output_folder, whole
from benchmarks.common.progress import LINE_EVERY_S, Progress
from benchmarks.common.project import project, root
from benchmarks.contenders.revisions import source_tree
from benchmarks.measuring.counters import measure_counters
from benchmarks.measuring.instructions import measure_instructions, why_not
from benchmarks.records import counts
from benchmarks.records.history import RESULTS
from benchmarks.records.packages import Package, distinct_packages

ROOT = root()
_SEEDS = (0, 1, 2)
_INTERRUPTED_WITHIN_S = 0.5


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    parser.add_argument(
        "range", metavar="REV..REV", nargs="?", default="HEAD",
        help="whose packages, along first parents (default: all up to HEAD)",
    )  # fmt: skip
    parser.add_argument(
        "--newest", type=whole(1, 1_000_000), metavar="N", help="only the newest N packages of it"
    )
    parser.add_argument(
        "--jobs",
        type=whole(1, 8),
        default=min(os.cpu_count() or 1, 8),
        metavar="N",
        help="packages at once",
    )
    parser.add_argument("--show", action="store_true", help="count nothing, show what is kept")
    parser.add_argument("--json", action="store_true", help="print the steps as JSON")
    parser.add_argument(
        "--results", type=output_folder, default=RESULTS, metavar="DIR",
        help="the results folder (default: results)",
    )  # fmt: skip
    parser.add_argument("--quiet", action="store_true", help="no progress on standard error")


def run(options: argparse.Namespace) -> int:
    """Carry it out; the exit code."""
    try:
        if why_not() and not options.show:
            raise BadInput(why_not())
        if options.show and not options.results.is_dir():
            raise BadInput(f"--results {options.results}: there is no such folder")
        packages = distinct_packages(ROOT, options.range)
        if options.newest is not None:
            packages = packages[-options.newest :]
        environment = counts.environment(_SEEDS)
        kept = counts.read(options.results, environment)
        if not options.show:
            _count_missing(packages, kept, environment, options)
            kept = counts.read(options.results, environment)
    except LabError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    if is_shallow(ROOT):
        print(f"older packages are not seen: {UNSHALLOW}", file=sys.stderr)
    if not options.show and not any(each.key in kept for each in packages):
        print("error: nothing could be counted", file=sys.stderr)
        return ExitCode.INFRASTRUCTURE
    _show(packages, kept, options.json)
    return ExitCode.PASS


def _count_missing(
    packages: Sequence[Package],
    kept: Container[str],
    environment: Mapping[str, Any],
    options: argparse.Namespace,
) -> None:
    """Count what is not kept, newest first. A package that cannot be counted is said, and a gap."""
    missing = [each for each in reversed(packages) if each.key not in kept]
    stopped = threading.Event()
    doing: dict[str, str] = {}
    done = 0

    def count(package: Package) -> None:
        nonlocal done
        workloads = {}
        try:
            for name in project().counted:
                if stopped.is_set():
                    return
                doing[package.sha[:7]] = name
                workloads[name] = _counted(package, name)
        except RuntimeError as error:
            if not stopped.wait(_INTERRUPTED_WITHIN_S):  # Ctrl-C ends the process that counts too
                why = " ".join(str(error).split())
                print(f"{package.sha[:7]}: not counted: {why[-500:]}", file=sys.stderr, flush=True)
            return
        finally:
            doing.pop(package.sha[:7], None)
        counts.write(options.results, package, environment, workloads)
        done += 1

    pool = ThreadPoolExecutor(options.jobs)
    try:
        with Progress(options.quiet) as progress:
            left = {pool.submit(count, each) for each in missing}
            while left:
                now = ", ".join(f"{sha} {name}" for sha, name in sorted(doing.items()))
                progress.tell(f"{now or 'counting'}; packages", done, len(missing))
                finished, left = wait(left, LINE_EVERY_S, FIRST_EXCEPTION)
                for each in finished:
                    each.result()  # or why it could not be kept
    finally:
        stopped.set()
        pool.shutdown(cancel_futures=True)


def _counted(package: Package, workload: str) -> dict[str, Any]:
    """One workload's counts.

    Raises:
        RuntimeError: it failed.
    """
    try:
        source = source_tree(ROOT, package.sha) / project().source
        counters = measure_counters(workload, environment={"PYTHONPATH": str(source.parent)})
        instructions = measure_instructions(workload, seeds=_SEEDS, package=source)
    except NotImplementedError as error:
        return {"lacks": str(error)}
    except (OSError, LabError) as error:
        raise RuntimeError(str(error)) from error
    return {"instructions": round(instructions, 1), "counters": counters}


def _show(packages: Sequence[Package], kept: Mapping[str, Any], as_json: bool) -> None:
    found = {name: counts.steps(packages, kept, name) for name in project().counted}
    if as_json:
        print(json.dumps({name: [_as_json(each) for each in own] for name, own in found.items()}))
        return
    counted = [each for each in packages if each.key in kept]
    print(f"{len(counted)} of {len(packages)} packages are counted.")
    for name, own in found.items():
        values = [
            kept[each.key][name]["instructions"]
            for each in counted
            if "instructions" in kept[each.key].get(name, {})
        ]
        if values:
            print(f"\n{name}: {values[-1]:,.0f} instructions an operation, {len(values)} packages")
        for step in own:
            print(
                f"  {step.change:+7.1%}  {step.last.sha[:7]}..{step.first.sha[:7]}  "
                f"{step.first.subject:.70}"
            )
            print(f"           {_why(step)}")


def _why(step: counts.Step) -> str:
    parts = [f"{after - before:+.6g} {name}" for name, (before, after) in step.counters.items()]
    return ", ".join(parts) or "no counter differs"


def _as_json(step: counts.Step) -> dict[str, Any]:
    return {
        "last_good": step.last.sha,
        "first_bad": step.first.sha,
        "before": step.before,
        "after": step.after,
        "counters": step.counters,
    }
