"""Rows as CSV, the same from every command: RFC 4180 in UTF-8, safe to open in a spreadsheet."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TextIO

FREE_TEXT = frozenset({"title", "description", "channel", "extra"})
"""The columns that hold untrusted free text. In all others are identifiers, handles, addresses,
numbers and times: other programs look these up, so they are never altered."""
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
_PASSED_OVER = " \v\f\xa0\u200b\u2028\u3000\ufeff"
"""What a spreadsheet may ignore in front of them."""


def csv_writer(file: TextIO, columns: Sequence[str]) -> Any:
    """The standard library's writer, with the header already written.

    With RFC 4180's line ends, a "\\r" within a string is quoted.
    """
    writer = csv.writer(file, lineterminator="\r\n")
    writer.writerow(columns)
    return writer


def csv_rows(
    columns: Sequence[str], rows: Iterable[Mapping[str, Any]], *, raw: bool = False
) -> Iterable[list[Any]]:
    """Rows as the writer takes them, nested values as JSON.

    Free text that a spreadsheet could take for a formula (it begins with one of = + - @, or with a
    tab or a line end) gets a "'" in front, which makes it plain text there; null characters are
    dropped.

    Args:
        raw: leave free text unchanged, too.
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
