"""Fail when HEAD is worse than BASE: measured side by side, alarms confirmed, limits checked."""

from __future__ import annotations

import argparse

from benchmarks.commands.compare import add_measuring, add_sides, compare, finish
from benchmarks.judging.gate import Comparison


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    add_sides(parser)
    add_measuring(parser)


def run(options: argparse.Namespace) -> int:
    """Measure, confirm alarms on fresh processes, check limits, show; the exit code."""
    return finish(options, confirms=True, judges=True)


def gate(base: str, head: str, **measuring: object) -> Comparison:
    """What `run` decides on; arguments as of `compare`.

    Raises:
        InfrastructureError: a revision, a workload or a build is at fault.
    """
    return compare(base, head, confirms=True, judges=True, **measuring)  # type: ignore[arg-type]
