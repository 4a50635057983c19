"""What each mechanism of the storage is worth: the same work with it and without it, in one run.

    uv run python -m tests.plans.mechanisms

Blocks with and without alternate on one file in memory; a figure is the median of the ratios of
their medians, with the quartiles. The queue of writers is measured by whole processes. The figures
stand next to the mechanisms.
"""

from __future__ import annotations

import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

from tubeq import ClaimRequest, ClaimStrategy, NewTask, QueueManager
from tubeq.queue import validation
from tubeq.storage import encoding
from tubeq.storage.sqlite import claims, new_tasks, storage

CALLS, ROUNDS = 150, 40
PARAMETERS = {"channel_url": "@handle", "max_results": 50}
Call = Callable[[], object]


def median_s(call: Call, calls: int = CALLS) -> float:
    times = []
    for _ in range(calls):
        began = time.perf_counter()
        call()
        times.append(time.perf_counter() - began)
    return statistics.median(times)


def report(name: str, with_it: Call, without: Callable[[], Iterator[Call]]) -> None:
    """Print how much longer a call takes without the mechanism."""
    ratios = []
    enter = contextmanager(without)
    for number in range(ROUNDS):
        taken = {}
        for is_with in (True, False) if number % 2 else (False, True):
            if is_with:
                taken[True] = median_s(with_it)
            else:
                with enter() as call:
                    taken[False] = median_s(call)
        ratios.append(taken[False] / taken[True])
    low, middle, high = statistics.quantiles(ratios, n=4)
    print(f"{name}: {middle:.2f}x ({low:.2f} to {high:.2f})", flush=True)


def one_insert(tasks: Any, task_ids: Any, now: float, at: str) -> Any:
    """As new_rows, with the statement that fits every task."""
    rows = [
        (task_id, kind, parameters, priority, at, due, due is not None and due > now, key)
        for task_id, (kind, parameters, priority, due, key) in zip(task_ids, tasks)
    ]
    return "insert_task", rows, any(row[-1] for row in rows)


def statements(queue: QueueManager) -> None:
    def enqueue() -> object:
        return queue.create_task("t", PARAMETERS)

    def a_hundred() -> object:
        return queue.create_tasks([NewTask("t", PARAMETERS)] * 100)

    def without_encoder() -> Iterator[Call]:
        shared = json.JSONEncoder(ensure_ascii=False, allow_nan=False).encode
        with (
            mock.patch.object(validation, "encode", shared),
            mock.patch.object(encoding, "encode", shared),
        ):
            yield enqueue

    def without_due(call: Call) -> Callable[[], Iterator[Call]]:
        def patched() -> Iterator[Call]:
            with (
                mock.patch.object(storage, "new_rows", one_insert),
                mock.patch.object(new_tasks, "new_rows", one_insert),
            ):
                yield call

        return patched

    report("enqueue without the private JSON encoder", enqueue, without_encoder)
    report("enqueue without a statement for due tasks", enqueue, without_due(enqueue))
    report("100 tasks without a statement for due tasks", a_hundred, without_due(a_hundred))

    request = ClaimRequest("t", "w", ClaimStrategy.LIFO, 60.0, start=True)

    def claim_and_start() -> object:
        task = queue.claim_next_task("t", "w")
        assert task is not None
        return queue.start_task(task)

    def one_after_the_other() -> Iterator[Call]:
        yield claim_and_start

    report("claim and start without claims that start", lambda: queue.claim(request),
           one_after_the_other)  # fmt: skip


def sample_buffer(folder: Path) -> None:
    with QueueManager(folder / "weighted.db", durability="fast") as queue:
        queue.create_tasks([NewTask("t", PARAMETERS)] * 100_000)
        session = queue._storage._session  # type: ignore[attr-defined]
        choose = claims.load_queries("sqlite")

        def fresh() -> None:
            with session.write(durable=False) as opened:
                low, high = opened.execute(choose["ready_bounds"], {"task_type": "t"}).fetchone()
                place = ("t", random.randint(low, high), 128)
                rows = opened.execute(choose["neighbours"], place).fetchall()
                max(rows, key=lambda row: random.random() ** (1 / (1 + row[1])))

        claim = median_s(lambda: queue.claim_next_task("t", "w", "weighted_random"))
        lifo = median_s(lambda: queue.claim_next_task("t", "w"))
        more = median_s(fresh)
        print(f"weighted_random of 100,000: {claim * 1e6:.0f} us (lifo {lifo * 1e6:.0f}); "
              f"choosing from a fresh sample for each claim: {more * 1e6:.0f} us")  # fmt: skip


