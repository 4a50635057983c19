"""procrastinate: the verbs of its workers, on PostgreSQL."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Mapping, Sequence
from importlib import import_module
from typing import Any

from benchmarks.contenders.base import DEFAULT, FULL, SERVER, Queue
from benchmarks.contenders.reference_postgres import settle

_SILENCE_S = 2.0


class Procrastinate(Queue):
    """defer, fetch_job, finish_job; it keeps finished jobs with their events, and no results."""

    name = "procrastinate"
    title = "procrastinate"
    kind = SERVER
    requirements = ("procrastinate==3.10.0", "psycopg[binary]==3.3.9")
    packages = ("procrastinate", "psycopg")
    server = "postgres"
    durabilities = (DEFAULT,)
    compared_with = FULL
    recovery = f"jobs of workers without a heartbeat for {_SILENCE_S:g} s are retried by the others"
    patience_s = 5.0
    many = "batch_defer; fetch_job and finish_job one at a time"
    keeps_history = True

    def __init__(self, place: str, durability: str, *, create: bool, lease_s: float) -> None:
        procrastinate: Any = import_module("procrastinate")
        self._succeeded = import_module("procrastinate.jobs").Status.SUCCEEDED
        self._place = place
        self._loop = asyncio.new_event_loop()
        connector = procrastinate.PsycopgConnector(conninfo=place, min_size=1, max_size=2)
        self._app = procrastinate.App(connector=connector)
        self._task = self._app.task(name="benchmark", queue="peers")(_work)
        self._wait(self._app.open_async())
        if create:
            self._wait(self._app.schema_manager.apply_schema_async())
        self._manager = self._app.job_manager
        self._worker_id = self._wait(self._manager.register_worker())
        self.settings = "the server's defaults (an fsync a commit); its JobManager, asynchronous"

    def _wait(self, awaited: Awaitable[Any]) -> Any:
        return self._loop.run_until_complete(awaited)

    def put(self, encoded: Mapping[str, Any]) -> None:
        self._wait(self._task.defer_async(**encoded))

    def claim(self) -> Any | None:
        return self._wait(self._manager.fetch_job(queues=None, worker_id=self._worker_id))

    def number_of(self, held: Any) -> int:
        return int(held.task_kwargs["task"])

    def complete(self, held: Any) -> bool:
        self._wait(self._manager.finish_job(held, self._succeeded, delete_job=False))
        return True

    def lifecycle_batch(self, encoded: Sequence[Mapping[str, Any]]) -> None:
        self._wait(self._task.batch_defer_async(*encoded))
        held = [self.claim() for _ in encoded]
        for job in held:
            self.complete(job)

    def fill(self, batch: Sequence[Mapping[str, Any]]) -> None:
        self._wait(self._task.batch_defer_async(*batch))

    def settle(self) -> None:
        settle(self._place)

    def recover(self, alone: bool) -> None:
        self._wait(self._manager.update_heartbeat(self._worker_id))
        stalled = self._manager.get_stalled_jobs(seconds_since_heartbeat=_SILENCE_S)
        for job in self._wait(stalled):
            self._wait(self._manager.retry_job(job))

    def completed(self) -> list[int]:
        jobs = self._wait(self._manager.list_jobs_async(status="succeeded"))
        return [int(job.task_kwargs["task"]) for job in jobs]

    def close(self) -> None:
        self._wait(self._app.close_async())
        self._loop.close()


def _work(**parameters: Any) -> None:
    pass
