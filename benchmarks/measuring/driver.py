"""A queue's process: the actor that `benchmarks.measuring.process` runs to measure one queue.

Latencies are nanoseconds, task numbers what `payload` was called with; both come packed as 64-bit
integers. Needs the standard library and the queue's packages only. A queue for node has the same
verbs in a driver of its own (contenders/plainjob_driver.mjs).
"""

from __future__ import annotations

import gc
import os
import time
from array import array
from collections.abc import Callable, Sequence
from typing import Any

from benchmarks.contenders.base import Queue, load, payload
from benchmarks.measuring.process import pack

_BATCH = 1_000
_MOST_ERRORS = 100
_SWEEP_S = 0.25
_PAUSE_S = 0.02
_clock = time.perf_counter_ns


class Driver:
    """The state between two orders; `place` is "module:Class" of the queue."""

    _queue: Queue
    _is_open = False

    def __init__(self, place: str) -> None:
        self._class = load(place)

    def open(self, place: str, durability: str, create: bool, lease_s: float) -> dict[str, Any]:
        """Open the queue."""
        self._queue = self._class(place, durability, create=create, lease_s=lease_s)
        self._is_open = True
        gc.collect()
        gc.freeze()
        return {"settings": self._queue.settings, "version": self._queue.version()}

    def fill(self, first: int, count: int, budget_s: float) -> int:
        """Store many tasks, for at most so many seconds; how many were stored."""
        ends = time.monotonic() + budget_s
        following, last = first, first + count
        while following < last and time.monotonic() < ends:
            numbers = range(following, min(following + _BATCH, last))
            self._queue.fill([payload(number) for number in numbers])
            following = numbers.stop
        self._queue.settle()
        return following - first

    def verbs(self, first: int, calls: int) -> dict[str, str]:
        """Put, claim and complete so many tasks, verb after verb, each call timed."""
        queue = self._queue
        put = _timed(queue.put, self._encoded(first, calls))
        held: list[Any] = []
        claims = _timed(lambda _: held.append(queue.claim()), range(calls))
        if None in held:
            raise RuntimeError("the queue ran dry")
        complete = _timed(queue.complete, held)
        return {"put": pack(put), "claim": pack(claims), "complete": pack(complete)}

    def lifecycles(self, first: int, calls: int) -> str:
        """So many lifecycles, one after the other, each timed."""
        return pack(_timed(self._queue.lifecycle, self._encoded(first, calls)))

    def batches(self, first: int, calls: int, size: int) -> str:
        """The lifecycles of so many batches: what each batch took for each of its tasks."""
        batches = [self._encoded(first + each * size, size) for each in range(calls)]
        lifecycles = _timed(self._queue.lifecycle_batch, batches)
        return pack(array("q", (each // size for each in lifecycles)))

    def work_until(self, start_at: float, seconds: float) -> dict[str, Any]:
        """From a moment on (epoch seconds) claim and complete for so long, or until none is left.

        A latency is that of one task: claimed and completed.
        """
        queue = self._queue
        latencies, tasks = array("q"), array("q")
        held: Any | None = None
        errors, error = 0, ""
        queue.get_ready()
        gc.collect()
        while time.time() < start_at:
            time.sleep(0.0002)
        start = _clock()
        ends = start + int(seconds * 1e9)
        while (began := _clock()) < ends and errors < _MOST_ERRORS:
            try:
                held = held or queue.claim()
                if held is None:
                    break
                accepted, following = queue.complete_and_claim(held)
                latencies.append(_clock() - began)
                if accepted:
                    tasks.append(queue.number_of(held))
                held = following
            except Exception as failure:  # noqa: BLE001 - an error is a finding
                held = None
                errors, error = errors + 1, f"{type(failure).__name__}: {failure}"
        return {
            "latencies": pack(latencies), "tasks": pack(tasks),
            "elapsed_s": (_clock() - start) / 1e9, "errors": errors, "error": error,
        }  # fmt: skip

    def work(
        self, log: str, work_s: float, idle_s: float, limit_s: float, wait_s: float, alone: bool
    ) -> bool:
        """Work tasks until there was none for `idle_s`; this process may be killed meanwhile.

        Before its work a task's number is appended to the log as "W 17", after an accepted
        completion as "C 17": each in one write, so that a kill cannot tear them. Returns whether
        something is still waiting for its recovery.
        """
        queue = self._queue
        work: Callable[[Queue, Any, int, float], Any | None]
        claim, work = (queue.claim_many, _work_many) if queue.crash_only else (queue.claim, _work)
        file = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        held: Any | None = None
        ends = time.monotonic() + limit_s
        since, swept = time.monotonic(), 0.0
        while (now := time.monotonic()) < ends:
            try:
                if now - swept > _SWEEP_S:
                    queue.recover(alone)
                    swept = now
                held = held or claim()
                if held:
                    held = work(queue, held, file, work_s)
                    since = time.monotonic()
                    continue
                is_due = alone and now - since < wait_s and queue.is_waiting()
            except Exception as failure:  # noqa: BLE001 - a finding; the task may come again
                held, is_due = None, False
                text = f"{type(failure).__name__}: {failure}"[:200].replace("\n", " ")
                os.write(file, f"E {text}\n".encode())
            if not is_due and now - since > idle_s:
                break
            time.sleep(_PAUSE_S)
        os.close(file)
        return alone and queue.is_waiting()

    def completed(self) -> list[int] | None:
        """What the queue itself says was completed."""
        return self._queue.completed()

    def close(self) -> None:
        """Close the queue; twice is no error."""
        if self._is_open:
            self._queue.close()
            self._is_open = False
            gc.unfreeze()

    def _encoded(self, first: int, calls: int) -> list[Any]:
        found = [self._queue.encode(payload(number)) for number in range(first, first + calls)]
        gc.collect()
        return found


def _work(queue: Queue, held: Any, file: int, work_s: float) -> Any | None:
    """Work one task; the next, where the completion returned it."""
    number = queue.number_of(held)
    os.write(file, f"W {number}\n".encode())
    time.sleep(work_s)
    accepted, following = queue.complete_and_claim(held)
    if accepted:
        os.write(file, f"C {number}\n".encode())
    return following


def _work_many(queue: Queue, held: Sequence[Any], file: int, work_s: float) -> None:
    """Work a batch of tasks, and complete them together."""
    numbers = [queue.number_of(each) for each in held]
    for number in numbers:
        os.write(file, f"W {number}\n".encode())
        time.sleep(work_s)
    accepted = zip(numbers, queue.complete_many(held))
    os.write(file, "".join(f"C {number}\n" for number, took in accepted if took).encode())


def _timed(call: Callable[[Any], object], values: Sequence[Any]) -> array[int]:
    latencies = array("q")
    append = latencies.append
    for value in values:
        began = _clock()
        call(value)
        append(_clock() - began)
    return latencies
