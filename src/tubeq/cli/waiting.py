"""What a command that runs workers reports while tasks wait: for a premiere, a retry, a pause."""

from __future__ import annotations

import time
from collections.abc import Iterable
from contextlib import suppress

from tubeq.cli.console import say
from tubeq.cli.opening import command_for
from tubeq.cli.words import age
from tubeq.domain.breaker import State
from tubeq.domain.children import Progress
from tubeq.domain.errors import StorageReplaced
from tubeq.domain.models import Task
from tubeq.domain.states import ACTIVE, FINISHED, TaskStatus
from tubeq.queue.queue_manager import QueueManager
from tubeq.settings import Settings
from tubeq.workers.config import WAIT_SCHEDULED_S
from tubeq.workers.outlook import moment_words

_CHECK_EVERY_S = 1.0
_SHORT_S = 1.0
"""A wait that is over sooner is not reported."""
_MOST_CHILDREN = 1000


class Waits:
    """Reports on stderr what a task, called `label`, and its children wait for and until when, and
    knows whether that is longer than `WAIT_SCHEDULED_S`, after which a command ends."""

    def __init__(self, queue: QueueManager, label: str) -> None:
        self._queue = queue
        self._label = label
        self._next_check = 0.0
        self._reported: tuple[str, float] | None = None

    def check(self, task: Task, progress: Progress | None) -> None:
        """Report each new wait. Reads the queue at most once a second."""
        if time.monotonic() < self._next_check:
            return
        self._next_check = time.monotonic() + _CHECK_EVERY_S
        waiting = self._waiting(task, progress)
        if not waiting or waiting[0].run_after is None:
            return
        first, until = waiting[0], waiting[0].run_after
        wait_s = until - time.time()
        if not _SHORT_S < wait_s <= WAIT_SCHEDULED_S or self._reported == (first.task_id, until):
            return
        self._reported = first.task_id, until
        more = f" ({len(waiting)} videos wait)" if progress is not None and len(waiting) > 1 else ""
        say(f"{self._label}: {self.words_of(first)}{more}")

    def words_of(self, task: Task) -> str:
        """What a task waits for: "waits until 2026-11-29 12:00:00+01:00 (in 3d): ..."."""
        now = time.time()
        until = self._until(task, now)
        is_scheduled = task.status is TaskStatus.QUEUED and (task.run_after or 0.0) > now
        why = task.error_message if is_scheduled else f"{task.task_type} is paused"
        return f"waits until {moment_words(until)} ({age(now - until)}): {why or 'scheduled'}"

    def is_too_long(self, task: Task) -> bool:
        """Whether it cannot start for longer than a command waits."""
        now = time.time()
        return task.status is TaskStatus.QUEUED and self._until(task, now) - now > WAIT_SCHEDULED_S

    def are_too_long(self, task_id: str, progress: Progress) -> bool:
        """Whether that is so of all unfinished children; True where there are none."""
        if any(progress.by_status[status] for status in ACTIVE):
            return False
        if not progress.open:
            return True
        left = self._queue.children(task_id, TaskStatus.QUEUED, _MOST_CHILDREN)
        return all(map(self.is_too_long, left))

    def _waiting(self, task: Task, progress: Progress | None) -> list[Task]:
        """The waiting tasks, the soonest first; none where any is running, or due."""
        tasks = [task] if task.status not in FINISHED else []
        if progress is not None and progress.open:
            queued = progress.by_status[TaskStatus.QUEUED]
            # Of more, some are due soon: that would be a message a second.
            if queued > _MOST_CHILDREN or any(progress.by_status[each] for each in ACTIVE):
                return []
            tasks += self._queue.children(task.task_id, TaskStatus.QUEUED, _MOST_CHILDREN)
        if any(each.status is not TaskStatus.QUEUED or each.run_after is None for each in tasks):
            return []
        return sorted(tasks, key=lambda each: each.run_after or 0.0)

    def _until(self, task: Task, now: float) -> float:
        paused_s = self._queue.limits.pause_s(f"type:{task.task_type}")
        return max(task.run_after or 0.0, now + paused_s)


class PauseWatch:
    """Reports on stderr which of these types are paused."""

    def __init__(self, settings: Settings, queue: QueueManager, task_types: Iterable[str]) -> None:
        self._settings = settings
        self._queue = queue
        self._types = {f"type:{each}": each for each in task_types}
        self._reported: set[tuple[str, float]] = set()

    def check(self) -> None:
        """Report each new pause. Reads the queue at most once a second."""
        with suppress(StorageReplaced):  # the workers report that
            self._check()

    def _check(self) -> None:
        paused_s = self._queue.limits.pause_s
        if not any(map(paused_s, self._types)):
            return
        now = time.time()
        for pause in self._queue.limits.pauses():
            which = pause.key, pause.opened_at
            is_open = pause.key in self._types and pause.state(now) is State.OPEN
            if not is_open or which in self._reported:
                continue
            self._reported.add(which)
            resumes = age(now - pause.paused_until)
            command = command_for(self._settings, f"limits resume {pause.key}")
            say(
                f"{self._types[pause.key]} is paused and resumes {resumes} ({pause.code}); "
                f"to resume now: {command}"
            )
