"""What a supervisor reports of a run until idle while nothing can be done."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import suppress

from tubeq.domain.errors import StorageBusy, StorageFull
from tubeq.queue.queue_manager import QueueManager
from tubeq.workers.config import RunnerConfig
from tubeq.workers.outlook import LeftTasks, Wait, left_tasks, wait_words, waits
from tubeq.workers.process import WorkerProcess

_LOOK_EVERY_S = 1.0
_SHORT_S = 1.0
"""A shorter wait is not reported."""


class Idling:
    """Checks, at most once a second, whether the workers wait, and for what.

    Args:
        config: of the run.
        queue: the supervisor's.
        task_types: those of all its workers.
    """

    def __init__(
        self, config: RunnerConfig, queue: QueueManager, task_types: Sequence[str]
    ) -> None:
        self._wait_s = config.wait_scheduled_s
        self._queue = queue
        self._types = task_types
        self._next_look = time.monotonic() + _LOOK_EVERY_S
        self._told: dict[str, Wait] = {}
        self._held: set[str] = set()

    def new_waits(self, workers: Sequence[WorkerProcess]) -> list[str]:
        """A line for each wait that was not reported yet; none while a worker is processing a
        task."""
        now = time.monotonic()
        if now < self._next_look:
            return []
        self._next_look = now + _LOOK_EVERY_S
        if any(stats.alive_until for worker in workers for stats in worker.stats.values()):
            return []
        with suppress(StorageBusy, StorageFull):
            found = self._waits()
            held = {each.task_type for each in found if each.is_held}
            # Held at one check only, it may be a task that a worker of this run just began.
            new = [each for each in found if not each.is_held or each.task_type in self._held]
            self._held = held
            return [wait_words(wait) for wait in new if self._is_new(wait)]
        return []

    def _waits(self) -> list[Wait]:
        """What is waited for; empty where something may be begun at once."""
        now = time.time()
        found = waits(self._queue.backlog, self._types, self._pause_s)
        if any(each.until <= now + _SHORT_S and not each.is_held for each in found):
            return []
        return [each for each in found if each.is_held or each.until <= now + self._wait_s]

    def _is_new(self, wait: Wait) -> bool:
        before = self._told.get(wait.task_type)
        now = time.time()
        self._told[wait.task_type] = wait
        if before is None or wait.is_paused != before.is_paused:
            return True
        if wait.until <= now:  # only held
            return before.until > now
        return abs(wait.until - before.until) > _SHORT_S

    def left(self) -> tuple[LeftTasks, ...]:
        """What was not waited for."""
        with suppress(StorageBusy, StorageFull):
            return left_tasks(self._queue.backlog, self._types, self._pause_s)
        return ()

    def _pause_s(self, task_type: str) -> float:
        return self._queue.limits.pause_s(f"type:{task_type}")
