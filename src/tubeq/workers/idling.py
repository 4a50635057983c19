"""What a supervisor reports of a run until idle while nothing can be done."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import suppress

from tubeq.domain.errors import BUSY_OR_FULL
from tubeq.queue.queue_manager import QueueManager
from tubeq.workers.outlook import LeftTasks, Outlook, Wait, wait_words
from tubeq.workers.process import WorkerProcess

_LOOK_EVERY_S = 1.0
_SHORT_S = 1.0
"""A shorter wait is not reported."""


class Idling:
    """Checks, at most once a second, whether the workers wait, and for what.

    Args:
        queue: the supervisor's.
        task_types: those of all its workers.
        wait_s: for what falls due within this time they wait.
    """

    def __init__(self, queue: QueueManager, task_types: Sequence[str], wait_s: float) -> None:
        def pause_s(task_type: str) -> float:
            return queue.limits.pause_s(f"type:{task_type}")

        self._outlook = Outlook(queue.backlog, task_types, pause_s, wait_s)
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
        with suppress(*BUSY_OR_FULL):
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
        found = self._outlook.waits()
        if any(each.until <= now + _SHORT_S and not each.is_held for each in found):
            return []
        return [each for each in found if each.is_held or each.until <= now + self._outlook.wait_s]

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
        with suppress(*BUSY_OR_FULL):
            return self._outlook.left()
        return ()
