"""Copying a database that is in use."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from tubeq.domain.errors import StorageCorrupt, StorageError, StorageFull, StorageReadOnly
from tubeq.domain.held_files import retried
from tubeq.storage.sqlite.file.connection import translated
from tubeq.storage.sqlite.file.session import Session
from tubeq.storage.sqlite.replace import sync_folder

_SIDE_FILES = ("", "-wal", "-shm", "-journal", "-lock", "-wake")


def back_up(session: Session, path: Path) -> Path:
    """See SQLiteStorage.backup."""
    if path.is_dir():
        raise StorageError(f"{path} is a folder: name a file in it")
    if not path.parent.is_dir():
        raise StorageError(f"the folder {path.parent} does not exist: create it first")
    own = [Path(f"{session.path.resolve()}{end}") for end in _SIDE_FILES]
    if path.resolve() in own or any(path.exists() and _same(path, each) for each in own):
        raise StorageError(f"{path} is the database itself, or a part of it: name another file")
    partial = path.with_name(path.name + ".partial")
    with _said_of(partial, path):
        retried(lambda: partial.unlink(missing_ok=True), partial)
        os.close(os.open(partial, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        with closing(sqlite3.connect(partial)) as copy:
            session.snapshot(copy)
            found = copy.execute("PRAGMA integrity_check").fetchone()[0]
        if found != "ok":
            raise StorageCorrupt(
                f"{session.path} is damaged ({found}): no backup was made; restore an earlier one "
                "with 'tubeq db restore BACKUP'"
            )
        retried(lambda: partial.replace(path), path)
        sync_folder(path.parent)
    return path


def _same(path: Path, other: Path) -> bool:
    return other.exists() and path.samefile(other)


@contextmanager
def _said_of(partial: Path, path: Path) -> Iterator[None]:
    """Leaves no partial backup, and names the user's file in every error."""
    try:
        with translated(path):
            yield
    except BaseException as error:
        for each in (partial, Path(f"{partial}-journal"), Path(f"{partial}-wal")):
            with suppress(OSError):
                each.unlink(missing_ok=True)
        if isinstance(error, StorageFull):
            raise StorageFull(
                f"{path}: no space is left for the backup: free some, or name a file on another "
                "disk; no backup was made"
            ) from error
        if isinstance(error.__cause__, PermissionError):
            raise StorageReadOnly(
                f"{path.parent} cannot be written: check its permissions, or name another folder"
            ) from error
        if isinstance(error, StorageError):
            raise type(error)(str(error).replace(str(partial), str(path))) from error
        raise
