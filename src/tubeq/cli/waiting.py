"""Says what a command that stays in the foreground waits for, and until when."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from tubeq.cli.console import say
from tubeq.domain.children import Progress
from tubeq.domain.models import Task
from tubeq.domain.states import ACTIVE, FINISHED, TaskStatus
from tubeq.queue.queue_manager import QueueManager
from tubeq.workers.outlook import moment_words

if TYPE_CHECKING:
    from rich.console import Console

_LOOK_EVERY_S = 1.0
_SHORT_S = 1.0
_MOST_CHILDREN = 100
"""Of more, some are due soon: a line for each wait would be one a second."""


class WaitWatch:
    """Tells a user who waits for one task, and for its children, that all of them wait themselves.

    Args:
        label: what the task is called.
        console: where it is told, if something moves on it; else on stderr.
    """

    def __init__(self, queue: QueueManager, label: str, console: Console | None = None) -> None:
        self._queue = queue
        self._label = label
        self._console = console
        self._next_look = 0.0
        self._told: tuple[str, float] | None = None

    def look(self, task: Task, progress: Progress | None) -> None:
        """Write a line for each wait that was not told yet. Reads at most once a second."""
        if time.monotonic() < self._next_look:
            return
        self._next_look = time.monotonic() + _LOOK_EVERY_S
        waiting = self._waiting(task, progress)
        if not waiting or waiting[0].run_after is None:
            return
        first, until = waiting[0], waiting[0].run_after
        if until < time.time() + _SHORT_S or self._told == (first.task_id, until):
            return
        self._told = first.task_id, until
        more = f" ({len(waiting)} videos wait)" if progress is not None and len(waiting) > 1 else ""
        why = f": {first.error_message}" if first.error_message else ""
        say(f"{self._label}: waits until {moment_words(until)}{more}{why}", self._console)

    def _waiting(self, task: Task, progress: Progress | None) -> list[Task]:
        """The tasks that wait, the soonest first; none where anything is being done, or due."""
        tasks = [task] if task.status not in FINISHED else []
        if progress is not None and progress.open:
            queued = progress.by_status[TaskStatus.QUEUED]
            if queued > _MOST_CHILDREN or any(progress.by_status[each] for each in ACTIVE):
                return []
            tasks += self._queue.children(task.task_id, TaskStatus.QUEUED, _MOST_CHILDREN)
        if any(each.status is not TaskStatus.QUEUED or each.run_after is None for each in tasks):
            return []
        return sorted(tasks, key=lambda each: each.run_after or 0.0)
