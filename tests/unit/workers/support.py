"""The few words in which the worker's tests are written."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import contextmanager
from typing import Any

from tubeq.domain.models import Task
from tubeq.domain.states import TaskStatus
from tubeq.queue.queue_manager import QueueManager
from tubeq.workers.base_worker import BaseWorker, WorkerConfig

PATIENCE_S = 10.0
GOOD = {"source_id": "video-1", "title": "A title", "score": 1.0}


class Plugin:
    """Does what the test says."""

    def __init__(self, scrape: Callable[..., Any] | None = None) -> None:
        self.scrape = scrape or (lambda **parameters: [GOOD])


def worker_on(
    queue: QueueManager, scrape: Callable[..., Any] | None = None, **config: Any
) -> BaseWorker:
    config = {"task_type": "video", "worker_id": "worker-1", "poll_interval": 0.05, **config}
    return BaseWorker(WorkerConfig(**config), queue.db_path, Plugin(scrape), queue=queue)


def raising(error: BaseException) -> Callable[..., Any]:
    def scrape(**parameters: Any) -> Any:
        raise error

    return scrape


def claimed(worker: BaseWorker) -> Task:
    task = worker.claim_task()
    assert task is not None
    return task


def attempt(worker: BaseWorker, **parameters: Any) -> tuple[Any, Task]:
    """Create, claim and process one task; the result, and the task as it is then."""
    task_id = worker.queue.create_task(worker.config.task_type, parameters)
    result = worker.process_task(claimed(worker))
    return result, worker.queue.get_task(task_id)


def until(condition: Callable[[], Any], patience_s: float = PATIENCE_S) -> Any:
    """Wait until it is true."""
    ends = time.monotonic() + patience_s
    while not (value := condition()):
        assert time.monotonic() < ends, "it never came true"
        time.sleep(0.005)
    return value


def counts(queue: QueueManager) -> dict[str, int]:
    return {status: count for status, count in queue.stats().by_status.items() if count}


@contextmanager
def background(run: Callable[[], Any]) -> Any:
    """Run it in a thread; the block's end waits for it and raises what it raised."""
    outcome: dict[str, Any] = {}

    def target() -> None:
        try:
            outcome["value"] = run()
        except BaseException as error:
            outcome["error"] = error

    thread = threading.Thread(target=target, daemon=True)
    thread.start()
    yield outcome
    thread.join(PATIENCE_S)
    assert not thread.is_alive(), "it never ended"
    if "error" in outcome:
        raise outcome["error"]


def is_queued(queue: QueueManager, task_id: str) -> bool:
    return queue.get_task(task_id).status is TaskStatus.QUEUED
