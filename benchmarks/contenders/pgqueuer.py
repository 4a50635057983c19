"""PgQueuer: the queries of its workers, on PostgreSQL."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import Awaitable, Mapping, Sequence
from datetime import timedelta
from importlib import import_module
from typing import Any

from benchmarks.contenders.base import DEFAULT, FULL, SERVER, TASK_TYPE, Queue
from benchmarks.contenders.reference_postgres import settle


class Pgqueuer(Queue):
    """enqueue, dequeue, log_jobs, which moves a job to the log; no results."""

    name = "pgqueuer"
    title = "PgQueuer"
    kind = SERVER
    requirements = ("pgqueuer==1.6.0", "psycopg[binary]==3.3.9")
    packages = ("pgqueuer", "psycopg")
    server = "postgres"
    durabilities = (DEFAULT,)
    compared_with = FULL
    recovery = "dequeue takes over jobs without a heartbeat for 1 s"
    patience_s = 2.5
    many = "enqueue with lists, dequeue(100), log_jobs with a list"
    keeps_history = True
    encodes = False

    def __init__(self, place: str, durability: str, *, create: bool, lease_s: float) -> None:
        psycopg: Any = import_module("psycopg")
        queries: Any = import_module("pgqueuer.queries").Queries
        parameter: Any = import_module("pgqueuer.ports.repository").EntrypointExecutionParameter
        self._place = place
        self._loop = asyncio.new_event_loop()
        self._connection = self._wait(psycopg.AsyncConnection.connect(place, autocommit=True))
        self._queries = queries.from_psycopg_connection(self._connection)
        if create:
            self._wait(self._queries.install())
        self._entrypoints = {TASK_TYPE: parameter(0)}
        self._manager_id = uuid.uuid4()
        self._lease = timedelta(seconds=lease_s)
        self.settings = "the server's defaults (an fsync a commit); its Queries, asynchronous"

    def _wait(self, awaited: Awaitable[Any]) -> Any:
        return self._loop.run_until_complete(awaited)

    def encode(self, parameters: Mapping[str, Any]) -> bytes:
        return json.dumps(parameters).encode()

    def put(self, encoded: bytes) -> None:
        self._wait(self._queries.enqueue(TASK_TYPE, encoded))

    def claim(self) -> Any | None:
        found = self._wait(
            self._queries.dequeue(1, self._entrypoints, self._manager_id, None, self._lease)
        )
        return found[0] if found else None

    def number_of(self, held: Any) -> int:
        return int(json.loads(held.payload)["task"])

    def complete(self, held: Any) -> bool:
        self._wait(self._queries.log_jobs([(held, "successful", None)]))
        return True

    def lifecycle_batch(self, encoded: Sequence[bytes]) -> None:
        many = len(encoded)
        self._wait(self._queries.enqueue([TASK_TYPE] * many, list(encoded), [0] * many))
        held = self._wait(
            self._queries.dequeue(many, self._entrypoints, self._manager_id, None, self._lease)
        )
        if len(held) != many:
            raise RuntimeError(f"{len(held)} tasks of {many} were claimed")
        self._wait(self._queries.log_jobs([(each, "successful", None) for each in held]))

    def fill(self, batch: Sequence[Mapping[str, Any]]) -> None:
        payloads = [self.encode(each) for each in batch]
        many = len(payloads)
        self._wait(self._queries.enqueue([TASK_TYPE] * many, payloads, [0] * many))

    def settle(self) -> None:
        settle(self._place)

    def completed(self) -> list[int]:
        """Its log has no payloads: in a fresh database the job with the id 1 is task 0."""
        query = "SELECT job_id FROM pgqueuer_log WHERE status = 'successful'"
        rows = self._wait(self._queries.driver.fetch(query))
        return [int(row["job_id"]) - 1 for row in rows]

    def close(self) -> None:
        self._wait(self._connection.close())
        self._loop.close()
