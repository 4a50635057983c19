"""Rows as CSV, the same from every command: UTF-8 as RFC 4180 has it, harmless in a spreadsheet."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TextIO

FREE_TEXT = frozenset({"title", "description", "channel", "extra"})
"""The columns that hold a stranger's words. In all others are identifiers, handles, addresses,
numbers and times: other programs look these up, so they are never altered."""
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
_PASSED_OVER = " \v\f\xa0\u200b\u2028\u3000\ufeff"
"""What a spreadsheet may drop in front of them."""


def csv_writer(file: TextIO, columns: Sequence[str]) -> Any:
    """A writer of the standard library's, which has written the header.

    With RFC 4180's line ends, a "\\r" within a text is quoted.
    """
    writer = csv.writer(file, lineterminator="\r\n")
    writer.writerow(columns)
    return writer


def csv_rows(
    columns: Sequence[str], rows: Iterable[Mapping[str, Any]], *, raw: bool = False
) -> Iterable[list[Any]]:
    """Rows as the writer takes them, nested values as JSON.

    Free text that a spreadsheet could take for a formula (it begins with one of = + - @, or with a
    tab or a line end) gets a "'" in front, which makes it a text there; null characters are left
    out.

    Args:
        raw: leave free text as it is, too.
    """
    for row in rows:
        yield [_cell(row[name], guarded=name in FREE_TEXT and not raw) for name in columns]


def _cell(value: Any, guarded: bool) -> Any:
    if isinstance(value, (dict, list)):
        value = json.dumps(value, ensure_ascii=False) if value else ""
    if not guarded or not isinstance(value, str):
        return value
    value = value.replace("\0", "")
    return f"'{value}" if value.lstrip(_PASSED_OVER).startswith(_FORMULA_STARTS) else value
