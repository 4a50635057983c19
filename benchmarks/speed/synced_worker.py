"""A process that works and counts its syncs: `synced_worker FILE TASKS DURABILITY BATCH`.

BATCH 1 is a worker; more is a loop that claims, and completes, so many tasks at once. It prints
JSON: how many tasks were done, how many os.fsync and os.fdatasync calls the worker made for that,
how many other threads made meanwhile (for checkpoints: no task waits for them), and the seconds
from each task to the next. The calls are replaced before tubeq is imported, since it may take them
then. Where a connection's commits sync of themselves that would be counted nowhere: so
`synchronous` must be below FULL. The syncs of SQLite's own at checkpoints, two for some thousand
tasks, are not seen.
"""

from __future__ import annotations

import json
import os
import sqlite3
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from itertools import pairwise
from pathlib import Path
from time import perf_counter
from typing import Any

_FULL = 2


class _Syncs:
    """The counts, of the main thread and of all others; and the connections, none of which may sync
    of itself."""

    def __init__(self) -> None:
        self.own = 0
        self.others = 0
        self._connections: list[sqlite3.Connection] = []

    def install(self) -> None:
        """Take the place of the syncs, and of sqlite3.connect."""
        for name in ("fsync", "fdatasync"):
            if hasattr(os, name):
                setattr(os, name, self._counted(getattr(os, name)))
        connect = sqlite3.connect

        def noted(*arguments: Any, **settings: Any) -> sqlite3.Connection:
            connection: sqlite3.Connection = connect(*arguments, **settings)
            self._connections.append(connection)
            return connection

        sqlite3.connect = noted  # type: ignore[assignment]

    def _counted(self, sync: Callable[[int], None]) -> Callable[[int], None]:
        def counted(file: int) -> None:
            if threading.current_thread() is threading.main_thread():
                self.own += 1
            else:
                self.others += 1
            sync(file)

        return counted

    def require_all(self) -> None:
        """Make sure that no sync went uncounted.

        Raises:
            RuntimeError: a connection syncs at its commits.
        """
        for connection in self._connections:
            with suppress(sqlite3.ProgrammingError):  # closed, or another thread's
                if connection.execute("PRAGMA synchronous").fetchone()[0] >= _FULL:
                    raise RuntimeError("a connection syncs at its commits: they are not counted")


def _work(path: Path, tasks: int, durability: str, batch: int, syncs: _Syncs) -> dict[str, Any]:
    from benchmarks.speed.filling import fill_plain
    from benchmarks.workloads.base import TASK_TYPE
    from tubeq import QueueManager

    work = _by_a_worker if batch == 1 else partial(_in_batches, batch)
    check = syncs.require_all
    with QueueManager(path, durability="fast") as queue:
        fill_plain(queue, 2 * tasks)
        work(path, tasks, durability, check)  # the log reaches the length that it keeps
        own, others = syncs.own, syncs.others
        latencies_s = work(path, tasks, durability, check)
        own, others = syncs.own - own, syncs.others - others
        if (left := queue.claim_next_task(TASK_TYPE, "w")) is not None:
            raise RuntimeError(f"task {left.task_id} was left")
    return {"tasks": tasks, "syncs": own, "other_syncs": others, "latencies_s": latencies_s}


def _by_a_worker(path: Path, tasks: int, durability: str, check: Callable[[], None]) -> list[float]:
    """Seconds from each task to the next."""
    from benchmarks.workloads.base import TASK_TYPE
    from benchmarks.workloads.worker import NullPlugin
    from tubeq import BaseWorker, Durability, WorkerConfig

    plugin = NullPlugin()
    config = WorkerConfig(worker_id="w", task_type=TASK_TYPE, durability=Durability(durability))
    with BaseWorker(config, path, plugin) as worker:
        worker.run(max_tasks=tasks)
        check()
    return [after - before for before, after in pairwise(plugin.called_at)]


def _in_batches(
    batch: int, path: Path, tasks: int, durability: str, check: Callable[[], None]
) -> list[float]:
    """Seconds of each batch, shared among its tasks."""
    from benchmarks.workloads.base import IDEA, TASK_TYPE
    from tubeq import Idea, QueueManager
    from tubeq.storage.port import Completion

    ideas = [Idea.of(IDEA)]
    latencies_s: list[float] = []
    with QueueManager(path, durability=durability) as queue:
        for _ in range(0, tasks, batch):
            began = perf_counter()
            claims = queue.claim_tasks(TASK_TYPE, "w", batch)
            queue.complete_tasks([Completion(claim, ideas) for claim in claims])
            latencies_s += [(perf_counter() - began) / batch] * batch
        check()
    return latencies_s


if __name__ == "__main__":
    watched = _Syncs()
    watched.install()
    file, count, level, size = sys.argv[1:]
    print(json.dumps(_work(Path(file), int(count), level, int(size), watched)))
