"""One candidate's process: it obeys orders, one JSON object a line, and nothing else runs in it.

    python -m benchmarks.peers.driver benchmarks.contenders.bare_sqlite3:Sqlite3Floor

    {"do": "open", "place", "durability", "create", "lease_s"}  -> {"settings", "version"}
    {"do": "fill", "first", "count", "budget_s"}                -> {"filled", "seconds"}
    {"do": "verbs", "first", "calls"}       -> {"put", "claim", "complete"}, latencies
    {"do": "lifecycle", "first", "calls"}   -> {"lifecycle"}, latencies
    {"do": "batches", "first", "calls", "size"} -> {"batch"}, latencies shared among a batch's tasks
    {"do": "claim_until", "start_at", "seconds"} -> {"claim", "tasks", "elapsed_s",
                                                             "errors", "error"}
    {"do": "work", "log", "work_s", "idle_s", "limit_s", "wait_s", "alone"} -> {"waiting"}
    {"do": "completed"} -> {"completed": task numbers, or null}
    {"do": "close"} -> {}    {"do": "quit"} -> {}, and the process ends

Latencies are nanoseconds, task numbers what `payload` was called with; both come as base64 of
64-bit integers. An answer may be {"error": why}. Needs the standard library and the adapter's
packages only.
"""

from __future__ import annotations

import base64
import gc
import os
import sys
import time
import traceback
from array import array
from collections.abc import Callable, Sequence
from typing import Any

from benchmarks.contenders.base import Adapter, payload
from benchmarks.contenders.registry import load
from benchmarks.measuring.orders import obey_orders

_BATCH = 1_000
_MOST_ERRORS = 100
_SWEEP_S = 0.25
_PAUSE_S = 0.02
_clock = time.perf_counter_ns


