"""Measure the package beside other queues, and its every figure beside its target; publish both.

Each peer is installed in an environment of its own under .lab/peers; what cannot be installed or
started is a row that says why. A whole run is written to results/peers (with --quick or --only,
or interrupted, only where --results names a folder), and `publish` makes a page of it.

Exit code 1 where a target is not met (with --quick: where the package loses a task
or does one twice); 3 where the package or the reference could not be measured.
What was measured until Ctrl-C is shown.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

from benchmarks.common.exits import ExitCode
from benchmarks.common.options import output_file, output_folder, whole
from benchmarks.common.progress import Progress
from benchmarks.common.project import project, root
from benchmarks.contenders.base import FULL, NORMAL
from benchmarks.contenders.registry import ADAPTERS
from benchmarks.peers.candidates import FLOOR_NAME, choose
from benchmarks.peers.measure import Run, measure, steps
from benchmarks.peers.plan import QUICK, REGULAR, Plan
from benchmarks.peers.report import markdown, show

RESULTS = root() / "results"
_SAFETY = "SIGKILL"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    add = parser.add_argument
    add("--quick", action="store_true",
        help="small queues, few rounds, under a minute: shows that all works")  # fmt: skip
    add("--only", action="append", default=[], metavar="NAME",
        help=f"this candidate and the floor; may be repeated ({', '.join(ADAPTERS)})")  # fmt: skip
    add("--durability", choices=(NORMAL, FULL, "both"),
        help="fsync never, or at every commit (default: both; --quick: normal)")  # fmt: skip
    add("--depth", type=whole(1, 100_000_000), action="append", default=[], metavar="N",
        help="so many tasks queued; may be repeated (default: 1e3, 1e5, 1e6)")  # fmt: skip
    add("--no-targets", action="store_true", help="leave out the figures beside their targets")
    add("--no-peers", action="store_true", help="leave out the peers: only the targets")
    add("--ten-million", action="store_true",
        help="also create, work and prune ten million tasks: ten minutes, 10 GB")  # fmt: skip
    add("--json", action="store_true", help="print JSON instead of tables")
    add("--markdown", type=output_file, metavar="FILE", help="write the tables as Markdown too")
    add("--results", type=output_folder, metavar="DIR",
        help="the results folder (default: results)")  # fmt: skip
    add("--quiet", action="store_true", help="no progress on standard error")


def run(options: argparse.Namespace) -> int:
    """Measure, show, write; the exit code."""
    try:
        chosen = choose(options.only)
        plan = plan_of(options)
    except ValueError as error:
        print(f"error: {error}", file=sys.stderr)
        return ExitCode.BAD_INPUT
    finished = Run(plan, is_quick=options.quick)
    try:
        if not options.no_peers:
            with Progress(options.quiet) as progress:
                measure(finished, chosen, _teller(progress, steps(plan, len(chosen))))
        if not options.no_targets:
            _measure_targets(finished, options)
    except KeyboardInterrupt:
        finished.is_interrupted = True
    document = finished.document()
    _show(document, options)
    _write(document, options)
    return exit_code(document, options)


def plan_of(options: argparse.Namespace) -> Plan:
    """How much the options ask for.

    Raises:
        ValueError: a depth is not positive.
    """
    plan = QUICK if options.quick else REGULAR
    if any(depth < 1 for depth in options.depth):
        raise ValueError(f"a depth is at least 1: {min(options.depth)}")
    if options.depth:
        plan = plan.at_depths(sorted(set(options.depth)))
    if options.durability:
        both = (NORMAL, FULL)
        wanted = both if options.durability == "both" else (options.durability,)
        plan = replace(plan, durabilities=wanted)
    return plan


def exit_code(document: dict[str, Any], options: argparse.Namespace) -> int:
    """As the command's."""
    if document["interrupted"]:
        return ExitCode.INTERRUPTED
    own = {FLOOR_NAME, project().name} & {each["name"] for each in document["candidates"]}
    measured = {row["candidate"] for row in document["latency"] if row["figures"]}
    if own - measured:
        return ExitCode.INFRASTRUCTURE
    judged = [row for row in document["targets"] if row["table"] == _SAFETY or not options.quick]
    return ExitCode.PASS if all(row["met"] for row in judged) else ExitCode.REGRESSION


def _measure_targets(finished: Run, options: argparse.Namespace) -> None:
    """The figures that need the peers."""
    from benchmarks.peers.targets import peer_targets

    if not options.no_peers:
        finished.targets += [row.as_json() for row in peer_targets(finished.document())]


def _show(document: dict[str, Any], options: argparse.Namespace) -> None:
    if options.json:
        print(json.dumps(document, indent=1))
        return
    from rich.console import Console

    wide = None if sys.stdout.isatty() else 180
    show(document, Console(width=wide, highlight=False))


def _write(document: dict[str, Any], options: argparse.Namespace) -> None:
    """The record and its Markdown; a failure to write does not cost what was measured."""
    is_whole = not (options.quick or options.only or options.no_peers or document["interrupted"])
    if options.results is None and not is_whole:
        print("not recorded: part of a run only (--results DIR records it)", file=sys.stderr)
    else:
        folder = (options.results or RESULTS) / "peers"
        machine = document["environment"]["machine"]
        for suffix, text in (("json", json.dumps(document, indent=1)), ("md", markdown(document))):
            _write_text(folder / f"{machine}.{suffix}", text)
    if options.markdown:
        _write_text(options.markdown, markdown(document))


def _write_text(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text.rstrip("\n") + "\n", encoding="utf-8", newline="\n")
    except OSError as error:
        print(f"error: {path} could not be written: {error}", file=sys.stderr)
    else:
        print(f"written: {path}", file=sys.stderr)


def _teller(progress: Progress, total: int) -> Callable[[str], None]:
    """What is told of each step of so many."""
    done = count()
    return lambda text: progress.tell(text, next(done), total)
