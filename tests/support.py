"""What tests of several folders share: waiting, threads, and databases that others have changed."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import pytest

from tubeq.domain.models import Task
from tubeq.domain.processes import process_exists
from tubeq.queue.backlog import QueueBacklog
from tubeq.queue.items import QueueItems
from tubeq.queue.limits import QueueLimits
from tubeq.queue.maintenance import QueueMaintenance
from tubeq.queue.queue_manager import QueueManager
from tubeq.queue.register import WorkerRegister

PATIENCE_S = 20.0
R = TypeVar("R")
PARTS: dict[str, type] = {
    "": QueueManager, "backlog.": QueueBacklog, "items.": QueueItems, "limits.": QueueLimits,
    "maintenance.": QueueMaintenance, "register.": WorkerRegister,
}  # fmt: skip
"""Where the verbs of a queue are, by what stands before their names."""
FIRST_SCHEMA = """
CREATE TABLE task_queue (
    task_id TEXT PRIMARY KEY, task_type TEXT NOT NULL, parameters TEXT NOT NULL,
    status TEXT DEFAULT 'QUEUED', priority INTEGER DEFAULT 0,
    created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP, worker_id TEXT, claimed_at TIMESTAMP,
    started_at TIMESTAMP, completed_at TIMESTAMP, error_message TEXT, result TEXT,
    retry_count INTEGER DEFAULT 0
);
CREATE TABLE results (
    result_id TEXT PRIMARY KEY, task_id TEXT NOT NULL, source_id TEXT, title TEXT,
    description TEXT, score REAL, created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
    FOREIGN KEY (task_id) REFERENCES task_queue(task_id)
);
"""
"""The tables of the original specification."""


def raising(error: BaseException) -> Callable[..., NoReturn]:
    """A function that takes anything and raises that."""

    def fail(*_: Any, **__: Any) -> NoReturn:
        raise error

    return fail


def claimed(queue: QueueManager, task_type: str = "video", worker: str = "w", **task: Any) -> Task:
    """A new task in a worker's hands."""
    task_id = queue.create_task(task_type, **task)
    claim = queue.claim_next_task(task_type, worker)
    assert claim is not None and claim.task_id == task_id
    return claim


@contextmanager
def within(most_s: float, least_s: float = 0.0) -> Iterator[None]:
    """The block takes no longer than that, nor less."""
    began = time.monotonic()
    yield
    assert least_s <= time.monotonic() - began < most_s


# Waiting, threads and processes -------------------------------------------------------------------


def until(condition: Callable[[], R], patience_s: float = PATIENCE_S) -> R:
    """Wait until it is true; its value then."""
    ends = time.monotonic() + patience_s
    while not (value := condition()):
        assert time.monotonic() < ends, "it never came true"
        time.sleep(0.005)
    return value


def kill(pid: int) -> None:
    """End a process at once, without a chance to clean up: SIGKILL, on Windows TerminateProcess."""
    os.kill(pid, getattr(signal, "SIGKILL", signal.SIGTERM))


def is_gone(pid: int) -> bool:
    """Whether no such process runs; one that only waits to be reaped does not."""
    if not process_exists(pid):
        return True
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
    except OSError:
        return False


def at_once(work: Callable[[int], R], threads: int = 4) -> list[R]:
    """What `work` returned in each of several threads that start together."""
    ready = threading.Barrier(threads)

    def run(number: int) -> R:
        ready.wait(timeout=PATIENCE_S)
        return work(number)

    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(run, range(threads)))


def in_mount_namespace(command: str) -> subprocess.CompletedProcess[str]:
    """A shell command that may mount what it likes; skips the test where that cannot be had."""
    done = subprocess.run(
        ["unshare", "-Urm", "sh", "-c", command], capture_output=True, text=True, timeout=120
    )
    if "unshare" in done.stderr or "mount:" in done.stderr:
        pytest.skip(f"no mount namespace to be had here: {done.stderr.strip()}")
    return done


# Databases ----------------------------------------------------------------------------------------


def rows(path: str | Path, query: str, *parameters: Any) -> list[Any]:
    """What another program reads of the file."""
    with closing(sqlite3.connect(path)) as file:
        return file.execute(query, *parameters).fetchall()


def run_sql(path: str | Path, script: str) -> None:
    """What another program does to the file."""
    with closing(sqlite3.connect(path)) as file:
        file.executescript(script)


def make_first(path: Path, tasks: list[tuple[Any, ...]], results: list[tuple[Any, ...]]) -> Path:
    """A database of the original specification; tasks may leave out how often they failed."""
    run_sql(path, FIRST_SCHEMA)
    with closing(sqlite3.connect(path)) as file, file:
        file.executemany(
            "INSERT INTO task_queue (task_id, task_type, parameters, status, priority, created_at, "
            "worker_id, retry_count) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            [(*task, 0)[:8] for task in tasks],
        )
        file.executemany(
            "INSERT INTO results (result_id, task_id, source_id, title, score) "
            "VALUES (?, ?, ?, ?, ?)",
            results,
        )
    return path


def overwrite(path: Path, start: int, end: int) -> None:
    """Some bytes of the file are garbage now."""
    content = bytearray(path.read_bytes())
    content[start:end] = b"\xa5" * (end - start)
    path.write_bytes(content)


def cut(path: Path, part: float) -> None:
    """Only the first part of the file is left."""
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * part)])


def make_foreign(path: Path) -> None:
    """Another program's database."""
    run_sql(path, "CREATE TABLE users (name)")


def make_newer(path: Path) -> None:
    """The database of a later version."""
    with QueueManager(path) as queue:
        queue.create_task("anything")
    run_sql(path, "PRAGMA user_version = 999")


def not_a_database(path: Path) -> None:
    path.write_bytes(b"no database, " * 1000)


_CRASH = """
import os, sys
from tubeq import QueueManager
queue = QueueManager(sys.argv[1])
for _ in range(int(sys.argv[2])):
    queue.create_task("late", {"filler": "x" * 2000})
os._exit(1)
"""


def leave_log(path: Path, tasks: int = 50) -> None:
    """A process that ends without closing: its tasks are in the log only."""
    crash = [sys.executable, "-c", _CRASH, path, str(tasks)]
    assert subprocess.run(crash, check=False, timeout=60).returncode == 1
    assert path.with_name(f"{path.name}-wal").stat().st_size
