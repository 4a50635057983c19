"""cancel, requeue, set_status: what people do to tasks."""

from __future__ import annotations

import pytest

from tests.contract.support import (
    LEAD_TO,
    LEASE_S,
    add,
    backlog_of,
    dump,
    encoded,
    events,
    held,
    refused,
    request,
    take,
)
from tubeq.domain.clock import to_timestamp
from tubeq.domain.errors import IllegalTransition
from tubeq.domain.models import Idea
from tubeq.domain.states import ACTIVE, FINISHED, TaskEvent, TaskStatus, event_between
from tubeq.storage.ports.tasks import ClaimRequest, OpenType

each_finished = pytest.mark.parametrize("status", sorted(FINISHED))
each_active = pytest.mark.parametrize("status", sorted(ACTIVE))


# cancel -------------------------------------------------------------------------------------------


def test_a_queued_task_is_cancelled_at_once(storage, clock):
    task_id = add(storage)
    before = storage.get(task_id)
    clock.advance(2)
    now = to_timestamp(clock.now())
    cancelled = storage.cancel(task_id)
    assert cancelled == storage.get(task_id)
    assert cancelled == before._replace(status=TaskStatus.CANCELLED, completed_at=now)
    assert storage.history(task_id)[-1] == (TaskEvent.CANCELLED, now, None, 0, None)
    assert storage.claim(request()) == []


@pytest.mark.parametrize("rounds", [1, 2])
def test_a_scheduled_or_retrying_task_is_cancelled_at_once(storage, clock, rounds):
    task_id = add(storage, run_after=clock.now() + 5)
    if rounds == 2:
        clock.advance(5)
        storage.fail(take(storage), "network", "no route", retry_at=clock.now() + 5)
    assert storage.cancel(task_id).status is TaskStatus.CANCELLED
    clock.advance(60)
    assert storage.claim(request()) == []


@each_active
def test_a_held_task_is_marked_and_its_worker_sees_it_at_the_next_heartbeat(storage, status):
    task_id = LEAD_TO[status](storage)
    claim = storage.get(task_id)
    history = storage.history(task_id)
    assert storage.heartbeat(claim, LEASE_S) is False
    marked = storage.cancel(task_id)
    assert marked == storage.get(task_id) == claim._replace(cancel_requested=1)
    assert storage.history(task_id) == history
    assert storage.heartbeat(claim, LEASE_S) is True
    assert storage.heartbeat(claim, LEASE_S) is True


@each_active
def test_marking_twice_is_no_error(storage, status):
    task_id = LEAD_TO[status](storage)
    storage.cancel(task_id)
    before = dump(storage)
    storage.cancel(task_id)
    assert dump(storage) == before


@each_finished
def test_a_finished_task_cannot_be_cancelled(storage, status):
    task_id = LEAD_TO[status](storage)
    with refused(storage, IllegalTransition):
        storage.cancel(task_id)


# requeue ------------------------------------------------------------------------------------------


@each_finished
def test_a_requeued_task_is_as_new_but_for_its_token(storage, clock, status):
    task_id = LEAD_TO[status](storage)
    ended = storage.get(task_id)
    clock.advance(2)
    requeued = storage.requeue(task_id)
    assert requeued == storage.get(task_id)
    forgotten = dict.fromkeys(("error_code", "error_message", "result_json", "run_after"))
    assert requeued == backlog_of(ended, retry_count=0, crash_count=0, **forgotten)
    last = storage.history(task_id)[-1]
    assert (last.event, last.at) == (TaskEvent.REQUEUED, to_timestamp(clock.now()))
    assert take(storage).claim_token == ended.claim_token + 1


def test_a_task_cancelled_before_its_time_is_due_at_once_when_requeued(storage, clock):
    task_id = add(storage, run_after=clock.now() + 3600)
    storage.cancel(task_id)
    assert storage.requeue(task_id).run_after is None
    assert take(storage).task_id == task_id


def test_a_cancel_does_not_follow_a_task_into_its_next_round(storage):
    claim = held(storage)
    storage.cancel(claim.task_id)
    storage.confirm_cancel(claim)
    storage.requeue(claim.task_id)
    again = take(storage)
    assert storage.heartbeat(again, LEASE_S) is False
    assert storage.release(again).status is TaskStatus.QUEUED


def test_results_survive_a_requeue(storage):
    claim = held(storage)
    storage.complete(claim, [Idea("a"), Idea("b")])
    storage.requeue(claim.task_id)
    assert [result.source_id for result in storage.results(claim.task_id)] == ["a", "b"]


@pytest.mark.parametrize("status", [TaskStatus.QUEUED, *sorted(ACTIVE)])
def test_an_unfinished_task_cannot_be_requeued(storage, status):
    task_id = LEAD_TO[status](storage)
    with refused(storage, IllegalTransition):
        storage.requeue(task_id)


# set_status ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("target", TaskStatus)
@pytest.mark.parametrize("source", TaskStatus)
def test_set_status_goes_where_a_transition_leads_and_nowhere_else(storage, source, target):
    task_id = LEAD_TO[source](storage)
    before = events(storage, task_id)
    event = event_between(source, target)
    if event is None:
        with refused(storage, IllegalTransition):
            storage.set_status(task_id, target)
        return
    changed = storage.set_status(task_id, target)
    assert changed == storage.get(task_id)
    assert changed.status is target
    assert events(storage, task_id) == [*before, event]


