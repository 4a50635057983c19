"""The loop of one worker: it drains, waits, rescues, obeys, and leaves nothing behind."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest

from tests.support import raising, until, within
from tubeq.domain.errors import (
    PermanentError,
    StorageBusy,
    StorageCorrupt,
    StorageError,
    StorageFull,
)
from tubeq.domain.models import NewTask
from tubeq.domain.policies import ClaimStrategy
from tubeq.domain.states import TaskStatus
from tubeq.plugins.base import check_stop
from tubeq.queue.queue_manager import QueueManager
from tubeq.queue.wakeup import Waiter

from .support import GOOD, attempt, background, counts, worker_on


@pytest.fixture
def queue(quick_queue: QueueManager) -> QueueManager:
    return quick_queue


def until_told() -> list[Any]:
    while True:
        check_stop()
        time.sleep(0.01)


def test_a_queue_is_drained(queue: QueueManager) -> None:
    queue.create_tasks([NewTask("video") for _ in range(20)])
    assert worker_on(queue).run(until_idle=True) == 20
    assert counts(queue) == {"COMPLETED": 20}


def test_tasks_of_other_types_are_left_alone(queue: QueueManager) -> None:
    queue.create_tasks([NewTask("video"), NewTask("channel")])
    assert worker_on(queue).run(until_idle=True) == 1
    assert counts(queue) == {"COMPLETED": 1, "QUEUED": 1}


def test_the_strategy_decides_the_order(queue: QueueManager) -> None:
    seen: list[int] = []
    queue.create_tasks([NewTask("video", {"n": n}) for n in range(5)])
    worker = worker_on(queue, lambda n: seen.append(n) or [], strategy=ClaimStrategy.FIFO)
    worker.run(until_idle=True)
    assert seen == [0, 1, 2, 3, 4]


def test_max_tasks_ends_the_loop_and_claims_no_more(queue: QueueManager) -> None:
    queue.create_tasks([NewTask("video") for _ in range(5)])
    assert worker_on(queue).run(max_tasks=2) == 2
    assert counts(queue) == {"COMPLETED": 2, "QUEUED": 3}
    assert worker_on(queue).run(max_tasks=0) == 0


def test_completing_and_claiming_the_next_is_one_write(
    queue: QueueManager, monkeypatch: pytest.MonkeyPatch
) -> None:
    claims: list[object] = []
    real = queue._storage.claim
    monkeypatch.setattr(
        queue._storage, "claim", lambda request, limit=1: claims.append(1) or real(request, limit)
    )
    queue.create_tasks([NewTask("video") for _ in range(10)])
    assert worker_on(queue).run(until_idle=True) == 10
    assert len(claims) <= 3  # the first one, and the two that found nothing


def test_until_idle_waits_for_retries(queue: QueueManager) -> None:
    calls: list[float] = []

    def scrape(**parameters: Any) -> list[Any]:
        calls.append(time.monotonic())
        if len(calls) == 1:
            raise ConnectionError("down")
        return [GOOD]

    task_id = queue.create_task("video", run_after=time.time() + 0.3)
    assert worker_on(queue, scrape, poll_interval=30.0).run(until_idle=True) == 2
    assert queue.get_task(task_id).status is TaskStatus.COMPLETED


def test_a_scheduled_task_is_not_waited_for_longer_than_it_takes(queue: QueueManager) -> None:
    with within(5.0, 0.3):
        queue.create_task("video", run_after=time.time() + 0.4)
        worker_on(queue, poll_interval=30.0).run(until_idle=True)


def test_until_idle_waits_for_what_others_hold(queue: QueueManager) -> None:
    queue.create_task("video")
    held = queue.claim_next_task("video", "worker-2", lease_s=0.4)
    assert held is not None  # worker-2 never comes back: its lease expires
    worker = worker_on(queue, lease_s=0.4, poll_interval=30.0)
    with within(0.4 + 2 * worker.config.sweep_interval_s + 1.0):
        assert worker.run(until_idle=True) == 1
    assert queue.get_task(held.task_id).crash_count == 1


def test_a_task_that_kills_is_a_dead_letter_at_the_limit(queue: QueueManager) -> None:
    task_id = queue.create_task("video")
    assert queue.claim_next_task("video", "worker-2", lease_s=0.2) is not None
    assert worker_on(queue, lease_s=0.2, crash_limit=1).run(until_idle=True) == 0
    assert queue.get_task(task_id).error_code == "dead_letter"


def test_a_new_task_wakes_an_idle_worker(file_queue: QueueManager, stop: threading.Event) -> None:
    worker = worker_on(file_queue, poll_interval=30.0)
    with background(lambda: worker.run(stop)):
        until(lambda: worker._waiter is not None and worker._waiter.is_prepared)
        for _ in range(3):
            with within(5.0):
                task_id = file_queue.create_task("video")
                until(lambda task_id=task_id: file_queue.get_task(task_id).status == "COMPLETED")
        stop.set()


def test_a_task_created_just_before_the_wait_is_not_missed(
    file_queue: QueueManager, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Created after the look that found nothing and before the flag is up: only the second look
    can find it, for nobody was woken."""
    created: list[str] = []
    prepare = Waiter.prepare

    def create_then_prepare(waiter: Waiter) -> None:
        if not created:
            created.append(file_queue.create_task("video"))
        prepare(waiter)

    monkeypatch.setattr(Waiter, "prepare", create_then_prepare)
    with within(5.0):
        assert worker_on(file_queue, poll_interval=30.0).run(max_tasks=1) == 1


