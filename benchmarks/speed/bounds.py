"""What bounds a figure that does not meet its limit, in words, for the tables.

A row that was not met bears the first text whose pattern fits "table: what" (as of file names, so
"*" stands for anything); a row that was met bears none.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from fnmatch import fnmatchcase

from benchmarks.speed.rows import Row

BOUNDS: Mapping[str, str] = {}


def explained(row: Row, bounds: Mapping[str, str] = BOUNDS) -> Row:
    """The row, with what bounds it where it was not met and says nothing itself."""
    if row.met or row.note:
        return row
    for pattern, text in bounds.items():
        if fnmatchcase(f"{row.table}: {row.what}", pattern):
            return replace(row, note=text)
    return row
