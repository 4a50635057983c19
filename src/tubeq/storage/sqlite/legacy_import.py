"""Importing tasks and results of another file with the two tables of the original specification.

The old file is only read. Rows that were imported before are not imported again: tasks are
identified by their ids, results by their task, their source id and their number among
duplicates. (A file that is to become the queue itself is simply opened: see migrate.py.)
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from tubeq.domain.errors import InvalidParameters, SchemaMismatch, StorageCorrupt, StorageError
from tubeq.storage.ports.items import OnProgress
from tubeq.storage.ports.maintenance import Imported
from tubeq.storage.queries import load_queries
from tubeq.storage.sqlite.file.connection import connect_to_existing, translated
from tubeq.storage.sqlite.file.session import Session
from tubeq.storage.sqlite.migrate import APPLICATION_ID, SEED_COLUMNS, require_known_statuses

_SQL = load_queries("sqlite", "seed_import")
_BATCH = 500


def import_legacy(
    session: Session, path: Path, *, durable: bool, progress: OnProgress | None = None
) -> Imported:
    """See Maintenance.import_legacy. In short transactions: if it is killed half way, start it
    again.

    Tasks that the old program had claimed or was running get an expired lease, so that the next
    sweep requeues them: end the old program first.
    """
    if path.exists() and path.samefile(session.path):
        raise InvalidParameters(f"{path} is the queue itself: it holds its tasks already")
    if not path.is_file():
        raise StorageError(f"{path} is not a file")
    with _said_of(path), closing(connect_to_existing(path, "mode=ro")) as old:
        old.execute("BEGIN")  # one snapshot, even if others write meanwhile
        _require_seed(old, path)
        total = sum(old.execute(_SQL[f"count_{table}"]).fetchone()[0] for table in SEED_COLUMNS)
        return _Import(session, durable, total, progress).run(old)


@contextmanager
def _said_of(path: Path) -> Iterator[None]:
    """Errors of a damaged old file: restoring a backup of the queue would not help."""
    try:
        with translated(path):
            yield
    except StorageCorrupt as error:
        if not isinstance(error.__cause__, sqlite3.Error) or str(path) not in str(error):
            raise
        raise StorageCorrupt(
            f"{path} is not a SQLite database, or a damaged one ({error.__cause__}): name another "
            "file; what was imported until there stays"
        ) from error


def _require_seed(old: sqlite3.Connection, path: Path) -> None:
    if old.execute("PRAGMA application_id").fetchone()[0] == APPLICATION_ID:
        raise SchemaMismatch(
            f"{path} is a database of tubeq's own, not an older program's: use it with --db {path}"
        )
    for table, columns in SEED_COLUMNS.items():
        present = {row[1] for row in old.execute(f"PRAGMA table_info({table})")}
        missing = sorted(set(columns.split(", ")) - present)
        if missing:
            what = f"table {table} lacks {', '.join(missing)}" if present else f"no table {table}"
            raise SchemaMismatch(f"{path} has none of the older program's tasks: {what}")
    require_known_statuses(old, path)


class _Import:
    """One run of import_legacy."""

    def __init__(
        self, session: Session, durable: bool, total: int, progress: OnProgress | None
    ) -> None:
        self._session = session
        self._durable = durable
        self._total = total
        self._progress = progress
        self._done = 0
        self._known = 0
        self._conflicts: list[str] = []

    def run(self, old: sqlite3.Connection) -> Imported:
        tasks = sum(map(self._take_tasks, self._batches(old, "tasks")))
        orphans: int = old.execute(_SQL["count_orphans"]).fetchone()[0]
        results = sum(map(self._take_results, self._batches(old, "results")))
        return Imported(tasks, results, self._known, self._conflicts, orphans)

    def _batches(self, old: sqlite3.Connection, query: str) -> Iterator[list[tuple[Any, ...]]]:
        doubles: Counter[str] = Counter()
        with closing(old.execute(_SQL[query])) as cursor:
            while rows := cursor.fetchmany(_BATCH):
                yield [_named(row, doubles) for row in rows]
                self._done += len(rows)
                if self._progress:
                    self._progress(self._done, max(self._done, self._total))

    def _take_tasks(self, rows: Sequence[tuple[Any, ...]]) -> int:
        taken = 0
        with self._session.write(durable=self._durable, writes=1 + len(rows) // 8) as session:
            for row in rows:
                known = session.execute(_SQL["known_task"], row[:1]).fetchone()
                if known is None:
                    session.execute(_SQL["insert_task"], row)
                    taken += 1
                elif known == (*row[1:3], row[5]):
                    self._known += 1
                else:
                    self._conflicts.append(row[0])
        return taken

    def _take_results(self, rows: Sequence[tuple[Any, ...]]) -> int:
        strangers = set(self._conflicts)
        taken = 0
        with self._session.write(durable=self._durable, writes=1 + len(rows) // 8) as session:
            for row in rows:
                if row[1] in strangers:
                    continue
                if session.execute(_SQL["is_result_known"], (*row[1:3], row[-1])).fetchone()[0]:
                    self._known += 1
                else:
                    session.execute(_SQL["insert_result"], row)
                    taken += 1
        return taken


def _named(row: tuple[Any, ...], doubles: Counter[str]) -> tuple[Any, ...]:
    """The row, with an id where it lacks one: the same id each time the file is read."""
    if row[0] is not None:
        return row
    digest = hashlib.sha256(repr(row).encode("utf-8", "replace")).hexdigest()[:20]
    doubles[digest] += 1
    return (digest if doubles[digest] == 1 else f"{digest}-{doubles[digest]}", *row[1:])
