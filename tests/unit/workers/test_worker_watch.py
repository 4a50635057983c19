"""The watch: claims are kept while a plugin works; attempts that must end, end."""

from __future__ import annotations

import gc
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.support import until, within
from tubeq.domain.errors import PermanentError, StorageBusy
from tubeq.domain.models import Task
from tubeq.domain.states import TaskStatus
from tubeq.plugins.base import check_stop, stop_requested
from tubeq.queue.queue_manager import QueueManager
from tubeq.workers.base_worker import BaseWorker
from tubeq.workers.shared_stats import SharedStats
from tubeq.workers.watch import Attempt, Reason

from .support import GOOD, attempt, background, claimed, new_claim, worker_on

FOREVER_S = 8.0


@pytest.fixture
def queue(quick_queue: QueueManager) -> QueueManager:
    return quick_queue


def cooperative(**parameters: Any) -> list[Any]:
    ends = time.monotonic() + FOREVER_S
    while time.monotonic() < ends:
        check_stop()
        time.sleep(0.005)
    raise AssertionError("it was never told to end")


def slow(seconds: float) -> Any:
    """What never asks whether it is to end."""
    return lambda **parameters: time.sleep(seconds) or [GOOD]


def hung(wake: threading.Event) -> Any:
    return lambda **parameters: wake.wait(FOREVER_S) and [GOOD]


@contextmanager
def running(worker: BaseWorker) -> Iterator[tuple[str, dict[str, Any]]]:
    """A new task that the worker is processing: its id, and its outcome after the block."""
    task = new_claim(worker)
    with background(lambda: worker.process_task(task)) as outcome:
        until(lambda: worker.queue.get_task(task.task_id).status is TaskStatus.RUNNING)
        yield task.task_id, outcome


def test_a_slow_task_outlives_its_lease_by_heartbeats(queue: QueueManager) -> None:
    rescued = []

    def scrape(**parameters: Any) -> list[Any]:
        ends = time.monotonic() + 0.9  # three leases
        while time.monotonic() < ends:
            rescued.extend(queue.rescue().requeued)
            time.sleep(0.02)
        return [GOOD]

    result, task = attempt(worker_on(queue, scrape, lease_s=0.3))
    assert rescued == []
    assert result.success
    assert task.last_heartbeat is not None


def test_without_heartbeats_the_same_task_is_lost(queue: QueueManager) -> None:
    """The counter-test: it is the watch that keeps the claim."""
    worker = worker_on(queue, slow(0.6), lease_s=0.3)
    worker._watch.close()
    with running(worker) as (_, outcome):
        until(lambda: queue.rescue().requeued)
    assert outcome["value"].claim_lost


def test_heartbeats_are_as_often_as_configured(
    queue: QueueManager, monkeypatch: pytest.MonkeyPatch
) -> None:
    beats: list[float] = []
    monkeypatch.setattr(queue, "heartbeat", lambda *_: beats.append(time.monotonic()) or False)
    attempt(worker_on(queue, slow(0.65), heartbeat_interval_s=0.1))
    assert 4 <= len(beats) <= 6


def test_a_fast_task_sends_no_heartbeat(
    queue: QueueManager, monkeypatch: pytest.MonkeyPatch
) -> None:
    beats: list[object] = []
    monkeypatch.setattr(queue, "heartbeat", lambda *_: beats.append(1))
    worker = worker_on(queue)
    for _ in range(50):
        assert attempt(worker)[0].success
    assert beats == []


def watch_thread(worker: BaseWorker) -> threading.Thread:
    """The one that watches, after a first task."""
    attempt(worker)
    thread = worker._watch._thread
    assert thread is not None
    return thread


def test_one_thread_watches_all_tasks_of_a_worker(queue: QueueManager) -> None:
    worker = worker_on(queue)
    assert worker._watch._thread is None
    thread = watch_thread(worker)
    assert all(watch_thread(worker) is thread for _ in range(5))
    worker.close()
    thread.join(5.0)
    assert not thread.is_alive()


