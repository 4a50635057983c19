"""Workloads in which each call is a Python process of its own: how long the first use takes, how
much memory a worker needs, and what an idle worker costs.

The process of a worker is `python -m benchmarks.workloads.own_process NAME PATH`, which prints its
figures as JSON.
"""

from __future__ import annotations

import json
import sqlite3
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from time import perf_counter
from typing import Any

from benchmarks.workloads import base
from benchmarks.workloads.base import IDEA, TASK_TYPE, Sample, Workload, public, sizes

_SETTLE_S = 0.5
_WATCHED_S = 2.0
_PATIENCE_S = 30.0
_TASKS = 1_000
_TIMED_IMPORT = """
from time import perf_counter
began = perf_counter()
{statement}
print(perf_counter() - began)
"""


class StartUp(Workload):
    """One fresh Python process a call, which times its own import by `statement`, without its own
    start."""

    reference = "import sqlite3; sqlite3.connect(':memory:')"
    has_reference = True
    calls = sizes(6, 80, 1_000)
    batch = 10
    counted_calls = 0  # done in other processes

    def __init__(self, what: str, statement: str) -> None:
        self.name = f"start-up-{what}"
        self.statement = statement

    def begin(self, state: Any) -> None:
        statement = self.reference if base.opens else self.statement
        state.code = _TIMED_IMPORT.format(statement=statement)
        try:
            base.run_python("-c", state.code)  # compiles the modules on first use
        except RuntimeError as error:
            if "ModuleNotFoundError" in str(error) or "AttributeError" in str(error):
                raise base.Lacks(str(error).splitlines()[-1]) from error
            raise

    def work(self, state: Any, calls: int) -> Sample:
        began = perf_counter()
        latencies_s = [float(base.run_python("-c", state.code)) for _ in range(calls)]
        elapsed_s = perf_counter() - began
        state.held += latencies_s
        return Sample(latencies_s, elapsed_s, 0)

    def check(self, state: Any) -> None:
        assert all(0 < each < 60 for each in state.held), "an import took no time, or a minute"


class _WorkerProcess(Workload):
    """One process with one worker a call; the values are the medians of the calls."""

    batch = counted_calls = 0  # done in other processes

    def begin(self, state: Any) -> None:
        public("BaseWorker")

    def work(self, state: Any, calls: int) -> Sample:
        for _ in range(calls):
            path = state.folder / f"queue-{len(state.held)}.db"
            printed = base.run_python("-m", __name__, self.name, str(path))
            state.held.append(json.loads(printed))
        own = state.held[-calls:]
        return Sample(
            values={name: sorted(each[name] for each in own)[calls // 2] for name in self.figures}
        )


class Memory(_WorkerProcess):
    """The most memory that a process with one worker ever had, in MB, Python's own included, in a
    thousand tasks with a plugin that does nothing."""

    name = "worker-memory"
    calls = sizes(1, 3, 10)
    figures = ("memory_mb",)

    def check(self, state: Any) -> None:
        for each in state.held:
            assert 1 < each["memory_mb"] < 10_000, "no process is that small, or large"


class Idle(_WorkerProcess):
    """One call watches a worker that found its queue empty, for two seconds. The values count what
    its connections execute, in all threads: so unnecessary wake-ups are visible."""

    name = "idle-worker"
    calls = sizes(1, 5, 30)
    figures = ("statements_per_minute", "commits_per_minute")

    def check(self, state: Any) -> None:
        for each in state.held:
            assert each["statements_per_minute"] > 0, "it does not even look"


class NullPlugin:
    """Returns one idea at once; records when it was called."""

    def __init__(self) -> None:
        self.called_at: list[float] = []

    def scrape(self, **_: Any) -> list[Mapping[str, Any]]:
        """One task's work."""
        self.called_at.append(perf_counter())
        return [IDEA]


def _memory(path: Path) -> dict[str, float]:
    with base.open_queue(path, durability="fast") as queue:
        base.fill(queue, _TASKS)
        config = public("WorkerConfig")(worker_id="w", task_type=TASK_TYPE)
        worker = public("BaseWorker")(config, path, NullPlugin())
        done = worker.run(until_idle=True)
        worker.close()
    if done != _TASKS:
        raise RuntimeError(f"the worker did {done} of {_TASKS} tasks")
    return {"memory_mb": peak_mb()}


def peak_mb() -> float:
    """The most memory that this process has had, in MB (10**6 bytes)."""
    if sys.platform == "win32":
        return _windows_peak_bytes() / 1e6
    try:  # not ru_maxrss: that begins with the value of the parent process
        status = Path("/proc/self/status").read_text("ascii", "replace")
        return int(status.split("VmHWM:")[1].split()[0]) * 1024 / 1e6
    except (OSError, IndexError):
        import resource

        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak / 1e6 if sys.platform == "darwin" else peak * 1024 / 1e6  # Linux gives KiB


if sys.platform == "win32":

    def _windows_peak_bytes() -> int:
        from ctypes import byref, c_size_t, c_void_p, sizeof, windll

        word = sizeof(c_size_t)
        found = (c_size_t * (8 // word + 8))()  # PROCESS_MEMORY_COUNTERS: 8 bytes, 8 sizes
        windll.kernel32.GetCurrentProcess.restype = c_void_p
        process = c_void_p(windll.kernel32.GetCurrentProcess())
        windll.psapi.GetProcessMemoryInfo(process, byref(found), sizeof(found))
        return found[8 // word]  # PeakWorkingSetSize


def _idle(path: Path) -> dict[str, float]:
    """A worker on an empty queue: it becomes idle, then its statements are counted."""
    statements = _count_statements()  # before tubeq is imported
    stop = threading.Event()
    with base.open_queue(path):
        config = public("WorkerConfig")(worker_id="w", task_type=TASK_TYPE)
        worker = public("BaseWorker")(config, path, None)
        thread = threading.Thread(target=worker.run, args=(stop,))
        thread.start()
        time.sleep(_SETTLE_S)
        before, commits, began = len(statements), _commits(path), time.monotonic()
        time.sleep(_WATCHED_S)
        minutes = (time.monotonic() - began) / 60
        found = {
            "statements_per_minute": (len(statements) - before) / minutes,
            "commits_per_minute": (_commits(path) - commits) / minutes,
        }
        stop.set()
        thread.join(_PATIENCE_S)
        worker.close()
    return found


def _count_statements() -> list[str]:
    """The statements of every connection that is opened from now on, as they are executed."""
    found: list[str] = []
    connect = sqlite3.connect

    def note(statement: str) -> None:
        if not statement.startswith("--"):  # "-- " begins the line of a trigger
            found.append(statement)

    def traced(*given: Any, **settings: Any) -> sqlite3.Connection:
        connection: sqlite3.Connection = connect(*given, **settings)
        connection.set_trace_callback(note)
        return connection

    sqlite3.connect = traced  # type: ignore[assignment]
    return found


def _commits(path: Path) -> int:
    """A number that increases with each commit of another connection."""
    log = path.with_name(path.name + "-wal").read_bytes()
    page_bytes = int.from_bytes(log[8:12], "big") or 1
    frames = range(32, len(log), 24 + page_bytes)
    return sum(int.from_bytes(log[at + 4 : at + 8], "big") > 0 for at in frames)


WORKLOADS = [
    StartUp("queue", "import tubeq; tubeq.QueueManager"),
    StartUp("cli", "import tubeq.cli.main"),
    Memory(),
    Idle(),
]

if __name__ == "__main__":
    report = {Memory.name: _memory, Idle.name: _idle}[sys.argv[1]]
    print(json.dumps(report(Path(sys.argv[2]))))
