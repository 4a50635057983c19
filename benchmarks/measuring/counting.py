"""What a process that counts does; counters.py and instructions.py say what, and why so.

Modules that take something which is replaced here are imported afterwards, inside functions. Only
the standard library is used.
"""

from __future__ import annotations

import ctypes
import mmap
import os
import sqlite3
import struct
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

_WARM_UP_CALLS = 10
_PYTHON_CALLS = 20
_FRAME = struct.Struct(">II8s8s")
_HEADER_BYTES = 32
_EPOCH_S = 1_800_000_000.0
_REQUEST = bytes.fromhex(
    "4889f8"  # mov rax, rdi: the request and its arguments, six 64-bit numbers
    "4889f2"  # mov rdx, rsi: the answer where there is no valgrind
    "48c1c703 48c1c70d 48c1c73d 48c1c733 4887db"  # the sequence that valgrind recognises
    "4889d0 c3"  # mov rax, rdx; ret
)
_RUNNING_ON_VALGRIND = 0x1001
_CALLGRIND = ord("C") << 24 | ord("T") << 16
_DUMP_STATS, _ZERO_STATS, _START, _STOP = (_CALLGRIND + number for number in (0, 1, 4, 5))


class _Counts:
    """Instruments on every connection and sync of the main thread, in place of sqlite3.connect and
    the syncs: before the package is imported."""

    def __init__(self) -> None:
        self.vm_steps = self.statements = self.fsyncs = 0
        self._connections: list[sqlite3.Connection] = []
        self._is_watching = False
        real_connect = sqlite3.connect

        def connect(*args: Any, **settings: Any) -> sqlite3.Connection:
            connection: sqlite3.Connection = real_connect(*args, **settings)
            self._connections.append(connection)
            if self._is_watching:
                self.watch(True, connection)
            return connection

        sqlite3.connect = sqlite3.dbapi2.connect = connect  # type: ignore[assignment]
        for name in {"fsync", "fdatasync"} & vars(os).keys():
            setattr(os, name, self._counted(getattr(os, name)))

    def _counted(self, sync: Callable[[int], None]) -> Callable[[int], None]:
        def counted(file: int) -> None:
            self.fsyncs += 1
            sync(file)

        return counted

    def watch(self, on: bool, *connections: sqlite3.Connection) -> None:
        """Count steps and statements, of all connections if none is named: not always, since
        counting makes Python calls itself."""
        self._is_watching = on
        for connection in connections or self._connections:
            with suppress(sqlite3.ProgrammingError):  # it was closed
                connection.set_progress_handler(self._step if on else None, 1)
                connection.set_trace_callback(self._statement if on else None)

    def _step(self) -> int:
        self.vm_steps += 1
        return 0

    def _statement(self, sql: str) -> None:
        self.statements += not sql.startswith("--")  # "-- " opens the line of a trigger's

    def syncs_commits(self) -> bool:
        """Whether SQLite itself syncs the log at each commit of any connection."""
        for each in self._connections:
            with suppress(sqlite3.ProgrammingError):  # it was closed
                if each.execute("PRAGMA synchronous").fetchone()[0] >= 2:
                    return True
        return False


