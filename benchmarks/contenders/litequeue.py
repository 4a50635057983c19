"""litequeue: its newest version, and the last that Pythons before 3.12 can install."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any

from benchmarks.contenders.base import SYNCHRONOUS, Queue


class Litequeue(Queue):
    """put, pop, done; a message stays in its table, and its claim has a number."""

    name = "litequeue"
    title = "litequeue 0.14"
    requirements = ("litequeue==0.14",)
    packages = ("litequeue",)
    python = (3, 12)
    fenced = True
    encodes = False
    recovery = "retry_expired(1 s) by the other workers"
    patience_s = 2.5
    many = "puts in one transaction(); pop one at a time; dones in one transaction()"

    def __init__(self, place: str, durability: str, *, create: bool, lease_s: float) -> None:
        litequeue: Any = import_module("litequeue")
        self._queue = litequeue.LiteQueue(place, timeout=30)
        self._lease_s = lease_s
        self._queue.conn.execute(f"PRAGMA synchronous = {SYNCHRONOUS[durability]}")
        self.settings = f"its own WAL; synchronous {SYNCHRONOUS[durability]} on its connection"

    def encode(self, parameters: Mapping[str, Any]) -> str:
        return json.dumps(parameters)

    def put(self, encoded: str) -> None:
        self._queue.put(encoded)

    def claim(self) -> Any | None:
        return self._queue.pop()

    def number_of(self, held: Any) -> int:
        return int(json.loads(held.data)["task"])

    def complete(self, held: Any) -> bool:
        return bool(self._queue.done(held.message_id, claim_id=held.claim_id))

    def lifecycle_batch(self, encoded: Sequence[str]) -> None:
        """A pop begins a transaction of its own, which cannot stand within another."""
        with self._queue.transaction(mode="IMMEDIATE"):
            for each in encoded:
                self._queue.put(each)
        held = [self._queue.pop() for _ in encoded]
        with self._queue.transaction(mode="IMMEDIATE"):
            for message in held:
                self.complete(message)

    def fill(self, batch: Sequence[Mapping[str, Any]]) -> None:
        with self._queue.transaction(mode="IMMEDIATE"):
            for parameters in batch:
                self._queue.put(json.dumps(parameters))

    def recover(self, alone: bool) -> None:
        self._queue.retry_expired(self._lease_s)

    def completed(self) -> list[int]:
        rows = self._queue.conn.execute("SELECT data FROM Queue WHERE status = 2").fetchall()
        return [int(json.loads(row[0])["task"]) for row in rows]

    def close(self) -> None:
        self._queue.conn.close()


class Litequeue09(Litequeue):
    """done() asks not who completes; a claim reads all that is queued, its index has no order."""

    name = "litequeue-0.9"
    title = "litequeue 0.9"
    requirements = ("litequeue==0.9",)
    python = (3, 10)
    fenced = False
    recovery = "list_locked(1 s) and retry() by the other workers"

    def complete(self, held: Any) -> bool:
        self._queue.done(held.message_id)
        return True

    def recover(self, alone: bool) -> None:
        for message in list(self._queue.list_locked(self._lease_s)):
            self._queue.retry(message.message_id)
