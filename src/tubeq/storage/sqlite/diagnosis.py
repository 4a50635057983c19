"""What can be read of a database that may be damaged. Nothing is written."""

from __future__ import annotations

import os
import sqlite3
import time
from contextlib import closing
from pathlib import Path

from tubeq.storage.database_file import SIDE_FILES, access_problem, real_path, side_file, size
from tubeq.storage.ports.diagnosis import Diagnosis, Engine
from tubeq.storage.ports.tasks import OpenType, WorkerInfo
from tubeq.storage.queries import load_queries
from tubeq.storage.sqlite.file.connection import connect_to_existing, require_usable_place
from tubeq.storage.sqlite.file.version import MINIMUM, wal_reset_bug
from tubeq.storage.sqlite.statistics import open_types

_AT_MOST = 10
_STEPS_BETWEEN_LOOKS = 10_000


def engine() -> Engine:
    """The SQLite of this Python."""
    version = sqlite3.sqlite_version_info
    return Engine(sqlite3.sqlite_version, version >= MINIMUM, wal_reset_bug(version))


def diagnose(given: str | os.PathLike[str], *, within_s: float | None = None) -> Diagnosis:
    """See tubeq.storage.diagnose."""
    path = real_path(given)
    require_usable_place(path)
    if not path.exists():
        return Diagnosis(path, exists=False)
    sizes = size(path), size(side_file(path, "-wal"))
    seen = Diagnosis(path, access_problems=_access_problems(path), sizes=sizes)
    try:
        with closing(open_read_only(path)) as file:
            (schema,) = file.execute("PRAGMA user_version").fetchone()
            types, workers = _open_work(file)
    except sqlite3.Error as error:
        is_locked = any(each in str(error) for each in ("locked", "unable to open"))
        return seen._replace(unreadable=str(error), is_locked=is_locked, damage=(str(error),))
    return seen._replace(
        schema=schema,
        journal_mode=_journal_mode(path),
        open_types=types,
        workers=workers,
        damage=_damage_of(path, within_s),
    )


def _access_problems(path: Path) -> tuple[str, ...]:
    problem = access_problem(path, path)
    if problem is not None:  # the same fix helps its side files
        return (problem,)
    others = (access_problem(side_file(path, suffix), path) for suffix in SIDE_FILES)
    return tuple(filter(None, others))


def _open_work(
    file: sqlite3.Connection,
) -> tuple[tuple[OpenType, ...], tuple[WorkerInfo, ...] | None]:
    queries = load_queries("sqlite")
    now = time.time()
    try:
        rows = file.execute(queries["open_types"], {"now": now}).fetchall()
        workers = tuple(WorkerInfo(*row) for row in file.execute(queries["workers"]))
    except sqlite3.Error:  # of an older schema, or not a queue
        return (), None
    return tuple(open_types(rows, now)), workers


def _journal_mode(path: Path) -> str | None:
    """None where the log's index can be neither read nor made, as on a read-only file system."""
    try:
        with closing(connect_to_existing(path, "mode=ro")) as file:
            return str(file.execute("PRAGMA journal_mode").fetchone()[0])
    except sqlite3.Error:
        return None


def open_read_only(path: Path) -> sqlite3.Connection:
    """A connection that changes nothing, and leaves no side files of a file that no process has
    open.

    Raises:
        sqlite3.Error: it cannot be read.
    """
    if any(side_file(path, end).exists() for end in ("-wal", "-journal")):
        connection = connect_to_existing(path, "mode=ro")
        try:
            connection.execute("PRAGMA schema_version").fetchone()
            return connection
        except sqlite3.DatabaseError:
            connection.close()
            # A log can only be read where its index can be made, which takes a little space.
            if size(side_file(path, "-wal")) or side_file(path, "-journal").exists():
                raise
    return connect_to_existing(path, "immutable=1")


def _damage_of(path: Path, within_s: float | None) -> tuple[str, ...] | None:
    """See Diagnosis.damage."""
    deadline = None if within_s is None else time.monotonic() + within_s
    try:
        with closing(open_read_only(path)) as file:
            file.set_progress_handler(
                lambda: deadline is not None and time.monotonic() > deadline, _STEPS_BETWEEN_LOOKS
            )
            # Without the indexes' contents: that takes a tenth of the time of a full check.
            rows = file.execute(f"PRAGMA quick_check({_AT_MOST})").fetchall()
    except sqlite3.OperationalError as error:
        return None if "interrupted" in str(error) else (str(error),)
    except sqlite3.DatabaseError as error:
        return (str(error),)
    return tuple(row[0] for row in rows if row[0] != "ok")
