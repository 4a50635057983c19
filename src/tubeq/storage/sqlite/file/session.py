"""One handle on one SQLite file: opening, transactions, threads, forks, closing."""

from __future__ import annotations

import os
import sqlite3
import threading
import time
import weakref
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, closing, suppress
from functools import partial
from typing import Any, TypeVar

from tubeq.domain.clock import Clock, to_timestamp
from tubeq.domain.errors import (
    InvalidParameters,
    StorageBusy,
    StorageCorrupt,
    StorageError,
    StorageNotSynced,
    StorageReplaced,
    UnsafeStorage,
)
from tubeq.storage.database_file import OpenedFiles, identity, share_log, side_file
from tubeq.storage.sqlite.file.connection import (
    ConnectionFactory,
    prepare_path,
    translate,
    translated,
)
from tubeq.storage.sqlite.file.foreign_log import (
    forget_opened,
    note_opened,
    set_foreign_log_aside,
    wait_for_opening,
)
from tubeq.storage.sqlite.file.lock_file import LockFile
from tubeq.storage.sqlite.file.version import require_supported
from tubeq.storage.sqlite.file.wal import Checkpointer, WalSync
from tubeq.storage.sqlite.file.write_lock import OPEN_BYTE, WriteLock, is_busy
from tubeq.storage.sqlite.migrate import is_current, migrate

LOOK_EVERY_S = 0.01
"""The shortest time between two checks of a handle in use whether the files are still those that it
opened: a few microseconds each time. A change that was stored within that time after they were
replaced is lost with them."""
_Answer = TypeVar("_Answer")
Parameters = Mapping[str, Any] | Sequence[Any]
WhenVisible = Callable[[], None] | None
"""Called when others can see a change, before it is on disk."""


