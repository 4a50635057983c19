"""What a command that runs tasks at once does while they wait: for a premiere, a retry, a pause."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from tubeq.cli.console import say
from tubeq.cli.render import age
from tubeq.domain.children import Progress
from tubeq.domain.clock import to_timestamp
from tubeq.domain.models import Task
from tubeq.domain.states import ACTIVE, TaskStatus
from tubeq.queue.queue_manager import QueueManager

if TYPE_CHECKING:
    from rich.console import Console

LONGEST_WAIT_S = 900.0
"""For more than that nobody sits in front of a terminal."""
_WORTH_TELLING_S = 5.0
_MOST_CHILDREN = 1000


class Waits:
    """Tells a user what a task waits for and until when, and whether that is too long to be waited
    for by a command.

    Args:
        console: where it is told, if something moves on it; else on stderr.
    """

    def __init__(self, queue: QueueManager, console: Console | None = None) -> None:
        self._queue = queue
        self._console = console
        self._told: set[tuple[str, float]] = set()

    def look(self, task: Task) -> None:
        """Write a line for each wait that was not told yet."""
        if not _is_waiting(task) or (task.task_id, task.run_after) in self._told:
            return
        wait_s = (task.run_after or 0.0) - time.time()
        if _WORTH_TELLING_S <= wait_s <= LONGEST_WAIT_S:
            self._told.add((task.task_id, task.run_after or 0.0))
            say(self.words_of(task), self._console)

    def words_of(self, task: Task) -> str:
        """What a task waits for, in a line: "waits until 2026-11-29 12:00:00 UTC (in 3d): ..."."""
        now = time.time()
        until = self._until(task, now)
        why = task.error_message if _is_waiting(task) else f"{task.task_type} is paused"
        return (
            f"waits until {to_timestamp(until)[:19]} UTC ({age(now - until)}): {why or 'scheduled'}"
        )

    def is_too_long(self, task: Task) -> bool:
        """Whether nothing can happen to it for longer than a user waits."""
        now = time.time()
        return task.status is TaskStatus.QUEUED and self._until(task, now) - now > LONGEST_WAIT_S

    def are_too_long(self, task_id: str, progress: Progress) -> bool:
        """Whether that is so of all children that are not finished; True of none."""
        if any(progress.by_status[status] for status in ACTIVE):
            return False
        if not progress.open:
            return True
        left = self._queue.children(task_id, TaskStatus.QUEUED, _MOST_CHILDREN)
        return all(map(self.is_too_long, left))

    def _until(self, task: Task, now: float) -> float:
        paused_s = self._queue.storage.limits.pause_s(f"type:{task.task_type}")
        return max(task.run_after or 0.0, now + paused_s)


def _is_waiting(task: Task) -> bool:
    return (
        task.status is TaskStatus.QUEUED
        and task.run_after is not None
        and task.run_after > time.time()
    )
