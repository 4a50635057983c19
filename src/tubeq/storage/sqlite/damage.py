"""What can be seen of a damaged database. It only reads."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from pathlib import Path

_AT_MOST = 10
_STEPS_BETWEEN_LOOKS = 10_000


def open_read_only(path: Path) -> sqlite3.Connection:
    """A connection that changes nothing, and leaves nothing beside a file that nobody has open.

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
    """What SQLite finds wrong with the file, at most ten lines of it.

    Args:
        within_s: give up after so many seconds: a large file takes a while.

    Returns:
        Empty where all is well; None where the time was not enough, and nothing found until then.
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
