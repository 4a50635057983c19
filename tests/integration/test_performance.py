"""The seed's limits: more than 5 tasks a second, and 95 of 100 claims within 10 ms.

They say that nothing is badly wrong. How fast the queue is, the lab measures.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from tests.integration.conftest import MakeWorker
from tests.integration.support import (
    TASK_TYPE,
    Scripted,
    add_many,
    assert_each_done_once,
    drain,
    item,
)
from tests.support import at_once
from tubeq.domain.models import NewTask
from tubeq.domain.policies import ClaimStrategy
from tubeq.queue.queue_manager import QueueManager

pytestmark = [pytest.mark.integration, pytest.mark.slow]

LEAST_TASKS_PER_S = 5
MOST_CLAIM_P95_MS = 10


def p95_ms(call: Callable[[], object], samples: int = 60) -> float:
    latencies = []
    for _ in range(samples):
        started = time.perf_counter()
        assert call() is not None
        latencies.append((time.perf_counter() - started) * 1000)
    return sorted(latencies)[int(samples * 0.95)]


def fill(queue: QueueManager, count: int, **task: object) -> None:
    queue.create_tasks(
        [NewTask(TASK_TYPE, {"channel_url": f"@c{n}"}, n % 10, **task) for n in range(count)]  # type: ignore[arg-type]
    )


@pytest.mark.parametrize("strategy", ClaimStrategy)
def test_a_claim_is_quick_in_a_long_queue(queue: QueueManager, strategy: ClaimStrategy) -> None:
    fill(queue, 5_000)
    claim = lambda: queue.claim_next_task(TASK_TYPE, "worker-1", strategy)  # noqa: E731
    assert p95_ms(claim) < MOST_CLAIM_P95_MS


def test_a_claim_is_quick_beside_many_finished_and_scheduled_tasks(queue: QueueManager) -> None:
    fill(queue, 2_000)
    while tasks := queue.claim_tasks(TASK_TYPE, "worker-1", 500):
        for task in tasks[:100]:
            queue.release_task(task)
            queue.cancel_task(task.task_id)
    fill(queue, 2_000, run_after=time.time() + 3600)
    fill(queue, 100)
    claim = lambda: queue.claim_next_task(TASK_TYPE, "worker-1")  # noqa: E731
    assert p95_ms(claim) < MOST_CLAIM_P95_MS


def test_one_worker_keeps_its_rate_with_large_results(
    queue: QueueManager, make_worker: MakeWorker
) -> None:
    task_ids = add_many(queue, 40)
    ideas = [
        item(number, title="A title " * 10, description="text " * 100) for number in range(100)
    ]
    worker = make_worker(plugin=Scripted(ideas))
    started = time.perf_counter()
    drain(worker)
    elapsed_s = time.perf_counter() - started
    assert_each_done_once(queue, task_ids)
    assert len(task_ids) / elapsed_s > LEAST_TASKS_PER_S


def test_workers_that_share_a_database_keep_the_rate_together(
    queue: QueueManager, make_worker: MakeWorker
) -> None:
    task_ids = add_many(queue, 100)
    workers = [make_worker(f"worker-{number}") for number in range(4)]
    started = time.perf_counter()
    at_once(lambda number: drain(workers[number]), 4)
    elapsed_s = time.perf_counter() - started
    assert_each_done_once(queue, task_ids)
    assert len(task_ids) / elapsed_s > LEAST_TASKS_PER_S


def test_creating_one_by_one_keeps_the_rate(queue: QueueManager) -> None:
    started = time.perf_counter()
    task_ids = add_many(queue, 60)
    elapsed_s = time.perf_counter() - started
    assert len(queue.list_tasks()) == len(task_ids)
    assert len(task_ids) / elapsed_s > LEAST_TASKS_PER_S


def test_the_loop_keeps_the_rate(queue: QueueManager, make_worker: MakeWorker) -> None:
    task_ids = add_many(queue, 60)
    worker = make_worker()
    started = time.perf_counter()
    assert worker.run(until_idle=True) == 60
    elapsed_s = time.perf_counter() - started
    assert_each_done_once(queue, task_ids)
    assert len(task_ids) / elapsed_s > LEAST_TASKS_PER_S
