"""The lab's command line: `python -m benchmarks COMMAND`."""

from __future__ import annotations

import argparse
import sys
from importlib import import_module

COMMANDS = {
    "run": "measure scenarios: a table, a verdict, a line in the history, a report",
    "compare": "compare two revisions, or one with the work tree",
    "gate": "fail when HEAD is slower than BASE: for CI",
    "bisect": "find the commit that made a scenario slower",
    "history": "show what the history holds",
    "backfill": "measure this repository's own commits into the history",
    "count": "count instructions of each package, and show where they changed",
    "publish": "build the static site",
    "preview": "show the site on a local port",
    "doctor": "say how noisy this machine is, and what it can see",
    "prove": "measure the gate on itself, with changes planted and none",
    "peers": "measure other queues beside tubeq, and its figures beside their targets",
}


def main(arguments: list[str] | None = None) -> int:
    """Parse the command line and carry it out; the exit code.

    Returns:
        0 passed; 1 a regression or a limit not met; 2 bad input, or undecided; 3 the lab itself
        failed; 130 interrupted.
    """
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Measures tubeq, compares revisions, guards against regressions.",
        epilog="Exit codes: 0 passed, 1 regression, 2 bad input or undecided, 3 the lab failed.",
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    modules = {}
    for name, summary in COMMANDS.items():
        modules[name] = import_module(f"benchmarks.commands.{name}")
        subparser = commands.add_parser(name, help=summary, description=modules[name].__doc__)
        modules[name].add_arguments(subparser)
    options = parser.parse_args(arguments)
    try:
        code: int = modules[options.command].run(options)
    except KeyboardInterrupt:
        print("interrupted: what was measured is kept", file=sys.stderr)
        return 130
    return code


if __name__ == "__main__":
    sys.exit(main())
