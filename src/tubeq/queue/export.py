"""Writing all items, or all results, to a file that other programs read.

Rows are read page by page, so memory stays small; a file is written under a temporary name in the
same folder and renamed once it is complete.
"""

from __future__ import annotations

import json
import os
import re
import sqlite3
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from enum import Enum
from functools import partial
from pathlib import Path
from typing import Any, TextIO

from tubeq.domain.errors import InvalidParameters, StorageBusy, StorageError
from tubeq.domain.held_files import retried
from tubeq.domain.items import Item
from tubeq.domain.json_format import SCHEMA, iso_time
from tubeq.domain.models import Result
from tubeq.queue.csv_rows import csv_rows, csv_writer
from tubeq.storage import Storage
from tubeq.storage.ports.items import ItemStore, OnProgress

_PAGE = 500
_Pages = Iterator[tuple[int, int, list[dict[str, Any]]]]
_RAW_CONTROLS = re.compile("[\x7f-\x9f]")


class What(str, Enum):
    """What is exported."""

    ITEMS = "items"
    RESULTS = "results"

    __str__ = str.__str__


class ExportFormat(str, Enum):
    """The format of the file."""

    JSONL = "jsonl"
    CSV = "csv"
    SQLITE = "sqlite"

    __str__ = str.__str__


_SUFFIXES = {
    ".jsonl": ExportFormat.JSONL, ".ndjson": ExportFormat.JSONL, ".csv": ExportFormat.CSV,
    ".db": ExportFormat.SQLITE, ".sqlite": ExportFormat.SQLITE, ".sqlite3": ExportFormat.SQLITE,
}  # fmt: skip
_COLUMNS: Mapping[What, Mapping[str, str]] = {
    What.ITEMS: {
        "source_id": "TEXT PRIMARY KEY", "title": "TEXT", "channel": "TEXT", "views": "INTEGER",
        "views_exact": "INTEGER", "likes": "INTEGER", "comments": "INTEGER", "score": "REAL",
        "duration_s": "REAL", "published_at": "TEXT", "url": "TEXT", "channel_id": "TEXT",
        "handle": "TEXT", "first_seen_at": "TEXT", "last_seen_at": "TEXT", "times_seen": "INTEGER",
        "description": "TEXT", "extra": "TEXT",
    },
    What.RESULTS: {
        "result_id": "TEXT", "task_id": "TEXT", "source_id": "TEXT", "title": "TEXT",
        "score": "REAL", "views": "INTEGER", "duration_s": "REAL", "published_at": "TEXT",
        "url": "TEXT", "created_at": "TEXT", "description": "TEXT", "extra": "TEXT",
    },
}  # fmt: skip


def format_of(path: Path) -> ExportFormat:
    """The format that a file's name implies.

    Raises:
        InvalidParameters: it implies none.
    """
    form = _SUFFIXES.get(path.suffix.lower())
    if form is None:
        names = ", ".join(_SUFFIXES)
        raise InvalidParameters(
            f"{path.name!r:.80} does not imply a format: give --format, or end it in {names}"
        )
    return form


def export(
    storage: Storage,
    path: Path | None,
    what: What,
    form: ExportFormat,
    *,
    replace: bool = False,
    raw: bool = False,
    progress: OnProgress | None = None,
) -> int:
    """Write everything there is; how many rows.

    Times are ISO 8601, UTC. JSON lines hold the data unchanged, and in `schema` the version of
    their format; for CSV see `csv_rows`. A SQLite file has a table `items` or `results`, and with
    items also `counts`.

    Args:
        path: where to; None for standard output, which a SQLite file cannot go to.
        replace: overwrite an existing file.
        raw: in CSV, alter nothing, not even what a spreadsheet takes for a formula.

    Raises:
        InvalidParameters: `path` exists already, or cannot be written to; or `raw` is set for
            another format.
        StorageError: it cannot be read, or written.
    """
    if raw and form is not ExportFormat.CSV:
        raise InvalidParameters(f"--raw goes with CSV: {form} holds the data unchanged anyway")
    writers: dict[ExportFormat, Callable[[TextIO, What, _Pages], int]] = {
        ExportFormat.JSONL: _write_jsonl,
        ExportFormat.CSV: partial(_write_csv, raw=raw),
    }
    write = writers.get(form)
    if what is What.ITEMS:
        storage.items.fold()
    pages = _pages(storage, what, progress)
    if path is None:
        if write is None:
            raise InvalidParameters("a SQLite file cannot go to standard output: name a file")
        if hasattr(sys.stdout, "reconfigure"):
            sys.stdout.reconfigure(encoding="utf-8", newline="")
        return write(sys.stdout, what, pages)
    with _put_in_place(path, replace) as unfinished:
        try:
            if write is None:
                return _write_sqlite(unfinished, what, pages, storage.items)
            with unfinished.open("w", encoding="utf-8", newline="") as file:
                count = write(file, what, pages)
                file.flush()
                os.fsync(file.fileno())
                return count
        except (OSError, sqlite3.Error) as error:
            raise StorageError(f"{path} cannot be written: {error}") from error


