"""The cost of a worker for each task, and how long a task takes to reach a worker in another
process.

`worker` has a plugin that does nothing. The others measure from when a task should exist until the
plugin has it. `open-loop` creates a hundred a second, whether or not earlier ones are done, and
measures from the *planned* moment: a stall delays all tasks that were planned during it, as it
would for users (G. Tene, "How NOT to measure latency": coordinated omission). `wake-up` lets the
worker become idle before each.
"""

from __future__ import annotations

import json
import socket
import threading
import time
from functools import partial
from itertools import pairwise
from multiprocessing.connection import Connection
from pathlib import Path
from time import perf_counter  # with one origin for all processes of a machine
from types import SimpleNamespace
from typing import Any

from benchmarks.workloads import base
from benchmarks.workloads.base import TASK_TYPE, Sample, Workload, public, sizes
from benchmarks.workloads.own_process import NullPlugin
from benchmarks.workloads.processes import Helpers

_RATE_PER_S = 100
_FALL_IDLE_S = 0.01
_WRITTEN_S = 5.0
_END = {"since": None}


def _work_bare(queue: Any, plugin: NullPlugin) -> int:
    """A worker's loop on the bare reference: claim, and complete with one result, until no task
    is left; how many were done."""
    done = 0
    while claim := queue.claim_next_task(TASK_TYPE, "w"):
        queue.complete_task(claim, plugin.scrape())
        done += 1
    return done


class Worker(Workload):
    """One task a call, by BaseWorker.run until the queue is empty. A latency is the time from one
    call of the plugin to the next: a completion together with the next claim."""

    has_reference = True
    name = "worker"
    calls = sizes(200, 5_000, 50_000)
    counted_calls = 100  # heartbeats, another thread's, are not counted

    def begin(self, state: Any) -> None:
        state.plugin = NullPlugin()
        settings = self.settings if base.opens else {"durability": "fast"}  # else it only fills
        state.queue = base.open_queue(state.path, "create_tasks", **settings)
        state.resources.callback(state.queue.close)
        if base.opens:
            state.run = partial(_work_bare, state.queue, state.plugin)
            return
        config = public("WorkerConfig")(worker_id="w", task_type=TASK_TYPE, **self.settings)
        worker = public("BaseWorker")(config, state.path, state.plugin)
        state.resources.callback(worker.close)
        state.run = partial(worker.run, until_idle=True)

    def work(self, state: Any, calls: int) -> Sample:
        base.fill(state.queue, calls)
        state.plugin.called_at.clear()
        began = perf_counter()
        state.done += state.run()
        elapsed_s = perf_counter() - began
        latencies_s = [after - before for before, after in pairwise(state.plugin.called_at)]
        return Sample(latencies_s, elapsed_s, calls)

    def check(self, state: Any) -> None:
        base.check_completed(state.queue, state.done)


class _Served(Workload):
    has_reference = True
    verbs = ("create_task",)
    batch = counted_calls = 0  # it mostly sleeps: of no use for a gate

    def begin(self, state: Any) -> None:
        if base.opens:
            with _datagrams() as receiver:
                receiver.bind(("127.0.0.1", 0))
                address = receiver.getsockname()
            sender = state.resources.enter_context(_datagrams())
            state.queue = _notifying(state.queue, sender, address)
            state.helpers = Helpers(1, _serve_bare, state.path, address)
        else:
            public("BaseWorker")
            state.helpers = Helpers(1, _serve, state.path)
        state.resources.callback(state.helpers.close)
        state.resources.callback(lambda: state.queue.create_task(TASK_TYPE, _END))

    def check(self, state: Any) -> None:
        wanted = {"COMPLETED": state.done}
        until = perf_counter() + _WRITTEN_S
        while base.statuses(state.queue) != wanted and perf_counter() < until:
            time.sleep(0.01)  # the plugin sees the last task before its completion is written
        assert base.statuses(state.queue) == wanted, "a task was lost, or done twice"


class OpenLoop(_Served):
    """One task a call, at a planned moment."""

    name = "open-loop"
    calls = sizes(100, 2_000, 20_000)

    def work(self, state: Any, calls: int) -> Sample:
        state.helpers.send(calls)
        began = perf_counter() + 0.1
        for number in range(calls):
            planned = began + number / _RATE_PER_S
            while (early_s := planned - perf_counter()) > 0:
                time.sleep(early_s)
            state.queue.create_task(TASK_TYPE, {"since": planned})
        (latencies_s,) = state.helpers.answers()
        state.done += calls
        # No elapsed time: the schedule's rate is not a throughput.
        return Sample(latencies_s, 0.0, calls)


class WakeUp(_Served):
    """One task a call, created when the worker is idle."""

    name = "wake-up"
    reference_batch = 25
    calls = sizes(50, 1_000, 10_000)

    def work(self, state: Any, calls: int) -> Sample:
        latencies_s: list[float] = []
        for _ in range(calls):
            state.helpers.send(1)
            time.sleep(_FALL_IDLE_S)
            state.queue.create_task(TASK_TYPE, {"since": perf_counter()})
            ((latency_s,),) = state.helpers.answers()
            latencies_s.append(latency_s)
        state.done += calls
        return Sample(latencies_s, 0.0, calls)


class _Reporter:
    """A plugin that reports how late each task is, as many together as it is asked for."""

    def __init__(self, pipe: Connection) -> None:
        self.stop = threading.Event()
        self._pipe = pipe
        self._wanted = 0
        self._late_s: list[float] = []

    def scrape(self, since: float | None) -> list[dict[str, Any]]:
        now = perf_counter()
        if since is None:
            self.stop.set()
            return []
        self._late_s.append(now - since)
        if not self._wanted:
            self._wanted = self._pipe.recv()
        if len(self._late_s) == self._wanted:
            self._pipe.send(self._late_s)
            self._late_s, self._wanted = [], 0
        return []


def _datagrams() -> socket.socket:
    return socket.socket(socket.AF_INET, socket.SOCK_DGRAM)


def _notifying(queue: Any, sender: socket.socket, address: tuple[str, int]) -> Any:
    """The bare reference, with a datagram for each task that it creates: a process cannot be woken
    faster on this machine. It has no parameters, so the datagram carries them."""

    def create_task(task_type: str, parameters: dict[str, Any]) -> None:
        queue.create_task(task_type, parameters)
        sender.sendto(json.dumps(parameters).encode(), address)

    return SimpleNamespace(create_task=create_task, stats=queue.stats)


def _serve_bare(pipe: Connection, path: Path, address: tuple[str, int]) -> None:
    plugin = _Reporter(pipe)
    with base.open_queue(path) as queue, _datagrams() as receiver:
        receiver.bind(address)
        pipe.send("ready")
        while not plugin.stop.is_set():
            parameters = json.loads(receiver.recv(1000))
            claim = queue.claim_next_task(TASK_TYPE, "w")
            assert claim is not None, "there was no task to claim"
            plugin.scrape(**parameters)
            queue.complete_task(claim)


def _serve(pipe: Connection, path: Path) -> None:
    plugin = _Reporter(pipe)
    config = public("WorkerConfig")(worker_id="served", task_type=TASK_TYPE)
    worker = public("BaseWorker")(config, path, plugin)
    pipe.send("ready")
    worker.run(plugin.stop)
    worker.close()


WORKLOADS = [Worker("balanced"), Worker("fast"), OpenLoop(), WakeUp()]
