"""complete, fail, release, confirm_cancel: how a claim ends in its worker's hands."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.conftest import FakeClock
from tests.contract.support import (
    add,
    backlog_of,
    events,
    held,
    refused,
    request,
    take,
)
from tubeq.domain.clock import to_timestamp
from tubeq.domain.errors import ClaimLost, IllegalTransition, TubeqError
from tubeq.domain.models import Idea, Task
from tubeq.domain.states import TaskEvent, TaskStatus
from tubeq.storage import Storage
from tubeq.storage.ports.tasks import Completion

UNSTORABLE = (TypeError, ValueError, TubeqError)  # which of them is not promised


def ended(claim: Task, clock: FakeClock, status: TaskStatus, **changes: Any) -> Task:
    """The claim as it is after its end, now."""
    changes |= {"completed_at": to_timestamp(clock.now()), "lease_expires_at": None}
    return claim._replace(status=status, **changes)


def ending_of(storage: Storage, task: Task) -> tuple[Any, ...]:
    """The last event, without its time."""
    event, _, worker_id, claim_token, detail = storage.history(task.task_id)[-1]
    return event, worker_id, claim_token, detail


# complete -----------------------------------------------------------------------------------------


def test_complete_ends_the_task_and_keeps_result_and_holder(storage, clock, claim):
    clock.advance(3)
    assert storage.complete(claim, result={"pages": 2, "note": "漢"}) is None
    task = storage.get(claim.task_id)
    assert task.result == {"pages": 2, "note": "漢"}
    assert task._replace(result_json=None) == ended(claim, clock, TaskStatus.COMPLETED)
    assert ending_of(storage, claim) == (TaskEvent.COMPLETED, "worker-1", 1, None)
    assert storage.history(claim.task_id)[-1].at == to_timestamp(clock.now())


@pytest.mark.parametrize(
    ("ideas", "result", "stored"),
    [
        ([Idea("a"), Idea("b")], None, {"ideas_count": 2}),
        ([Idea("a"), Idea("b")], {"mine": 1}, {"mine": 1}),
        ([Idea("a")], {}, {}),
        ([], {"mine": 1}, {"mine": 1}),
    ],
)
def test_the_result_counts_the_ideas_unless_the_worker_says_otherwise(
    storage, ideas, result, stored
):
    claim = held(storage)
    storage.complete(claim, ideas, result)
    assert storage.get(claim.task_id).result == stored
    kept = [each.source_id for each in storage.results(claim.task_id)]
    assert kept == [idea.source_id for idea in ideas]


def test_complete_forgets_the_error_of_earlier_attempts(storage, clock):
    claim = held(storage)
    storage.fail(claim, "network", "no route", retry_at=clock.now())
    storage.complete(take(storage))
    task = storage.get(claim.task_id)
    assert (task.error_code, task.error_message, task.retry_count) == (None, None, 1)


def test_complete_can_claim_the_next_task_in_the_same_step(storage, clock):
    following = add(storage)
    claim = held(storage)
    after = storage.complete(claim, then=request("worker-1", lease_s=5.0, start=True))
    assert after is not None
    assert after == storage.get(following)
    assert after.status is TaskStatus.RUNNING
    assert after.lease_expires_at == clock.now() + 5.0
    assert events(storage, following) == ["created", "claimed", "started"]
    assert storage.get(claim.task_id).status is TaskStatus.COMPLETED
    assert storage.complete(after, then=request()) is None


def test_complete_claims_only_what_then_asks_for(storage, clock):
    add(storage, "channel")
    add(storage, run_after=clock.now() + 60)
    assert storage.complete(held(storage), then=request()) is None
    assert all(task.status != "CLAIMED" for task in storage.list_tasks())


def test_a_result_that_is_no_json_completes_nothing(storage):
    claim = held(storage)
    before = storage.get(claim.task_id)
    with pytest.raises(UNSTORABLE):
        storage.complete(claim, [Idea("a")], {"when": object()})
    with pytest.raises(UNSTORABLE):
        storage.complete(claim, [Idea("a"), Idea("b", extra={"when": object()})])
    assert storage.get(claim.task_id) == before
    assert storage.results() == []
    storage.complete(claim, [Idea("a")])


# complete_many ------------------------------------------------------------------------------------


def test_many_are_completed_each_fenced_on_its_own(storage, clock):
    claims = [held(storage, start=start) for start in (True, False, True)]
    storage.release(claims[1])
    lost = storage.complete_many(
        [
            Completion(claims[0], [Idea("a"), Idea("b")]),
            Completion(claims[1], [Idea("late")], {"late": True}),
            Completion(claims[2], result={"pages": 2}),
        ]
    )
    assert lost == [claims[1]]
    tasks = [storage.get(claim.task_id) for claim in claims]
    assert [task.status for task in tasks] == ["COMPLETED", "QUEUED", "COMPLETED"]
    assert [task.result for task in tasks] == [{"ideas_count": 2}, None, {"pages": 2}]
    assert [kept.source_id for kept in storage.results()] == ["a", "b"]
    assert ending_of(storage, claims[0]) == (TaskEvent.COMPLETED, "worker-1", 1, None)


def test_of_one_task_given_twice_the_first_completion_counts(storage):
    claim = held(storage)
    again = storage.complete_many(
        [Completion(claim, result={"first": True}), Completion(claim, result={"first": False})]
    )
    assert again == [claim]
    assert storage.get(claim.task_id).result == {"first": True}


def test_what_cannot_be_stored_of_one_completes_none(storage):
    claims = [held(storage), held(storage)]
    with pytest.raises(UNSTORABLE):
        storage.complete_many(
            [Completion(claims[0], [Idea("a")]), Completion(claims[1], result={"when": object()})]
        )
    assert storage.results() == []
    assert [storage.get(claim.task_id) for claim in claims] == claims
    assert storage.complete_many([]) == []


# fail ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("counted", "retry_count"), [(True, 1), (False, 0)])
def test_a_final_failure_says_why_and_counts_when_told_to(
    storage, clock, claim, counted, retry_count
):
    clock.advance(3)
    failed = storage.fail(claim, "private_video", "it is private", counted=counted)
    assert failed == storage.get(claim.task_id)
    error = {"error_code": "private_video", "error_message": "it is private"}
    assert failed == ended(claim, clock, TaskStatus.FAILED, retry_count=retry_count, **error)
    assert ending_of(storage, claim) == (TaskEvent.FAILED, "worker-1", 1, "it is private")


@pytest.mark.parametrize(("counted", "retry_count"), [(True, 1), (False, 0)])
def test_a_retried_failure_goes_back_with_its_error(storage, clock, claim, counted, retry_count):
    retry_at = clock.now() + 30
    retried = storage.fail(claim, "network", "no route", retry_at=retry_at, counted=counted)
    assert retried == storage.get(claim.task_id)
    error = {"error_code": "network", "error_message": "no route"}
    assert retried == backlog_of(claim, run_after=retry_at, retry_count=retry_count, **error)
    assert ending_of(storage, claim) == (TaskEvent.RETRIED, "worker-1", 1, "no route")


def test_a_retry_rests_until_its_time(storage, clock):
    claim = held(storage)
    storage.fail(claim, "network", "no route", retry_at=clock.now() + 30)
    clock.advance(29)
    assert storage.claim(request()) == []
    clock.advance(1)
    again = take(storage)
    assert again.claim_token == claim.claim_token + 1
    assert (again.retry_count, again.error_code) == (1, "network")


@pytest.mark.parametrize("ago_s", [0, 10])
def test_a_retry_whose_time_has_come_is_claimable_at_once(storage, clock, ago_s):
    claim = held(storage)
    storage.fail(claim, "network", "no route", retry_at=clock.now() - ago_s)
    assert take(storage).task_id == claim.task_id


def test_every_counted_failure_counts(storage, clock):
    add(storage)
    for counted, count in ((True, 1), (False, 1), (True, 2), (True, 3)):
        claim, now = take(storage), clock.now()
        failed = storage.fail(claim, "network", "no route", retry_at=now, counted=counted)
        assert failed.retry_count == count


# release and cancel -------------------------------------------------------------------------------


def test_a_released_task_is_as_if_it_had_never_been_claimed(storage, clock, claim):
    clock.advance(3)
    released = storage.release(claim)
    assert released == storage.get(claim.task_id) == backlog_of(claim)
    assert (released.retry_count, released.crash_count, released.error_code) == (0, 0, None)
    assert ending_of(storage, claim) == (TaskEvent.RELEASED, "worker-1", 1, None)
    assert take(storage, "worker-2").task_id == claim.task_id


def test_a_task_that_was_claimed_before_its_time_is_due_at_once_when_released(storage, clock):
    task_id = add(storage, run_after=clock.now() + 60)
    storage.release(storage.set_status(task_id, TaskStatus.CLAIMED, worker_id="hand"))
    assert take(storage).task_id == task_id


def test_confirm_cancel_ends_the_task(storage, clock, claim):
    storage.cancel(claim.task_id)
    clock.advance(3)
    cancelled = storage.confirm_cancel(claim)
    assert cancelled == storage.get(claim.task_id)
    assert cancelled._replace(cancel_requested=0) == ended(claim, clock, TaskStatus.CANCELLED)
    assert ending_of(storage, claim) == (TaskEvent.CANCELLED, "worker-1", 1, None)


ENDINGS_AFTER_A_CANCEL: dict[str, tuple[Callable[..., Any], TaskStatus]] = {
    "release": (lambda s, c, now: s.release(c), TaskStatus.CANCELLED),
    "retry": (lambda s, c, now: s.fail(c, "e", "m", retry_at=now), TaskStatus.CANCELLED),
    "final failure": (lambda s, c, now: s.fail(c, "e", "m"), TaskStatus.FAILED),
    "completion": (lambda s, c, now: s.complete(c), TaskStatus.COMPLETED),
}


@pytest.mark.parametrize("ending", ENDINGS_AFTER_A_CANCEL)
def test_a_cancel_that_was_asked_for_stops_the_next_round(storage, clock, ending):
    end, status = ENDINGS_AFTER_A_CANCEL[ending]
    claim = held(storage)
    storage.cancel(claim.task_id)
    end(storage, claim, clock.now())
    task = storage.get(claim.task_id)
    assert task.status is status
    assert task.completed_at == to_timestamp(clock.now())
    assert task.lease_expires_at is None
    assert ending_of(storage, claim)[:3] == (status.lower(), "worker-1", 1)
    assert storage.claim(request()) == []


def test_a_running_task_cannot_be_started_again(storage):
    claim = held(storage)
    with refused(storage, IllegalTransition):
        storage.start(claim)


def test_of_two_completions_of_one_claim_the_first_counts(storage):
    claim = held(storage)
    storage.complete(claim, [Idea("a")], {"first": True})
    with refused(storage, ClaimLost):
        storage.complete(claim, [Idea("b")], {"first": False})


def test_what_is_deferred_goes_back_uncounted(storage, clock):
    claim = held(storage, start=True)
    due = clock.now() + 3 * 86_400
    task = storage.fail(claim, "upcoming", "soon", retry_at=due, counted=False, deferred=True)
    assert (task.status, task.retry_count, task.run_after) == (TaskStatus.QUEUED, 0, due)
    assert ending_of(storage, claim) == (TaskEvent.DEFERRED, "worker-1", 1, "soon")
    assert storage.claim(request()) == []
    clock.advance(3 * 86_400 + 1)
    again = take(storage)
    storage.cancel(again.task_id)
    ended = storage.fail(again, "upcoming", "soon", retry_at=0.0, counted=False, deferred=True)
    assert ended.status is TaskStatus.CANCELLED
