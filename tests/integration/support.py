"""What the integration tests are told in: scripted plugins, drained queues, real processes."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, TypeVar

from tests.support import PATIENCE_S
from tubeq.domain.models import Task, TaskResult
from tubeq.domain.states import TaskEvent
from tubeq.queue.queue_manager import QueueManager
from tubeq.workers.base_worker import BaseWorker

TASK_TYPE = "youtube_channel"
_ROOT = Path(__file__).resolve().parents[2]
R = TypeVar("R")


def item(source_id: object, **fields: Any) -> dict[str, Any]:
    """What a plugin returns for one video."""
    return {"source_id": str(source_id), "title": "A title", "score": 75.0, **fields}


class Scripted:
    """A plugin that does what it is told, call by call; the last outcome repeats.

    An outcome is a list of items to return, an exception to raise, or a function to call.
    """

    def __init__(self, *outcomes: Any) -> None:
        self.outcomes = outcomes
        self.calls: list[dict[str, Any]] = []

    def scrape(self, **parameters: Any) -> Any:
        self.calls.append(parameters)
        outcome = self.outcomes[min(len(self.calls), len(self.outcomes)) - 1]
        if isinstance(outcome, BaseException):
            raise outcome
        return outcome(**parameters) if callable(outcome) else outcome


def add(queue: QueueManager, channel: str = "@SnappyStories_1", **task: Any) -> str:
    """Create a channel task; its id."""
    parameters = {"channel_url": channel, "max_results": 5}
    return queue.create_task(TASK_TYPE, parameters, **task)


def add_many(queue: QueueManager, count: int) -> list[str]:
    return [add(queue, f"@test-{number}") for number in range(count)]


def claimed(worker: BaseWorker) -> Task:
    """The task that must be there for the worker."""
    task = worker.claim_task()
    assert task is not None
    return task


def attempt(worker: BaseWorker) -> TaskResult:
    """Claim and process the task that must be there."""
    return worker.process_task(claimed(worker))


def drain(worker: BaseWorker) -> list[str]:
    """Claim and process until nothing is due; the ids."""
    done = []
    while task := worker.claim_task():
        worker.process_task(task)
        done.append(task.task_id)
    return done


def events(queue: QueueManager, task_id: str) -> list[TaskEvent]:
    return [entry.event for entry in queue.get_task_history(task_id)]


def assert_each_done_once(queue: QueueManager, task_ids: list[str]) -> None:
    """Every task is COMPLETED, was completed once, and bears each of its results once."""
    for task_id in task_ids:
        assert queue.get_task(task_id).status == "COMPLETED"
        assert events(queue, task_id).count(TaskEvent.COMPLETED) == 1
        sources = Counter(result.source_id for result in queue.get_task_results(task_id))
        assert set(sources.values()) <= {1}


@contextmanager
def running(worker: BaseWorker, **options: Any) -> Iterator[threading.Event]:
    """The worker's loop in a thread of its own, stopped at the end of the block."""
    stop = threading.Event()
    with ThreadPoolExecutor(1) as pool:
        loop = pool.submit(worker.run, stop, **options)
        try:
            yield stop
        finally:
            stop.set()
    loop.result(timeout=PATIENCE_S)


@contextmanager
def plain(path: str) -> Iterator[sqlite3.Connection]:
    """The file as any program opens it."""
    with closing(sqlite3.connect(path, timeout=10)) as connection:
        connection.row_factory = sqlite3.Row
        yield connection


class Process:
    """A function of processes.py in a process of its own, which may be killed at any time."""

    def __init__(self, verb: str, *arguments: object) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.integration.processes", verb, *map(str, arguments)],
            cwd=_ROOT,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._stdin, self._stdout = self._process.stdin, self._process.stdout

    def line(self) -> str:
        """The next line that it prints: waits for it."""
        line = self._stdout.readline()
        assert line, "the process ended without a word"
        return line.rstrip("\n")

    def ask(self) -> str:
        """What it prints at a line of input."""
        self._stdin.write("\n")
        self._stdin.flush()
        return self.line()

    def rest(self) -> list[str]:
        """All further lines, once it has ended well."""
        output = self._stdout.read()
        assert self._process.wait(PATIENCE_S) == 0
        return output.splitlines()

    def kill(self) -> list[str]:
        """End it at once, as SIGKILL does (TerminateProcess on Windows); what it still printed."""
        self._process.kill()
        output = self._stdout.read()
        self._process.wait(PATIENCE_S)
        return output.splitlines()

    def __enter__(self) -> Process:
        return self

    def __exit__(self, *error: object) -> None:
        if not self._stdout.closed:
            self.kill()
            self._stdout.close()
        self._stdin.close()