def stop_chance() -> None:
    """Make time and randomness counters, and leave background threads unstarted."""
    ticks = 0

    def tick(base: float) -> Callable[[], float]:
        def read() -> float:
            nonlocal ticks
            ticks += 1
            return base + ticks * 1e-6

        return read

    def sleep(seconds: float) -> None:
        nonlocal ticks
        ticks += int(seconds * 1e6) + 1

    drawn = 0

    def urandom(count: int) -> bytes:
        nonlocal drawn
        drawn += 1
        state = (drawn * 0x9E3779B97F4A7C15 + 0x2545F4914F6CDD1D) & (2**64 - 1)
        return (state.to_bytes(8, "big") * (count // 8 + 1))[:count]

    os.urandom = urandom  # before random and secrets take it
    import random
    import threading
    import time

    class Seeded(random.Random):
        def __init__(self, seed: Any = 0) -> None:
            super().__init__(seed)

    random.Random = Seeded  # type: ignore[misc, assignment]
    random.seed(0)
    wall, steady = tick(_EPOCH_S), tick(1000.0)
    time.time, time.monotonic, time.perf_counter = wall, steady, steady
    time.sleep = sleep  # type: ignore[assignment]
    time.time_ns = lambda: int(wall() * 1e9)

    def wait(_: threading.Condition, timeout: float | None = None) -> bool:
        if timeout is None:
            raise RuntimeError("waits for a background thread, and none is started while counting")
        steady()
        return False  # as if the other thread had been quick: no time to speak of has passed

    threading.Condition.wait = wait  # type: ignore[assignment, method-assign]
    threading.Thread.start = lambda *_: None  # type: ignore[method-assign]
    threading.Thread.join = lambda *_, **__: None  # type: ignore[method-assign]


def _wal(folder: Path) -> tuple[int, int, int]:
    """How many frames and commits the write-ahead logs of a folder hold, and their bytes. They have
    no locks, so reading them here is safe."""
    frames = commits = size = 0
    for path in folder.rglob("*-wal"):
        data = path.read_bytes()
        if len(data) < _HEADER_BYTES:
            continue
        frame_bytes = _FRAME.size + int.from_bytes(data[8:12], "big")
        for start in range(_HEADER_BYTES, len(data), frame_bytes):
            _, pages_after_commit, salts, _ = _FRAME.unpack_from(data, start)
            if salts != data[16:24]:
                break  # what an earlier round of the log left behind
            frames += 1
            commits += pages_after_commit > 0
            size += frame_bytes
    return frames, commits, size


def _read_bytes() -> int | None:
    with suppress(OSError):
        if sys.platform == "linux":  # Wine shows this file too, and it is not this thread's
            text = Path("/proc/thread-self/io").read_text()
            return int(text.split("rchar:")[1].split()[0])
    return None


def _sqlite_counters(
    workload: Any, state: Any, calls: int, folder: Path, counts: _Counts
) -> dict[str, float]:
    names = ("pages_written", "transactions", "wal_bytes", "vm_steps", "statements", "fsyncs")
    before = (*_wal(folder), counts.vm_steps, counts.statements, counts.fsyncs)
    first, second = _read_bytes(), _read_bytes()  # twice: what reading the counter itself adds
    counts.watch(True)
    operations: int = workload.work(state, calls).operations
    counts.watch(False)
    own = counts.vm_steps, counts.statements, counts.fsyncs
    last = _read_bytes()
    after = (*_wal(folder), *own)
    found: dict[str, float] = {name: now - was for name, now, was in zip(names, after, before)}
    if counts.syncs_commits():
        found["fsyncs"] += found["transactions"]
    if first is not None and second is not None and last is not None:
        found["read_bytes"] = last - second - (second - first)
    return {name: value / operations for name, value in found.items()}


@contextmanager
def _counted_calls() -> Iterator[list[int]]:
    called = [0]

    def note(_: Any, event: str, __: Any) -> None:
        if event in ("call", "c_call"):
            called[0] += 1

    sys.setprofile(note)
    try:
        yield called
    finally:
        sys.setprofile(None)


def _python_counters(workload: Any, state: Any, calls: int) -> dict[str, float]:
    import gc
    import tracemalloc

    gc.disable()  # a collection at a random moment would free memory, and call finalizers
    try:
        with _counted_calls() as called:
            operations = workload.work(state, calls).operations
        workload.restore(state, calls)
        tracemalloc.start()
        workload.run(state, 1)
        gc.collect()
        tracemalloc.reset_peak()
        before = tracemalloc.get_traced_memory()[0]
        workload.work(state, 1)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        workload.restore(state, 1)
    finally:
        gc.enable()
    return {"python_calls": called[0] / operations, "python_peak_bytes": peak - before}


def _executable_page() -> mmap.mmap:
    if sys.platform == "win32":
        raise NotImplementedError("there is no valgrind for Windows")
    protection = mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC
    return mmap.mmap(-1, mmap.PAGESIZE, prot=protection)


class _Requests:
    """Client requests to the valgrind that this process runs under."""

    def __init__(self) -> None:
        self._page = _executable_page()
        self._page.write(_REQUEST)
        address = ctypes.addressof(ctypes.c_char.from_buffer(self._page))
        self._call = ctypes.CFUNCTYPE(ctypes.c_uint64, ctypes.c_void_p, ctypes.c_uint64)(address)
        self._arguments = (ctypes.c_uint64 * 6)()

    def send(self, request: int) -> int:
        """The answer; 0 outside of valgrind."""
        self._arguments[0] = request
        answer: int = self._call(ctypes.addressof(self._arguments), 0)
        return answer

    def count(self, work: Callable[[], Any]) -> Any:
        """What `work` returns; its instructions go into callgrind's next dump but one."""
        self.send(_START)
        self.send(_DUMP_STATS)
        self.send(_ZERO_STATS)
        try:
            return work()
        finally:
            self.send(_DUMP_STATS)
            self.send(_STOP)


class Counting:
    """The actor that counts: time and chance stand still from its start on."""

    def __init__(self) -> None:
        stop_chance()

    def count(self, workload: str, calls: int) -> dict[str, float]:
        """Counters per operation."""
        import tempfile

        counts = _Counts()
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
            folder = Path(name)
            with prepared(workload, calls, folder) as (chosen, state, calls):
                # Python first: after many writes each one would call for the checkpointer's thread.
                python = _python_counters(chosen, state, min(calls, _PYTHON_CALLS))
                found = _sqlite_counters(chosen, state, calls, folder, counts)
        return {**found, **python}

    def instructions(self, workload: str, calls: int, folder: str) -> int:
        """Count the work's instructions; how many operations it was."""
        import gc

        requests = _Requests()
        if not requests.send(_RUNNING_ON_VALGRIND):
            raise RuntimeError("this process does not run under valgrind")
        with prepared(workload, calls, Path(folder)) as (chosen, state, calls):
            gc.collect()
            gc.disable()
            sample = requests.count(lambda: chosen.work(state, calls))
            gc.enable()
        return int(sample.operations)


@contextmanager
def prepared(name: str, most_calls: int, folder: Path) -> Iterator[tuple[Any, Any, int]]:
    """A workload of the smallest profile, its state, and how many calls are to be counted. Calls
    that are not counted come before: caches fill, connections open. Afterwards it is checked."""
    from benchmarks.workloads import all_workloads

    workload = all_workloads()[name]
    state = workload.prepare(folder, min(workload.calls, key=workload.calls.__getitem__))
    try:
        calls = min(most_calls, workload.counted_calls, workload.at_once)
        for count in (min(_WARM_UP_CALLS, calls), 1):
            workload.run(state, count)
        yield workload, state, calls
        workload.restore(state, calls)
        workload.check(state)
    finally:
        workload.close(state)
