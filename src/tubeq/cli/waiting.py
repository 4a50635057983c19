"""What a command that runs tasks at once does while they wait: for a premiere, a retry, a pause."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from tubeq.cli.console import say
from tubeq.cli.render import age
from tubeq.domain.children import Progress
from tubeq.domain.models import Task
from tubeq.domain.states import ACTIVE, FINISHED, TaskStatus
from tubeq.queue.queue_manager import QueueManager
from tubeq.workers.config import WAIT_SCHEDULED_S
from tubeq.workers.outlook import moment_words

if TYPE_CHECKING:
    from rich.console import Console

_CHECK_EVERY_S = 1.0
_SHORT_S = 1.0
"""A wait that is over sooner is not worth a line."""
_MOST_CHILDREN = 1000


class Waits:
    """Tells a user what a task, and its children, wait for and until when, and whether that is too
    long to be waited for by a command: `WAIT_SCHEDULED_S`, as for workers that run until idle.

    Args:
        queue: where the tasks are.
        label: what the task is called.
        console: where it is told, if something moves on it; else on stderr.
    """

    def __init__(self, queue: QueueManager, label: str, console: Console | None = None) -> None:
        self._queue = queue
        self._label = label
        self._console = console
        self._next_check = 0.0
        self._told: tuple[str, float] | None = None

    def look(self, task: Task, progress: Progress | None) -> None:
        """Write a line for each wait that was not told yet. Reads at most once a second."""
        if time.monotonic() < self._next_check:
            return
        self._next_check = time.monotonic() + _CHECK_EVERY_S
        waiting = self._waiting(task, progress)
        if not waiting or waiting[0].run_after is None:
            return
        first, until = waiting[0], waiting[0].run_after
        wait_s = until - time.time()
        if not _SHORT_S < wait_s <= WAIT_SCHEDULED_S or self._told == (first.task_id, until):
            return
        self._told = first.task_id, until
        more = f" ({len(waiting)} videos wait)" if progress is not None and len(waiting) > 1 else ""
        say(f"{self._label}: {self.words_of(first)}{more}", self._console)

    def words_of(self, task: Task) -> str:
        """What a task waits for: "waits until 2026-11-29 12:00:00+01:00 (in 3d): ..."."""
        now = time.time()
        until = self._until(task, now)
        why = task.error_message if _is_waiting(task) else f"{task.task_type} is paused"
        return f"waits until {moment_words(until)} ({age(now - until)}): {why or 'scheduled'}"

    def is_too_long(self, task: Task) -> bool:
        """Whether nothing can happen to it for longer than a user waits."""
        now = time.time()
        return task.status is TaskStatus.QUEUED and self._until(task, now) - now > WAIT_SCHEDULED_S

    def are_too_long(self, task_id: str, progress: Progress) -> bool:
        """Whether that is so of all children that are not finished; True of none."""
        if any(progress.by_status[status] for status in ACTIVE):
            return False
        if not progress.open:
            return True
        left = self._queue.children(task_id, TaskStatus.QUEUED, _MOST_CHILDREN)
        return all(map(self.is_too_long, left))

    def _waiting(self, task: Task, progress: Progress | None) -> list[Task]:
        """The tasks that wait, the soonest first; none where anything is being done, or due."""
        tasks = [task] if task.status not in FINISHED else []
        if progress is not None and progress.open:
            queued = progress.by_status[TaskStatus.QUEUED]
            # Of more, some are due soon: a line for each wait would be one a second.
            if queued > _MOST_CHILDREN or any(progress.by_status[each] for each in ACTIVE):
                return []
            tasks += self._queue.children(task.task_id, TaskStatus.QUEUED, _MOST_CHILDREN)
        if any(each.status is not TaskStatus.QUEUED or each.run_after is None for each in tasks):
            return []
        return sorted(tasks, key=lambda each: each.run_after or 0.0)

    def _until(self, task: Task, now: float) -> float:
        paused_s = self._queue.limits.pause_s(f"type:{task.task_type}")
        return max(task.run_after or 0.0, now + paused_s)


def _is_waiting(task: Task) -> bool:
    return (
        task.status is TaskStatus.QUEUED
        and task.run_after is not None
        and task.run_after > time.time()
    )