class Driver:
    """The state between two orders."""

    def __init__(self, adapter: type[Adapter]) -> None:
        self._class = adapter
        self._open: Adapter | None = None

    @property
    def _adapter(self) -> Adapter:
        assert self._open is not None, "open comes first"
        return self._open

    def obey(self, order: dict[str, Any]) -> dict[str, Any]:
        """Carry out one order; its answer."""
        verb = getattr(self, f"do_{order.pop('do')}")
        try:
            answer: dict[str, Any] = verb(**order)
        except Exception:  # noqa: BLE001 - whatever it is, who gave the order is told
            return {"error": traceback.format_exc(limit=-4)}
        return answer

    def do_open(self, place: str, durability: str, create: bool, lease_s: float) -> dict[str, Any]:
        """Open the queue."""
        self._open = self._class(place, durability, create=create, lease_s=lease_s)
        gc.collect()
        gc.freeze()
        return {"settings": self._open.settings, "version": self._open.version()}

    def do_fill(self, first: int, count: int, budget_s: float) -> dict[str, Any]:
        """Store many tasks, for at most so many seconds."""
        began = time.monotonic()
        filled = 0
        while filled < count and time.monotonic() - began < budget_s:
            size = min(_BATCH, count - filled)
            start = first + filled
            self._adapter.fill([payload(number) for number in range(start, start + size)])
            filled += size
        self._adapter.settle()
        return {"filled": filled, "seconds": time.monotonic() - began}

    def do_verbs(self, first: int, calls: int) -> dict[str, Any]:
        """Put, claim and complete so many tasks, verb after verb, each call timed."""
        adapter = self._adapter
        encoded = [adapter.encode(payload(number)) for number in range(first, first + calls)]
        gc.collect()
        put = _timed(adapter.put, encoded)
        claims = array("q")
        held = []
        for _ in range(calls):
            began = _clock()
            claimed = adapter.claim()
            claims.append(_clock() - began)
            if claimed is None:
                raise RuntimeError("the queue ran dry")
            held.append(claimed)
        complete = _timed(adapter.complete, held)
        return {"put": _text(put), "claim": _text(claims), "complete": _text(complete)}

    def do_lifecycle(self, first: int, calls: int) -> dict[str, Any]:
        """So many whole lives, one after the other, each timed."""
        adapter = self._adapter
        encoded = [adapter.encode(payload(number)) for number in range(first, first + calls)]
        gc.collect()
        return {"lifecycle": _text(_timed(adapter.live, encoded))}

    def do_batches(self, first: int, calls: int, size: int) -> dict[str, Any]:
        """The whole lives of so many batches, each timed: what it took for each of its tasks."""
        adapter = self._adapter
        batches = [
            [adapter.encode(payload(number)) for number in range(start, start + size)]
            for start in range(first, first + calls * size, size)
        ]
        gc.collect()
        lives = _timed(adapter.live_many, batches)
        return {"batch": _text(array("q", (each // size for each in lives)))}

    def do_claim_until(self, start_at: float, seconds: float) -> dict[str, Any]:
        """From a moment on (epoch seconds) claim for so long, or until nothing is left."""
        adapter = self._adapter
        claims = array("q")
        held = []
        errors, error = 0, ""
        gc.collect()
        while time.time() < start_at:
            time.sleep(0.0002)
        start = _clock()
        ends = start + int(seconds * 1e9)
        while (began := _clock()) < ends and errors < _MOST_ERRORS:
            try:
                claimed = adapter.claim()
                if claimed is None:
                    break
                held.append(claimed)
            except Exception as failure:  # noqa: BLE001 - an error is a finding
                errors, error = errors + 1, f"{type(failure).__name__}: {failure}"
            claims.append(_clock() - began)
        elapsed_s = (_clock() - start) / 1e9
        tasks = array("q", [adapter.number_of(each) for each in held])
        return {
            "claim": _text(claims), "tasks": _text(tasks), "elapsed_s": elapsed_s,
            "errors": errors, "error": error,
        }  # fmt: skip

    def do_work(
        self,
        log: str,
        work_s: float,
        idle_s: float,
        limit_s: float,
        wait_s: float,
        alone: bool,
    ) -> dict[str, Any]:
        """Work tasks until there was none for `idle_s`; this process may be killed meanwhile.

        Before its work a task's number is appended to the log as "W 17", after an accepted
        completion as "C 17": each in one write, so that a kill cannot tear them.
        """
        adapter = self._adapter
        claim: Callable[[], Any | None] = adapter.claim
        work: Callable[[Adapter, Any, int, float], Any | None] = _work
        if adapter.crash_only:
            claim, work = adapter.claim_many, _work_many
        file = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        held: Any | None = None
        ends = time.monotonic() + limit_s
        since, swept = time.monotonic(), 0.0
        while (now := time.monotonic()) < ends:
            try:
                if now - swept > _SWEEP_S:
                    adapter.recover(alone)
                    swept = now
                held = held or claim()
                if held:
                    held = work(adapter, held, file, work_s)
                    since = time.monotonic()
                    continue
                if alone and now - since < wait_s and adapter.is_waiting():
                    time.sleep(_PAUSE_S)
                    continue
            except Exception as failure:  # noqa: BLE001 - a finding; the task may come again
                held = None
                text = f"{type(failure).__name__}: {failure}"[:200].replace("\n", " ")
                os.write(file, f"E {text}\n".encode())
            if now - since > idle_s:
                break
            time.sleep(_PAUSE_S)
        os.close(file)
        return {"waiting": alone and adapter.is_waiting()}

    def do_completed(self) -> dict[str, Any]:
        """What the queue itself says was completed."""
        return {"completed": self._adapter.completed()}

    def do_close(self) -> dict[str, Any]:
        """Close the queue; to do so twice is no error."""
        if self._open is not None:
            self._open.close()
            self._open = None
            gc.unfreeze()
        return {}

    def do_quit(self) -> dict[str, Any]:
        """The last order."""
        return self.do_close()


def _work(adapter: Adapter, held: Any, file: int, work_s: float) -> Any | None:
    """Work one task; the next, where the completion brought it along."""
    number = adapter.number_of(held)
    os.write(file, f"W {number}\n".encode())
    time.sleep(work_s)
    accepted, following = adapter.complete_and_claim(held)
    if accepted:
        os.write(file, f"C {number}\n".encode())
    return following


def _work_many(adapter: Adapter, held: Sequence[Any], file: int, work_s: float) -> None:
    """Work a batch of tasks, and complete them together."""
    numbers = [adapter.number_of(each) for each in held]
    for number in numbers:
        os.write(file, f"W {number}\n".encode())
        time.sleep(work_s)
    accepted = zip(numbers, adapter.complete_many(held))
    os.write(file, "".join(f"C {number}\n" for number, took in accepted if took).encode())


def _timed(call: Callable[[Any], object], values: Sequence[Any]) -> array[int]:
    latencies = array("q")
    append = latencies.append
    for value in values:
        began = _clock()
        call(value)
        append(_clock() - began)
    return latencies


def _text(numbers: array[int]) -> str:
    return base64.b64encode(numbers.tobytes()).decode()


if __name__ == "__main__":
    sys.exit(obey_orders(lambda: Driver(load(sys.argv[1])).obey))
