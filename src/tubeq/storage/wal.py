"""The write-ahead log: when it reaches the disk, and how it is kept short."""

from __future__ import annotations

import itertools
import os
import sqlite3
import threading
from contextlib import suppress
from pathlib import Path

from tubeq.domain.errors import StorageError
from tubeq.storage.byte_lock import LockFile
from tubeq.storage.connection import ConnectionFactory
from tubeq.storage.sqlite_version import wal_reset_bug
from tubeq.storage.write_lock import CHECKPOINT_BYTE, WriteLock

CHECKPOINT_EVERY_WRITES = 1000
"""Small writes between checkpoints, of all processes: about 3 pages of the log each, some 12 MB."""
WAIT_AFTER_WRITES = 4 * CHECKPOINT_EVERY_WRITES
"""Small writes after which a writer waits for the checkpoint, where the disk cannot keep up."""
_WAIT_S = 1.0


class WalSync:
    """Forces committed transactions to the disk, many with one fsync.

    A commit with synchronous = FULL would sync the log while it holds the write lock; this does it
    after the lock was given back, so that other writers go on meanwhile. The guarantee is the same:
    the log is replayed up to its first frame that is not whole, so whatever is synced brings along
    all that was committed before. A frame that a checkpoint has moved since is in the database
    file, synced by the checkpoint.

    The log's file is the same for as long as a connection of this process is open, since only the
    last connection to close deletes it. It bears no locks, so opening it here is safe.
    """

    def __init__(self, factory: ConnectionFactory) -> None:
        self._factory = factory
        self._path = Path(f"{factory.path}-wal")
        self._fd: int | None = None
        self._commits = itertools.count(1)
        self._latest = 0
        self._synced = 0
        self._mutex = threading.Lock()

    def sync(self) -> None:
        """Return when all that was committed before the call is on the disk.

        Threads that come while one is syncing share the next sync.
        """
        self._latest = ticket = next(self._commits)
        with self._mutex:
            if self._synced >= ticket:
                return
            covered = self._latest
            if self._fd is None:
                self._fd = os.open(self._path, os.O_RDWR | getattr(os, "O_BINARY", 0))
            self._factory.sync(self._fd)
            self._synced = covered

    def close(self) -> None:
        """Let go of the file."""
        with self._mutex:
            if self._fd is not None:
                os.close(self._fd)
                self._fd = None


class Checkpointer:
    """Moves the log's pages into the database file, in a thread of its own, away from the claims.

    Of all processes with the file open, the one that gets the lock on a byte of the side file does
    it; the others go on. The last step runs under the write lock: on a SQLite with the WAL-reset
    bug because only that is safe there, elsewhere because a log that is written to all the time
    would never be moved to its end, and so never start anew.
    """

    def __init__(self, factory: ConnectionFactory, wal: WalSync) -> None:
        self._factory = factory
        self._wal = wal
        # A file of its own: locks of one open file do not exclude each other.
        self._locks = LockFile(Path(f"{factory.path}-lock"))
        self._write_lock = WriteLock(self._locks, factory.busy_timeout_s)
        self._wait_after = WAIT_AFTER_WRITES
        self._due = threading.Event()
        self._done = threading.Event()
        self._closed = False
        self._thread: threading.Thread | None = None

    def note_writes(self, count: int) -> None:
        """Called by the writer that still holds the write lock: roughly how many small writes its
        transaction amounts to."""
        self._locks.counter[0] += count

    def keep_up(self) -> None:
        """Called by the writer after it gave the write lock back: has a checkpoint made when it
        is time, and waits for it when it is late."""
        writes = self._locks.counter[0]
        if writes < CHECKPOINT_EVERY_WRITES:
            self._wait_after = WAIT_AFTER_WRITES
            return
        if self._thread is None:
            self._thread = threading.Thread(
                target=self._run, name="tubeq-checkpointer", daemon=True
            )
            self._thread.start()
        self._done.clear()
        self._due.set()
        if writes >= self._wait_after and not self._done.wait(_WAIT_S):
            # A reader, or a suspended process that was elected: wait again only much later.
            self._wait_after = writes + WAIT_AFTER_WRITES

    def close(self) -> None:
        """End the thread, after the checkpoint that it may be at."""
        self._closed = True
        self._due.set()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join()
        self._locks.close()

    def _run(self) -> None:
        connection = gate = None
        try:
            connection, gate = self._factory.connect(), self._factory.connect()
            while not self._closed:
                self._due.wait()
                self._due.clear()
                if not self._closed and self._locks.try_lock(CHECKPOINT_BYTE):
                    try:
                        # A checkpoint that fails (a full disk, a busy database) is made up for by
                        # the next; whoever writes meets the cause himself.
                        with suppress(sqlite3.Error, StorageError, OSError):
                            self._checkpoint(connection, gate)
                    finally:
                        self._locks.unlock(CHECKPOINT_BYTE)
                self._done.set()
        finally:
            for each in (connection, gate):
                if each is not None:
                    each.close()

    def _checkpoint(self, connection: sqlite3.Connection, gate: sqlite3.Connection) -> None:
        if self._locks.counter[0] < CHECKPOINT_EVERY_WRITES:
            return  # another process was quicker
        if not wal_reset_bug():
            connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
        self._wal.sync()  # so that the checkpoint finds little to sync while others wait for it
        self._write_lock.acquire()
        try:
            gate.execute("BEGIN IMMEDIATE")
            try:
                connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
                self._locks.counter[0] = 0
            finally:
                gate.execute("ROLLBACK")
        finally:
            self._write_lock.release()
