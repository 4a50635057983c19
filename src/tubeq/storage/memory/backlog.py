"""What is left to be done in the reference model, type by type."""

from __future__ import annotations

from tubeq.domain.states import ACTIVE, FINISHED
from tubeq.storage.memory.state import MemoryState
from tubeq.storage.ports.tasks import OpenType


def has_open_tasks(state: MemoryState, task_type: str) -> bool:
    """See the port."""
    mine = {task.status for task in state.tasks.values() if task.task_type == task_type}
    return not mine <= FINISHED


def next_due_at(state: MemoryState, task_type: str) -> float | None:
    """See the port."""
    mine = [task.run_after for task in state.scheduled() if task.task_type == task_type]
    return min(filter(None, mine), default=None)


def open_types(state: MemoryState) -> list[OpenType]:
    """See the port."""
    still_open = [task for task in state.tasks.values() if task.status not in FINISHED]
    return [
        OpenType(
            task_type,
            any(state.is_due(task) for task in still_open if task.task_type == task_type),
            any(task.status in ACTIVE for task in still_open if task.task_type == task_type),
            next_due_at(state, task_type),
        )
        for task_type in sorted({task.task_type for task in still_open})
    ]


def count_queued(state: MemoryState, task_type: str) -> tuple[int, int]:
    """See the port."""
    due = sum(state.is_due(task) for task in state.tasks.values() if task.task_type == task_type)
    return due, sum(task.task_type == task_type for task in state.scheduled())
