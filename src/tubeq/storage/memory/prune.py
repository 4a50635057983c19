"""Removing old tasks from the reference model."""

from __future__ import annotations

from collections import defaultdict

from tubeq.domain.clock import to_timestamp
from tubeq.domain.models import Task
from tubeq.domain.states import FINISHED
from tubeq.storage.memory.children import MemoryChildren
from tubeq.storage.memory.state import MemoryState
from tubeq.storage.ports.tasks import PruneCount


def prune(
    state: MemoryState, children: MemoryChildren, finished_before: float, limit: int | None
) -> int:
    """See Storage.prune. What is to go has been folded into the items."""
    old = _prunable(state, children, finished_before)[:limit]
    for task in old:
        del state.tasks[task.row_id], state.row_ids[task.task_id], state.history[task.row_id]
        state.keys.pop(task.idempotency_key or "", None)
        state.deadlines.forget(task)
        children.forget(task.row_id)
    state.results = {key: kept for key, kept in state.results.items() if key[0] in state.tasks}
    return len(old)


def preview(
    state: MemoryState, children: MemoryChildren, finished_before: float, limit: int | None
) -> list[PruneCount]:
    """See Storage.preview_prune."""
    alike: defaultdict[tuple[str, str], list[Task]] = defaultdict(list)
    for task in _prunable(state, children, finished_before)[:limit]:
        alike[task.task_type, str(task.status)].append(task)
    return [
        PruneCount(
            *key,
            len(tasks),
            min(task.completed_at or "" for task in tasks),
            max(task.completed_at or "" for task in tasks),
            sum(row_id in {task.row_id for task in tasks} for row_id, _ in state.results),
        )
        for key, tasks in sorted(alike.items())
    ]


def _prunable(state: MemoryState, children: MemoryChildren, finished_before: float) -> list[Task]:
    bound = to_timestamp(finished_before)
    return [
        task
        for task in state.tasks.values()
        if task.status in FINISHED
        and task.row_id != state.last_row_id
        and (task.completed_at or "") < bound
        and not children.needs(task)
    ]
