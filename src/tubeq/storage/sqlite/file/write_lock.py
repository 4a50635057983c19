"""Which process writes next: a fair queue in front of SQLite's write lock.

SQLite lets waiting writers sleep for up to 100 ms at a time, so under load some wait for a second
while others write. Here a writer tries SQLite's lock once, and queues if another writer has it.
Correctness never depends on the queue: SQLite's lock alone serializes writers, and other programs
take only that lock.

The writer at the front of the queue (it holds a lock on the front byte of a side file) sleeps until
the last writer wakes it; the others sleep until the front is free. A writer that has the lock may
take it again and again for the length of a turn, since handing the lock on costs as much as several
writes (two context switches, and SQLite's page cache). Then it wakes the next one, may go on for
the time that one needs to wake up, and must queue. So no wait is longer than one turn for each
competitor. A newcomer, which did not write just before, tries the lock first: it is done before a
sleeper is awake, and if it had to queue, every write would have to wake a sleeper (a lock convoy).
Only where the writer at the front starves must newcomers queue as well; that is the rule of Go's
sync.Mutex.

Every sleep has a timeout, so a lost wake-up (its process was killed) costs milliseconds. A stopped
process (SIGSTOP, a closed laptop) at the front does not block others for long: a process that
waited long enough also tries the lock itself.

Times are those of the performance counter, which all processes of a machine share: on Windows the
monotonic clock ticks every 16 ms before Python 3.13, and a turn lasts 1 ms.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from typing import Any

from tubeq.domain.errors import StorageBusy
from tubeq.storage.sqlite.file.lock_file import (
    BYTES,
    FRONT_WORD,
    LAST_IN_TURN,
    QUEUE_WORD,
    LockFile,
)

FRONT_BYTE, CHECKPOINT_BYTE, OPEN_BYTE, SYNC_BYTE = range(BYTES)

TURN_S = 0.001
_OVERTAKE_S = 0.001
"""How long a writer whose turn has ended writes on while the next one wakes up.