@pytest.mark.parametrize("worker_id", ["somebody", None])
def test_to_claimed_is_a_claim_by_hand(storage, clock, worker_id):
    task_id = add(storage)
    claim = storage.set_status(task_id, TaskStatus.CLAIMED, worker_id=worker_id, lease_s=20.0)
    assert claim.claim_token == 1
    assert claim.worker_id == (worker_id or claim.worker_id)
    assert claim.worker_id
    assert claim.claimed_at == to_timestamp(clock.now())
    assert (claim.last_heartbeat, claim.lease_expires_at) == (clock.now(), clock.now() + 20.0)
    storage.complete(claim)


def test_to_claimed_takes_a_task_before_its_time(storage, clock):
    task_id = add(storage, run_after=clock.now() + 3600)
    storage.set_status(task_id, TaskStatus.CLAIMED)
    assert storage.next_due_at("video") is None
    clock.advance(LEASE_S + 1)
    assert storage.rescue().requeued == [task_id]


def test_to_running_starts_the_clock_of_the_task(storage, clock):
    task_id = LEAD_TO[TaskStatus.CLAIMED](storage)
    clock.advance(2)
    running = storage.set_status(task_id, TaskStatus.RUNNING)
    assert running.started_at == to_timestamp(clock.now())


@each_active
def test_to_completed_stores_the_result(storage, clock, status):
    task_id = LEAD_TO[status](storage)
    done = storage.set_status(task_id, TaskStatus.COMPLETED, result={"ideas_count": 5})
    assert done.result == {"ideas_count": 5}
    assert done.completed_at == to_timestamp(clock.now())
    assert (done.lease_expires_at, done.error_code, done.error_message) == (None, None, None)


@each_active
def test_to_failed_stores_the_error_and_counts_nothing(storage, clock, status):
    task_id = LEAD_TO[status](storage)
    failed = storage.set_status(task_id, TaskStatus.FAILED, error_message="by hand")
    assert (failed.error_code, failed.error_message) == ("error", "by hand")
    assert failed.completed_at == to_timestamp(clock.now())
    assert (failed.lease_expires_at, failed.retry_count) == (None, 0)
    assert storage.history(task_id)[-1].detail == "by hand"


@each_active
def test_to_queued_takes_the_task_from_its_worker(storage, status):
    task_id = LEAD_TO[status](storage)
    released = storage.set_status(task_id, TaskStatus.QUEUED)
    assert (released.worker_id, released.lease_expires_at) == (None, None)
    assert (released.retry_count, released.crash_count) == (0, 0)
    assert take(storage, "worker-2").task_id == task_id


def test_what_a_worker_holds_is_found(storage):
    storage.create([encoded("video"), encoded("channel")] * 2)
    mine = storage.claim(ClaimRequest("video", "ann"), 2)
    mine += storage.claim(ClaimRequest("channel", "ann", start=True))
    storage.claim(ClaimRequest("channel", "bob"))
    assert {task.task_id for task in storage.held_by("ann")} == {task.task_id for task in mine}
    storage.complete(mine[0])
    storage.release(mine[1])
    assert [task.task_id for task in storage.held_by("ann")] == [mine[2].task_id]
    assert storage.held_by("nobody") == []


def test_a_type_has_open_tasks_until_all_are_finished(storage, clock):
    assert not storage.has_open_tasks("video")
    add(storage, run_after=clock.now() + 60)
    assert storage.has_open_tasks("video")  # not yet due
    assert not storage.has_open_tasks("channel")
    clock.advance(60)
    assert storage.has_open_tasks("video")  # due
    (claim,) = storage.claim(ClaimRequest("video", "ann"))
    assert storage.has_open_tasks("video")  # held
    storage.complete(claim)
    assert not storage.has_open_tasks("video")


def test_open_types_say_what_is_due_held_and_scheduled(storage, clock):
    assert storage.open_types() == []
    now = clock.now()
    scheduled = [encoded("search", run_after=now + seconds) for seconds in (60, 90)]
    storage.create([encoded("video"), encoded("channel"), *scheduled])
    (claim,) = storage.claim(ClaimRequest("channel", "ann"))
    assert storage.open_types() == [
        OpenType("channel", False, True, None),
        OpenType("search", False, False, now + 60),
        OpenType("video", True, False, None),
    ]
    assert storage.count_queued("search") == (0, 2)
    clock.advance(60)
    assert storage.open_types()[1] == OpenType("search", True, False, now + 90)
    assert storage.count_queued("search") == (1, 1)
    storage.claim(ClaimRequest("search", "ann"))
    assert storage.open_types()[1] == OpenType("search", False, True, now + 90)
    assert storage.count_queued("search") == (0, 1)
    assert storage.count_queued("nothing") == (0, 0)
    storage.complete(claim)
    assert [each.task_type for each in storage.open_types()] == ["search", "video"]
