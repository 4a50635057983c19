"""Reading a database that cannot be written: another user's, or on a read-only file system.

SQLite reads a database in WAL mode through two side files, which it creates where they are missing.
Where a reader cannot create them, or should not (that user would own them, and lock the owner out),
the database can still be read as one that no program changes (`immutable`): correct as long as the
log is empty.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import weakref
from contextlib import ExitStack, closing
from typing import Any, NoReturn

from tubeq.domain.errors import StorageError, StorageReadOnly
from tubeq.storage.database_file import OpenedFiles, side_file, size
from tubeq.storage.sqlite.file.connection import (
    ConnectionFactory,
    connect_to_existing,
    require_usable_place,
    translated,
)
from tubeq.storage.sqlite.file.session import Parameters, Session, _open_sessions
from tubeq.storage.sqlite.file.version import require_supported
from tubeq.storage.sqlite.migrate import is_current

_INDEX_BYTES = 32 * 1024
"""An index of the log that is in use is never shorter. A full disk leaves a shorter one."""


class ReadOnlyFactory(ConnectionFactory):
    """Opens connections that cannot write, and create nothing."""

    is_immutable = False
    """Whether the last connection assumes that no process changes the file."""

    def connect(self) -> sqlite3.Connection:
        """
        Raises:
            StorageReadOnly: its log cannot be read without writing.
        """
        self.is_immutable = self.is_unchanging()
        how = "immutable=1" if self.is_immutable else "mode=ro"
        connection = connect_to_existing(self.path, how, self.busy_timeout_s)
        try:
            connection.execute("PRAGMA temp_store = MEMORY")
            connection.execute("PRAGMA busy_timeout = 0")
        except BaseException:
            connection.close()
            raise
        return connection

    def is_unchanging(self) -> bool:
        """Whether the file alone holds everything, and no process has it open.

        Raises:
            StorageReadOnly: see connect.
        """
        if side_file(self.path, "-journal").exists():
            return False
        log, index = side_file(self.path, "-wal"), side_file(self.path, "-shm")
        if log.exists() and size(index) >= _INDEX_BYTES:
            return False
        if not size(log):
            return True
        raise StorageReadOnly(
            f"{self.path} has changes in its log {log.name}, and to read them without {index.name} "
            "takes write permission: run a command as its owner first, or copy both files to a "
            "folder of yours"
        )


class ReadOnlySession(Session):
    """A handle that only reads. It creates no side file and takes no lock but SQLite's read lock.

    Raises:
        StorageError: a subclass of it; StorageReadOnly where it must be migrated first.
    """

    is_read_only = True

    def __init__(self, factory: ReadOnlyFactory) -> None:
        require_supported()
        self.path = factory.path
        require_usable_place(self.path)
        if not self.path.exists():
            raise StorageError(f"{self.path} does not exist")
        if not os.access(self.path, os.R_OK):
            raise StorageReadOnly(f"{self.path} cannot even be read: check its permissions")
        self._factory: ReadOnlyFactory = factory
        self._mutex = threading.RLock()
        self._unusable = self._damaged = None
        self._look_at = 0.0
        self._files: OpenedFiles | None = None
        with ExitStack() as undo, translated(self.path):
            self._connection = undo.enter_context(closing(factory.connect()))
            self._retry_while_busy(self._require_current)
            self._files = OpenedFiles(factory.name, self.path, suffixes=())
            undo.pop_all()
        self._let_go = weakref.finalize(self, self._connection.close)
        _open_sessions.add(self)

    def _require_current(self) -> None:
        if not is_current(self._connection, self.path):
            raise StorageReadOnly(
                f"{self.path} was made by an older tubeq and has to be migrated before it is read: "
                "run 'tubeq db migrate' as a user who can write it"
            )

    def read(self, sql: str, parameters: Parameters = ()) -> list[Any]:
        """As Session.read. A file that was opened as one that no process changes is read once more,
        with SQLite's locks, if another program began to change it meanwhile."""
        rows = super().read(sql, parameters)
        if self._factory.is_immutable and not self._factory.is_unchanging():
            with self._mutex, translated(self.path):
                self._let_go()
                self._connection = self._factory.connect()
                self._let_go = weakref.finalize(self, self._connection.close)
            rows = super().read(sql, parameters)
        return rows

    def _enter(self) -> NoReturn:
        """Every write begins with this: it is refused."""
        readable = StorageReadOnly(f"{self.path} was opened read-only: this needs to write")
        raise self._unusable or readable
