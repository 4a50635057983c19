"""What is left to be done in the reference model, type by type."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tubeq.domain.states import ACTIVE, FINISHED
from tubeq.storage.memory_verb import verb
from tubeq.storage.port import OpenType

if TYPE_CHECKING:
    from tubeq.storage.memory import MemoryStorage


class MemoryBacklog:
    """The verbs about tasks that are not finished; a part of MemoryStorage."""

    @verb
    def open_types(self: MemoryStorage) -> list[OpenType]:
        still_open = [task for task in self._tasks.values() if task.status not in FINISHED]
        return [
            OpenType(
                task_type,
                any(self._is_due(task) for task in still_open if task.task_type == task_type),
                any(task.status in ACTIVE for task in still_open if task.task_type == task_type),
                self.next_due_at(task_type),
            )
            for task_type in sorted({task.task_type for task in still_open})
        ]

    @verb
    def count_queued(self: MemoryStorage, task_type: str) -> tuple[int, int]:
        due = [task for task in self._tasks.values() if self._is_due(task)]
        return tuple(  # type: ignore[return-value]
            sum(task.task_type == task_type for task in tasks) for tasks in (due, self._scheduled())
        )
