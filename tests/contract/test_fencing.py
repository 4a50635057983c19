"""Who lost a claim changes nothing any more: every fenced verb, after every way to lose."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.conftest import FakeClock
from tests.contract.support import LEASE_S, add, held, refused, request, take
from tubeq.domain.errors import ClaimLost, TaskNotFound
from tubeq.domain.models import Idea, Task
from tubeq.domain.states import TaskStatus
from tubeq.storage import Storage
from tubeq.storage.ports.tasks import Completion

LATE = Idea("late", title="must never be seen")


def complete_many(storage: Storage, claim: Task) -> None:
    for refused_claim in storage.complete_many([Completion(claim, [LATE], {"late": True})]):
        raise ClaimLost(refused_claim.task_id, refused_claim.claim_token)


FENCED: dict[str, Callable[[Storage, Task], Any]] = {
    "start": lambda storage, claim: storage.start(claim),
    "heartbeat": lambda storage, claim: storage.heartbeat(claim, LEASE_S),
    "complete": lambda storage, claim: storage.complete(claim, [LATE], {"late": True}),
    "complete, then": lambda storage, claim: storage.complete(claim, [LATE], then=request()),
    "complete_many": complete_many,
    "fail": lambda storage, claim: storage.fail(claim, "late", "late"),
    "fail, retry": lambda storage, claim: storage.fail(claim, "late", "late", retry_at=0.0),
    "release": lambda storage, claim: storage.release(claim),
    "confirm_cancel": lambda storage, claim: storage.confirm_cancel(claim),
    "store_results": lambda storage, claim: storage.store_results(claim.task_id, [LATE], claim),
}


def expire(storage: Storage, clock: FakeClock, **rescue: Any) -> None:
    clock.advance(LEASE_S + 1)
    swept = storage.rescue(**rescue)
    assert any(swept)


def rescued_and_reclaimed(storage: Storage, claim: Task, clock: FakeClock) -> None:
    expire(storage, clock)
    assert take(storage, "worker-2", start=True).task_id == claim.task_id


def finished_by_another(storage: Storage, claim: Task, clock: FakeClock) -> None:
    expire(storage, clock)
    storage.complete(take(storage, "worker-2"), [Idea("on time")])


def reclaimed_by_the_same_worker(storage: Storage, claim: Task, clock: FakeClock) -> None:
    storage.release(claim)
    assert take(storage, claim.worker_id or "").task_id == claim.task_id


def reclaimed_by_hand(storage: Storage, claim: Task, clock: FakeClock) -> None:
    storage.set_status(claim.task_id, TaskStatus.QUEUED)
    storage.set_status(claim.task_id, TaskStatus.CLAIMED, worker_id=claim.worker_id)


def rescued_then_cancelled(storage: Storage, claim: Task, clock: FakeClock) -> None:
    expire(storage, clock)
    storage.cancel(claim.task_id)


def requeued(storage: Storage, claim: Task, clock: FakeClock) -> None:
    storage.complete(claim)
    storage.requeue(claim.task_id)


def pruned(storage: Storage, claim: Task, clock: FakeClock) -> None:
    storage.complete(claim)
    add(storage, "newest")
    clock.advance(10)
    assert storage.maintenance.prune(clock.now()) == 1


LOSSES: dict[str, Callable[[Storage, Task, FakeClock], Any]] = {
    "rescued": lambda storage, claim, clock: expire(storage, clock),
    "rescued and claimed again": rescued_and_reclaimed,
    "finished by another": finished_by_another,
    "dead letter": lambda storage, claim, clock: expire(storage, clock, crash_limit=1),
    "rescued, then cancelled": rescued_then_cancelled,
    "completed": lambda storage, claim, clock: storage.complete(claim),
    "failed": lambda storage, claim, clock: storage.fail(claim, "error", "broken"),
    "retried": lambda storage, claim, clock: storage.fail(claim, "error", "m", retry_at=0.0),
    "released": lambda storage, claim, clock: storage.release(claim),
    "released and claimed again": reclaimed_by_the_same_worker,
    "cancelled": lambda storage, claim, clock: storage.confirm_cancel(claim),
    "requeued": requeued,
    "completed by hand": lambda storage, claim, clock: storage.set_status(
        claim.task_id, TaskStatus.COMPLETED
    ),
    "claimed by hand": reclaimed_by_hand,
    "pruned": pruned,
}


@pytest.mark.parametrize("loss", LOSSES)
def test_a_lost_claim_is_refused_by_every_verb_and_changes_nothing(storage, clock, loss, claim):
    LOSSES[loss](storage, claim, clock)
    add(storage)  # for "complete, then": it must not be claimed
    for name, verb in FENCED.items():
        gone = loss == "pruned" and name == "store_results"
        with refused(storage, TaskNotFound if gone else ClaimLost):
            verb(storage, claim)


@pytest.mark.parametrize("verb", FENCED)
@pytest.mark.parametrize("off_by", [-1, 1])
def test_only_the_very_token_fits(storage, verb, off_by):
    storage.release(held(storage))
    claim = take(storage)
    with refused(storage, ClaimLost):
        FENCED[verb](storage, claim._replace(claim_token=claim.claim_token + off_by))
    FENCED[verb](storage, claim)


@pytest.mark.parametrize("verb", FENCED)
def test_only_the_very_task_fits(storage, verb):
    """In a database that was restored, a row id and a token may be those of another task."""
    claim = held(storage, start=False)
    other = claim._replace(task_id=add(storage))
    with refused(storage, ClaimLost):
        FENCED[verb](storage, other)
    FENCED[verb](storage, claim)


@pytest.mark.parametrize("verb", FENCED)
def test_a_task_that_was_only_looked_at_is_no_claim(storage, verb):
    task = storage.get(add(storage))
    with refused(storage, ClaimLost):
        FENCED[verb](storage, task)


@pytest.mark.parametrize("verb", FENCED)
def test_an_older_snapshot_of_a_held_claim_still_fits(storage, verb):
    """What counts is the token, not how fresh the caller's copy of the other columns is."""
    add(storage)
    claim = take(storage)
    storage.heartbeat(claim, 2 * LEASE_S)
    storage.store_results(claim.task_id, [Idea("early")], claim)
    FENCED[verb](storage, claim)


def test_the_claim_of_one_task_is_none_on_another(storage):
    other = add(storage)
    claim = held(storage)
    with refused(storage, ClaimLost):
        storage.store_results(other, [LATE], claim)
