"""`queue.backlog`: what is left to be done, type by type, for workers and their supervisors."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tubeq.queue import instrument

if TYPE_CHECKING:
    from tubeq.storage import Storage
    from tubeq.storage.ports.tasks import OpenType


@instrument.verbs("backlog.")
class QueueBacklog:
    """Tasks that are not finished."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    def open_types(self) -> list[OpenType]:
        """The types of all tasks that are not finished. See Storage.open_types."""
        return self._storage.open_types()

    def has_open_tasks(self, task_type: str) -> bool:
        """Whether a task of that type is QUEUED, due or not, or held by a worker."""
        return self._storage.has_open_tasks(task_type)

    def count_queued(self, task_type: str) -> tuple[int, int]:
        """How many QUEUED tasks of that type are due, and how many are scheduled for later."""
        return self._storage.count_queued(task_type)

    def next_due_at(self, task_type: str) -> float | None:
        """When the next scheduled task of that type falls due: epoch seconds, or None."""
        return self._storage.next_due_at(task_type)
