"""Maintenance of the reference model: removing old tasks."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

from tubeq.domain.clock import to_timestamp
from tubeq.domain.errors import StorageError
from tubeq.domain.models import Task
from tubeq.domain.states import FINISHED
from tubeq.storage.memory.children import MemoryChildren
from tubeq.storage.memory.items import MemoryItems
from tubeq.storage.memory.state import MemoryState, verbs
from tubeq.storage.ports.items import OnProgress
from tubeq.storage.ports.maintenance import Imported, PruneCount


@verbs
class MemoryMaintenance:
    """See Maintenance. `children` knows which tasks others need, and `items` takes in the results
    before they are deleted."""

    def __init__(self, state: MemoryState, children: MemoryChildren, items: MemoryItems) -> None:
        self._state = state
        self._children = children
        self._items = items

    def prune(self, finished_before: float, *, limit: int | None = None) -> int:
        state = self._state
        self._items.fold()
        old = self._prunable(finished_before)[:limit]
        for task in old:
            del state.tasks[task.row_id], state.row_ids[task.task_id], state.history[task.row_id]
            state.keys.pop(task.idempotency_key or "", None)
            state.deadlines.forget(task)
            self._children.forget(task.row_id)
        state.results = {key: kept for key, kept in state.results.items() if key[0] in state.tasks}
        return len(old)

    def preview_prune(
        self, finished_before: float, *, limit: int | None = None
    ) -> list[PruneCount]:
        alike: defaultdict[tuple[str, str], list[Task]] = defaultdict(list)
        for task in self._prunable(finished_before)[:limit]:
            alike[task.task_type, str(task.status)].append(task)
        return [
            PruneCount(
                *key,
                len(tasks),
                min(task.completed_at or "" for task in tasks),
                max(task.completed_at or "" for task in tasks),
                sum(row_id in {task.row_id for task in tasks} for row_id, _ in self._state.results),
            )
            for key, tasks in sorted(alike.items())
        ]

    def _prunable(self, finished_before: float) -> list[Task]:
        bound = to_timestamp(finished_before)
        return [
            task
            for task in self._state.tasks.values()
            if task.status in FINISHED
            and task.row_id != self._state.last_row_id
            and (task.completed_at or "") < bound
            and not self._children.needs(task)
        ]

    def check(self) -> list[str]:
        return []  # only the verbs ever change the dictionaries

    def backup(self, path: Path) -> Path:
        raise StorageError(f"a queue in memory has no file to back up to {path}")

    def import_legacy(self, path: Path, progress: OnProgress | None = None) -> Imported:
        del progress
        raise StorageError(f"a queue in memory imports nothing: open a file to import {path} into")