@contextmanager
def _put_in_place(path: Path, replace: bool) -> Iterator[Path]:
    """A new file of a temporary name; afterwards it is at `path`, or deleted after a failure."""
    if path.is_dir() or not path.parent.is_dir():
        raise InvalidParameters(f"{path} is not a file that can be written")
    if path.exists() and not replace:
        raise InvalidParameters(f"{path} exists already: give another name, or --force")
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        os.close(os.open(partial, os.O_CREAT | os.O_TRUNC | os.O_RDWR, 0o600))
        yield partial
        retried(lambda: partial.replace(path), path)
    except OSError as error:
        raise StorageError(f"{path} cannot be written: {error}") from error
    finally:
        with suppress(StorageBusy):
            retried(lambda: partial.unlink(missing_ok=True), partial)


def _pages(storage: Storage, what: What, progress: OnProgress | None) -> _Pages:
    """All rows, page by page: the range of their numbers, and their contents."""
    total = storage.items.count_items() if what is What.ITEMS else storage.stats().results
    read: Callable[[int, int], Sequence[tuple[int, Item | Result]]] = (
        storage.items.item_page if what is What.ITEMS else storage.items.result_page
    )
    after = done = 0
    while page := read(after, _PAGE):
        yield after, page[-1][0], [_row(each, what) for _, each in page]
        after = page[-1][0]
        done += len(page)
        if progress:
            progress(done, max(done, total))


def _row(each: Item | Result, what: What) -> dict[str, Any]:
    row = {name: each.get(name) for name in _COLUMNS[what]}
    row |= {name: iso_time(value) for name, value in row.items() if name.endswith("_at")}
    if isinstance(each, Item):
        row["views_exact"] = each.counts.views_exact
    row["extra"] = _decoded(each.extra_json)
    return row


_decode = json.JSONDecoder(parse_constant=lambda _: None).decode


def _decoded(text: str | None) -> Any:
    """What is stored beyond the columns; the string itself where another program wrote something
    other than JSON."""
    try:
        return {} if text is None else _decode(text)
    except (ValueError, TypeError, RecursionError):
        return text


def _write_jsonl(file: TextIO, what: What, pages: _Pages) -> int:  # noqa: ARG001
    count = 0
    for _, _, rows in pages:
        for row in rows:
            text = json.dumps({"schema": SCHEMA, **row}, ensure_ascii=False, default=repr)
            # JSON allows C1 control characters, and some terminals execute them.
            file.write(_RAW_CONTROLS.sub(lambda match: f"\\u{ord(match[0]):04x}", text) + "\n")
        count += len(rows)
    return count


def _write_csv(file: TextIO, what: What, pages: _Pages, *, raw: bool) -> int:
    columns = list(_COLUMNS[what])
    writer = csv_writer(file, columns)
    count = 0
    for _, _, rows in pages:
        writer.writerows(csv_rows(columns, rows, raw=raw))
        count += len(rows)
    return count


def _write_sqlite(path: Path, what: What, pages: _Pages, items: ItemStore) -> int:
    columns = _COLUMNS[what]
    count = 0
    with closing(sqlite3.connect(path, isolation_level=None)) as file:
        file.execute("PRAGMA journal_mode = OFF")  # an incomplete file is deleted
        declared = ", ".join(f"{name} {kind}" for name, kind in columns.items())
        file.execute("BEGIN")
        file.execute(f"CREATE TABLE {what} ({declared})")
        if what is What.ITEMS:
            file.execute(
                "CREATE TABLE counts (source_id TEXT, at TEXT, views INTEGER, likes INTEGER, "
                "comments INTEGER, views_exact INTEGER, PRIMARY KEY (source_id, at)) WITHOUT ROWID"
            )
        values = ", ".join("?" for _ in columns)
        for first, last, rows in pages:
            file.executemany(
                f"INSERT INTO {what} VALUES ({values})",  # noqa: S608 - names of this module
                ([_column(value) for value in row.values()] for row in rows),
            )
            count += len(rows)
            if what is What.ITEMS:
                kept = (
                    (one, iso_time(count.at), *count[1:4], count.views_exact)
                    for one, count in items.counts_between(first, last)
                )
                file.executemany("INSERT INTO counts VALUES (?, ?, ?, ?, ?, ?)", kept)
        file.execute("COMMIT")
    return count


def _column(value: Any) -> Any:
    return json.dumps(value, ensure_ascii=False) if isinstance(value, (dict, list)) else value
