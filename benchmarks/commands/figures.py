"""Write the figures in documents from results/, or check that they match results/.

Documents have blocks between `<!-- figures: NAME -->` and `<!-- /figures -->`; see
benchmarks/reporting/figures.py for the names. CI runs `figures --check`.

Exit code 1 where --check finds a document that differs.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from benchmarks.common.exits import BadInput, ExitCode
from benchmarks.common.output import write_text
from benchmarks.common.project import root
from benchmarks.reporting.figures import filled


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    add = parser.add_argument
    add("documents", nargs="*", type=Path, metavar="FILE",
        help="Markdown files (default: README.md and docs/*.md)")  # fmt: skip
    add("--check", action="store_true", help="change nothing, exit 1 on a difference")


def run(options: argparse.Namespace) -> int:
    """Run it; the exit code."""
    here = root()
    documents = options.documents or [here / "README.md", *sorted((here / "docs").glob("*.md"))]
    stale = []
    for path in documents:
        try:
            text = path.read_text(encoding="utf-8")
            new = filled(text, here / "results")
            if new != text:
                stale.append(path)
                if not options.check:
                    write_text(path, new)
        except OSError as error:
            raise BadInput(str(error)) from error
    for path in stale:
        print(f"{path}: {'differs from results/' if options.check else 'written'}")
    if options.check and stale:
        print("run: python -m benchmarks figures", file=sys.stderr)
        return ExitCode.REGRESSION
    return ExitCode.PASS
