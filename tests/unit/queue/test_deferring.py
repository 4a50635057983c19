"""QueueManager.defer_task: how long "not yet" may go on."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.conftest import FakeClock
from tubeq.domain.models import Task
from tubeq.domain.policies import LONGEST_WAIT_S, MOST_WAITS
from tubeq.domain.states import TaskStatus
from tubeq.queue.queue_manager import QueueManager


@pytest.fixture
def queue(clock: FakeClock) -> Iterator[QueueManager]:
    with QueueManager(":memory:", clock=clock) as queue:
        queue.create_task("video", {})
        yield queue


def claimed(queue: QueueManager, clock: FakeClock) -> Task:
    clock.advance(LONGEST_WAIT_S + 1)
    claim = queue.claim_next_task("video", "w")
    assert claim is not None
    return claim


def deferred(queue: QueueManager, clock: FakeClock, *, got_on: bool = False) -> Task:
    claim = claimed(queue, clock)
    return queue.defer_task(claim, "soon", code="upcoming", retry_after_s=60, got_on=got_on)


def test_it_ends_where_nothing_ever_comes(queue: QueueManager, clock: FakeClock) -> None:
    waits = [deferred(queue, clock).run_after for _ in range(MOST_WAITS)]
    assert None not in waits
    task = deferred(queue, clock)
    assert (task.status, task.error_code, task.retry_count) == (TaskStatus.FAILED, "never_came", 0)


def test_whoever_gets_on_may_wait_anew(queue: QueueManager, clock: FakeClock) -> None:
    for _ in range(MOST_WAITS):
        deferred(queue, clock)
    assert deferred(queue, clock, got_on=True).status is TaskStatus.QUEUED
    for _ in range(MOST_WAITS):
        task = deferred(queue, clock)
        assert task.status is TaskStatus.QUEUED
    assert deferred(queue, clock).status is TaskStatus.FAILED


def test_a_failure_in_between_is_counted(queue: QueueManager, clock: FakeClock) -> None:
    deferred(queue, clock)
    assert queue.fail_task(claimed(queue, clock), "no route").retry_count == 1
    task = deferred(queue, clock)
    assert (task.retry_count, task.run_after) == (1, clock.now() + 60)


def test_a_date_stands_for_itself(queue: QueueManager, clock: FakeClock) -> None:
    due = clock.now() + 100 * LONGEST_WAIT_S
    task = queue.defer_task(claimed(queue, clock), "soon", code="upcoming", retry_at=due)
    assert task.run_after == due
