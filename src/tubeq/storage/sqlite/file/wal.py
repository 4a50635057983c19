"""The write-ahead log: when it reaches the disk, and how it is kept short."""

from __future__ import annotations

import errno
import os
import sqlite3
import threading
import time
from collections.abc import Callable
from contextlib import suppress

from tubeq.domain.errors import StorageError
from tubeq.domain.held_files import retried
from tubeq.storage.database_file import side_file
from tubeq.storage.sqlite.file.connection import ConnectionFactory
from tubeq.storage.sqlite.file.futex import EVERYBODY
from tubeq.storage.sqlite.file.lock_file import SYNC_WORD, SYNCS_BEGUN, SYNCS_DONE, WRITES, LockFile
from tubeq.storage.sqlite.file.write_lock import CHECKPOINT_BYTE, SYNC_BYTE, WriteLock

CHECKPOINT_EVERY_WRITES = 2000
"""Small writes between checkpoints, of all processes: about 3 pages of the log each, some 12 MB."""
WAIT_AFTER_WRITES = 2 * CHECKPOINT_EVERY_WRITES
"""Small writes after which a writer waits for the checkpoint, where the disk cannot keep up."""
_WAIT_S = 1.0
_ANOTHER_S = 0.01
_TRIES = 10
_RETRY_S = 0.0001
_SYNC_SLEEP_S = 0.005
_SYNC_PATIENCE_S = 0.1


class WalSync:
    """Syncs committed transactions to disk, those of many writers with one fsync.

    A commit with synchronous = FULL would sync the log while it holds the write lock; this does it
    after the lock is released, so that other writers go on meanwhile. The guarantee is the same:
    the log is replayed up to its first incomplete frame, so a sync covers all that was committed
    before. A frame that a checkpoint has moved meanwhile is in the database file, synced by the
    checkpoint.

    Of all threads and processes with something to sync, one syncs; those that come meanwhile share
    the next sync (group commit: D. DeWitt et al., "Implementation techniques for main memory
    database systems", SIGMOD 1984). Syncs are numbered in shared memory as they begin and as they
    end: one that began after a commit covers it. A sync of a killed process never ends, which
    affects no other.

    The log's file is the same for as long as a connection of this process is open, since only the
    last connection to close deletes it. It has no locks, so opening it here is safe. It is opened
    with the database: after a commit it would be too late to find that it cannot be opened.

    The log grows until the first checkpoint. Zeros written ahead would spare the file system that,
    but gain nothing: an enqueue takes 0.17 ms either way (`python -m tests.plans.mechanisms`).

    Raises:
        StorageBusy: another program holds the log.
        OSError: the log cannot be opened.
    """

    def __init__(self, factory: ConnectionFactory, locks: LockFile) -> None:
        self._factory = factory
        # Opened before others sync it: the kernel reports an error once to each open file.
        flags = os.O_RDWR | getattr(os, "O_BINARY", 0)
        log = side_file(factory.path, "-wal")
        self._fd: int | None = retried(lambda: os.open(log, flags), log)
        self._locks = locks
        self._asleep = locks.words[SYNC_WORD]
        self._mutex = threading.Lock()

    def sync(self) -> None:
        """Return when all that was committed before the call is on disk.

        Raises:
            OSError: the disk reports an error; what was committed is visible all the same.
        """
        numbers = self._locks.numbers
        wal = self._fd
        if wal is None:
            raise OSError(errno.EBADF, "the handle was closed meanwhile")
        # The larger of the two: after a power cut they may be stale.
        wanted = max(numbers[SYNCS_BEGUN], numbers[SYNCS_DONE]) + 1
        with self._mutex:
            began = time.monotonic()
            while numbers[SYNCS_DONE] < wanted:
                # A suspended process may hold the byte.
                impatient = time.monotonic() - began > _SYNC_PATIENCE_S
                if self._locks.try_lock(SYNC_BYTE):
                    try:
                        if numbers[SYNCS_DONE] < wanted:
                            self._lead(wal, max(numbers[SYNCS_BEGUN], numbers[SYNCS_DONE]) + 1)
                    finally:
                        self._locks.unlock(SYNC_BYTE)
                        if self._asleep.value:
                            self._asleep.value = 0
                            self._asleep.wake(EVERYBODY)
                elif impatient:
                    self._factory.sync(wal)
                    return
                else:
                    self._asleep.value = 1
                    if numbers[SYNCS_DONE] < wanted:
                        self._asleep.wait(1, _SYNC_SLEEP_S)

    def _lead(self, wal: int, number: int) -> None:
        self._locks.numbers[SYNCS_BEGUN] = number
        self._factory.sync(wal)
        self._locks.numbers[SYNCS_DONE] = number

    def close(self) -> None:
        """Close the file."""
        with self._mutex:
            if self._fd is not None:
                os.close(self._fd)
                self._fd = None


