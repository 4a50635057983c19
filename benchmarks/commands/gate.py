"""Fail when HEAD is worse than BASE: counted exactly, timed interleaved, alarms measured again.

Without BASE the work tree is compared with the commit at which its branch left main; on main itself
with the package before.
"""

from __future__ import annotations

import argparse
import sys

from benchmarks.commands.compare import ROOT, add_head, add_measuring, finish, report_failure
from benchmarks.commands.compare_output import add_outputs
from benchmarks.common.exits import LabError
from benchmarks.common.git import is_dirty, merge_base, resolve
from benchmarks.common.project import project
from benchmarks.records.packages import previous_package


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument(
        "base", metavar="BASE", nargs="?",
        help="what to compare with: a branch, tag, commit (the merge base with main; on main, the "
        "package before)",
    )  # fmt: skip
    add_head(parser)
    add_measuring(parser)
    add_outputs(parser)


def run(options: argparse.Namespace) -> int:
    """Measure, confirm alarms on fresh processes, show; the exit code."""
    if options.base is None:
        try:
            options.base = usual_base()
        except LabError as error:
            return report_failure(error)
        print(f"compared with {options.base[:10]}", file=sys.stderr)
    return finish(options, confirms=True)


def usual_base() -> str:
    """What the work tree is compared with unless the user says.

    Raises:
        UnknownRevision: there is no main, or nothing before it; in a shallow clone, how to get it.
        InfrastructureError: git cannot answer.
    """
    head = resolve(ROOT, "HEAD")
    base = merge_base(ROOT, head, project().main)
    if base != head or is_dirty(ROOT, but_for_results=True):
        return base
    return previous_package(ROOT).sha
