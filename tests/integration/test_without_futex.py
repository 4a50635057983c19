"""Several processes on one file with what macOS has: byte locks, and no futex to sleep on.

TUBEQ_WITHOUT_FUTEX takes the futex away from the processes, wherever the tests run.
"""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.integration.support import Process, add, assert_each_done_once
from tests.support import until
from tubeq.queue.queue_manager import QueueManager
from tubeq.queue.wakeup import SLOTS

HEARD_WITHIN_S = 7.0  # without a wake-up it would look after 15 s
pytestmark = pytest.mark.integration


@pytest.fixture(autouse=True)
def without_futex(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TUBEQ_WITHOUT_FUTEX", "1")


def waiting_workers(queue: QueueManager) -> int:
    flags = Path(f"{queue.db_path}-wake")
    return sum(flags.read_bytes()[:SLOTS]) if flags.exists() else 0


def test_killed_processes_lose_nothing_and_nothing_is_done_twice(queue: QueueManager) -> None:
    """Three workers and a creator write at the same time, and are killed in the midst of it."""
    with ExitStack() as ended:
        start = lambda *command: ended.enter_context(Process(*command))  # noqa: E731
        workers = [start("serve", queue.db_path, f"worker-{n}", 0.3) for n in range(3)]
        until(lambda: waiting_workers(queue) == 3)
        creator = start("create", queue.db_path)
        for number, worker in enumerate(workers):
            for _ in range(5 + 10 * number):  # tasks that it begins
                worker.line()
            worker.kill()
        created = creator.kill()
        start("work", queue.db_path, "survivor", 0.3, 0).rest()
    assert len(created) > 30
    assert_each_done_once(queue, created)


def test_a_waiting_worker_of_another_process_hears_of_a_new_task(queue: QueueManager) -> None:
    with Process("serve", queue.db_path, "worker-1", 600):
        until(lambda: waiting_workers(queue) == 1)
        task_id = add(queue)
        until(lambda: queue.get_task(task_id)["status"] == "COMPLETED", HEARD_WITHIN_S)
