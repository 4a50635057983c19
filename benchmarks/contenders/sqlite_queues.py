"""Other queues on SQLite: huey, litequeue and persist-queue, each in two ways, and plainjob."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from benchmarks.contenders.base import RESULT, Queue


def _set_synchronous(connection: Any, durability: str) -> str:
    """Set NORMAL or FULL, where the library itself has no setting for both; the setting in
    words."""
    connection.execute(f"PRAGMA synchronous = {durability.upper()}")
    return f"synchronous {durability.upper()} on its connection"


class HueyStorage(Queue):
    """SqliteStorage: enqueue, dequeue (which deletes), put_data for the result."""

    name = "huey-storage"
    _insert = "insert into task (queue, data, priority) values (?, ?, 0)"
    _result = json.dumps(RESULT).encode()

    def open(self, create: bool) -> None:
        huey: Any = import_module("huey")
        self._huey = huey.SqliteHuey("peers", filename=self.place, timeout=30)
        self._storage = self._huey.storage
        self.resources.callback(self._storage.close)
        # Its own `fsync` gives FULL or OFF.
        synchronous = _set_synchronous(self._storage.conn, self.durability)
        self.settings = f"WAL, timeout=30, {synchronous}"

    def encode(self, parameters: Mapping[str, Any]) -> Any:
        return json.dumps(parameters).encode()

    def put(self, encoded: Any) -> None:
        self._storage.enqueue(encoded)

    def put_many(self, encoded: Sequence[Any]) -> None:
        rows = [(self._storage.name, each) for each in encoded]
        with self._storage.db(commit=True) as cursor:
            cursor.executemany(self._insert, rows)

    def claim(self) -> Any | None:
        return self._storage.dequeue()

    def number_of(self, held: Any) -> int:
        return int(json.loads(held)["task"])

    def complete(self, held: Any) -> bool:
        self._storage.put_data(uuid.uuid4().hex, self._result, is_result=True)
        return True


class HueyWhole(HueyStorage):
    """A task is a call of a registered function; executing it stores what it returns."""

    name = "huey"

    def open(self, create: bool) -> None:
        super().open(create)
        self._task = self._huey.task(name="benchmark")(_return_result)

    def encode(self, parameters: Mapping[str, Any]) -> Any:
        return self._task.s(dict(parameters))

    def put(self, encoded: Any) -> None:
        self._huey.enqueue(encoded)

    def put_many(self, encoded: Sequence[Any]) -> None:
        super().put_many([self._huey.serialize_task(each) for each in encoded])

    def claim(self) -> Any | None:
        return self._huey.dequeue()

    def number_of(self, held: Any) -> int:
        return int(held.args[0]["task"])

    def complete(self, held: Any) -> bool:
        """Runs the function, which does nothing, and stores its result."""
        self._huey.execute(held)
        return True


def _return_result(_parameters: Mapping[str, Any]) -> Mapping[str, Any]:
    return RESULT


class Litequeue(Queue):
    """put, pop, done; a message stays in its table, and its claim has a number.

    A pop begins a transaction of its own, which cannot be nested.
    """

    name = "litequeue"

    def open(self, create: bool) -> None:
        litequeue: Any = import_module("litequeue")
        self._queue = litequeue.LiteQueue(self.place, timeout=30)
        self.resources.callback(self._queue.conn.close)
        self.settings = f"its own WAL; {_set_synchronous(self._queue.conn, self.durability)}"

    def put(self, encoded: Any) -> None:
        self._queue.put(encoded)

    def put_many(self, encoded: Sequence[Any]) -> None:
        with self._queue.transaction(mode="IMMEDIATE"):
            super().put_many(encoded)

    def claim(self) -> Any | None:
        return self._queue.pop()

    def number_of(self, held: Any) -> int:
        return int(json.loads(held.data)["task"])

    def complete(self, held: Any) -> bool:
        return bool(self._queue.done(held.message_id, claim_id=held.claim_id))

    def complete_many(self, held: Sequence[Any]) -> Sequence[bool]:
        with self._queue.transaction(mode="IMMEDIATE"):
            return super().complete_many(held)

    def recover(self, alone: bool) -> None:
        self._queue.retry_expired(self.lease_s)

    def completed(self) -> list[int]:
        rows = self._queue.conn.execute("SELECT data FROM Queue WHERE status = 2").fetchall()
        return [int(json.loads(row[0])["task"]) for row in rows]


class Litequeue09(Litequeue):
    """The last release for Python before 3.12. done() does not check which process completes; a
    claim reads all queued messages, as its index has no order."""

    name = "litequeue-0.9"

    def complete(self, held: Any) -> bool:
        self._queue.done(held.message_id)
        return True

    def recover(self, alone: bool) -> None:
        for message in list(self._queue.list_locked(self.lease_s)):
            self._queue.retry(message.message_id)


class PersistFifo(Queue):
    """put and get; there is nothing to complete."""

    name = "persist-queue"
    _class = "SQLiteQueue"
    _lazy: Any | None = None

    def open(self, create: bool) -> None:
        self._package: Any = import_module("persistqueue")
        self._json: Any = import_module("persistqueue.serializers.json")
        self._queue = self._open()

    def _open(self, **options: Any) -> Any:
        place = Path(self.place)
        queue = getattr(self._package, self._class)(
            str(place.parent),
            db_file_name=place.name,
            serializer=self._json,
            timeout=30.0,
            **options,
        )
        self.resources.callback(queue.close)
        synchronous = _set_synchronous(queue._putter, self.durability)
        self.settings = f"auto_commit=True, JSON, timeout=30; {synchronous}"
        return queue

    def put(self, encoded: Any) -> None:
        self._queue.put(encoded)

    def put_many(self, encoded: Sequence[Any]) -> None:
        rows = [(self._json.dumps(each), 0.0) for each in encoded]
        # It has no bulk put: its own statement, in one transaction on its own connection.
        with self._queue._putter as connection:
            connection.executemany(self._queue._sql_insert, rows)
        self._queue.total += len(rows)

    def claim(self) -> Any | None:
        try:
            return self._queue.get(block=False, raw=True)
        except self._package.Empty:
            return None

    def number_of(self, held: Any) -> int:
        return int(held["data"]["task"])

    def complete(self, held: Any) -> bool:
        return True

    def lifecycle_batch(self, encoded: Sequence[Any]) -> None:
        """Through a second handle that deletes at task_done only, all up to the last one got."""
        if self._lazy is None:
            self._lazy = self._open(auto_commit=False)
        for each in encoded:
            self._lazy.put(each)
        for _ in encoded:
            self._lazy.get(block=False, raw=True)
        self._lazy.task_done()


class PersistAck(PersistFifo):
    """get marks a task, ack marks it done; opening the queue requeues all marked ones."""

    name = "persist-queue-ack"
    _class = "SQLiteAckQueue"

    def complete(self, held: Any) -> bool:
        self._queue.ack(held)
        return True

    def recover(self, alone: bool) -> None:
        if alone:
            self._queue.resume_unack_tasks()

    def completed(self) -> list[int]:
        return [self.number_of(row) for row in self._queue.queue() if int(row["status"]) == 5]


class Plainjob(Queue):
    """A queue for node, measured by plainjob_driver.mjs, which answers the same orders: add,
    getAndMarkJobAsProcessing with getJobById, markJobAsDone; no results."""

    name = "plainjob"
