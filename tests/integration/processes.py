"""What the tests start in processes of their own: python -m tests.integration.processes VERB ...

Each says on its standard output, line by line, what it has been told by the queue.
"""

from __future__ import annotations

import sys
import time
from typing import Any

from tests.integration.support import TASK_TYPE, add, item
from tubeq.domain.clock import SystemClock
from tubeq.queue.queue_manager import QueueManager
from tubeq.workers.base_worker import BaseWorker, WorkerConfig


class Announcing:
    """Says when it begins, finds one item, and takes its time."""

    def __init__(self, rest_s: float) -> None:
        self.rest_s = rest_s

    def scrape(self, **parameters: Any) -> list[dict[str, Any]]:
        print("scraping", parameters["channel_url"])
        time.sleep(self.rest_s)
        return [item(parameters["channel_url"])]


def work(db_path: str, worker_id: str, lease_s: str, rest_s: str) -> None:
    """Process tasks until none is left."""
    config = WorkerConfig(
        worker_id=worker_id,
        task_type=TASK_TYPE,
        lease_s=float(lease_s),
        poll_interval=0.05,
        crash_limit=1000,  # the tests kill as they like, and mean the worker, not the task
    )
    worker = BaseWorker(config, db_path, Announcing(float(rest_s)))
    print("ready")
    worker.run(until_idle=True)
    worker.close()


def serve(db_path: str, worker_id: str, lease_s: str) -> None:
    """Process tasks for ever. Where there was none, a wake-up is the only cause to look again
    before the next sweep for dead workers: half a lease, at most 15 s."""
    config = WorkerConfig(
        worker_id=worker_id,
        task_type=TASK_TYPE,
        lease_s=float(lease_s),
        poll_interval=600,
        crash_limit=1000,
    )
    BaseWorker(config, db_path, Announcing(0.002)).run()


def drain(db_path: str, worker_id: str) -> None:
    """Claim and complete until nothing is due, a line for each task."""
    with QueueManager(db_path) as queue:
        print("ready")
        while task := queue.claim_next_task(TASK_TYPE, worker_id):
            queue.complete_task(task, [item(task.task_id)])
            print(task.task_id)


def create(db_path: str) -> None:
    """Create tasks for ever, a line for each that the queue acknowledged."""
    with QueueManager(db_path) as queue:
        number = 0
        while True:
            print(add(queue, f"@created-{number}"))
            number += 1


def hold(db_path: str, lease_s: str) -> None:
    """Claim a task and keep it."""
    with QueueManager(db_path) as queue:
        queue.claim_next_task(TASK_TYPE, "worker-1", lease_s=float(lease_s))
        print("held")
        time.sleep(600)


def sweep(db_path: str, wrong_s: str) -> None:
    """For each line of input, say how many tasks were rescued by a wall clock that is wrong."""

    class Wrong(SystemClock):
        def now(self) -> float:
            return time.time() + float(wrong_s)

    with QueueManager(db_path, clock=Wrong()) as queue:
        print("ready")
        for _ in sys.stdin:
            print(len(queue.rescue().requeued))


if __name__ == "__main__":
    globals()[sys.argv[1]](*sys.argv[2:])
