"""tubeq itself, through QueueManager, and the way its workers call it."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.contenders.base import BATCH, RESULT, TASK_TYPE, Queue

_IDEAS: Any = [RESULT]
_DURABILITY = {"normal": "fast", "full": "full"}


class Tubeq(Queue):
    """Three transactions a task: created, claimed and started, completed with one idea."""

    name = "tubeq"
    title = "tubeq"
    packages = ("tubeq",)
    fenced = True
    stores_results = True
    recovery = "leases of 1 s, expired ones rescued by the other workers' sweeps"
    patience_s = 0.2
    many = "create_tasks, one claim of 100 (started), complete_tasks with an idea each"
    keeps_history = True

    def __init__(self, place: str, durability: str, *, create: bool, lease_s: float) -> None:
        from tubeq import ClaimRequest, ClaimStrategy, QueueManager

        self._queue = QueueManager(place, durability=_DURABILITY[durability])
        self._request = ClaimRequest(
            TASK_TYPE, f"worker-{os.getpid()}", ClaimStrategy.FIFO, lease_s, start=True
        )
        self.settings = f'durability="{_DURABILITY[durability]}", FIFO, started as claimed'

    def put(self, encoded: Mapping[str, Any]) -> None:
        self._queue.create_task(TASK_TYPE, encoded)

    def claim(self) -> Any | None:
        claimed = self._queue.claim(self._request)
        return claimed[0] if claimed else None

    def number_of(self, held: Any) -> int:
        return int(held.parameters["task"])

    def complete(self, held: Any) -> bool:
        return self._complete(held)[0]

    def _complete(self, held: Any, then: Any = None) -> tuple[bool, Any | None]:
        from tubeq.domain.errors import ClaimLost

        try:
            return True, self._queue.complete_task(held, [RESULT], None, then)
        except ClaimLost:
            return False, None

    def lifecycle_batch(self, encoded: Sequence[Mapping[str, Any]]) -> None:
        """Three transactions a batch."""
        self.fill(encoded)
        held = self._queue.claim(self._request, len(encoded))
        if len(held) != len(encoded) or not all(self.complete_many(held)):
            raise RuntimeError(f"{len(held)} tasks of {len(encoded)} were claimed, or one was lost")

    def claim_many(self) -> Sequence[Any]:
        return self._queue.claim(self._request, BATCH)

    def complete_many(self, held: Sequence[Any]) -> Sequence[bool]:
        from tubeq import Completion

        refused = self._queue.complete_tasks([Completion(each, _IDEAS) for each in held])
        lost = {each.row_id for each in refused}
        return [each.row_id not in lost for each in held]

    def fill(self, batch: Sequence[Mapping[str, Any]]) -> None:
        from tubeq import NewTask

        self._queue.create_tasks(NewTask(TASK_TYPE, each) for each in batch)

    def recover(self, alone: bool) -> None:
        self._queue.rescue()

    def is_waiting(self) -> bool:
        """A dead worker's lease has not run out yet."""
        return self._queue.backlog.has_open_tasks(TASK_TYPE)

    def completed(self) -> list[int]:
        tasks = self._queue.list_tasks("COMPLETED", TASK_TYPE, limit=1_000_000)
        return [int(task.parameters["task"]) for task in tasks]

    def close(self) -> None:
        self._queue.close()


class TubeqNext(Tubeq):
    """Two transactions a task, as tubeq's workers do it: completing claims and starts the next."""

    name = "tubeq-next"
    title = "tubeq, complete(then=…)"
    lifecycle_only = True
    many = ""

    def __init__(self, place: str, durability: str, *, create: bool, lease_s: float) -> None:
        super().__init__(place, durability, create=create, lease_s=lease_s)
        self._held: Any | None = None
        self.settings += ", the next task claimed along with a completion"

    def complete_and_claim(self, held: Any) -> tuple[bool, Any | None]:
        return self._complete(held, self._request)

    def lifecycle(self, encoded: Mapping[str, Any]) -> None:
        """One task more is put and one more completed; the one claimed waits for the next call."""
        self.put(encoded)
        held = self._held or self.claim()
        if held is None:
            raise RuntimeError("a task that was put cannot be claimed")
        self._held = self._complete(held, self._request)[1]


class TubeqBatch(Tubeq):
    """A hundred tasks claimed and started in one transaction, and completed in another."""

    name = "tubeq-batch"
    title = "tubeq, in batches of 100"
    crash_only = True

    def __init__(self, place: str, durability: str, *, create: bool, lease_s: float) -> None:
        super().__init__(place, durability, create=create, lease_s=lease_s)
        self.settings += ", a hundred at once"