def test_a_worker_that_nobody_closed_takes_its_thread_along(queue: QueueManager) -> None:
    worker = worker_on(queue)
    thread = watch_thread(worker)
    del worker
    gc.collect()
    thread.join(5.0)
    assert not thread.is_alive()


def test_a_busy_database_does_not_end_the_watch(
    queue: QueueManager, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, calls = queue.heartbeat, []

    def heartbeat(claim: Task, lease_s: float) -> bool:
        calls.append(1)
        if len(calls) == 1:
            raise StorageBusy("another writer")
        return real(claim, lease_s)

    monkeypatch.setattr(queue, "heartbeat", heartbeat)
    assert attempt(worker_on(queue, slow(0.7), lease_s=0.3))[0].success
    assert len(calls) > 1


@pytest.mark.parametrize("lease_s", [0.3, 60.0])
def test_a_cancel_ends_a_cooperative_plugin(queue: QueueManager, lease_s: float) -> None:
    """Also where the next heartbeat is far away."""
    with running(worker_on(queue, cooperative, lease_s=lease_s)) as (task_id, outcome):
        queue.cancel_task(task_id)
    assert (outcome["value"].success, outcome["value"].error_code) == (False, "cancelled")
    assert queue.get_task(task_id).status is TaskStatus.CANCELLED


def test_a_cancel_leaves_an_uncooperative_plugin_behind(queue: QueueManager) -> None:
    """Nothing can end a thread from outside; but what it does counts no more."""
    wake = threading.Event()
    worker = worker_on(queue, hung(wake), lease_s=0.3, stop_grace_s=0.1)
    with running(worker) as (task_id, outcome):
        queue.cancel_task(task_id)
        until(lambda: queue.get_task(task_id).status is TaskStatus.CANCELLED)
        wake.set()
    assert outcome["value"].error_code == "cancelled"
    assert queue.get_task_results(task_id) == []


def test_a_plugin_that_finished_all_the_same_has_finished(queue: QueueManager) -> None:
    """It never asked whether to end, so what it returned is whole."""
    worker = worker_on(queue, slow(0.4), lease_s=0.3, stop_grace_s=5.0)
    task = new_claim(worker)
    task_id = task.task_id
    queue.cancel_task(task_id)
    assert worker.process_task(task).success


def test_a_part_is_not_taken_for_the_whole(queue: QueueManager) -> None:
    def scrape(**parameters: Any) -> list[Any]:
        until(stop_requested)
        return [GOOD]  # what it had until then

    result, task = attempt(worker_on(queue, scrape, task_timeout_s=0.1))
    assert result.error_code == "timeout"
    assert task.status is TaskStatus.QUEUED
    assert queue.get_task_results(task.task_id) == []


def test_a_timeout_ends_a_cooperative_plugin_and_is_retried(queue: QueueManager) -> None:
    with within(2.0, 0.2):
        result, task = attempt(worker_on(queue, cooperative, task_timeout_s=0.2))
    assert (result.success, result.error_code) == (False, "timeout")
    assert (task.status, task.retry_count, task.error_code) == (TaskStatus.QUEUED, 1, "timeout")
    assert task.error_message == "timed out after 0.2 s"


def test_timeouts_count_as_failures(queue: QueueManager) -> None:
    worker = worker_on(queue, cooperative, task_timeout_s=0.05, max_retries=2)
    task_id = queue.create_task("video")
    for _ in range(2):
        worker.process_task(claimed(worker))
    assert queue.get_task(task_id).status is TaskStatus.FAILED


def test_a_permanent_error_after_the_timeout_stays_permanent(queue: QueueManager) -> None:
    def scrape(**parameters: Any) -> list[Any]:
        until(stop_requested)
        raise PermanentError("no such channel", code="not_found")

    result, task = attempt(worker_on(queue, scrape, task_timeout_s=0.05))
    assert result.error_code == "not_found"
    assert (task.status, task.retry_count) == (TaskStatus.FAILED, 0)


def test_a_hung_attempt_is_recorded_before_its_process_ends(queue: QueueManager) -> None:
    ended: list[Attempt] = []
    wake = threading.Event()

    def end_process(attempt: Attempt) -> None:
        assert queue.get_task(attempt.claim.task_id).error_code == "timeout"
        ended.append(attempt)
        wake.set()

    worker = worker_on(
        queue, hung(wake), end_process=end_process, task_timeout_s=0.1, stop_grace_s=0.1
    )
    result, task = attempt(worker)
    assert [each.reason for each in ended] == [Reason.TIMEOUT]
    assert (result.error_code, task.status, task.retry_count) == ("timeout", TaskStatus.QUEUED, 1)


def test_a_plugin_that_returns_in_time_keeps_its_process(queue: QueueManager) -> None:
    """Between the recorded outcome and the end there is a moment: nobody is killed who left."""
    ended: list[Attempt] = []
    worker = worker_on(
        queue, slow(0.4), end_process=ended.append, task_timeout_s=0.1, stop_grace_s=0.1
    )
    result, task = attempt(worker)
    time.sleep(0.4)
    assert (result.error_code, task.error_code, ended) == ("timeout", "timeout", [])


def test_the_watch_leaves_an_attempt_alone_that_came_back(queue: QueueManager) -> None:
    """It may have decided to end the attempt just before the plugin returned: the process, and
    the task that was claimed along with the completion, must not suffer for it."""
    ended: list[Attempt] = []
    watched: list[Attempt] = []
    worker = worker_on(
        queue,
        lambda **parameters: watched.append(worker._watch._attempt) or [GOOD],
        end_process=ended.append,
    )
    attempt(worker)
    watched[0].tell(Reason.TIMEOUT, "late", 0.0)
    for _ in range(2):
        worker._watch._settle(watched[0])
    assert (watched[0].result, ended) == (None, [])


def test_a_lost_claim_ends_the_attempt_and_writes_nothing(queue: QueueManager) -> None:
    with running(worker_on(queue, cooperative, lease_s=0.3)) as (task_id, outcome):
        queue.rescue(worker_id="worker-1")
        assert queue.claim_next_task("video", "worker-2") is not None
    assert outcome["value"].claim_lost
    task = queue.get_task(task_id)
    assert (task.status, task.worker_id) == (TaskStatus.CLAIMED, "worker-2")


def test_the_board_tells_until_when_a_worker_may_be_trusted(queue: QueueManager) -> None:
    stats = SharedStats()
    seen: list[tuple[bool, bool, bool]] = []

    def scrape(**parameters: Any) -> list[Any]:
        now = time.monotonic()
        seen.append((stats.overdue(now), stats.overdue(now + 4.0), stats.overdue(now + 11.0)))
        time.sleep(0.5)
        seen.append((stats.overdue(now + 10.1), stats.timed_out(now), stats.timed_out(now + 6.0)))
        return [GOOD]

    attempt(worker_on(queue, scrape, stats, lease_s=10.0, task_timeout_s=4.0, stop_grace_s=1.0))
    assert seen == [(False, False, True), (True, False, True)]
    assert not stats.overdue(time.monotonic() + 1e6)  # nothing runs: nothing can be late
    assert (stats.processed, stats.succeeded) == (1, 1)


def test_the_board_shows_that_the_watch_looks(queue: QueueManager) -> None:
    stats = SharedStats()
    trusted_until: list[float] = []

    def scrape(**parameters: Any) -> list[Any]:
        for _ in range(2):
            trusted_until.append(stats.alive_until)
            time.sleep(0.5)
        return [GOOD]

    attempt(worker_on(queue, scrape, stats, lease_s=10.0))
    assert trusted_until[1] > trusted_until[0] + 0.2
