"""What is left to be done in the reference model, type by type: verbs of MemoryStorage."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tubeq.domain.states import ACTIVE, FINISHED
from tubeq.storage.memory.verb import verb
from tubeq.storage.ports.tasks import OpenType

if TYPE_CHECKING:
    from tubeq.storage.memory.storage import MemoryStorage


@verb
def has_open_tasks(storage: MemoryStorage, task_type: str) -> bool:
    """See the port."""
    mine = {task.status for task in storage._tasks.values() if task.task_type == task_type}
    return not mine <= FINISHED


@verb
def open_types(storage: MemoryStorage) -> list[OpenType]:
    """See the port."""
    still_open = [task for task in storage._tasks.values() if task.status not in FINISHED]
    return [
        OpenType(
            task_type,
            any(storage._is_due(task) for task in still_open if task.task_type == task_type),
            any(task.status in ACTIVE for task in still_open if task.task_type == task_type),
            storage.next_due_at(task_type),
        )
        for task_type in sorted({task.task_type for task in still_open})
    ]


@verb
def count_queued(storage: MemoryStorage, task_type: str) -> tuple[int, int]:
    """See the port."""
    due = sum(
        storage._is_due(task) for task in storage._tasks.values() if task.task_type == task_type
    )
    return due, sum(task.task_type == task_type for task in storage._scheduled())
