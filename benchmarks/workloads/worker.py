"""A worker with a plugin that does nothing: what tubeq itself costs a task."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any, NamedTuple

from benchmarks.workloads import base
from benchmarks.workloads.base import (
    IDEA,
    TASK_TYPE,
    Profile,
    Sample,
    Workload,
    fill,
    open_queue,
    public,
    sizes,
    statuses,
)

if TYPE_CHECKING:
    from tubeq import BaseWorker, QueueManager


class NullPlugin:
    """Finds one idea at once; notes when it was called."""

    def __init__(self) -> None:
        self.called_at: list[float] = []

    def scrape(self, **_: Any) -> list[Mapping[str, Any]]:
        """One task's work."""
        self.called_at.append(perf_counter())
        return [IDEA]


class _BareWorker:
    """What a worker does on the bare reference: claim, and complete with one result."""

    def __init__(self, queue: QueueManager, plugin: NullPlugin) -> None:
        self._queue = queue
        self._plugin = plugin

    def run(self, *, until_idle: bool) -> int:
        """Work until no task is left; how many were done."""
        done = 0
        while claim := self._queue.claim_next_task(TASK_TYPE, "w"):
            self._queue.complete_task(claim, self._plugin.scrape())
            done += 1
        return done

    def close(self) -> None:
        """Nothing is open."""


class _State(NamedTuple):
    queue: QueueManager
    worker: BaseWorker | _BareWorker
    plugin: NullPlugin
    done: list[int]


class Worker(Workload):
    """One task a call, by BaseWorker.run until the queue is empty.

    A latency is the time from one call of the plugin to the next: completing a task together with
    claiming the next one.

    Args:
        durability: of the worker's writes.
    """

    has_reference = True
    calls = sizes(200, 5_000, 50_000)
    counted_calls = 100  # heartbeats, another thread's, are not counted

    def __init__(self, durability: str) -> None:
        self.name = f"worker-{durability}"
        self._durability = durability

    def prepare(self, folder: Path, profile: Profile) -> _State:
        path = folder / "queue.db"
        plugin = NullPlugin()
        if base.opens:
            queue = open_queue(path, durability=self._durability)
            return _State(queue, _BareWorker(queue, plugin), plugin, [])
        queue = open_queue(path, "create_tasks", durability="fast")
        config = public("WorkerConfig")(
            worker_id="w", task_type=TASK_TYPE, durability=self._durability
        )
        return _State(queue, public("BaseWorker")(config, path, plugin), plugin, [])

    def work(self, state: _State, calls: int) -> Sample:
        fill(state.queue, calls)
        state.plugin.called_at.clear()
        began = perf_counter()
        state.done.append(state.worker.run(until_idle=True))
        elapsed_s = perf_counter() - began
        latencies_s = [after - before for before, after in pairwise(state.plugin.called_at)]
        return Sample(latencies_s, elapsed_s, calls)

    def check(self, state: _State) -> None:
        done = sum(state.done)
        assert statuses(state.queue) == {"COMPLETED": done}, "a task was left, or failed"
        assert state.queue.stats().results == done, "a result was lost, or written twice"

    def close(self, state: _State) -> None:
        state.worker.close()
        state.queue.close()


WORKLOADS = [Worker("balanced"), Worker("fast")]
