"""The reference as a queue: bare SQLite, one transaction a verb, by reference_sqlite.py."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.contenders.base import REFERENCE, RESULT, Queue
from benchmarks.contenders.reference_sqlite import ReferenceQueue

_DURABILITY = {"normal": "fast", "full": "full"}
_COMPLETED = "SELECT id - 1 FROM task_queue WHERE status = 'COMPLETED'"


class Reference(Queue):
    """Its parameters are fixed: in a new file the row with the id 1 is task 0."""

    name = "reference"
    title = "reference: bare SQLite"
    kind = REFERENCE
    stores_results = True
    encodes = False
    recovery = "none: it is bare SQL"
    many = "executemany; one UPDATE claims; executemany"

    def __init__(self, place: str, durability: str, *, create: bool, lease_s: float) -> None:
        self._queue = ReferenceQueue(Path(place), durability=_DURABILITY[durability])
        self.settings = f"WAL, durability {_DURABILITY[durability]}, BEGIN IMMEDIATE"

    def put(self, encoded: Mapping[str, Any]) -> None:
        self._queue.create_task()

    def claim(self) -> Any | None:
        return self._queue.claim_next_task(strategy="fifo")

    def number_of(self, held: Any) -> int:
        return int(held.row_id) - 1

    def complete(self, held: Any) -> bool:
        self._queue.complete_task(held, [RESULT])
        return True

    def lifecycle_batch(self, encoded: Sequence[Mapping[str, Any]]) -> None:
        """Three transactions a batch."""
        self._queue.create_tasks(encoded)
        self._queue.complete_tasks(self._queue.claim_tasks("", "", len(encoded)))

    def fill(self, batch: Sequence[Mapping[str, Any]]) -> None:
        self._queue.create_tasks(batch)

    def completed(self) -> list[int]:
        return [int(row[0]) for row in self._queue.connection.execute(_COMPLETED)]

    def close(self) -> None:
        self._queue.close()