class Checkpointer:
    """Moves the log's pages into the database file, in a thread of its own, so that claims do not
    wait for it.

    Of all processes with the file open, only the holder of a lock on a byte of the side file does
    it; the others go on. Most pages are moved while they write. Only the last step, which moves
    what they wrote meanwhile, is under the write lock: otherwise a log under constant writes would
    never be moved to its end, and so never start again.

    SQLite 3.7.0 to 3.51.2 can lose what is in the log if one connection starts the log again while
    another begins to checkpoint one that was already moved to its end (sqlite.org/wal.html, "The
    WAL-reset bug"). Here that cannot coincide: in the first step a reader pins the log, and the log
    holds at least the write that asked for the checkpoint; in the last step no other process can
    write.
    """

    def __init__(
        self,
        factory: ConnectionFactory,
        wal: WalSync,
        require_same: Callable[[], None] = lambda: None,
    ) -> None:
        self._factory = factory
        self._wal = wal
        self._require_same = require_same
        # A file of its own: locks of one open file do not exclude each other.
        self._locks = LockFile(side_file(factory.path, "-lock"), factory.path)
        self._write_lock = WriteLock(self._locks, factory.busy_timeout_s)
        self._wait_after = WAIT_AFTER_WRITES
        self._due = threading.Event()
        self._idle = threading.Event()
        self._idle.set()
        self._closed = threading.Event()
        self._thread: threading.Thread | None = None

    def note_writes(self, count: int) -> None:
        """Called by the writer that still holds the write lock: roughly how many small writes its
        transaction amounts to."""
        self._locks.numbers[WRITES] += count

    def keep_up(self) -> None:
        """Called by the writer after it released the write lock: requests a checkpoint when one is
        due, and waits for it when it is overdue."""
        writes = self._locks.numbers[WRITES]
        if writes < CHECKPOINT_EVERY_WRITES:
            self._wait_after = WAIT_AFTER_WRITES
            return
        if self._thread is None:
            self._thread = threading.Thread(
                target=self._run, name="tubeq-checkpointer", daemon=True
            )
            self._thread.start()
        if self._idle.is_set():
            self._idle.clear()
            self._due.set()
        if writes >= self._wait_after and not self._idle.wait(_WAIT_S):
            # A reader, or a suspended process that was elected: wait again only much later.
            self._wait_after = writes + WAIT_AFTER_WRITES

    def close(self) -> None:
        """End the thread, after a checkpoint that is in progress."""
        self._closed.set()
        self._due.set()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join()
        self._locks.close()

    def _run(self) -> None:
        connections: tuple[sqlite3.Connection, ...] = ()
        try:
            while not self._closed.is_set():
                self._due.wait()
                self._due.clear()
                if self._closed.is_set():
                    break
                if self._locks.try_lock(CHECKPOINT_BYTE):
                    try:
                        # The next checkpoint makes up for one that fails (a full disk, a busy
                        # database); writers meet the cause themselves.
                        with suppress(sqlite3.Error, StorageError, OSError):
                            connections = connections or self._connect()
                            self._checkpoint(*connections)
                    finally:
                        self._locks.unlock(CHECKPOINT_BYTE)
                else:  # another process is checkpointing: do not ask again at every write
                    self._closed.wait(_ANOTHER_S)
                self._idle.set()
        finally:
            for each in connections:
                each.close()

    def _connect(self) -> tuple[sqlite3.Connection, sqlite3.Connection]:
        """Two connections to the file that this handle writes, and not to one that has replaced it:
        the new file would get this one's log."""
        self._require_same()
        first = self._factory.connect()
        try:
            return first, self._factory.connect()
        except BaseException:
            first.close()
            raise

    def _checkpoint(self, connection: sqlite3.Connection, other: sqlite3.Connection) -> None:
        if self._locks.numbers[WRITES] < CHECKPOINT_EVERY_WRITES:
            return  # another process was faster
        other.execute("BEGIN")
        try:
            other.execute("SELECT 1 FROM sqlite_master").fetchone()  # from here on it pins the log
            connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
        finally:
            other.execute("ROLLBACK")
        self._wal.sync()  # so that the last step has little to sync while others wait for it
        self._write_lock.take_without_queue(other.execute, "BEGIN IMMEDIATE")
        try:
            # This first: if this process is killed now, the next checkpoint comes later. In the
            # other order it could come for a log that was already moved to its end.
            self._locks.numbers[WRITES] = 0
            for _ in range(_TRIES):
                _, pages, moved = connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
                if moved == pages:
                    break
                time.sleep(_RETRY_S)  # a process is reading, or just found that it cannot write
        finally:
            other.execute("ROLLBACK")
            self._write_lock.given_back()