class Session:
    """Reads and writes on one file, for all threads of this process.

    Raises:
        StorageError: opening it, reads and writes raise a subclass of it, which says what is wrong
            with the file and what to do.
    """

    is_read_only = False

    def __init__(self, factory: ConnectionFactory, clock: Clock, *, create: bool = True) -> None:
        require_supported()
        self.path = factory.path
        prepare_path(self.path, create=create)
        self._factory = factory
        self._mutex = threading.RLock()
        self._unusable: StorageError | None = None
        self._damaged: StorageCorrupt | None = None
        self._files: OpenedFiles | None = None
        with ExitStack() as undo, translated(self.path):
            set_foreign_log_aside(self.path, factory.busy_timeout_s)
            before = identity(self.path)
            self._connection = undo.enter_context(closing(factory.connect()))
            # Before anything is written, even the side file, check that the file is a tubeq
            # database.
            ready = self._retry_while_busy(self._is_ready)
            self._locks = LockFile(side_file(self.path, "-lock"), self.path)
            undo.enter_context(closing(self._locks))
            if not ready:
                self._retry_while_busy(lambda: self._bring_up(to_timestamp(clock.now()), before))
            share_log(self.path)
            self._write_lock = WriteLock(self._locks, factory.busy_timeout_s)
            self._wal = undo.enter_context(closing(WalSync(factory, self._locks)))
            self._files = OpenedFiles(factory.name, self.path)
            self._require_opened(before)
            note_opened(self._locks, self.path)
            self._checkpointer = Checkpointer(factory, self._wal, self._files.require_same)
            undo.pop_all()
        self._look_at = 0.0
        # Also without a call of close: when the handle is garbage-collected, or the program ends.
        self._let_go: weakref.finalize[..., Any] = weakref.finalize(
            self, _call_each, self._checkpointer.close, self._wal.close, self._connection.close,
            partial(forget_opened, self._locks, self.path), self._locks.close,
        )  # fmt: skip
        _open_sessions.add(self)

    def read(self, sql: str, parameters: Parameters = ()) -> list[Any]:
        """All rows of a query. No cursor stays open: no snapshot keeps the log from shrinking."""
        if self._unusable:
            raise self._unusable
        if time.monotonic() >= self._look_at:
            self._require_same_files()
        with self._mutex:
            try:
                return self._connection.execute(sql, parameters).fetchall()
            except sqlite3.Error as error:
                if isinstance(error, sqlite3.OperationalError) and is_busy(error):
                    execute = self._connection.execute
                    return self._retry_while_busy(lambda: execute(sql, parameters).fetchall())
                raise self._meaning(error) from error

    def write(
        self, *, durable: bool, writes: int = 1, when_visible: WhenVisible = None
    ) -> Transaction:
        """A transaction for a `with` statement, holding SQLite's write lock from its first line.

        Args:
            durable: it is on disk when the `with` statement ends.
            writes: roughly how many small writes it amounts to.
        """
        return Transaction(self, durable, writes, when_visible)

    def write_one(
        self,
        sql: str,
        parameters: Parameters,
        *,
        durable: bool,
        when_visible: WhenVisible = None,
    ) -> tuple[list[Any], int]:
        """One statement, a transaction of its own: the rows that it returns, and how many it
        changed.

        It is as safe as with BEGIN IMMEDIATE and COMMIT around it: SQLite takes the write lock
        before it reads anything. Without them, a claim takes a tenth less time."""
        connection = self._connection
        cursor = None
        self._enter()
        try:
            before = connection.total_changes
            cursor = self._write_lock.take(connection.execute, sql, parameters)
            rows = cursor.fetchall()
            changed = connection.total_changes - before
            if changed:
                self._checkpointer.note_writes(1)
        except BaseException as error:
            if cursor is not None:
                cursor.close()  # a statement that has not been read to its end holds SQLite's lock
            if isinstance(error, _MEANT):
                raise self._meaning(error) from error
            raise
        finally:
            self._leave()
        if changed:
            self._settle(durable, when_visible)
        return rows, changed

    def execute(self, sql: str, parameters: Parameters = ()) -> sqlite3.Cursor:
        """Execute a statement of the open transaction."""
        return self._connection.execute(sql, parameters)

    def executemany(self, sql: str, rows: Sequence[Parameters]) -> int:
        """Execute a statement of the open transaction for each of the rows; how many rows of the
        table they changed."""
        return self._connection.executemany(sql, rows).rowcount

    def snapshot(self, target: sqlite3.Connection) -> None:
        """Copy the database as it is now to another connection, while the handle stays in use."""
        self._require_same_files()
        with translated(self.path), closing(self._factory.connect()) as source:
            source.backup(target)

    def close(self) -> None:
        """Close the file. Closing twice is not an error."""
        with self._mutex:
            if self._let_go.alive:
                self._unusable = StorageError(f"{self.path} was closed: open it again")
                _open_sessions.discard(self)
                self._let_go()

    def _require_same_files(self) -> None:
        """Also called by every read and write, if the last check was long enough ago.

        Raises:
            StorageReplaced: the path no longer leads to the file that was opened.
        """
        if self._files is None:
            return
        self._look_at = time.monotonic() + LOOK_EVERY_S
        try:
            self._files.require_same()
        except StorageReplaced as error:
            self._unusable = self._unusable or error
            raise

    def _enter(self) -> None:
        """Keep this process's other threads from writing; refuse to write to a damaged file."""
        if self._unusable or self._damaged:
            raise self._unusable or self._damaged  # type: ignore[misc]
        if time.monotonic() >= self._look_at:
            self._require_same_files()
        self._mutex.acquire()

    def _leave(self) -> None:
        """After a write, with SQLite's lock released."""
        try:
            self._write_lock.given_back()
        finally:
            self._mutex.release()

    def _settle(self, durable: bool, when_visible: WhenVisible) -> None:
        """After a commit, with no lock held: checkpoint and sync the log. No failure here may look
        as if nothing had been stored.

        Raises:
            StorageNotSynced: the change is stored; the disk did not confirm it.
        """
        try:
            if when_visible:
                when_visible()
            self._checkpointer.keep_up()
        except Exception as error:  # noqa: BLE001 - a thread too many, a handle closed meanwhile
            import logging

            logger = logging.getLogger("tubeq.storage")
            logger.warning("%s: after a change was stored: %s", self.path, error)
        if durable:
            try:
                self._wal.sync()
            except (sqlite3.Error, OSError, ValueError) as error:  # ValueError: closed meanwhile
                raise StorageNotSynced(
                    f"{self.path}: the change is stored, but the disk did not confirm it ({error}):"
                    " a power cut may lose it; do not repeat it, check the disk"
                ) from error

    def _require_opened(self, before: tuple[int, int] | None) -> None:
        if identity(self._factory.name) != before:
            raise StorageReplaced(f"{self.path} was replaced while it was opened: try again")

    def _bring_up(self, now: str, before: tuple[int, int] | None) -> None:
        wait_for_opening(self._locks, self.path, self._factory.busy_timeout_s)
        try:
            # A restore may have had the lock: this connection has the old file, and would be given
            # the log of the new one, which it would corrupt.
            self._require_opened(before)
            if not self._is_ready():
                migrate(self._connection, self.path, now)
        finally:
            self._locks.unlock(OPEN_BYTE)

    def _is_ready(self) -> bool:
        if not is_current(self._connection, self.path):
            return False
        return bool(self._connection.execute("PRAGMA journal_mode").fetchone()[0] == "wal")

    def _retry_while_busy(self, step: Callable[[], _Answer]) -> _Answer:
        """SQLite answers BUSY at once, whatever the timeout, while another connection recovers
        the log or switches the journal mode."""
        deadline = time.monotonic() + self._factory.busy_timeout_s
        while True:
            try:
                with translated(self.path):
                    return step()
            except StorageBusy:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.01)

    def _meaning(self, error: Exception) -> Exception:
        if self._unusable is None:
            with suppress(StorageReplaced):
                self._require_same_files()  # the cause of many of SQLite's errors
        if self._unusable:
            return self._unusable
        if isinstance(error, (sqlite3.OperationalError, sqlite3.DatabaseError)) and not isinstance(
            error, (sqlite3.ProgrammingError, sqlite3.InterfaceError)
        ):
            meaning = translate(error, self.path)
            if isinstance(meaning, StorageCorrupt):
                self._damaged = meaning
            return meaning
        return InvalidParameters(f"a value cannot be stored: {error}")

    def _forget_after_fork(self) -> None:
        """A connection must not be used, nor closed, in a forked process: that would drop, or
        share, the parent's locks. The child keeps it untouched and refuses to use it."""
        self._unusable = UnsafeStorage(
            f"{self.path} was opened by the parent process: open it again after fork()"
        )
        self._let_go.detach()
        _inherited.append(self._connection)


