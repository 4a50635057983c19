"""The command line: `python -m benchmarks.speed`.

Progress goes to standard error, tables or JSON to standard output. Exit code 0 where every limit
is met, 1 where one is not (but for --report-only), 2 for bad input, 3 where the measuring itself
failed, 130 after Ctrl-C; what was measured until then is printed.
"""

from __future__ import annotations

import argparse
import json
import sys

from benchmarks.common.exits import EXIT_CODES
from benchmarks.common.net import guarded
from benchmarks.common.options import Parser
from benchmarks.common.progress import Progress
from benchmarks.speed import BIG, GROUPS, measure_all
from benchmarks.speed.rows import Row, as_markdown


def main(arguments: list[str] | None = None) -> int:
    """Measure and print; the exit code."""
    return guarded(lambda: _carry_out(arguments))


def _carry_out(arguments: list[str] | None) -> int:
    options = _parser().parse_args(arguments)
    rows: list[Row] = []
    code = 0
    try:
        with Progress(options.quiet) as progress:
            progress.tell("measuring")
            for row in measure_all(options.quick, only=options.only):
                rows.append(row)
                progress.tell(f"{row.table}: {row.what}")
    except KeyboardInterrupt:
        print("interrupted: what was measured until then follows", file=sys.stderr)
        code = 130
    except RuntimeError as error:
        print(f"error: {error}", file=sys.stderr)
        code = 3
    if options.json:
        print(json.dumps([row.as_json() for row in rows], indent=2))
    else:
        print(as_markdown(rows))
    if code or options.report_only:
        return code
    return 0 if all(row.met for row in rows) else 1


def _parser() -> argparse.ArgumentParser:
    groups = "; ".join(f"{name}: {what}" for name, what in GROUPS.items())
    parser = Parser(
        prog="python -m benchmarks.speed",
        description="Measures every figure that the queue is held to, beside its limit.",
        epilog=f"Groups: {groups}. {', '.join(BIG)} runs only when named. {EXIT_CODES}",
    )
    parser.add_argument("--quick", action="store_true", help="small queues and short runs")
    parser.add_argument("--json", action="store_true", help="print JSON instead of tables")
    parser.add_argument(
        "--only", nargs="+", default=[], choices=list(GROUPS), metavar="GROUP", help="these groups"
    )
    parser.add_argument("--quiet", action="store_true", help="no progress on standard error")
    parser.add_argument("--report-only", action="store_true", help="exit with 0 all the same")
    return parser


if __name__ == "__main__":
    sys.exit(main())
