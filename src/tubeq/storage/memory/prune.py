"""Removing old tasks from the reference model."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from tubeq.domain.clock import to_timestamp
from tubeq.domain.models import Task
from tubeq.domain.states import FINISHED
from tubeq.storage.ports.tasks import PruneCount

if TYPE_CHECKING:
    from tubeq.storage.memory.storage import MemoryStorage


def prune(storage: MemoryStorage, finished_before: float, limit: int | None) -> int:
    """See Storage.prune."""
    storage.items.fold()
    old = _prunable(storage, finished_before)[:limit]
    for task in old:
        row_id = task.row_id
        del storage._tasks[row_id], storage._row_ids[task.task_id], storage._history[row_id]
        storage._keys.pop(task.idempotency_key or "", None)
        storage._deadlines.forget(task)
        storage.children.forget(row_id)
    storage._results = {
        key: kept for key, kept in storage._results.items() if key[0] in storage._tasks
    }
    return len(old)


def preview(storage: MemoryStorage, finished_before: float, limit: int | None) -> list[PruneCount]:
    """See Storage.preview_prune."""
    alike: defaultdict[tuple[str, str], list[Task]] = defaultdict(list)
    for task in _prunable(storage, finished_before)[:limit]:
        alike[task.task_type, str(task.status)].append(task)
    return [
        PruneCount(
            *key,
            len(tasks),
            min(task.completed_at or "" for task in tasks),
            max(task.completed_at or "" for task in tasks),
            sum(row_id in {task.row_id for task in tasks} for row_id, _ in storage._results),
        )
        for key, tasks in sorted(alike.items())
    ]


def _prunable(storage: MemoryStorage, finished_before: float) -> list[Task]:
    bound = to_timestamp(finished_before)
    return [
        task
        for task in storage._tasks.values()
        if task.status in FINISHED
        and task.row_id != storage._last_row_id
        and (task.completed_at or "") < bound
        and not storage.children.needs(task)
    ]
