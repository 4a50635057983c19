"""Who writes next: a fair queue in front of SQLite's write lock.

SQLite lets waiting writers sleep for up to 100 ms at a time, so under load some wait for a second
while others write. Here every writer first takes a lock on a byte of a side file. Correctness never
depends on it: SQLite's own lock is taken behind it, and other programs take only that.

Writers that wait stand in a line. One is at its front (it holds the front byte) and sleeps until
the lock is given free; the others sleep until the front is. A writer that has the lock may come
back again and again for the length of a turn, since to hand it on costs as much as several writes
(two switches of processes, and SQLite's page cache); then it must stand in line. So no wait is
longer than a turn a competitor. Who comes to a line of at most one may try the lock at once: it
will be gone again before the other is awake.

Every sleep ends of its own accord, so a wake-up that is lost (its process was killed) costs
milliseconds. A stopped process (SIGSTOP, a laptop's lid) at the front holds nothing up for long:
whoever waited long enough also tries the lock itself.
"""

from __future__ import annotations

import time

from tubeq.domain.errors import StorageBusy
from tubeq.storage.byte_lock import BYTES, LockFile

WRITE_BYTE, FRONT_BYTE, CHECKPOINT_BYTE, OPEN_BYTE, SYNC_BYTE = range(BYTES)

TURN_S = 0.005
_BACK_AT_ONCE_S = 0.0002
"""A writer whose last write is not longer ago will come back at once, as it did before."""
_FRONT_SLEEP_S = 0.0005
_LINE_SLEEP_S = 0.1
_PATIENCE_S = 0.1


class WriteLock:
    """The lock of one storage handle; its threads take turns outside of it."""

    def __init__(self, file: LockFile, timeout_s: float) -> None:
        self._file = file
        self._timeout_s = timeout_s
        # 1 while somebody may be asleep on them; who wakes nobody sets them to 0.
        self._front, self._line = file.words[:2]
        self._turn_ends = 0.0
        self._released_at = 0.0
        self._comes_back = False

    def acquire(self) -> None:
        """Wait for the lock.

        Raises:
            StorageBusy: it was not had within the timeout.
        """
        now = time.monotonic()
        self._comes_back = now - self._released_at < _BACK_AT_ONCE_S
        in_turn = now < self._turn_ends
        nobody_waits = not self._front.value
        newcomer = not self._comes_back and not self._line.value
        if (in_turn or nobody_waits or newcomer) and self._file.try_lock(WRITE_BYTE):
            if not in_turn:
                self._turn_ends = now + TURN_S
            return
        self._stand_in_line(now)
        self._turn_ends = time.monotonic() + TURN_S

    def release(self) -> None:
        """Let the next writer in."""
        self._file.unlock(WRITE_BYTE)
        self._released_at = now = time.monotonic()
        if self._comes_back and now < self._turn_ends:
            return  # to wake anybody now would be in vain: the one at the front looks by itself
        if self._front.value and not self._front.wake():
            self._front.value = 0

    def _stand_in_line(self, began: float) -> None:
        if not self._reach_front(began):
            return
        try:
            while True:
                self._front.value = 1
                if self._file.try_lock(WRITE_BYTE):
                    return
                self._front.wait(1, _FRONT_SLEEP_S)
                self._check(began)
        finally:
            self._file.unlock(FRONT_BYTE)
            if self._line.value and not self._line.wake():
                self._line.value = 0

    def _reach_front(self, began: float) -> bool:
        """Wait for the front of the line: True there, False when the lock was had on the way."""
        while not self._file.try_lock(FRONT_BYTE):
            self._line.value = 1
            if self._file.try_lock(FRONT_BYTE):
                break
            self._line.wait(1, min(_LINE_SLEEP_S, self._timeout_s))
            if self._check(began) > _PATIENCE_S and self._file.try_lock(WRITE_BYTE):
                return False
        return True

    def _check(self, began: float) -> float:
        """How long the wait has lasted, seconds.

        Raises:
            StorageBusy: too long.
        """
        waited = time.monotonic() - began
        if waited > self._timeout_s:
            raise StorageBusy(
                f"another process has been writing to the database for {self._timeout_s:g} s: "
                "it may be suspended; end or resume it, or raise busy_timeout_s"
            )
        return waited
