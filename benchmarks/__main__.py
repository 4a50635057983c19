"""The lab's command line: `python -m benchmarks COMMAND`."""

from __future__ import annotations

import sys
from importlib import import_module

from benchmarks.common.net import guarded
from benchmarks.common.options import Parser, existing_folder
from benchmarks.common.project import choose

COMMANDS = {
    "run": "measure workloads: a table, a verdict, a report",
    "compare": "compare two revisions, or one with the work tree",
    "gate": "fail when HEAD is slower than BASE: for CI",
    "bisect": "find the commit that made a workload slower",
    "history": "show what the history holds",
    "backfill": "measure the packages of the history: instructions, and time as ratios",
    "publish": "build the static site",
    "preview": "show the site on a local port",
    "doctor": "say how noisy this machine is, and what it can see",
    "prove": "measure the gate on itself, with changes planted and none",
    "figures": "write the figures in documents from results/, or check them",
    "peers": "measure other queues, and the package compared with them",
}


def main(arguments: list[str] | None = None) -> int:
    """Parse the command line and carry it out; the exit code, see common/exits.py."""
    return guarded(lambda: _carry_out(arguments))


def _carry_out(arguments: list[str] | None) -> int:
    first = Parser(prog="python -m benchmarks", add_help=False, allow_abbrev=False)
    first.add_argument(
        "--project", type=existing_folder, metavar="FOLDER",
        help="the one with lab.toml (default: the current folder, or the nearest above it)",
    )  # fmt: skip
    chosen, given = first.parse_known_args(arguments)
    if not {"-h", "--help"} & {*given}:
        choose(chosen.project)
    parser = Parser(
        prog="python -m benchmarks",
        description="Measures a package, compares revisions, guards against regressions.",
        parents=[first],
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, summary in COMMANDS.items():
        if name in given:  # the others are slow to import, and not needed
            module = import_module(f"benchmarks.commands.{name}")
            subparser = commands.add_parser(name, help=summary, description=module.__doc__)
            module.add_arguments(subparser)
        else:
            commands.add_parser(name, help=summary)
    options = parser.parse_args(given)
    code: int = import_module(f"benchmarks.commands.{options.command}").run(options)
    return code


if __name__ == "__main__":
    sys.exit(main())
