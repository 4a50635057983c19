"""What tubeq takes up: the memory of a worker, and the growth of the database file."""

from __future__ import annotations

import sqlite3
import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from benchmarks.workloads.base import (
    IDEA,
    TASK_TYPE,
    Profile,
    Sample,
    Workload,
    fill,
    open_queue,
    public,
    run_python,
    sizes,
    statuses,
)

if TYPE_CHECKING:
    from tubeq import QueueManager

_BATCH = 100


class Memory(Workload):
    """The most memory that a process with one worker ever had, in MB, Python's own included.

    A call is one such process, which does a thousand tasks with a plugin that does nothing.
    """

    name = "worker-memory"
    calls = sizes(1, 3, 10)
    figures = ("memory_mb",)
    batch = 0
    counted_calls = 0  # done in other processes

    def prepare(self, folder: Path, profile: Profile) -> tuple[Path, list[float]]:
        public("BaseWorker")
        return folder, []

    def work(self, state: tuple[Path, list[float]], calls: int) -> Sample:
        folder, found = state
        for _ in range(calls):
            path = folder / f"queue-{len(found)}.db"
            found.append(float(run_python("-m", "benchmarks.workloads.footprint", str(path))))
        return Sample(values={"memory_mb": sorted(found[-calls:])[calls // 2]})

    def check(self, state: tuple[Path, list[float]]) -> None:
        assert all(1 < each < 10_000 for each in state[1]), "no process is that small, or large"


class _State(NamedTuple):
    queue: QueueManager
    path: Path
    done: list[int]


class Growth(Workload):
    """Bytes of the database file for each task that has finished with one result.

    A call is one task. The log is moved into the file before the file is measured.
    """

    name = "file-growth"
    calls = sizes(1_000, 10_000, 100_000)
    figures = ("file_bytes_per_task",)
    batch = 0
    counted_calls = 0  # the file's size is a count already

    def prepare(self, folder: Path, profile: Profile) -> _State:
        path = folder / "queue.db"
        queue = open_queue(path, "create_tasks", "claim_tasks", "complete_task", durability="fast")
        return _State(queue, path, [])

    def work(self, state: _State, calls: int) -> Sample:
        before = _file_bytes(state.path)
        fill(state.queue, calls)
        while claims := state.queue.claim_tasks(TASK_TYPE, "w", _BATCH):
            for claim in claims:
                state.queue.complete_task(claim, [IDEA])
        state.done.append(calls)
        grown = _file_bytes(state.path) - before
        return Sample(values={"file_bytes_per_task": grown / calls})

    def check(self, state: _State) -> None:
        assert statuses(state.queue) == {"COMPLETED": sum(state.done)}

    def close(self, state: _State) -> None:
        state.queue.close()


def _file_bytes(path: Path) -> int:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
        pages: int = connection.execute("PRAGMA page_count").fetchone()[0]
        page_bytes: int = connection.execute("PRAGMA page_size").fetchone()[0]
    return pages * page_bytes


def _peak_mb() -> float:
    """The most memory that this process has had, in MB (10**6 bytes)."""
    if sys.platform == "win32":
        return _windows_peak_bytes() / 1e6
    try:  # not ru_maxrss: that one begins with what the parent process had
        status = Path("/proc/self/status").read_text("ascii", "replace")
        return int(status.split("VmHWM:")[1].split()[0]) * 1024 / 1e6
    except (OSError, IndexError):
        pass
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1e6 if sys.platform == "darwin" else peak * 1024 / 1e6  # Linux gives KiB


def _windows_peak_bytes() -> int:
    import ctypes

    class Counters(ctypes.Structure):  # PROCESS_MEMORY_COUNTERS of psapi.h
        _fields_ = [
            ("cb", ctypes.c_ulong),
            ("PageFaultCount", ctypes.c_ulong),
            ("PeakWorkingSetSize", ctypes.c_size_t),
            *((f"other_{number}", ctypes.c_size_t) for number in range(7)),
        ]

    windows: Any = ctypes.windll  # type: ignore[attr-defined]
    counters = Counters(cb=ctypes.sizeof(Counters))
    windows.kernel32.GetCurrentProcess.restype = ctypes.c_void_p
    process = ctypes.c_void_p(windows.kernel32.GetCurrentProcess())
    windows.psapi.GetProcessMemoryInfo(process, ctypes.byref(counters), counters.cb)
    return int(counters.PeakWorkingSetSize)


def _work_and_report(path: Path) -> None:
    from benchmarks.workloads.worker import NullPlugin

    with open_queue(path, durability="fast") as queue:
        fill(queue, 1_000)
        config = public("WorkerConfig")(worker_id="w", task_type=TASK_TYPE)
        worker = public("BaseWorker")(config, path, NullPlugin())
        done = worker.run(until_idle=True)
        worker.close()
    if done != 1_000:
        raise RuntimeError(f"the worker did {done} of 1,000 tasks")
    print(_peak_mb())


WORKLOADS = [Memory(), Growth()]

if __name__ == "__main__":
    _work_and_report(Path(sys.argv[1]))
