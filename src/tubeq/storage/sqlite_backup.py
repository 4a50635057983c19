"""Copying a database that is in use."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

from tubeq.domain.errors import StorageCorrupt, StorageError
from tubeq.storage.connection import translated
from tubeq.storage.session import Session


def back_up(session: Session, path: Path) -> Path:
    """See SQLiteStorage.backup."""
    if path.resolve() == session.path.resolve():
        raise StorageError(f"{path} is the database itself: name another file")
    partial = path.with_name(path.name + ".partial")
    with translated(path):
        partial.unlink(missing_ok=True)
        os.close(os.open(partial, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        copy = sqlite3.connect(partial)
        try:
            session.snapshot(copy)
            found = copy.execute("PRAGMA integrity_check").fetchone()[0]
        finally:
            copy.close()
        if found != "ok":
            partial.unlink()
            raise StorageCorrupt(f"{session.path} is damaged ({found}): copy discarded")
        partial.replace(path)
    return path
