"""Who writes next: a fair queue in front of SQLite's write lock.

SQLite lets waiting writers sleep for up to 100 ms at a time, so under load some wait for a second
while others write. Here every writer first takes a lock on a byte of a side file. Correctness never
depends on it: SQLite's own lock is taken behind it, and other programs take only that.

A writer may come back again and again for the length of a turn; then it must queue. Of those that
queue, one stands at the front (it holds the front byte) and looks for the lock every 0.1 ms; the
others look for the front, the sooner the longer they have waited. So no wait is longer than a few
turns a competitor, and few processes are awake at a time. A stopped process (SIGSTOP, a laptop's
lid) at the front holds nothing up for long: whoever waited long enough also tries the lock itself.
"""

from __future__ import annotations

import random
import time

from tubeq.domain.errors import StorageBusy
from tubeq.storage.byte_lock import BYTES, LockFile

WRITE_BYTE, FRONT_BYTE, CHECKPOINT_BYTE, OPEN_BYTE = range(BYTES)

TURN_S = 0.001
_FRONT_PAUSE_S = 0.0001
_QUEUE_PAUSE_S = 0.001
_PATIENCE_S = 0.020


class WriteLock:
    """The lock of one storage handle; its threads take turns outside of it."""

    def __init__(self, file: LockFile, timeout_s: float) -> None:
        self._file = file
        self._timeout_s = timeout_s
        self._turn_ends = 0.0

    def acquire(self) -> None:
        """Wait for the lock.

        Raises:
            StorageBusy: it was not had within the timeout.
        """
        if time.monotonic() < self._turn_ends and self._file.try_lock(WRITE_BYTE):
            return
        began = time.monotonic()
        if self._wait_for_front(began):
            try:
                while not self._file.try_lock(WRITE_BYTE):
                    self._pause(_FRONT_PAUSE_S, began)
            finally:
                self._file.unlock(FRONT_BYTE)
        self._turn_ends = time.monotonic() + TURN_S

    def release(self) -> None:
        """Let the next writer in."""
        self._file.unlock(WRITE_BYTE)

    def _wait_for_front(self, began: float) -> bool:
        """Wait for the front of the queue: True there, False when the lock was had on the way."""
        while not self._file.try_lock(FRONT_BYTE):
            waited = time.monotonic() - began
            if waited > _PATIENCE_S and self._file.try_lock(WRITE_BYTE):
                return False
            eagerness = max(0.1, 1.0 - waited / _PATIENCE_S)
            self._pause(_QUEUE_PAUSE_S * eagerness * random.uniform(0.5, 1.0), began)
        return True

    def _pause(self, pause_s: float, began: float) -> None:
        if time.monotonic() - began > self._timeout_s:
            raise StorageBusy(
                f"another process has been writing to the database for {self._timeout_s:g} s: "
                "it may be suspended; end or resume it, or raise busy_timeout_s"
            )
        time.sleep(pause_s)