class Transaction:
    """See Session.write. It commits at the end of the `with` statement, or rolls back."""

    __slots__ = ("_changes", "_durable", "_session", "_when_visible", "_writes")

    def __init__(
        self, session: Session, durable: bool, writes: int, when_visible: WhenVisible
    ) -> None:
        self._session = session
        self._durable = durable
        self._when_visible = when_visible
        self._writes = writes
        self._changes = 0

    def __enter__(self) -> Session:
        session = self._session
        session._enter()
        try:
            session._write_lock.take(session._connection.execute, "BEGIN IMMEDIATE")
        except BaseException as error:
            session._leave()
            if isinstance(error, (sqlite3.Error, OSError)):
                raise session._meaning(error) from error
            raise
        self._changes = session._connection.total_changes
        return session

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: object
    ) -> None:
        session = self._session
        connection = session._connection
        changed = False
        try:
            if kind is None:
                connection.execute("COMMIT")
                changed = connection.total_changes != self._changes
                if changed:
                    session._checkpointer.note_writes(self._writes)
        except sqlite3.Error as failure:
            raise session._meaning(failure) from failure
        finally:
            if connection.in_transaction:  # some errors, such as a full disk, have ended it already
                with suppress(sqlite3.Error):
                    connection.execute("ROLLBACK")
            session._leave()
        if isinstance(error, _MEANT):
            raise session._meaning(error) from error
        if changed:
            session._settle(self._durable, self._when_visible)


_MEANT = (sqlite3.Error, OverflowError, UnicodeEncodeError)
"""The errors that `_meaning` translates."""


def _call_each(*steps: Callable[[], None]) -> None:
    for step in steps:
        step()


_open_sessions: weakref.WeakSet[Session] = weakref.WeakSet()
_inherited: list[sqlite3.Connection] = []


def _forget_all_after_fork() -> None:
    for session in list(_open_sessions):
        session._forget_after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_all_after_fork)
