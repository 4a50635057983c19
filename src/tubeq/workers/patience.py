"""How long a worker waits for a database that is busy or full, once a task is done."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from tubeq.domain.errors import StorageError

if TYPE_CHECKING:
    from tubeq.workers.watch import Watch

_REST_S = 1.0
"""Between two tries; each waits for the lock as long as the storage's own timeout says."""


class StoragePatience:
    """The tries to write one outcome. They go on until the claim is lost, which the write says by
    itself; or until a stopping worker has no time left.

    Args:
        stop: asks the worker to stop; None for a caller that wants the error at once.
        watch: knows the grace of a stopping worker.
        say: called with each error.
    """

    __slots__ = ("_ends_at", "_say", "_stop", "_watch")

    def __init__(
        self, stop: threading.Event | None, watch: Watch, say: Callable[[StorageError], None]
    ) -> None:
        self._stop = stop
        self._watch = watch
        self._say = say
        self._ends_at = math.inf

    def wait(self, trouble: StorageError) -> None:
        """Wait a little before the next try.

        Raises:
            StorageError: `trouble`, where there is no next try.
        """
        now = time.monotonic()
        if self._stop is None:
            raise trouble
        if self._stop.is_set():
            self._ends_at = min(self._ends_at, now + self._watch.stop_grace_s)
        if now >= self._ends_at:
            raise trouble
        self._say(trouble)
        time.sleep(max(0.0, min(_REST_S, self._ends_at - now)))
