"""Counts over the reference model's tasks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable

from tubeq.domain.clock import from_timestamp
from tubeq.domain.models import QueueStats, Task
from tubeq.domain.states import TaskStatus


def stats_of(tasks: Collection[Task], results: int, now: float) -> QueueStats:
    """What `Storage.stats` reports of them, at `now` (epoch seconds)."""
    queued = [task for task in tasks if task.status is TaskStatus.QUEUED]
    due = [task for task in queued if task.run_after is None or task.run_after <= now]
    return QueueStats(
        by_status=_counted(tasks),
        by_type={
            task_type: _counted(task for task in tasks if task.task_type == task_type)
            for task_type in {task.task_type for task in tasks}
        },
        scheduled=len(queued) - len(due),
        results=results,
        oldest_queued_s=max((_waited_s(task, now) for task in due), default=None),
        errors=Counter(
            task.error_code
            for task in tasks
            if task.status is TaskStatus.FAILED and task.error_code is not None
        ),
    )


def _waited_s(task: Task, now: float) -> float:
    due_since = max(from_timestamp(task.created_at).timestamp(), task.run_after or 0.0)
    return max(now - due_since, 0.0)


def _counted(tasks: Iterable[Task]) -> dict[str, int]:
    counts = Counter(task.status for task in tasks)
    return {status.value: counts[status] for status in TaskStatus}