`python -m tests.plans.mechanisms`, 4 processes on 2 cores, medians of 8 interleaved rounds:
with turns of 2 ms and no overtaking 9,930 tasks/s, P99 7.1 ms, slowest 20 ms; as here 11,218/s,
5.6 ms, 19 ms. With SQLite's busy_timeout alone 12,323/s, P99 0.8 ms, but the slowest waits for
434 ms, and some get most of the work (Jain's index 0.83, here 0.996)."""
_BACK_AT_ONCE_S = 0.0002
"""A writer whose last write is at most this long ago is expected to write again at once."""
_GONE_AFTER_S = 0.0005
"""How long others wait for a writer that was expected to write again at once."""
_STARVED_AFTER_S = 0.002
"""After this time at the front without the lock, newcomers no longer overtake a writer."""
_WAITING, _STARVING = 1, 2
_FRONT_SLEEP_S = 0.0005
_QUEUE_SLEEP_S = 0.1
_AT_ONCE_SLEEP_S = 0.0001
_PATIENCE_S = 0.1

Attempt = Callable[..., sqlite3.Cursor]


class WriteLock:
    """SQLite's write lock, as one handle takes it; the handle's threads are serialized elsewhere.

    Args:
        file: the side file of the database.
        timeout_s: seconds to wait at most.
    """

    def __init__(self, file: LockFile, timeout_s: float) -> None:
        self._file = file
        self._timeout_s = timeout_s
        # Other than 0 while a process may be asleep on them.
        self._front, self._queue = file.words[FRONT_WORD], file.words[QUEUE_WORD]
        self._turn_ends = 0.0
        self._released_at = 0.0
        self._comes_back = False
        self._owes_wake_up = False

    def take(self, execute: Attempt, sql: str, parameters: Any = ()) -> sqlite3.Cursor:
        """Execute a statement that takes SQLite's lock, as soon as it is this handle's turn.

        Args:
            execute: of a connection that does not wait for the lock itself.
            sql: BEGIN IMMEDIATE, or a whole change.
            parameters: those of the statement.

        Raises:
            StorageBusy: the lock was not free within the timeout.
            sqlite3.Error: any other error of the statement.
        """
        now = time.perf_counter()
        in_turn = now < self._turn_ends
        overtakes = now < self._turn_ends + _OVERTAKE_S
        self._comes_back = comes_back = now - self._released_at < _BACK_AT_ONCE_S
        waiting = self._front.value
        if self._owes_wake_up and not in_turn:
            self._hand_on()  # the turn has ended since the last write
        if in_turn or not waiting or (waiting != _STARVING and (overtakes or not comes_back)):
            cursor = _try(execute, sql, parameters)
            if cursor is not None:
                if not overtakes:
                    self._turn_ends = now + TURN_S
                return cursor
        cursor = self._queue_up(now, execute, sql, parameters)
        now = time.perf_counter()
        self._turn_ends = now + TURN_S
        if comes_back:
            self._file.numbers[LAST_IN_TURN] = int(now * 1e9)
        return cursor

    def take_without_queue(self, execute: Attempt, sql: str) -> sqlite3.Cursor:
        """As `take`, for short work that would grow while it waits: even between two writes of
        another handle's turn.

        Raises:
            StorageBusy: the lock was not free within the timeout.
        """
        began = time.perf_counter()
        while True:
            cursor = _try(execute, sql, ())
            if cursor is not None:
                return cursor
            self._waited_s(began)
            time.sleep(_AT_ONCE_SLEEP_S)

    def given_back(self) -> None:
        """Called when SQLite's lock is free again: notifies the next writer."""
        self._released_at = now = time.perf_counter()
        if self._comes_back and now < self._turn_ends:
            # Waking a process now would be useless: the process at the front checks by itself.
            self._file.numbers[LAST_IN_TURN] = int(now * 1e9)
            self._owes_wake_up = True
            return
        self._hand_on()

    def _hand_on(self) -> None:
        self._owes_wake_up = False
        self._file.numbers[LAST_IN_TURN] = 0
        self._front.pass_on()

    def _queue_up(
        self, began: float, execute: Attempt, sql: str, parameters: Any
    ) -> sqlite3.Cursor:
        behind_others = bool(self._queue.value)
        while behind_others or not self._file.try_lock(FRONT_BYTE):
            if not behind_others:
                self._queue.value = 1
                if self._file.try_lock(FRONT_BYTE):
                    break
            self._queue.wait(1, min(_QUEUE_SLEEP_S, self._timeout_s))
            behind_others = False
            if self._waited_s(began) > _PATIENCE_S:
                cursor = _try(execute, sql, parameters)
                if cursor is not None:
                    self._queue.pass_on()  # this process may have been the next for the front
                    return cursor
        try:
            while True:
                waiting = _WAITING if self._waited_s(began) < _STARVED_AFTER_S else _STARVING
                self._front.value = waiting
                if not self._is_turn_of_another():
                    cursor = _try(execute, sql, parameters)
                    if cursor is not None:
                        return cursor
                self._front.wait(waiting, _FRONT_SLEEP_S)
        finally:
            self._file.unlock(FRONT_BYTE)
            self._queue.pass_on()

    def _is_turn_of_another(self) -> bool:
        """Whether a process wrote just now and will write again at once. (After a restart of the
        machine the last time may be in the future.)"""
        since_ns = time.perf_counter() * 1e9 - self._file.numbers[LAST_IN_TURN]
        return 0 <= since_ns < _GONE_AFTER_S * 1e9

    def _waited_s(self, began: float) -> float:
        """How long the wait has lasted.

        Raises:
            StorageBusy: too long.
        """
        waited = time.perf_counter() - began
        if waited > self._timeout_s:
            raise StorageBusy(
                f"another process has been writing to the database for {self._timeout_s:g} s: "
                "it may be suspended; end or resume it, or raise busy_timeout_s "
                "(TUBEQ_BUSY_TIMEOUT_S)"
            )
        return waited


def is_busy(error: sqlite3.OperationalError) -> bool:
    """Whether another connection holds what the statement needs, so that a retry helps."""
    return "locked" in str(error)  # Python 3.10 does not report the codes


def _try(execute: Attempt, sql: str, parameters: Any) -> sqlite3.Cursor | None:
    """The cursor, or None where another writer has the lock."""
    try:
        return execute(sql, parameters)
    except sqlite3.OperationalError as error:
        if not is_busy(error):
            raise
        return None
