"""Compare two revisions: measured side by side, here and now."""

from __future__ import annotations

import argparse
import math
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks.commands.compare_output import write
from benchmarks.common.exits import BadInput, ExitCode, InfrastructureError, LabError
from benchmarks.common.options import (
    check_names,
    existing_folder,
    minutes,
    output_file,
    whole,
)
from benchmarks.common.progress import Progress
from benchmarks.common.project import LAB, lab_folder, project, root
from benchmarks.contenders.revisions import WORK, Side, check_side, prepare_side
from benchmarks.judging.gate import Comparison, Settings, limits_of, unmeasured_limits
from benchmarks.judging.rounds import Bench, Duel, Watcher
from benchmarks.judging.targets import Limits, read_thresholds
from benchmarks.records.environment import fingerprint, python_path
from benchmarks.workloads import all_workloads

ROOT = root()
MEMORY_FOLDER = Path("/dev/shm")
_ROOM_BYTES = 2_000_000_000
_MOST_PAIRS = 10_000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    add_sides(parser)
    add_measuring(parser)


def run(options: argparse.Namespace) -> int:
    """Measure, show, and keep. 0 whatever the verdict: to fail on one is `gate`'s."""
    return finish(options, confirms=False, judges=False)


def add_sides(parser: argparse.ArgumentParser) -> None:
    """Add BASE and HEAD."""
    parser.add_argument("base", metavar="BASE", help="what to compare with: a branch, tag, commit")
    parser.add_argument(
        "head",
        metavar="HEAD",
        nargs="?",
        default=WORK,
        help=f"what is compared; {WORK}, the work tree as it is, unless given",
    )


def add_measuring(parser: argparse.ArgumentParser, *, workloads: bool = True) -> None:
    """Add what says how to measure and where to write."""
    if workloads:
        parser.add_argument(
            "--workload",
            action="append",
            metavar="NAME",
            help="a workload, may be repeated; those of lab.toml's `timed` unless given",
        )
    parser.add_argument(
        "--budget-minutes",
        type=minutes,
        default=10.0,
        metavar="N",
        help="begin no further round of measuring that would take longer (10)",
    )
    parser.add_argument(
        "--pairs",
        type=whole(1, _MOST_PAIRS),
        default=32,
        metavar="N",
        help="at most so many process pairs a workload; it looks after 8, 16 and 32 (32); of fewer "
        "than 4 nothing can be told but what is counted",
    )
    parser.add_argument(
        "--folder",
        type=existing_folder,
        help="where databases go; a folder in memory where there is one, so that the code is "
        "measured and not the disk",
    )
    parser.add_argument("--no-counters", action="store_true", help="leave the counters out")
    parser.add_argument("--json", action="store_true", help="print the comparison as JSON")
    parser.add_argument("--junit", type=output_file, metavar="FILE", help="write JUnit XML")
    parser.add_argument("--markdown", type=output_file, metavar="FILE", help="write a report")
    parser.add_argument("--quiet", action="store_true", help="no progress on standard error")


def finish(options: argparse.Namespace, *, confirms: bool, judges: bool) -> int:
    """Compare as asked for, write what was asked for; the exit code."""
    try:
        comparison = compare(
            options.base, options.head, names=options.workload, **measuring(options),
            confirms=confirms, judges=judges,
        )  # fmt: skip
    except LabError as error:
        return report_failure(error)
    write(comparison, options)
    if comparison.interrupted:
        raise KeyboardInterrupt
    return int(comparison.exit_code) if judges else ExitCode.PASS


def report_failure(error: LabError) -> int:
    """Say why the command could not be carried out; its exit code."""
    print(f"error: {error}", file=sys.stderr)
    return error.exit_code


def measuring(options: argparse.Namespace) -> dict[str, Any]:
    """The keyword arguments of `compare` that the options stand for."""
    looks = (*(each for each in Settings().looks if each < options.pairs), options.pairs)
    return {
        "settings": replace(Settings(), looks=looks),
        "budget_s": 60 * options.budget_minutes,
        "folder": options.folder,
        "counts": not options.no_counters,
        "quiet": options.quiet,
    }


