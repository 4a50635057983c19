"""The few words in which the worker's tests are written."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import contextmanager
from typing import Any

from tests.support import PATIENCE_S
from tubeq.domain.models import Task
from tubeq.queue.queue_manager import QueueManager
from tubeq.workers.base_worker import BaseWorker, WorkerConfig

GOOD = {"source_id": "video-1", "title": "A title", "score": 1.0}


class Plugin:
    """Does what the test says."""

    def __init__(self, scrape: Callable[..., Any] | None = None) -> None:
        self.scrape = scrape or (lambda **parameters: [GOOD])


def worker_on(
    queue: QueueManager, scrape: Any = None, stats: Any = None, **config: Any
) -> BaseWorker:
    """One whose plugin scrapes so, or is `scrape` itself where that is no function."""
    config = {"task_type": "video", "worker_id": "worker-1", "poll_interval": 0.05, **config}
    plugin = Plugin(scrape) if scrape is None or callable(scrape) else scrape
    end_process = config.pop("end_process", None)
    return BaseWorker(WorkerConfig(**config), queue, plugin, stats=stats, end_process=end_process)


def claimed(worker: BaseWorker) -> Task:
    task = worker.claim_task()
    assert task is not None
    return task


def new_claim(worker: BaseWorker, **parameters: Any) -> Task:
    """Create and claim one task."""
    worker.queue.create_task(worker.config.task_type, parameters)
    return claimed(worker)


def attempt(worker: BaseWorker, **parameters: Any) -> tuple[Any, Task]:
    """Create, claim and process one task; the result, and the task as it is then."""
    claim = new_claim(worker, **parameters)
    return worker.process_task(claim), worker.queue.get_task(claim.task_id)


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
