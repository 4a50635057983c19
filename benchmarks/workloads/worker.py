"""A worker with a plugin that does nothing: what tubeq itself costs a task."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from time import perf_counter
from typing import Any

from benchmarks.workloads import base
from benchmarks.workloads.base import IDEA, TASK_TYPE, Sample, Workload, public, sizes


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

    def __init__(self, queue: Any, plugin: NullPlugin) -> None:
        self._queue = queue
        self._plugin = plugin

    def run(self, *, until_idle: bool) -> int:
        """Work until no task is left; how many were done."""
        done = 0
        while claim := self._queue.claim_next_task(TASK_TYPE, "w"):
            self._queue.complete_task(claim, self._plugin.scrape())
            done += 1
        return done


class Worker(Workload):
    """One task a call, by BaseWorker.run until the queue is empty; its writes have the durability.

    A latency is the time from one call of the plugin to the next: completing a task together with
    claiming the next one.
    """

    has_reference = True
    name = "worker"
    verbs = ("create_tasks",)
    calls = sizes(200, 5_000, 50_000)
    counted_calls = 100  # heartbeats, another thread's, are not counted

    def begin(self, state: Any) -> None:
        state.plugin = NullPlugin()
        if base.opens:
            state.worker = _BareWorker(state.queue, state.plugin)
            return
        config = public("WorkerConfig")(worker_id="w", task_type=TASK_TYPE, **self.settings)
        state.worker = public("BaseWorker")(config, state.path, state.plugin)
        state.resources.callback(state.worker.close)

    def work(self, state: Any, calls: int) -> Sample:
        base.fill(state.queue, calls)
        state.plugin.called_at.clear()
        began = perf_counter()
        state.done += state.worker.run(until_idle=True)
        elapsed_s = perf_counter() - began
        latencies_s = [after - before for before, after in pairwise(state.plugin.called_at)]
        return Sample(latencies_s, elapsed_s, calls)

    def check(self, state: Any) -> None:
        base.check_completed(state.queue, state.done)


WORKLOADS = [Worker("balanced"), Worker("fast")]
