"""What a worker costs that has nothing to do: statements and commits a minute, by all threads."""

from __future__ import annotations

import json
import sqlite3
import sys
import threading
import time
from pathlib import Path
from typing import Any

from benchmarks.workloads.base import (
    TASK_TYPE,
    Profile,
    Sample,
    Workload,
    open_queue,
    public,
    run_python,
    sizes,
)

_SETTLE_S = 0.5
_WATCHED_S = 2.0
_PATIENCE_S = 30.0


class Idle(Workload):
    """One call watches a worker in a process of its own, which found its queue empty, for two
    seconds. The values count what its connections execute: whatever wakes it for nothing shows."""

    name = "idle-worker"
    calls = sizes(1, 5, 30)
    figures = ("statements_per_minute", "commits_per_minute")
    batch = 0
    counted_calls = 0  # done in other processes, and counted there

    def prepare(self, folder: Path, profile: Profile) -> tuple[Path, list[dict[str, float]]]:
        public("BaseWorker")
        return folder, []

    def work(self, state: tuple[Path, list[dict[str, float]]], calls: int) -> Sample:
        folder, found = state
        for _ in range(calls):
            path = folder / f"idle-{len(found)}.db"
            found.append(json.loads(run_python("-m", "benchmarks.workloads.idle", str(path))))
        values = {
            name: sorted(each[name] for each in found[-calls:])[calls // 2] for name in found[-1]
        }
        return Sample(values=values)

    def check(self, state: tuple[Path, list[dict[str, float]]]) -> None:
        assert all(each["statements_per_minute"] > 0 for each in state[1]), "it does not even look"


class _Counts:
    """Of statements on every connection that is opened from now on."""

    def __init__(self) -> None:
        self.statements = 0
        connect = sqlite3.connect

        def counted(*given: Any, **settings: Any) -> sqlite3.Connection:
            connection: sqlite3.Connection = connect(*given, **settings)
            connection.set_trace_callback(self._note)
            return connection

        sqlite3.connect = counted  # type: ignore[assignment]

    def _note(self, statement: str) -> None:
        self.statements += not statement.startswith("--")  # "-- " begins the line of a trigger


def _commits(path: Path) -> int:
    """A number that each commit of another connection raises."""
    log = path.with_name(path.name + "-wal").read_bytes()
    page_bytes = int.from_bytes(log[8:12], "big") or 1
    frames = range(32, len(log), 24 + page_bytes)
    return sum(int.from_bytes(log[at + 4 : at + 8], "big") > 0 for at in frames)


def _watch(path: Path) -> dict[str, float]:
    """A worker on an empty queue: it falls idle, then it is counted."""
    counts = _Counts()  # before tubeq is imported
    stop = threading.Event()
    with open_queue(path):
        config = public("WorkerConfig")(worker_id="w", task_type=TASK_TYPE)
        worker = public("BaseWorker")(config, path, None)
        thread = threading.Thread(target=worker.run, args=(stop,))
        thread.start()
        time.sleep(_SETTLE_S)
        before, commits, began = counts.statements, _commits(path), time.monotonic()
        time.sleep(_WATCHED_S)
        minutes = (time.monotonic() - began) / 60
        found = {
            "statements_per_minute": (counts.statements - before) / minutes,
            "commits_per_minute": (_commits(path) - commits) / minutes,
        }
        stop.set()
        thread.join(_PATIENCE_S)
        worker.close()
    return found


WORKLOADS = [Idle()]

if __name__ == "__main__":
    print(json.dumps(_watch(Path(sys.argv[1]))))
