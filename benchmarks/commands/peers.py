"""Measure other queues, and the package in comparison; publish both.

Each queue is installed in an environment of its own under .lab/peers; a queue that cannot be
installed or started gets a row that says why. A whole run is written to results/peers (with --quick
or --only, or interrupted, only where --results names a folder), and `publish` makes a page of it.

Exit code 1 where a limit of [peers] in targets.toml is broken (with --quick: where the package
loses a task or does one twice); 3 where the package or the reference could not be measured.
What was measured until Ctrl-C is shown.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

from benchmarks.common.exits import BadInput, ExitCode
from benchmarks.common.options import output_file, output_folder, whole
from benchmarks.common.output import console, write_text
from benchmarks.common.progress import Progress
from benchmarks.common.project import project, root
from benchmarks.contenders.base import FULL, NORMAL, QUEUES, REFERENCE
from benchmarks.judging.peers import judge_peers, read_limits
from benchmarks.measuring.peers import Run, measure, steps
from benchmarks.measuring.queues import QUICK, REGULAR, Plan, choose
from benchmarks.reporting.peers import markdown, show

_SAFETY = ("lost", "doubly_completed", "done_twice")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    add = parser.add_argument
    add("--quick", action="store_true",
        help="small queues, few rounds, about a minute: shows that all works")  # fmt: skip
    add("--only", action="append", default=[], metavar="NAME",
        help=f"this queue and the reference; may be repeated ({', '.join(QUEUES)})")  # fmt: skip
    add("--durability", choices=(NORMAL, FULL, "both"),
        help="fsync never, or at every commit (default: both; --quick: normal)")  # fmt: skip
    add("--depth", type=whole(1, 100_000_000), action="append", default=[], metavar="N",
        help="so many tasks queued; may be repeated (default: 1e3, 1e5)")  # fmt: skip
    add("--json", action="store_true", help="print JSON instead of tables")
    add("--markdown", type=output_file, metavar="FILE", help="write the tables as Markdown too")
    add("--results", type=output_folder, metavar="DIR",
        help="the results folder (default: results)")  # fmt: skip
    add("--quiet", action="store_true", help="no progress on standard error")


def run(options: argparse.Namespace) -> int:
    """Measure, show, write; the exit code."""
    try:
        chosen = choose(options.only)
        limits = read_limits()
    except ValueError as error:
        raise BadInput(str(error)) from error
    plan = _plan(options)
    finished = Run(plan, is_quick=options.quick)
    total, done = steps(plan, len(chosen)), count()
    try:
        with Progress(options.quiet) as progress:
            measure(finished, chosen, lambda text: progress.tell(text, next(done), total))
    except KeyboardInterrupt:
        finished.is_interrupted = True
    document = finished.document()
    targets = judge_peers(document, limits, project().name)
    document["targets"] = [each.as_json() for each in targets]
    if options.json:
        print(json.dumps(document, indent=1))
    else:
        show(document, console())
    _write(document, options)
    return _exit_code(document)


def _plan(options: argparse.Namespace) -> Plan:
    """How much is to be measured, by the options."""
    plan = QUICK if options.quick else REGULAR
    if options.depth:
        plan = replace(plan, depths=tuple(sorted(set(options.depth))))
    if options.durability:
        both = (NORMAL, FULL)
        wanted = both if options.durability == "both" else (options.durability,)
        plan = replace(plan, durabilities=wanted)
    return plan


def _exit_code(document: dict[str, Any]) -> int:
    if document["interrupted"]:
        return ExitCode.INTERRUPTED
    own = {REFERENCE, project().name} & {each["name"] for each in document["queues"]}
    if own - {row["queue"] for row in document["verbs"] if row["figures"]}:
        return ExitCode.INFRASTRUCTURE
    for each in document["targets"]:
        counts = each["name"] in _SAFETY or not document["quick"]
        is_judged = project().name in own and each["value"] is not None
        if counts and is_judged and not each["met"]:
            return ExitCode.REGRESSION
    return ExitCode.PASS


def _write(document: dict[str, Any], options: argparse.Namespace) -> None:
    """The record and its Markdown; a failure to write does not lose what was measured."""
    texts: dict[Path, str] = {}
    is_whole = not (options.quick or options.only or document["interrupted"])
    if options.results is None and not is_whole:
        print("not recorded: part of a run only (--results DIR records it)", file=sys.stderr)
    else:
        path = (options.results or root() / "results") / "peers"
        machine = document["environment"]["machine"]
        texts[path / f"{machine}.json"] = json.dumps(document, indent=1) + "\n"
        texts[path / f"{machine}.md"] = markdown(document)
    if options.markdown:
        texts[options.markdown] = markdown(document)
    for path, text in texts.items():
        try:
            write_text(path, text)
            print(f"written: {path}", file=sys.stderr)
        except OSError as error:
            print(f"error: {path} could not be written: {error}", file=sys.stderr)
