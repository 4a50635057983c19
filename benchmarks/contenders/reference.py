"""The reference as a queue: bare SQLite, one transaction a verb, by reference_sqlite.py."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.contenders.base import FULL, REFERENCE, RESULT, Queue
from benchmarks.contenders.reference_sqlite import ReferenceQueue

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

    def open(self, create: bool) -> None:
        durability = "full" if self.durability == FULL else "fast"
        self._queue = ReferenceQueue(Path(self.place), durability=durability)
        self.resources.callback(self._queue.close)
        self.settings = f"WAL, durability {durability}, BEGIN IMMEDIATE"

    def put(self, encoded: Any) -> None:
        self._queue.create_task()

    def put_many(self, encoded: Sequence[Any]) -> None:
        self._queue.create_tasks(encoded)

    def claim(self) -> Any | None:
        return self._queue.claim_next_task(strategy="fifo")

    def claim_many(self, count: int = 0) -> Sequence[Any]:
        return self._queue.claim_tasks("", "", count)

    def number_of(self, held: Any) -> int:
        return int(held.row_id) - 1

    def complete(self, held: Any) -> bool:
        self._queue.complete_task(held, [RESULT])
        return True

    def complete_many(self, held: Sequence[Any]) -> Sequence[bool]:
        self._queue.complete_tasks(held)
        return [True] * len(held)

    def completed(self) -> list[int]:
        return [int(row[0]) for row in self._queue.connection.execute(_COMPLETED)]