WORK = """
import sys, time
from tubeq import QueueManager
from tubeq.storage.sqlite.file import write_lock
path, mode, start = sys.argv[1], sys.argv[2], float(sys.argv[3])
if mode == "busy_timeout":
    def take(self, execute, sql, parameters=()):
        execute("PRAGMA busy_timeout = 30000").fetchall()
        return execute(sql, parameters)
    write_lock.WriteLock.take, write_lock.WriteLock.given_back = take, lambda self: None
else:
    write_lock.TURN_S, write_lock._OVERTAKE_S = map(float, mode.split("+"))
with QueueManager(path, durability="fast") as queue:
    time.sleep(max(0.0, start - time.time()))
    waits, ends = [], time.perf_counter() + 1.5
    while (began := time.perf_counter()) < ends:
        task = queue.claim_next_task("t", sys.argv[4])
        waits.append(time.perf_counter() - began)
        queue.complete_task(task)
    print(*waits)
"""


WORKER = """
import sys, time
from tubeq import QueueManager
from tubeq.queue.wakeup import Waiter
path, mode = sys.argv[1:]
with QueueManager(path, durability="fast") as queue:
    waiter = Waiter(path if mode == "datagrams" else ":memory:", "t")
    for _ in range(40):
        waiter.prepare()
        while (task := queue.claim_next_task("t", "w")) is None:
            waiter.wait(1.0)
            waiter.prepare()
        print(time.time() - task.parameters["sent"], flush=True)
        queue.complete_task(task)
"""


def wake_ups(folder: Path) -> None:
    with QueueManager(folder / "wake.db", durability="fast") as queue:
        for mode in ("datagrams", "polling each second"):
            worker = subprocess.Popen([sys.executable, "-c", WORKER, str(folder / "wake.db"), mode],
                                      stdout=subprocess.PIPE, text=True)  # fmt: skip
            assert worker.stdout is not None
            waits = []
            for _ in range(40):
                time.sleep(0.05 + random.random() / 4)
                queue.create_task("t", {"sent": time.time()})
                waits.append(float(worker.stdout.readline()))
            worker.wait()
            print(f"from create_task to the claim, {mode}: median "
                  f"{statistics.median(waits) * 1e3:.1f} ms, slowest {max(waits) * 1e3:.0f} ms",
                  flush=True)  # fmt: skip


def growth_of_the_log() -> None:
    """An enqueue with an fsync into a log that grows, and into one with written zeros after its
    end. On the disk of the working folder: memory has no fsync."""
    taken: dict[bool, list[float]] = {False: [], True: []}
    for number in range(12):
        with (
            tempfile.TemporaryDirectory(dir=".") as name,
            QueueManager(Path(name, "queue.db"), durability="full") as queue,
        ):
            queue.create_task("t", PARAMETERS)
            if number % 2:
                with Path(name, "queue.db-wal").open("ab") as log:
                    log.write(bytes(12 << 20))
                    os.fsync(log.fileno())
            taken[bool(number % 2)].append(
                median_s(lambda: queue.create_task("t", PARAMETERS), 600)
            )
    grown, written = (statistics.median(taken[zeros]) * 1e3 for zeros in (False, True))
    print(f"enqueue with an fsync: {grown:.3f} ms while the log grows, {written:.3f} ms into zeros")


def writers(folder: Path, processes: int, modes: tuple[str, ...]) -> None:
    figures: dict[str, list[tuple[float, ...]]] = {mode: [] for mode in modes}
    for number in range(8 * len(modes)):
        mode, path = modes[number % len(modes)], folder / f"writers-{processes}-{number}.db"
        with QueueManager(path, durability="fast") as queue:
            queue.create_tasks([NewTask("t", PARAMETERS)] * 60_000)
        start = str(time.time() + 1)
        started = [
            subprocess.Popen([sys.executable, "-c", WORK, str(path), mode, start, f"w{each}"],
                             stdout=subprocess.PIPE, text=True)
            for each in range(processes)
        ]  # fmt: skip
        each_one = [[float(wait) for wait in one.communicate()[0].split()] for one in started]
        waits, done = sorted(sum(each_one, [])), [len(one) for one in each_one]
        fair = sum(done) ** 2 / (len(done) * sum(count * count for count in done))
        p99, slowest = waits[int(0.99 * len(waits))], waits[-1]
        figures[mode].append((sum(done) / 1.5, p99 * 1e3, slowest * 1e3, fair))
    for mode, found in figures.items():
        rate, p99, slowest, fair = map(statistics.median, zip(*found))
        print(f"{processes} processes, {mode}: {rate:,.0f} tasks/s, P99 {p99:.1f} ms, "
              f"slowest {slowest:.0f} ms, Jain's index {fair:.3f}", flush=True)  # fmt: skip


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as name:
        with QueueManager(Path(name, "queue.db"), durability="fast") as opened:
            statements(opened)
        sample_buffer(Path(name))
        wake_ups(Path(name))
        growth_of_the_log()
        for count in (4, 8):
            writers(Path(name), count, ("busy_timeout", "0.002+0", "0.001+0.001"))
