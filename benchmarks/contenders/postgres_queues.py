"""Queues on PostgreSQL: the reference of the server class, procrastinate, PgQueuer and awa-pg."""

from __future__ import annotations

import asyncio
import json
import re
import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import make_dataclass
from datetime import timedelta
from importlib import import_module
from pathlib import Path
from typing import Any
from urllib.parse import quote

from benchmarks.contenders.base import BATCH, DEFAULT, FULL, RESULT, SERVER, TASK_TYPE, Queue

_RESULT = json.dumps(RESULT)
_STATEMENTS = Path(__file__).with_name("postgres.sql").read_text("utf-8")
_SQL = dict(re.findall(r"^-- (\w+)\n(.+?)(?=^-- |\Z)", _STATEMENTS, re.MULTILINE | re.DOTALL))
_CLAIM_MANY = _SQL["claim"].replace("WHERE id = (", "WHERE id IN (").replace("LIMIT 1", "LIMIT %s")
_COMPLETE_MANY = _SQL["complete"].replace("id = %s", "id = ANY(%s)")


class _OnPostgres(Queue):
    kind = SERVER
    server = "postgres"
    durabilities = (DEFAULT,)
    compared_with = FULL

    def settle(self) -> None:
        """Vacuum, statistics and a checkpoint of a filled database, on a connection of its own."""
        psycopg: Any = import_module("psycopg")
        with psycopg.connect(self.place, autocommit=True) as connection:
            connection.execute("VACUUM ANALYZE")
            connection.execute("CHECKPOINT")


class ReferencePostgres(_OnPostgres):
    """Bare SQL, FOR UPDATE SKIP LOCKED: one statement, and so one transaction, for each of put,
    claim, and complete with result."""

    name = "postgres"

    def open(self, create: bool) -> None:
        psycopg: Any = import_module("psycopg")
        self._connection = psycopg.connect(self.place, autocommit=True)
        self.resources.callback(self._connection.close)
        if create:
            self._connection.execute(_SQL["schema"])

    def put(self, encoded: Any) -> None:
        self._connection.execute(_SQL["insert"], (encoded,))

    def put_many(self, encoded: Sequence[Any]) -> None:
        rows = [(each,) for each in encoded]
        with self._connection.transaction(), self._connection.cursor() as cursor:
            cursor.executemany(_SQL["insert"], rows)

    def claim(self) -> Any | None:
        return self._connection.execute(_SQL["claim"], ("w",)).fetchone()

    def claim_many(self, count: int = BATCH) -> Sequence[Any]:
        found: list[Any] = self._connection.execute(_CLAIM_MANY, ("w", count)).fetchall()
        return found

    def number_of(self, held: Any) -> int:
        return int(json.loads(held[-1])["task"])

    def complete(self, held: Any) -> bool:
        self._connection.execute(_SQL["complete"], (held[0], _RESULT))
        return True

    def complete_many(self, held: Sequence[Any]) -> Sequence[bool]:
        self._connection.execute(_COMPLETE_MANY, ([each[0] for each in held], _RESULT))
        return [True] * len(held)

    def completed(self) -> list[int]:
        rows = self._connection.execute("SELECT payload FROM task WHERE status = 2").fetchall()
        return [self.number_of(row) for row in rows]

    def version(self) -> str:
        server = self._connection.info.server_version
        return f"{super().version()}, PostgreSQL {server // 10_000}.{server % 10_000}"


class _Asynchronous(_OnPostgres):
    _close: Callable[[], Awaitable[Any]]

    def __init__(self, place: str, durability: str, *, create: bool, lease_s: float) -> None:
        self._loop = asyncio.new_event_loop()
        super().__init__(place, durability, create=create, lease_s=lease_s)

    def _wait(self, awaited: Awaitable[Any]) -> Any:
        return self._loop.run_until_complete(awaited)

    def close(self) -> None:
        self._wait(self._close())
        self._loop.close()


class Procrastinate(_Asynchronous):
    """defer, fetch_job, finish_job; it keeps finished jobs with their events, and no results."""

    name = "procrastinate"

    def open(self, create: bool) -> None:
        procrastinate: Any = import_module("procrastinate")
        self._succeeded = import_module("procrastinate.jobs").Status.SUCCEEDED
        connector = procrastinate.PsycopgConnector(conninfo=self.place, min_size=1, max_size=2)
        self._app = procrastinate.App(connector=connector)
        self._task = self._app.task(name="benchmark", queue="peers")(_do_nothing)
        self._wait(self._app.open_async())
        self._close = self._app.close_async
        if create:
            self._wait(self._app.schema_manager.apply_schema_async())
        self._manager = self._app.job_manager
        self._worker_id = self._wait(self._manager.register_worker())

    def put(self, encoded: Any) -> None:
        self._wait(self._task.defer_async(**encoded))

    def put_many(self, encoded: Sequence[Any]) -> None:
        self._wait(self._task.batch_defer_async(*encoded))

    def claim(self) -> Any | None:
        return self._wait(self._manager.fetch_job(queues=None, worker_id=self._worker_id))

    def number_of(self, held: Any) -> int:
        return int(held.task_kwargs["task"])

    def complete(self, held: Any) -> bool:
        self._wait(self._manager.finish_job(held, self._succeeded, delete_job=False))
        return True

    def recover(self, alone: bool) -> None:
        self._wait(self._manager.update_heartbeat(self._worker_id))
        for job in self._wait(self._manager.get_stalled_jobs(seconds_since_heartbeat=2.0)):
            self._wait(self._manager.retry_job(job))

    def completed(self) -> list[int]:
        jobs = self._wait(self._manager.list_jobs_async(status="succeeded"))
        return [self.number_of(job) for job in jobs]


