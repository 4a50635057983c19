"""tubeq itself, through QueueManager, the way its workers call it; and the bare reference."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.contenders.base import BATCH, FULL, RESULT, TASK_TYPE, Queue
from benchmarks.contenders.reference_sqlite import ReferenceQueue
from benchmarks.workloads.base import CLAIM_REQUEST, COMPLETION, public

_COMPLETED = "SELECT id - 1 FROM task_queue WHERE status = 'COMPLETED'"


class Reference(Queue):
    """Its parameters are fixed: in a new file the row with the id 1 is task 0."""

    name = "reference"

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


class Tubeq(Queue):
    """Three transactions for each task: created, claimed and started, completed with one idea."""

    name = "tubeq"
    _way = ""

    def open(self, create: bool) -> None:
        from tubeq import ClaimLost, NewTask, QueueManager

        self._new_task, self._completion, self._lost = NewTask, public(*COMPLETION), ClaimLost
        durability = "full" if self.durability == FULL else "fast"
        self._queue = QueueManager(self.place, durability=durability)
        self.resources.callback(self._queue.close)
        worker_id = f"worker-{os.getpid()}"
        self._request = public(*CLAIM_REQUEST)(
            TASK_TYPE, worker_id, public("ClaimStrategy").FIFO, self.lease_s, start=True
        )
        self.settings = f'durability="{durability}", FIFO, started as claimed{self._way}'

    def put(self, encoded: Any) -> None:
        self._queue.create_task(TASK_TYPE, encoded)

    def put_many(self, encoded: Sequence[Any]) -> None:
        self._queue.create_tasks(self._new_task(TASK_TYPE, each) for each in encoded)

    def claim(self) -> Any | None:
        claimed = self._queue.claim(self._request)
        return claimed[0] if claimed else None

    def claim_many(self, count: int = BATCH) -> Sequence[Any]:
        return self._queue.claim(self._request, count)

    def number_of(self, held: Any) -> int:
        return int(held.parameters["task"])

    def complete(self, held: Any) -> bool:
        return self._complete(held)[0]

    def _complete(self, held: Any, then: Any = None) -> tuple[bool, Any | None]:
        try:
            return True, self._queue.complete_task(held, [RESULT], None, then)
        except self._lost:
            return False, None

    def complete_many(self, held: Sequence[Any]) -> Sequence[bool]:
        ideas: Any = [RESULT]
        refused = self._queue.complete_tasks([self._completion(each, ideas) for each in held])
        lost = {each.row_id for each in refused}
        return [each.row_id not in lost for each in held]

    def recover(self, alone: bool) -> None:
        self._queue.rescue()

    def is_waiting(self) -> bool:
        """Whether a dead worker's lease has not expired yet."""
        return self._queue.backlog.has_open_tasks(TASK_TYPE)

    def completed(self) -> list[int]:
        tasks = self._queue.list_tasks("COMPLETED", TASK_TYPE, limit=1_000_000)
        return [self.number_of(task) for task in tasks]


class TubeqNext(Tubeq):
    """Two transactions for each task, as tubeq's workers do it: completing claims and starts the
    next."""

    name = "tubeq-next"
    _way = ", the next task claimed along with a completion"
    _held: Any | None = None

    def complete_and_claim(self, held: Any) -> tuple[bool, Any | None]:
        return self._complete(held, self._request)

    def lifecycle(self, encoded: Any) -> None:
        """One more task is put and one more completed; the claimed one waits for the next call."""
        self.put(encoded)
        held = self._held or self.claim()
        if held is None:
            raise RuntimeError("a task that was put cannot be claimed")
        self._held = self._complete(held, self._request)[1]


class TubeqBatch(Tubeq):
    """A hundred tasks claimed and started in one transaction, and completed in another."""

    name = "tubeq-batch"
    _way = ", a hundred at once"
