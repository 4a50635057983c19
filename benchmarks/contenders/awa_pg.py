"""awa-pg on PostgreSQL: its Python API has workers and no verb that claims, so a worker claims.

A worker with one slot calls a handler, which waits until `complete` lets it return.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import make_dataclass
from importlib import import_module
from typing import Any
from urllib.parse import quote

from benchmarks.contenders.base import BATCH, DEFAULT, FULL, SERVER, Queue

_EMPTY_S = 2.0
_QUEUE, _BATCHES = "peers", "batches"


class AwaPg(Queue):
    """insert; a handler that waits; it completes in the background, after the handler returned."""

    name = "awa-pg"
    title = "awa-pg"
    kind = SERVER
    requirements = ("awa-pg==0.6.9",)
    packages = ("awa-pg",)
    server = "postgres"
    durabilities = (DEFAULT,)
    compared_with = FULL
    lifecycle_only = True
    completes_later = True
    recovery = "its workers' rescue of jobs without a heartbeat for 1 s"
    patience_s = 5.0
    many = "enqueue_many_copy; a worker with a hundred slots"

    def __init__(self, place: str, durability: str, *, create: bool, lease_s: float) -> None:
        parts = dict(part.split("=", 1) for part in place.split())
        host = quote(parts["host"].strip("'"), safe="")
        url = f"postgres://{parts['user']}@{host}/{parts['dbname']}"
        self._loop = asyncio.new_event_loop()
        self._arguments: Any = make_dataclass("Benchmark", [("task", int), ("payload", str)])
        self._client = self._wait(_made(import_module("awa").AsyncClient, url))
        if create:
            self._wait(self._client.migrate())
            self._wait(self._client.install_queue_storage())
        self._stale_ms = min(int(lease_s * 1000), 30_000)
        self._jobs: asyncio.Queue[Any] = asyncio.Queue()
        self._unfinished = 0
        self._is_started = False
        self.settings = "the server's defaults (an fsync a commit); one slot, completing later"

    def _wait(self, awaited: Awaitable[Any]) -> Any:
        return self._loop.run_until_complete(awaited)

    def encode(self, parameters: Mapping[str, Any]) -> Any:
        text = f"{parameters['channel_url']} {parameters['note']}"
        return self._arguments(task=parameters["task"], payload=text)

    def put(self, encoded: Any) -> None:
        self._wait(self._client.insert(encoded, queue=_QUEUE))

    def get_ready(self) -> None:
        self._wait(self._start())

    def claim(self) -> Any | None:
        self._wait(self._start())
        try:
            return self._wait(asyncio.wait_for(self._jobs.get(), _EMPTY_S))
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
        self._wait(self._client.enqueue_many_copy(list(encoded), queue=_BATCHES))
        while self._unfinished:
            self._wait(asyncio.sleep(0.001))

    def fill(self, batch: Sequence[Mapping[str, Any]]) -> None:
        jobs = [self.encode(each) for each in batch]
        self._wait(self._client.enqueue_many_copy(jobs, queue=_QUEUE))

    def close(self) -> None:
        if self._is_started:
            self._wait(self._client.shutdown())
        self._wait(self._client.close())
        self._loop.close()

    async def _start(self) -> None:
        if self._is_started:
            return
        self._is_started = True

        async def handle(job: Any) -> None:
            if job.queue == _BATCHES:
                self._unfinished -= 1
                return
            done = self._loop.create_future()
            await self._jobs.put((job, done))
            await done

        self._client.task(self._arguments, queue=_QUEUE)(handle)
        self._client.task(self._arguments, queue=_BATCHES)(handle)
        await self._client.start(
            [(_QUEUE, 1), (_BATCHES, BATCH)], heartbeat_interval_ms=self._stale_ms // 4,
            heartbeat_staleness_ms=self._stale_ms, heartbeat_rescue_interval_ms=500,
            leader_election_interval_ms=500,
        )  # fmt: skip


async def _made(make: Any, url: str) -> Any:
    """Its client wants a running loop."""
    return make(url)
