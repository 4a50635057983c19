"""What the commands print and write: tables for people, files, GitHub's summary of a job.

rich is imported inside functions: asv imports this module in environments without it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

STYLES = {
    "passed": "green", "met": "green", "improved": "green", "skipped": "yellow",
    "undecided": "yellow", "inconclusive": "yellow", "measured": "", "unchanged": "", "": "",
}  # fmt: skip
"""The colour of a table's row, by the verdict in its last cell; others are red."""


def warn(text: str) -> None:
    """A line on standard error."""
    print(text, file=sys.stderr, flush=True)


def now() -> str:
    """The time as records have it: ISO 8601 in UTC, without fractions."""
    return datetime.now(timezone.utc).isoformat(timespec="seconds")


def console() -> Any:
    """A rich console, wide enough for tables in a pipe or a log of CI."""
    from rich.console import Console

    if hasattr(sys.stdout, "reconfigure"):  # a Windows pipe may not have box-drawing characters
        sys.stdout.reconfigure(errors="replace")
    return Console(width=None if sys.stdout.isatty() else 160, highlight=False)


def show_table(
    title: str, columns: Mapping[str, int] | Sequence[str], rows: Iterable[Sequence[str]], *,
    left: Sequence[str] = ("", "workload"), styled: bool = False,
) -> None:  # fmt: skip
    """Print a table.

    Args:
        columns: their headings; with widths in characters, several tables are aligned with each
            other.
        left: headings of columns of words; the others are right-aligned figures.
        styled: the last cell is a verdict, which colours the row; text in brackets is dim.
    """
    from rich.table import Table
    from rich.text import Text

    table = Table(title=title, title_justify="left", box=None, padding=(0, 1, 0, 0))
    widths = columns if isinstance(columns, Mapping) else {}
    for heading in columns:
        justify: Any = "left" if heading in left else "right"
        table.add_column(heading, justify=justify, width=widths.get(heading), overflow="fold")
    for row in rows:
        style = STYLES.get(row[-1], "bold red") if styled else ""
        table.add_row(*map(Text, row), style="dim" if row[0].startswith("(") else style)
    console().print(table)


def write_text(path: Path, text: str) -> Path:
    """Write a file, in a folder that may be missing; the path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8", newline="\n")
    return path


def write_markdown(path: Path | None, text: str) -> None:
    """Write a report to the file that was asked for, if one was, and to GitHub's summary."""
    if path:
        write_text(path, text)
    if summary := os.environ.get("GITHUB_STEP_SUMMARY"):
        with Path(summary).open("a", encoding="utf-8") as file:
            file.write(text)