def compare(
    base: str,
    head: str = WORK,
    *,
    names: list[str] | None = None,
    settings: Settings | None = None,
    budget_s: float = math.inf,
    folder: Path | None = None,
    counts: bool = True,
    quiet: bool = False,
    confirms: bool = False,
    judges: bool = False,
    root: Path = ROOT,
) -> Comparison:
    """Measure two revisions side by side.

    Args:
        base, head: see lab.revisions.prepare_side.
        names: of workloads; the default ones where None.
        settings: how strict.
        budget_s: seconds, see lab.rounds.Bench.
        folder: where databases go.
        counts: whether to measure counters too.
        quiet: no progress on standard error.
        confirms: whether an alarm is measured anew.
        judges: whether absolute limits count.
        root: the repository.

    Raises:
        BadInput: a revision, a workload or a limit is none.
        InfrastructureError: a build or the measuring failed; the message says why.
    """
    chosen = checked_workloads(names)
    limits = allowed_limits() if judges else {}
    for name in (base, head):
        check_side(root, name)
    with Progress(quiet) as progress, working_folder(folder) as place:
        sides = []
        for name in (base, head):
            progress.tell(f"preparing {name}")
            sides.append(prepare_side(root, name, progress.tell))
        count = counters_of if counts else no_counters

        def counted(side: Side, workload: str) -> Mapping[str, float]:
            progress.tell(f"counting {workload} of {side.name}")
            return count(side, workload)

        bench = Bench(
            LAB, place, settings or Settings(), budget_s, confirms, counted, Teller(progress)
        )
        comparison = Duel(sides[0], sides[1], chosen, bench).run()
        comparison.machine = fingerprint(place)
    for workload in comparison.workloads:
        allowed = limits.get(workload.name, {})
        comparison.limits += limits_of(workload, allowed)
        if not comparison.interrupted:
            comparison.unmeasured += unmeasured_limits(workload, allowed, counts)
    return comparison


def checked_workloads(names: list[str] | None) -> list[str]:
    """The workloads of those names, each once.

    Raises:
        BadInput: there is none of that name, or the gate has no use for it.
    """
    known = all_workloads()
    chosen = list(dict.fromkeys(names or project().timed))
    check_names("workload", chosen, known)
    for name in chosen:
        if not known[name].batch:
            having = ", ".join(each for each in known if known[each].batch)
            raise BadInput(f"the workload {name!r} has no batches for a comparison; have: {having}")
    return chosen


def allowed_limits() -> Limits:
    """Tier 0: the limits of benchmarks/judging/targets.toml.

    Raises:
        BadInput: they make no sense.
        InfrastructureError: the file cannot be read.
    """
    try:
        return read_thresholds()
    except (OSError, ImportError) as error:
        raise InfrastructureError(f"the limits cannot be read: {error}") from error


def counters_of(side: Side, workload: str) -> Mapping[str, float]:
    """Counters per operation, {} where they mean nothing or cannot be had."""
    if not all_workloads()[workload].counted_calls:
        return {}
    from benchmarks.measuring.counters import measure_counters

    path = python_path(*side.path)
    environment = {"PYTHONPATH": path} if path else {}
    try:
        return measure_counters(workload, python=side.python, environment=environment)
    except NotImplementedError:
        return {}
    except RuntimeError as error:
        print(f"no counters of {side.name}: {error}", file=sys.stderr)
        return {}


def no_counters(_side: Side, _workload: str) -> Mapping[str, float]:
    """Counts nothing."""
    return {}


class Teller(Watcher):
    """Tells of batches on standard error."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._total = self._done = 0
        self._what = ""

    def round_begins(self, batches: int, what: str) -> None:
        self._total += batches
        self._what = what

    def batch_is_done(self, workload: str) -> None:
        self._done += 1
        self._progress.tell(f"{workload}, {self._what}, batches", self._done, self._total)


@contextmanager
def working_folder(folder: Path | None) -> Iterator[Path]:
    """A folder for databases, removed at the end.

    In memory where there is room, because a gate asks about the code: on a disk that takes 5 ms to
    sync, no 10 % of the code's own time would show. How often it syncs is counted exactly instead.
    """
    in_memory = os.access(MEMORY_FOLDER, os.W_OK) and (
        shutil.disk_usage(MEMORY_FOLDER).free > _ROOM_BYTES
    )
    parent = folder or (MEMORY_FOLDER if in_memory else lab_folder())
    parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="lab-", dir=parent.resolve()) as place:
        yield Path(place)