def _do_nothing(**parameters: Any) -> None:
    pass


class Pgqueuer(_Asynchronous):
    """The queries of its workers: enqueue, dequeue, log_jobs, which moves a job to the log; no
    results."""

    name = "pgqueuer"

    def open(self, create: bool) -> None:
        psycopg: Any = import_module("psycopg")
        queries: Any = import_module("pgqueuer.queries").Queries
        parameter: Any = import_module("pgqueuer.ports.repository").EntrypointExecutionParameter
        self._connection = self._wait(psycopg.AsyncConnection.connect(self.place, autocommit=True))
        self._close = self._connection.close
        self._queries = queries.from_psycopg_connection(self._connection)
        if create:
            self._wait(self._queries.install())
        self._claiming = (
            {TASK_TYPE: parameter(0)}, uuid.uuid4(), None, timedelta(seconds=self.lease_s),
        )  # fmt: skip

    def encode(self, parameters: Mapping[str, Any]) -> Any:
        return json.dumps(parameters).encode()

    def put(self, encoded: Any) -> None:
        self._wait(self._queries.enqueue(TASK_TYPE, encoded))

    def put_many(self, encoded: Sequence[Any]) -> None:
        many = len(encoded)
        self._wait(self._queries.enqueue([TASK_TYPE] * many, list(encoded), [0] * many))

    def claim(self) -> Any | None:
        found = self.claim_many(1)
        return found[0] if found else None

    def claim_many(self, count: int = BATCH) -> Sequence[Any]:
        found: list[Any] = self._wait(self._queries.dequeue(count, *self._claiming))
        return found

    def number_of(self, held: Any) -> int:
        return int(json.loads(held.payload)["task"])

    def complete(self, held: Any) -> bool:
        return self.complete_many([held])[0]

    def complete_many(self, held: Sequence[Any]) -> Sequence[bool]:
        self._wait(self._queries.log_jobs([(each, "successful", None) for each in held]))
        return [True] * len(held)

    def completed(self) -> list[int]:
        """Its log has no payloads: in a fresh database the job with the id 1 is task 0."""
        query = "SELECT job_id FROM pgqueuer_log WHERE status = 'successful'"
        rows = self._wait(self._queries.driver.fetch(query))
        return [int(row["job_id"]) - 1 for row in rows]


class AwaPg(_Asynchronous):
    """insert; a handler that waits; it completes in the background, after the handler returned.

    Its Python API has workers and no verb that claims: a worker with one slot calls a handler,
    which waits until `complete` lets it return.
    """

    name = "awa-pg"
    _queue, _batches = "peers", "batches"
    _empty_s = 2.0

    def open(self, create: bool) -> None:
        parts = dict(part.split("=", 1) for part in self.place.split())
        host = quote(parts["host"].strip("'"), safe="")
        url = f"postgres://{parts['user']}@{host}/{parts['dbname']}"
        self._arguments: Any = make_dataclass("Benchmark", [("task", int), ("payload", str)])
        self._jobs: asyncio.Queue[Any] = asyncio.Queue()
        self._unfinished = 0
        self._is_started = False
        self._close = self._shut_down
        self._wait(self._connect(url, create))

    async def _connect(self, url: str, create: bool) -> None:
        self._client = import_module("awa").AsyncClient(url)  # needs a running event loop
        if create:
            await self._client.migrate()
            await self._client.install_queue_storage()

    def encode(self, parameters: Mapping[str, Any]) -> Any:
        words = f"{parameters['channel_url']} {parameters['note']}"
        return self._arguments(task=parameters["task"], payload=words)

    def put(self, encoded: Any) -> None:
        self._wait(self._client.insert(encoded, queue=self._queue))

    def put_many(self, encoded: Sequence[Any]) -> None:
        self._wait(self._client.enqueue_many_copy(list(encoded), queue=self._queue))

    def get_ready(self) -> None:
        self._wait(self._start())

    def claim(self) -> Any | None:
        self._wait(self._start())
        try:
            return self._wait(asyncio.wait_for(self._jobs.get(), self._empty_s))
        except asyncio.TimeoutError:
            return None

    def number_of(self, held: Any) -> int:
        return int(held[0].args.task)

    def complete(self, held: Any) -> bool:
        held[1].set_result(None)
        self._wait(asyncio.sleep(0))
        return True

    def lifecycle_batch(self, encoded: Sequence[Any]) -> None:
        self._wait(self._start())
        self._unfinished = len(encoded)
        self._wait(self._client.enqueue_many_copy(list(encoded), queue=self._batches))
        while self._unfinished:
            self._wait(asyncio.sleep(0.001))

    def settle(self) -> None:
        """Nothing: its environment has no other driver of PostgreSQL."""

    async def _shut_down(self) -> None:
        if self._is_started:
            await self._client.shutdown()
        await self._client.close()

    async def _start(self) -> None:
        if self._is_started:
            return
        self._is_started = True

        async def handle(job: Any) -> None:
            if job.queue == self._batches:
                self._unfinished -= 1
                return
            done = self._loop.create_future()
            await self._jobs.put((job, done))
            await done

        self._client.task(self._arguments, queue=self._queue)(handle)
        self._client.task(self._arguments, queue=self._batches)(handle)
        stale_ms = min(int(self.lease_s * 1000), 30_000)
        await self._client.start(
            [(self._queue, 1), (self._batches, BATCH)], heartbeat_interval_ms=stale_ms // 4,
            heartbeat_staleness_ms=stale_ms, heartbeat_rescue_interval_ms=500,
            leader_election_interval_ms=500,
        )  # fmt: skip