def test_a_wake_up_that_was_not_needed_is_passed_on(
    file_queue: QueueManager, monkeypatch: pytest.MonkeyPatch, stop: threading.Event
) -> None:
    """A wake-up that meets a worker which has just found another task goes to the next one."""
    second = Waiter(file_queue.db_path, "video")
    prepare = Waiter.prepare

    def prepare_then_create(waiter: Waiter) -> None:
        prepare(waiter)
        file_queue.create_task("video")  # the only flag that is up is this worker's
        prepare(second)
        monkeypatch.setattr(Waiter, "prepare", prepare)

    monkeypatch.setattr(Waiter, "prepare", prepare_then_create)
    worker = worker_on(file_queue, lambda **parameters: stop.set() or [], poll_interval=30.0)
    assert worker.run(stop) == 1
    assert second.wait(2.0)
    second.close()


def test_stop_ends_an_idle_worker_soon(queue: QueueManager, stop: threading.Event) -> None:
    worker = worker_on(queue, poll_interval=30.0)
    with background(lambda: worker.run(stop)):
        until(queue.workers)
        started = time.monotonic()
        stop.set()
    assert time.monotonic() - started < 2.0


def test_stop_lets_the_running_task_finish(queue: QueueManager, stop: threading.Event) -> None:
    queue.create_tasks([NewTask("video"), NewTask("video")])
    worker = worker_on(queue, lambda **parameters: stop.set() or time.sleep(0.3) or [GOOD])
    assert worker.run(stop) == 1
    (left,) = queue.list_tasks(TaskStatus.QUEUED)
    assert [entry.event for entry in queue.get_task_history(left.task_id)] == ["created"]


def test_a_task_claimed_just_before_the_stop_is_handed_back(
    queue: QueueManager, monkeypatch: pytest.MonkeyPatch
) -> None:
    stop, real = threading.Event(), queue.complete_task

    def complete_then_stop(*arguments: Any) -> Any:
        following = real(*arguments)
        stop.set()
        return following

    monkeypatch.setattr(queue, "complete_task", complete_then_stop)
    queue.create_tasks([NewTask("video"), NewTask("video")])
    assert worker_on(queue).run(stop) == 1
    assert counts(queue) == {"COMPLETED": 1, "QUEUED": 1}


def test_stop_hands_back_what_does_not_finish_in_time(
    queue: QueueManager, stop: threading.Event
) -> None:
    task_id = queue.create_task("video")
    worker = worker_on(queue, lambda: stop.set() or until_told(), stop_grace_s=0.2)
    assert worker.run(stop) == 1
    task = queue.get_task(task_id)
    assert (task.status, task.retry_count, task.crash_count) == (TaskStatus.QUEUED, 0, 0)


def test_hurry_hands_back_at_once(queue: QueueManager, stop: threading.Event) -> None:
    def scrape(**parameters: Any) -> list[Any]:
        stop.set()
        worker.hurry()
        return until_told()

    worker = worker_on(queue, scrape, stop_grace_s=30.0)
    task_id = queue.create_task("video")
    with within(3.0):
        worker.run(stop)
    assert queue.get_task(task_id).status is TaskStatus.QUEUED


@pytest.mark.parametrize("busy", [False, True])
def test_a_stop_request_in_the_database_is_obeyed(queue: QueueManager, busy: bool) -> None:
    begun = threading.Event()
    worker = worker_on(queue, lambda: begun.set() or until_told(), stop_grace_s=0.1)
    if busy:
        queue.create_task("video")
    with background(worker.run):
        until(queue.workers)
        assert not busy or begun.wait(5.0)
        assert queue.request_stop("worker-1") == 1
    assert queue.workers() == []
    assert counts(queue) == ({"QUEUED": 1} if busy else {})


def test_a_stop_request_that_came_before_the_worker_is_obeyed(queue: QueueManager) -> None:
    """A supervisor registers a worker before its process is up."""
    from tubeq.workers.base_worker import worker_info

    queue.register.add(worker_info("worker-1", "video", 1))
    queue.request_stop()
    queue.create_task("video")
    assert worker_on(queue).run() == 0


