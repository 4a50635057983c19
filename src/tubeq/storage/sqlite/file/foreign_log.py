"""A write-ahead log that belongs to another database than the one at its path.

A write-ahead log does not say which database it belongs to. Move a backup over a database that is
in use, or that a crash left with a log, and SQLite would replay the old log into the backup: a
mixture of both, which a check may not notice. So the side file of locks holds the inode numbers of
the database and of its log, as they were last opened together. If the database has another inode
but the log the same, the database was put there since: that log is set aside, not deleted, before
any process opens it.

If both have other inodes, the folder was copied: they belong together. The last handle to close,
which deletes the log, deletes this note too: inode numbers are used again.
"""

from __future__ import annotations

import time
from contextlib import closing, suppress
from functools import partial
from pathlib import Path

from tubeq.domain.errors import StorageBusy
from tubeq.domain.held_files import retried
from tubeq.storage.database_file import identity, side_file
from tubeq.storage.sqlite.file.lock_file import DATABASE_INODE, LOG_INODE, LockFile
from tubeq.storage.sqlite.file.write_lock import OPEN_BYTE

_WHOLE = 2**64 - 1


def set_foreign_log_aside(database: Path, timeout_s: float) -> None:
    """Before the database is opened: rename a log of another database to `-wal.stale`.

    A process that still has the replaced database open keeps its log and its index: it holds them
    by their inodes, and stops using them as soon as it checks (see OpenedFiles).

    Raises:
        StorageBusy: another process has been opening it for too long, or holds the log.
        OSError: it cannot be renamed.
    """
    lock_path, log = side_file(database, "-lock"), side_file(database, "-wal")
    with suppress(FileNotFoundError):
        if lock_path.stat().st_size == 0 or not log.exists():
            return
        with closing(LockFile(lock_path, database)) as locks:
            if _is_foreign(locks, database, log):
                wait_for_opening(locks, database, timeout_s)
                if _is_foreign(locks, database, log):
                    aside = side_file(database, "-wal.stale")
                    retried(partial(log.replace, aside), log)
                    index = side_file(database, "-shm")
                    retried(partial(index.unlink, missing_ok=True), index)
                    import logging

                    logging.getLogger("tubeq.storage").warning(
                        "%s was replaced: the log of the file before it was set aside as %s",
                        database,
                        aside,
                    )
                locks.unlock(OPEN_BYTE)


def note_opened(locks: LockFile, database: Path) -> None:
    """After the database was opened: record that this log belongs to it."""
    opened = _inodes(database, side_file(database, "-wal"))
    if opened is not None:
        locks.opened[DATABASE_INODE], locks.opened[LOG_INODE] = opened


def forget_opened(locks: LockFile, database: Path) -> None:
    """After a handle was closed: where that deleted the log, forget its inode number."""
    with suppress(OSError):
        if identity(side_file(database, "-wal")) is None:
            locks.opened[LOG_INODE] = 0


def wait_for_opening(locks: LockFile, database: Path, timeout_s: float) -> None:
    """Take the lock under which one process at a time prepares a database.

    Raises:
        StorageBusy: another process has held it for too long.
    """
    deadline = time.monotonic() + timeout_s
    while not locks.try_lock(OPEN_BYTE):
        if time.monotonic() > deadline:
            raise StorageBusy(f"{database}: another process has been opening it for too long")
        time.sleep(0.005)


def _is_foreign(locks: LockFile, database: Path, log: Path) -> bool:
    opened = _inodes(database, log)
    if opened is None or not locks.opened[LOG_INODE]:
        return False
    return opened[1] == locks.opened[LOG_INODE] and opened[0] != locks.opened[DATABASE_INODE]


def _inodes(database: Path, log: Path) -> tuple[int, int] | None:
    found, log_found = identity(database), identity(log)
    if found is None or log_found is None:
        return None
    return found[1] & _WHOLE, log_found[1] & _WHOLE
