"""persist-queue on SQLite: the FIFO queue that deletes at claim, and the one with acks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from benchmarks.contenders.base import SYNCHRONOUS, Queue


class PersistFifo(Queue):
    """put and get; there is nothing to complete."""

    name = "persist-queue"
    title = "persist-queue, FIFO"
    requirements = ("persist-queue==1.1.0",)
    packages = ("persist-queue",)
    acknowledges = False
    completes = False
    many_processes = False
    recovery = "none: a claimed task is deleted"
    many = "put and get one at a time, with auto_commit=False; one task_done deletes them all"
    _class = "SQLiteQueue"

    def __init__(self, place: str, durability: str, *, create: bool, lease_s: float) -> None:
        persistqueue: Any = import_module("persistqueue")
        self._empty: type[Exception] = persistqueue.Empty
        self._json: Any = import_module("persistqueue.serializers.json")
        self._make = getattr(persistqueue, self._class)
        self._place = Path(place)
        self._durability = durability
        self._queue = self._open()
        self._lazy: Any | None = None
        self.settings = (
            f"auto_commit=True, JSON, timeout=30; synchronous {SYNCHRONOUS[durability]} on its "
            "connection"
        )

    def _open(self, **options: Any) -> Any:
        queue = self._make(
            str(self._place.parent), db_file_name=self._place.name, serializer=self._json,
            timeout=30.0, **options,
        )  # fmt: skip
        queue._putter.execute(f"PRAGMA synchronous = {SYNCHRONOUS[self._durability]}")
        return queue

    def put(self, encoded: Mapping[str, Any]) -> None:
        self._queue.put(encoded)

    def claim(self) -> Any | None:
        try:
            return self._queue.get(block=False, raw=True)
        except self._empty:
            return None

    def number_of(self, held: Any) -> int:
        return int(held["data"]["task"])

    def complete(self, held: Any) -> bool:
        return True

    def lifecycle_batch(self, encoded: Sequence[Mapping[str, Any]]) -> None:
        """Through a second handle that deletes at task_done only, all up to the last one got."""
        if self._lazy is None:
            self._lazy = self._open(auto_commit=False)
        queue = self._lazy
        for each in encoded:
            queue.put(each)
        for _ in encoded:
            queue.get(block=False, raw=True)
        queue.task_done()

    def fill(self, batch: Sequence[Mapping[str, Any]]) -> None:
        rows = [(self._json.dumps(each), 0.0) for each in batch]
        # It has no bulk: its own statement, in one transaction on its own connection.
        with self._queue._putter as connection:
            connection.executemany(self._queue._sql_insert, rows)
        self._queue.total += len(batch)

    def close(self) -> None:
        self._queue.close()
        if self._lazy is not None:
            self._lazy.close()


class PersistAck(PersistFifo):
    """get marks a task, ack marks it done; opening the queue puts all marked ones back."""

    name = "persist-queue-ack"
    title = "persist-queue, ack"
    many = ""
    acknowledges = True
    completes = True
    recovery = "auto_resume when a worker opens the file: all that is not acked is queued again"
    _class = "SQLiteAckQueue"

    def complete(self, held: Any) -> bool:
        self._queue.ack(held)
        return True

    def recover(self, alone: bool) -> None:
        if alone:
            self._queue.resume_unack_tasks()

    def completed(self) -> list[int]:
        return [int(row["data"]["task"]) for row in self._queue.queue() if int(row["status"]) == 5]
