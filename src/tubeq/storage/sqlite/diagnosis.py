"""What can be read of a database that may be damaged. Nothing is written."""

from __future__ import annotations

import os
import sqlite3
import time
from contextlib import closing
from pathlib import Path

from tubeq.storage.database_file import SIDE_FILES, access_problem, real_path, side_file
from tubeq.storage.ports.diagnosis import Diagnosis, Engine
from tubeq.storage.ports.tasks import OpenType, WorkerInfo
from tubeq.storage.queries import load_queries
from tubeq.storage.sqlite.file.connection import require_usable_place
from tubeq.storage.sqlite.file.version import MINIMUM, wal_reset_bug
from tubeq.storage.sqlite.statistics import open_types

_AT_MOST = 10
_STEPS_BETWEEN_LOOKS = 10_000


def engine() -> Engine:
    """The SQLite of this Python."""
    version = sqlite3.sqlite_version_info
    return Engine(sqlite3.sqlite_version, version >= MINIMUM, wal_reset_bug(version))


def diagnose(given: str | os.PathLike[str], *, within_s: float | None = None) -> Diagnosis:
    """What reading the database shows.

    Args:
        within_s: stop the check for damage after this many seconds: a large file takes a while.

    Raises:
        InvalidParameters: it is not a path.
        StorageError: no database can be kept there; the message says why and what to do.
    """
    path = real_path(given)
    require_usable_place(path)
    if not path.exists():
        return Diagnosis(path, exists=False)
    log = side_file(path, "-wal")
    sizes = path.stat().st_size, log.stat().st_size if log.exists() else 0
    seen = Diagnosis(path, access_problems=_access_problems(path), sizes=sizes)
    try:
        with closing(open_read_only(path)) as file:
            (schema,) = file.execute("PRAGMA user_version").fetchone()
            types, workers = _open_work(file)
    except sqlite3.Error as error:
        is_locked = any(each in str(error) for each in ("locked", "unable to open"))
        return seen._replace(unreadable=str(error), is_locked=is_locked, damage=(str(error),))
    found = damage_of(path, within_s=within_s)
    damage = None if found is None else tuple(found)
    return seen._replace(
        schema=schema,
        journal_mode=_journal_mode(path),
        open_types=types,
        workers=workers,
        damage=damage,
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
        # A URI, so that "?" or "#" in the path means nothing; read-only, so that nothing is made.
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as file:
            mode: str = file.execute("PRAGMA journal_mode").fetchone()[0]
            return mode
    except sqlite3.Error:
        return None


def open_read_only(path: Path) -> sqlite3.Connection:
    """A connection that changes nothing, and leaves no side files of a file that no process has
    open.

    Raises:
        sqlite3.Error: it cannot be read.
    """
    if any(Path(f"{path}{end}").exists() for end in ("-wal", "-journal")):
        connection = _connect(path, "mode=ro")
        try:
            connection.execute("PRAGMA schema_version").fetchone()
            return connection
        except sqlite3.DatabaseError:
            connection.close()
            # A log can only be read where its index can be made, which takes a little space.
            if _holds_frames(path) or Path(f"{path}-journal").exists():
                raise
    return _connect(path, "immutable=1")


def _connect(path: Path, how: str) -> sqlite3.Connection:
    uri = f"{path.absolute().as_uri()}?{how}"
    return sqlite3.connect(uri, uri=True, isolation_level=None, timeout=10)


def damage_of(path: Path, *, within_s: float | None = None) -> list[str] | None:
    """What SQLite finds wrong with the file, at most ten lines.

    Args:
        within_s: stop after this many seconds: a large file takes a while.

    Returns:
        Empty where nothing is wrong; None where the time ran out before anything was found.
    """
    deadline = None if within_s is None else time.monotonic() + within_s
    try:
        with closing(open_read_only(path)) as file:
            file.set_progress_handler(
                lambda: deadline is not None and time.monotonic() > deadline, _STEPS_BETWEEN_LOOKS
            )
            # Without the indexes' contents: that takes a tenth of the time of a full check.
            rows = file.execute(f"PRAGMA quick_check({_AT_MOST})").fetchall()
    except sqlite3.OperationalError as error:
        return None if "interrupted" in str(error) else [str(error)]
    except sqlite3.DatabaseError as error:
        return [str(error)]
    return [row[0] for row in rows if row[0] != "ok"]


def _holds_frames(path: Path) -> bool:
    try:
        return Path(f"{path}-wal").stat().st_size > 0
    except OSError:
        return False
