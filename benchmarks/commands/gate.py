"""Fail when HEAD is worse than BASE: counted exactly, timed interleaved, alarms measured again.

Without BASE the work tree is compared with the commit at which its branch left main; on main itself
with the package before.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace

from benchmarks.commands import compare
from benchmarks.commands.compare import ROOT, SIDES, asked, finish
from benchmarks.common.git import is_dirty, merge_base, resolve
from benchmarks.common.project import project
from benchmarks.records.packages import previous_package


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    without = "the merge base with main; on main, the package before"
    what = f"what to compare with: {SIDES} ({without})"
    compare.add_arguments(parser, nargs="?", help=what)


def run(options: argparse.Namespace) -> int:
    """Measure, confirm alarms on fresh processes, show; the exit code."""
    wanted = replace(asked(options), confirms=True)
    if options.base is None:
        head = resolve(ROOT, "HEAD")
        options.base = merge_base(ROOT, head, project().main)
        if options.base == head and not is_dirty(ROOT, but_for_results=True):
            options.base = previous_package(ROOT).sha
        print(f"compared with {options.base[:10]}", file=sys.stderr)
    return int(finish(options, wanted).exit_code)