def test_a_worker_is_registered_while_it_runs(queue: QueueManager) -> None:
    seen: list[Any] = []
    queue.create_task("video")
    worker_on(queue, lambda **parameters: seen.extend(queue.workers()) or []).run(until_idle=True)
    (info,) = seen
    assert (info.worker_id, info.task_type, info.stop_requested) == ("worker-1", "video", False)
    assert queue.workers() == []


def test_a_long_task_gives_signs_of_life(queue: QueueManager) -> None:
    seen: list[float] = []

    def scrape(**parameters: Any) -> list[Any]:
        first = queue.workers()[0].last_seen
        seen.append(until(lambda: queue.workers()[0].last_seen > first))
        return []

    queue.create_task("video")
    worker_on(queue, scrape).run(until_idle=True)
    assert seen


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
def test_an_interrupt_leaves_nothing_behind(
    queue: QueueManager, error: type[BaseException]
) -> None:
    queue.create_task("video")
    with pytest.raises(error):
        worker_on(queue, raising(error())).run()
    assert counts(queue) == {"QUEUED": 1}
    assert queue.workers() == []


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """The database is asked again soon."""
    monkeypatch.setattr("tubeq.workers.base_worker._STORAGE_REST_S", 0.01)


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("kind", [StorageBusy, StorageFull])
@pytest.mark.parametrize("verb", ["complete_task", "fail_task", "rescue"])
def test_a_busy_or_full_database_is_waited_for_and_no_work_done_twice(
    queue: QueueManager,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    kind: type[StorageError],
    verb: str,
) -> None:
    real, calls = getattr(queue, verb), []

    def troubled(*arguments: Any, **others: Any) -> Any:
        calls.append(1)
        if len(calls) < 4:
            raise kind("not now")
        return real(*arguments, **others)

    monkeypatch.setattr(queue, verb, troubled)
    task_id = queue.create_task("video")
    scrape = raising(PermanentError("gone")) if verb == "fail_task" else None
    assert worker_on(queue, scrape).run(until_idle=True) == 1
    task = queue.get_task(task_id)
    wanted = TaskStatus.FAILED if verb == "fail_task" else TaskStatus.COMPLETED
    assert (task.status, task.crash_count, task.claim_token) == (wanted, 0, 1)
    assert [record.getMessage() for record in caplog.records] == [
        "worker worker-1 waits for the database: not now"
    ]


@pytest.mark.usefixtures("impatient")
def test_an_outcome_that_cannot_be_written_is_given_up_with_the_claim(
    queue: QueueManager, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, calls = queue.complete_task, []

    def complete_task(*arguments: Any) -> Any:
        calls.append(1)
        if len(calls) == 1:
            queue.rescue(worker_id="worker-1")
            raise StorageBusy("not now")
        return real(*arguments)

    monkeypatch.setattr(queue, "complete_task", complete_task)
    task_id = queue.create_task("video")
    assert worker_on(queue).run(until_idle=True) == 2  # it was rescued, and done once more
    assert queue.get_task(task_id).claim_token == 2


@pytest.mark.usefixtures("impatient")
def test_a_worker_that_is_to_stop_waits_for_a_busy_database_no_longer_than_its_grace(
    queue: QueueManager, monkeypatch: pytest.MonkeyPatch, stop: threading.Event
) -> None:
    def complete_task(*arguments: Any) -> Any:
        stop.set()
        raise StorageBusy("not now")

    monkeypatch.setattr(queue, "complete_task", complete_task)
    queue.create_task("video")
    worker_on(queue, stop_grace_s=0.05).run(stop)
    assert counts(queue) == {"QUEUED": 1}
    assert queue.workers() == []


def test_whoever_processes_a_task_himself_is_told_of_a_busy_database(
    queue: QueueManager, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue, "complete_task", raising(StorageBusy("not now")))
    with pytest.raises(StorageBusy):
        attempt(worker_on(queue))


def test_a_damaged_database_ends_the_worker(
    queue: QueueManager, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue, "rescue", raising(StorageCorrupt("malformed")))
    with pytest.raises(StorageCorrupt):
        worker_on(queue).run()


def test_two_workers_share_a_queue(queue: QueueManager) -> None:
    queue.create_tasks([NewTask("video") for _ in range(40)])
    workers = [worker_on(queue, worker_id=f"worker-{n}") for n in range(2)]
    with background(lambda: workers[0].run(until_idle=True)) as first:
        second = workers[1].run(until_idle=True)
    assert first["value"] + second == 40
    assert counts(queue) == {"COMPLETED": 40}


def test_the_last_to_finish_lets_the_idle_ones_go(file_queue: QueueManager) -> None:
    file_queue.create_task("video")
    busy = worker_on(
        file_queue, lambda: time.sleep(0.5) or [], worker_id="busy", poll_interval=30.0
    )
    idle = worker_on(file_queue, poll_interval=30.0)
    with within(5.0):
        with background(lambda: busy.run(until_idle=True)):
            until(lambda: counts(file_queue) == {"RUNNING": 1})
            assert idle.run(until_idle=True) == 0
