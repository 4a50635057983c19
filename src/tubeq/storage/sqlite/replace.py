"""Replaces a database by another file such that, whenever a process is killed, one complete
database is at the path: the old one or the new one.

The danger is the old file's write-ahead log. SQLite finds a log by its name alone, and would replay
the old one into the new file. So the order is: move the log into the old file, which is then
complete by itself, under a lock that keeps other processes from adding to it; keep the old file
under another name; remove its log; rename. A program that starts in between finds the old file,
without a log.

A process that still has the old file open (`force`) goes on with it and its log, which no longer
have a name: SQLite does not remove the new log when such a connection closes, as it first checks
whether the file was moved. On Windows a file that is open keeps its name: there it is not replaced.
"""

from __future__ import annotations

import os
import sqlite3
import sys
import time
from contextlib import suppress
from functools import partial
from pathlib import Path

from tubeq.domain.errors import StorageBusy
from tubeq.domain.held_files import retried
from tubeq.storage.sqlite.file.connection import (
    connect_to_existing,
    full_fsync,
    translate,
    translated,
)
from tubeq.storage.sqlite.file.kept_names import kept_names

_ALONE_WAIT_S = 1.0
_ENDING_WAIT_S = 2.0
"""With `force`, workers have just been asked to stop."""
_FORCED_WAIT_S = 5.0
_RETRY_S = 0.01


def replace_database(path: Path, new: Path, *, force: bool = False) -> Path | None:
    """Put `new`, a database without a log, where `path` is, which may be missing or damaged.

    Args:
        path: the database; not a link.
        new: a file in the same folder.
        force: also where others have the old one open.

    Returns:
        The name under which the old file is kept; None where it was missing or empty.

    Raises:
        StorageBusy: others have it open; with `force`, only where one of them does not release a
            lock, or where this is Windows.
        StorageError: a file cannot be linked, removed or renamed.
    """
    kept = None
    held: list[sqlite3.Connection] = []
    try:
        with translated(path):
            if sys.platform == "win32":
                _require_closed(path)
            if path.exists() and path.stat().st_size:
                is_complete = _hold(path, held, force)
                kept = _keep(path, with_log=not is_complete)
            if sys.platform == "win32":  # where this process's own connections are in the way, too
                _close(held)
            for end in ("-wal", "-shm", "-journal"):
                side = Path(f"{path}{end}")
                retried(partial(side.unlink, missing_ok=True), side)
            retried(partial(new.replace, path), path)
            sync_folder(path.parent)
    except BaseException:
        _close(held)  # before: SQLite would remove the log that it finds at its own name
        if kept is not None:
            _put_back(path, kept)
        raise
    finally:
        _close(held)
    return kept


def _require_closed(path: Path) -> None:
    """Before anything is changed: on Windows only a file that is not open can be renamed, be it to
    its own name.

    Raises:
        StorageBusy: a program has the database open, also after some time to end.
    """
    for each in (path, Path(f"{path}-wal"), Path(f"{path}-shm")):
        try:
            if each.exists():
                retried(partial(each.rename, each), each)
        except (StorageBusy, PermissionError):
            raise StorageBusy(
                f"{path} is open in another program: end that (workers: 'tubeq stop'); Windows "
                "does not replace a file that is open"
            ) from None


def _hold(path: Path, held: list[sqlite3.Connection], force: bool) -> bool:
    """Keep other processes from writing to the database as long as these connections are open;
    whether its log was moved into it. It was not where the file is damaged: then there is nothing
    to lock."""
    try:
        wait_s = _ENDING_WAIT_S if force else _ALONE_WAIT_S
        held.append(connect_to_existing(path, "mode=rw", wait_s))
        # With this, SQLite's lock excludes even readers, and is kept until the connection closes.
        held[0].execute("PRAGMA locking_mode = EXCLUSIVE")
        held[0].execute("BEGIN EXCLUSIVE")
        held[0].execute("COMMIT")
        held[0].execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        return True
    except sqlite3.DatabaseError as error:
        if not isinstance(translate(error, path), StorageBusy):
            return False
    if not force:
        raise StorageBusy(
            f"{path} is open in another program: end that (workers: 'tubeq stop'), or give --force"
        )
    _close(held)
    try:
        held += [connect_to_existing(path, "mode=rw", each) for each in (_FORCED_WAIT_S, 0.0)]
        held[0].execute("BEGIN IMMEDIATE")
        return _move_log(held[1], path)
    except sqlite3.DatabaseError as error:
        if isinstance(translate(error, path), StorageBusy):
            raise StorageBusy(
                f"{path}: a program holds it locked for {_FORCED_WAIT_S:g} s: end that program"
            ) from error
        return False


def _move_log(connection: sqlite3.Connection, path: Path) -> bool:
    """Move the complete log into the database while another connection has the write lock."""
    deadline = time.monotonic() + _FORCED_WAIT_S
    while True:
        with suppress(sqlite3.OperationalError):
            _, pages, moved = connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
            if pages == moved:  # both are -1 where there is no log
                return True
        if time.monotonic() > deadline:
            raise StorageBusy(f"{path}: a program reads it all the time: end that program")
        time.sleep(_RETRY_S)


def _close(held: list[sqlite3.Connection]) -> None:
    while held:
        held.pop().close()


def _keep(path: Path, *, with_log: bool) -> Path:
    """Give the file, and its log, a second name: the first one that is free, or that a killed
    restore gave it."""
    for kept in kept_names(path):
        if kept.exists() and kept.samefile(path):
            return kept
        if not (kept.exists() or Path(f"{kept}-wal").exists()):
            break
    log = Path(f"{path}-wal")
    if with_log and log.exists():
        _link(log, Path(f"{kept}-wal"))
    _link(path, kept)
    return kept


def _link(path: Path, other: Path) -> None:
    try:
        os.link(path, other)
    except OSError:  # a file system without links: for a moment no file is at the path
        path.replace(other)


def _put_back(path: Path, kept: Path) -> None:
    """After an error: give the file and its log their own names again, and no others."""
    for end in ("-wal", ""):
        own, other = Path(f"{path}{end}"), Path(f"{kept}{end}")
        with suppress(OSError):
            if not own.exists():
                other.replace(own)
            elif own.samefile(other):
                other.unlink()


def sync_folder(folder: Path) -> None:
    """Sync the folder, so that its names are on disk, where the system supports that."""
    if sys.platform != "win32":
        sync(folder, os.O_RDONLY)


def sync(path: Path, flags: int) -> None:
    """Sync what is at the path, opened with these flags."""
    descriptor = os.open(path, flags)
    try:
        full_fsync(descriptor)
    finally:
        os.close(descriptor)
