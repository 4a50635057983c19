"""Write the figures in documents from results/, or check that they are what results/ says.

Documents have blocks between `<!-- figures: NAME -->` and `<!-- /figures -->`; see
benchmarks/reporting/figures.py for the names. CI runs `figures --check`.

Exit code 1 where --check finds a document that differs.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from benchmarks.common.exits import ExitCode, LabError
from benchmarks.common.project import root
from benchmarks.reporting.figures import filled

ROOT = root()


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    parser.add_argument(
        "documents", nargs="*", type=Path, metavar="FILE",
        help="Markdown files (default: README.md and docs/*.md)",
    )  # fmt: skip
    parser.add_argument(
        "--check", action="store_true", help="change nothing, exit 1 on a difference"
    )


def run(options: argparse.Namespace) -> int:
    """Carry it out; the exit code."""
    documents = options.documents or [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
    stale = []
    try:
        for path in documents:
            text = path.read_text(encoding="utf-8")
            new = filled(text, ROOT / "results")
            if new != text:
                stale.append(path)
                if not options.check:
                    path.write_text(new, encoding="utf-8", newline="\n")
    except (LabError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code if isinstance(error, LabError) else ExitCode.BAD_INPUT
    for path in stale:
        print(f"{path}: {'differs from results/' if options.check else 'written'}")
    if options.check and stale:
        print("run: python -m benchmarks figures", file=sys.stderr)
        return ExitCode.REGRESSION
    return ExitCode.PASS
