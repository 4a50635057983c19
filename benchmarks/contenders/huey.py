"""huey on SQLite: its storage alone, and the whole of it with tasks and stored results."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any

from benchmarks.contenders.base import RESULT, SYNCHRONOUS, Queue

_RESULT = json.dumps(RESULT).encode()
_INSERT = "insert into task (queue, data, priority) values (?, ?, 0)"


class HueyStorage(Queue):
    """SqliteStorage: enqueue, dequeue (which deletes), put_data for the result."""

    name = "huey-storage"
    title = "huey, storage only"
    requirements = ("huey==3.5.4",)
    packages = ("huey",)
    acknowledges = False
    stores_results = True
    encodes = False
    recovery = "none: a claimed task is deleted"

    def __init__(self, place: str, durability: str, *, create: bool, lease_s: float) -> None:
        huey: Any = import_module("huey")
        self._huey = huey.SqliteHuey("peers", filename=place, timeout=30)
        self._storage = self._huey.storage
        # Its `fsync` gives FULL or OFF; for NORMAL the connection itself is told.
        self._storage.conn.execute(f"PRAGMA synchronous = {SYNCHRONOUS[durability]}")
        self.settings = f"WAL, timeout=30, synchronous {SYNCHRONOUS[durability]} on its connection"

    def encode(self, parameters: Mapping[str, Any]) -> Any:
        return json.dumps(parameters).encode()

    def put(self, encoded: Any) -> None:
        self._storage.enqueue(encoded)

    def claim(self) -> Any | None:
        return self._storage.dequeue()

    def number_of(self, held: Any) -> int:
        return int(json.loads(held)["task"])

    def complete(self, held: Any) -> bool:
        self._storage.put_data(uuid.uuid4().hex, _RESULT, is_result=True)
        return True

    def fill(self, batch: Sequence[Mapping[str, Any]]) -> None:
        rows = [(self._storage.name, self._message(each)) for each in batch]
        with self._storage.db(commit=True) as cursor:
            cursor.executemany(_INSERT, rows)

    def _message(self, parameters: Mapping[str, Any]) -> bytes:
        encoded: bytes = self.encode(parameters)
        return encoded

    def close(self) -> None:
        self._storage.close()


class HueyWhole(HueyStorage):
    """A task is a call of a registered function; executing it stores what it returns."""

    name = "huey"
    title = "huey, whole"
    encodes = True

    def __init__(self, place: str, durability: str, *, create: bool, lease_s: float) -> None:
        super().__init__(place, durability, create=create, lease_s=lease_s)
        self._task = self._huey.task(name="benchmark")(_work)

    def encode(self, parameters: Mapping[str, Any]) -> Any:
        return self._task.s(dict(parameters))

    def put(self, encoded: Any) -> None:
        self._huey.enqueue(encoded)

    def claim(self) -> Any | None:
        return self._huey.dequeue()

    def number_of(self, held: Any) -> int:
        return int(held.args[0]["task"])

    def complete(self, held: Any) -> bool:
        """Runs the function, which does nothing, and stores its result."""
        self._huey.execute(held)
        return True

    def _message(self, parameters: Mapping[str, Any]) -> bytes:
        message: bytes = self._huey.serialize_task(self.encode(parameters))
        return message


def _work(_parameters: Mapping[str, Any]) -> Mapping[str, Any]:
    return RESULT
