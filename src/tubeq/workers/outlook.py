"""What a run until idle still waits for, and what it leaves.

It waits for what can begin soon: tasks that are due or held, and tasks that fall due, or whose
type's pause ends, within a given time. That time runs from each check: it is not a limit on the
run.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from datetime import datetime
from operator import attrgetter
from typing import NamedTuple

from tubeq.queue.backlog import QueueBacklog
from tubeq.storage.ports.tasks import OpenType


class Wait(NamedTuple):
    """No task of a type can begin before `until` (epoch seconds): the next one is scheduled, or the
    type is paused. With `is_held`, a worker is processing one of its tasks."""

    task_type: str
    until: float
    is_paused: bool
    is_held: bool


class LeftTasks(NamedTuple):
    """Tasks of a type that a run until idle left behind, as they begin too late.

    `due` of them may not begin before `paused_until`; `scheduled` fall due at `next_due_at` or
    later. Times are epoch seconds, None where there is no such task.
    """

    task_type: str
    due: int
    scheduled: int
    next_due_at: float | None
    paused_until: float | None


class Outlook:
    """What is left to be done of some types.

    Args:
        backlog: the queue's.
        task_types: of which types.
        pause_of: for how many seconds no task of a type should begin; usually 0.
        wait_s: what "soon" is.
    """

    def __init__(
        self,
        backlog: QueueBacklog,
        task_types: Collection[str],
        pause_of: Callable[[str], float],
        wait_s: float,
    ) -> None:
        self._backlog = backlog
        self.task_types = task_types
        self._pause_of = pause_of
        self.wait_s = wait_s

    def _open_types(self) -> list[OpenType]:
        return [each for each in self._backlog.open_types() if each.task_type in self.task_types]

    def waits(self) -> list[Wait]:
        """What there is to wait for, the soonest first."""
        now = time.time()
        return sorted(
            (self._wait(each, now) for each in self._open_types()), key=attrgetter("until")
        )

    def _wait(self, each: OpenType, now: float) -> Wait:
        pause_s = self._pause_of(each.task_type)
        paused_until = now + pause_s
        due_at = now if each.is_due or each.next_due_at is None else each.next_due_at
        only_held = not each.is_due and each.next_due_at is None
        until = now if only_held else max(due_at, paused_until)
        return Wait(each.task_type, until, pause_s > 0 and until == paused_until, each.is_held)

    def is_work_left(self) -> bool:
        """Whether anything can begin soon, or a worker is processing a task, which may be retried
        and may create others."""
        latest = time.time() + self.wait_s
        return any(each.is_held or each.until <= latest for each in self.waits())

    def left(self) -> tuple[LeftTasks, ...]:
        """What is queued: called when there is nothing left to wait for."""
        now, left = time.time(), []
        for each in self._open_types():
            due, scheduled = self._backlog.count_queued(each.task_type)
            pause_s = self._pause_of(each.task_type)
            until = now + pause_s if pause_s > 0 else None
            if due or scheduled:
                left.append(LeftTasks(each.task_type, due, scheduled, each.next_due_at, until))
        return tuple(left)


def wait_words(wait: Wait) -> str:
    """A wait for people: "youtube_video: the next task is due at 2027-01-31 08:00:00+01:00"."""
    if wait.until > time.time():
        what = "paused until" if wait.is_paused else "the next task is due at"
        return f"{wait.task_type}: {what} {moment_words(wait.until)}"
    return f"{wait.task_type}: a worker is processing a task"


def left_words(left: LeftTasks) -> str:
    """The tasks of a type that were left, for people."""
    parts = []
    if left.scheduled:
        next_at = left.next_due_at and f", the next at {moment_words(left.next_due_at)}"
        parts.append(f"{_tasks_are(left.scheduled)} scheduled later than that{next_at or ''}")
    if left.due:
        until = left.paused_until and f", but paused until {moment_words(left.paused_until)}"
        parts.append(f"{_tasks_are(left.due)} due{until or ''}")
    return f"{left.task_type}: {'; '.join(parts)}"


def _tasks_are(count: int) -> str:
    return "1 task is" if count == 1 else f"{count:,} tasks are"


def moment_words(epoch_s: float) -> str:
    """A time as a local one with its offset, to the second."""
    try:
        local = datetime.fromtimestamp(epoch_s).astimezone()
        return local.isoformat(sep=" ", timespec="seconds")
    except (OverflowError, OSError, ValueError):
        return f"{epoch_s:.0f} s after 1970"
