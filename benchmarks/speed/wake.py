"""Waking an idle worker in another process: from when a task begins to be created to its claim.

The end is when the worker's plugin is called, a little after the claim returned, so the figure is
an upper bound. Both moments are of time.monotonic_ns, which is one clock for all processes of a
machine on Linux, macOS and Windows. Before each task the worker is left alone for a random while,
so that it has fallen idle. Its idle CPU time is that of its whole process, all threads, by the
process's own clock (time.process_time: os.times has steps of 10 ms, which are 0.1 % of 10 s); the
median of some spells, as a machine that is disturbed in one of them shows five times as much.
"""

from __future__ import annotations

import random
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.speed.rows import Row
from benchmarks.speed.timing import Rounds, console, interleaved, ratio, typical_us
from benchmarks.workloads.base import TASK_TYPE
from benchmarks.workloads.processes import Crew
from tubeq import BaseWorker, Durability, QueueManager, WorkerConfig

_IDLE_S = (0.01, 0.02)
_SPELLS = 5
_DURABILITIES = ("fast", "balanced")
_BARE = "bare"
_SLEEPER = "the least: a process asleep until a datagram comes"
_LIMITS = {"P50 ms": 0.6, "P99 ms": 2.0, "idle CPU %": 0.1}


def measure(quick: bool, folder: Path) -> Iterator[Row]:
    """A row for each durability; only that of `fast` has limits, since a sync comes in between."""
    calls, rounds, idle_s = (10, 2, 2.0) if quick else (100, 12, 10.0)
    with ExitStack() as stack:
        served = {each: _Served(folder / f"{each}.db", each) for each in _DURABILITIES}
        for each in served.values():
            stack.callback(each.close)
            each.latencies_s(3)
        bare = _BareSleeper()
        stack.callback(bare.close)
        turns: dict[str, Any] = {name: _turn(each, calls) for name, each in served.items()}
        turns[_BARE] = lambda: bare.latencies_s(calls)
        found = interleaved(turns, rounds, "waking an idle worker")
        with console.status("an idle worker's CPU"):
            spells = [_idle_percent(served, idle_s) for _ in range(1 if quick else _SPELLS)]
            idle = {name: median(spell[name] for spell in spells) for name in served}
    floor_s = found[_BARE]
    for name, rounds_s in found.items():
        pooled = [[each for seconds in rounds_s for each in seconds]]  # one in a hundred of few
        yield Row(
            "wake-up",
            f"idle worker in another process, {name}" if name in idle else _SLEEPER,
            {
                "P50 ms": typical_us(rounds_s, 0.5) / 1e3,
                "P95 ms": typical_us(pooled, 0.95) / 1e3,
                "P99 ms": typical_us(pooled, 0.99) / 1e3,
                "slowest ms": max(pooled[0]) * 1e3,
                **_beside_floor(rounds_s, floor_s, idle.get(name)),
            },
            _LIMITS if name == "fast" else {},
        )


def _beside_floor(rounds_s: Rounds, floor_s: Rounds, idle: float | None) -> dict[str, float]:
    """What only a worker's row has."""
    if idle is None:
        return {}
    return {"P50 / bare": ratio(rounds_s, floor_s), "idle CPU %": idle}


def _turn(served: _Served, calls: int) -> Any:
    return lambda: served.latencies_s(calls)


def _idle_percent(served: dict[str, _Served], idle_s: float) -> dict[str, float]:
    """Of one core, by durability, over so long a time in which nothing is created."""
    before = {name: each.cpu_and_time_s() for name, each in served.items()}
    time.sleep(idle_s)
    found = {}
    for name, each in served.items():
        cpu_s, at_s = each.cpu_and_time_s()
        found[name] = 100.0 * (cpu_s - before[name][0]) / (at_s - before[name][1])
    return found


class _BareSleeper:
    """A process that sleeps until a datagram comes, as an idle worker does, and nothing else: no
    wake-up can be had sooner on this machine."""

    def __init__(self) -> None:
        self._sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._crew = Crew(1, _sleep)
        self._address = self._crew.answers()[0]

    def latencies_s(self, calls: int) -> list[float]:
        """Seconds until it was awake, for each of so many datagrams."""
        found = []
        for _ in range(calls):
            time.sleep(random.uniform(*_IDLE_S))
            began = time.monotonic_ns()
            self._sender.sendto(b"w", self._address)
            found.append((self._crew.answers()[0] - began) / 1e9)
        return found

    def close(self) -> None:
        """End the process."""
        self._sender.sendto(b"", self._address)
        self._crew.dismiss()
        self._sender.close()


def _sleep(pipe: Connection) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind(("127.0.0.1", 0))
        pipe.send("ready")
        pipe.send(receiver.getsockname())
        while receiver.recv(8):
            pipe.send(time.monotonic_ns())


class _Served:
    """A queue, and a worker of it in another process."""

    def __init__(self, path: Path, durability: str) -> None:
        self._queue = QueueManager(path, durability=durability)
        try:
            self._crew = Crew(1, _serve, path, durability)
        except BaseException:
            self._queue.close()
            raise

    def latencies_s(self, calls: int) -> list[float]:
        """Seconds until the worker had each of so many tasks."""
        found = []
        for _ in range(calls):
            time.sleep(random.uniform(*_IDLE_S))
            began = time.monotonic_ns()
            self._queue.create_task(TASK_TYPE, {"asked": "when"})
            found.append((self._answer() - began) / 1e9)
        return found

    def cpu_and_time_s(self) -> tuple[float, float]:
        """How much CPU time the worker's process has had, and when it said so."""
        self._queue.create_task(TASK_TYPE, {"asked": "cpu"})
        cpu_s, at_s = self._answer()
        return cpu_s, at_s

    def _answer(self) -> Any:
        return self._crew.answers()[0]

    def close(self) -> None:
        """End the worker."""
        self._queue.create_task(TASK_TYPE, {"asked": "stop"})
        self._crew.dismiss()
        self._queue.close()


class _Reporter:
    """A plugin that reports when it was called, or what its process has used."""

    def __init__(self, pipe: Connection) -> None:
        self.stop = threading.Event()
        self._pipe = pipe

    def scrape(self, asked: str) -> list[dict[str, Any]]:
        """One task's work."""
        now = time.monotonic_ns()
        if asked == "when":
            self._pipe.send(now)
        elif asked == "cpu":
            self._pipe.send((time.process_time(), now / 1e9))
        else:
            self.stop.set()
        return []


def _serve(pipe: Connection, path: Path, durability: str) -> None:
    plugin = _Reporter(pipe)
    config = WorkerConfig(
        worker_id="served", task_type=TASK_TYPE, durability=Durability(durability)
    )
    with BaseWorker(config, path, plugin) as worker:
        pipe.send("ready")
        worker.run(plugin.stop)
