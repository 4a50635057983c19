"""rescue: what dead workers held is taken back, and what kills its workers is put aside."""

from __future__ import annotations

import pytest

from tests.conftest import FakeClock
from tests.contract.support import (
    LEASE_S,
    NOTHING,
    add,
    backlog_of,
    dump,
    encoded,
    held,
    request,
    take,
)
from tubeq.domain.clock import to_timestamp
from tubeq.domain.states import TaskEvent, TaskStatus
from tubeq.storage import Storage
from tubeq.storage.ports.tasks import Rescue


def crash(storage: Storage, clock: FakeClock, **limit: int) -> Rescue:
    """The worker of whatever is claimed next dies."""
    take(storage, start=True)
    clock.advance(LEASE_S + 1)
    return storage.rescue(**limit)


def test_an_expired_lease_goes_back_to_the_queue(storage, clock, claim):
    clock.advance(LEASE_S + 1)
    assert storage.rescue() == Rescue([claim.task_id], [], [])
    task = storage.get(claim.task_id)
    crashed = {"crash_count": 1, "error_code": "crashed", "error_message": task.error_message}
    assert task == backlog_of(claim, **crashed)
    assert "worker-1" in str(task.error_message)
    event, at = TaskEvent.RESCUED, to_timestamp(clock.now())
    assert storage.history(claim.task_id)[-1] == (event, at, "worker-1", 1, task.error_message)
    assert take(storage, "worker-2").claim_token == 2


def test_a_lease_that_still_runs_is_left_alone(storage, clock, claim):
    clock.advance(LEASE_S - 1)
    before = dump(storage)
    assert storage.rescue() == NOTHING
    assert dump(storage) == before


def test_heartbeats_keep_a_long_task_from_rescue(storage, clock):
    claim = held(storage)
    for _ in range(5):
        clock.advance(LEASE_S - 1)
        storage.heartbeat(claim, LEASE_S)
        assert storage.rescue() == NOTHING
    clock.advance(LEASE_S + 1)
    assert storage.rescue().requeued == [claim.task_id]


def test_each_claim_has_the_lease_that_it_asked_for(storage, clock):
    short, long = (held(storage, priority=n) for n in range(2))
    storage.heartbeat(short, 5.0)
    storage.heartbeat(long, 500.0)
    clock.advance(6)
    assert storage.rescue().requeued == [short.task_id]
    clock.advance(495)
    assert storage.rescue().requeued == [long.task_id]


def test_tasks_that_nobody_holds_are_never_rescued(storage, clock):
    add(storage, "other")
    storage.cancel(add(storage))
    storage.complete(held(storage))
    storage.fail(held(storage), "error", "broken")
    add(storage, run_after=clock.now() + 5)
    clock.advance(LEASE_S * 100)
    before = dump(storage)
    assert storage.rescue() == NOTHING
    assert storage.rescue(worker_id="worker-1") == NOTHING
    assert dump(storage) == before


def test_a_supervisor_takes_back_all_that_its_dead_worker_held(storage, clock):
    storage.create([encoded()] * 4)
    dead = [take(storage, "worker-1", start=start).task_id for start in (False, True)]
    alive = [take(storage, "worker-2", start=start).task_id for start in (False, True)]
    assert sorted(storage.rescue(worker_id="worker-1").requeued) == sorted(dead)
    assert {storage.get(task_id).status for task_id in dead} == {TaskStatus.QUEUED}
    assert {storage.get(task_id).worker_id for task_id in alive} == {"worker-2"}
    assert storage.rescue(worker_id="nobody") == NOTHING


def test_one_sweep_takes_back_all_expired_leases(storage, clock):
    ids = storage.create([encoded()] * 30)
    storage.claim(request(), 30)
    clock.advance(LEASE_S + 1)
    assert sorted(storage.rescue().requeued) == sorted(ids)
    assert storage.rescue() == NOTHING


@pytest.mark.parametrize("crash_limit", [1, 2, 3])
def test_a_task_that_kills_its_workers_becomes_a_dead_letter(storage, clock, crash_limit):
    task_id = add(storage)
    for _ in range(crash_limit - 1):
        assert crash(storage, clock, crash_limit=crash_limit) == Rescue([task_id], [], [])
    assert crash(storage, clock, crash_limit=crash_limit) == Rescue([], [task_id], [])
    task = storage.get(task_id)
    assert (task.status, task.crash_count) == (TaskStatus.FAILED, crash_limit)
    assert (task.error_code, task.retry_count) == ("dead_letter", 0)
    assert task.completed_at == to_timestamp(clock.now())
    assert task.lease_expires_at is None
    last = storage.history(task_id)[-1]
    assert last[:4] == (TaskEvent.FAILED, task.completed_at, "worker-1", crash_limit)
    assert last.detail == task.error_message
    assert storage.claim(request()) == []


def test_three_crashes_are_the_limit_by_default(storage, clock):
    task_id = add(storage)
    swept = [crash(storage, clock) for _ in range(3)]
    assert swept == [([task_id], [], []), ([task_id], [], []), ([], [task_id], [])]


def test_crashes_and_failures_are_counted_apart(storage, clock):
    task_id = add(storage)
    crash(storage, clock)
    storage.fail(take(storage), "network", "no route", retry_at=clock.now())
    crash(storage, clock)
    task = storage.get(task_id)
    assert (task.status, task.crash_count, task.retry_count) == (TaskStatus.QUEUED, 2, 1)


def test_a_requeued_dead_letter_starts_with_a_clean_slate(storage, clock):
    task_id = add(storage)
    for _ in range(3):
        crash(storage, clock)
    storage.requeue(task_id)
    for _ in range(2):
        assert crash(storage, clock).requeued == [task_id]
    assert crash(storage, clock).dead == [task_id]


@pytest.mark.parametrize("crash_limit", [1, 3])
def test_a_cancel_that_was_asked_for_ends_the_task_of_a_dead_worker(storage, clock, crash_limit):
    claim = held(storage)
    storage.cancel(claim.task_id)
    clock.advance(LEASE_S + 1)
    assert storage.rescue(crash_limit=crash_limit) == Rescue([], [], [claim.task_id])
    task = storage.get(claim.task_id)
    assert (task.status, task.crash_count) == (TaskStatus.CANCELLED, 1)
    assert task.completed_at == to_timestamp(clock.now())
    last = storage.history(claim.task_id)[-1]
    assert last[:4] == (TaskEvent.CANCELLED, task.completed_at, "worker-1", 1)
