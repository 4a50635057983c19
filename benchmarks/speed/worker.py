"""A worker whose plugin finds one idea at once: what is left is what tubeq costs a task.

The floor is a loop of two bare transactions a task on the same tables: claim, and complete with one
result. At `balanced` the disk bounds the loop: so the syncs of each task are counted, in a process
of its own, and the rate stands beside that of bare syncs of as many bytes.
"""

from __future__ import annotations

import json
import os
import statistics
from collections.abc import Callable, Iterator
from functools import partial
from itertools import pairwise
from pathlib import Path
from time import perf_counter

from benchmarks.speed.filling import fill_plain
from benchmarks.speed.floors import SameTable
from benchmarks.speed.rows import Row
from benchmarks.speed.timing import (
    interleaved,
    per_s,
    rate_ratio,
    timed,
    typical_us,
)
from benchmarks.workloads.base import TASK_TYPE, run_python
from benchmarks.workloads.worker import NullPlugin
from tubeq import BaseWorker, Durability, QueueManager, WorkerConfig

_COMMIT_BYTES = 4 * 4120  # four frames of the log, as a completion that claims the next appends
_LOG_BYTES = 12_000_000
_WARM_UP = 100


def measure(quick: bool, folder: Path) -> Iterator[Row]:
    """A row for the worker at each durability, and one for batches."""
    tasks, rounds = (500, 3) if quick else (5_000, 11)
    yield _fast(folder, tasks, rounds)
    tasks, rounds = (100, 2) if quick else (1_000, 7)
    yield from _balanced(folder, tasks, rounds)


def _fast(folder: Path, tasks: int, rounds: int) -> Row:
    path = folder / "worker.db"
    config = WorkerConfig(worker_id="w", task_type=TASK_TYPE, durability=Durability.FAST)
    plugin = NullPlugin()
    SameTable.create_file(folder / "floor.db")
    floor = SameTable(folder / "floor.db")

    def of_floor() -> list[float]:
        floor.insert_many(tasks)
        return timed(lambda: floor.complete_with_result(floor.claim_next()), 0, tasks)

    with QueueManager(path, durability="fast") as queue, BaseWorker(config, path, plugin) as worker:

        def of_worker() -> list[float]:
            fill_plain(queue, tasks + 1)
            plugin.called_at.clear()
            if worker.run(max_tasks=tasks + 1) != tasks + 1:
                raise RuntimeError("the worker left tasks undone")
            return [after - before for before, after in pairwise(plugin.called_at)]

        turns = {"worker": of_worker, "floor": of_floor}
        for turn in turns.values():
            turn()  # the logs reach the length that they keep
        found = interleaved(turns, rounds, "worker, fast")
    floor.close()
    return Row(
        "worker",
        "one process, fast",
        {
            "tasks/s": per_s(found["worker"]),
            "P50 µs": typical_us(found["worker"], 0.5),
            "P95 µs": typical_us(found["worker"], 0.95),
            "floor tasks/s": per_s(found["floor"]),
            "tasks/s / floor": rate_ratio(found["worker"], found["floor"]),
        },
        {"tasks/s": 8_000},
        at_least=("tasks/s",),
    )


def _balanced(folder: Path, tasks: int, rounds: int) -> Iterator[Row]:
    ways = {"one process, balanced": 1, "batches of 100, balanced": 100}
    syncs: dict[str, list[float]] = {way: [] for way in ways}
    other_syncs: dict[str, list[float]] = {way: [] for way in ways}

    def of(way: str) -> list[float]:
        path = folder / f"synced-{ways[way]}.db"
        arguments = (str(path), str(tasks), "balanced", str(ways[way]))
        told = json.loads(run_python("-m", "benchmarks.speed.synced_worker", *arguments))
        syncs[way].append(told["syncs"] / told["tasks"])
        other_syncs[way].append(told["other_syncs"] / told["tasks"])
        latencies_s: list[float] = told["latencies_s"]
        return latencies_s

    log = folder / "bare-log"
    log.write_bytes(bytes(_LOG_BYTES))
    turns: dict[str, Callable[[], list[float]]] = {way: partial(of, way) for way in ways}
    turns["bare"] = lambda: bare_syncs(log, tasks)
    found = interleaved(turns, rounds, "worker, balanced")
    for way, batch in ways.items():
        yield Row(
            "worker",
            way,
            {
                "tasks/s": per_s(found[way]),
                "P50 µs": typical_us(found[way], 0.5),
                "P95 µs": typical_us(found[way], 0.95),
                "syncs/task": statistics.median(syncs[way]),
                "syncs of checkpoints/task": statistics.fmean(other_syncs[way]),
                "bare syncs/s": per_s(found["bare"]),
                "bare sync P50 µs": typical_us(found["bare"], 0.5),
                "tasks/s / bare": rate_ratio(found[way], found["bare"]),
            },
            {"syncs/task": 1.0 if batch == 1 else 0.1},
        )


def bare_syncs(log: Path, calls: int) -> list[float]:
    """Seconds of writing as many bytes as a commit has into a file that stays as long as it is,
    as a log does, and forcing them to the disk."""
    sync = getattr(os, "fdatasync", os.fsync)
    data = os.urandom(_COMMIT_BYTES)
    file = os.open(log, os.O_RDWR | getattr(os, "O_BINARY", 0))
    found = []
    try:
        for number in range(_WARM_UP + calls):
            offset = number * _COMMIT_BYTES % (_LOG_BYTES - _COMMIT_BYTES)
            began = perf_counter()
            os.lseek(file, offset, os.SEEK_SET)
            os.write(file, data)
            sync(file)
            found.append(perf_counter() - began)
    finally:
        os.close(file)
    return found[_WARM_UP:]
