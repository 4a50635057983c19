"""claim: which task, when, for whom, and what a claim is."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.contract.support import LEAD_TO, LEASE_S, add, encoded, events, refused, request, take
from tubeq.domain.clock import to_timestamp
from tubeq.domain.errors import ClaimLost
from tubeq.domain.policies import ClaimStrategy
from tubeq.domain.states import TaskEvent, TaskStatus

LIFO, FIFO, PRIORITY, WEIGHTED_RANDOM = ClaimStrategy
each_strategy = pytest.mark.parametrize("strategy", ClaimStrategy)


@pytest.mark.parametrize(
    ("strategy", "order"),
    [(LIFO, [4, 3, 2, 1, 0]), (FIFO, [0, 1, 2, 3, 4]), (PRIORITY, [3, 1, 4, 0, 2])],
)
@pytest.mark.parametrize("batch", [1, 2, 5])
def test_each_strategy_has_its_order(storage, strategy, order, batch):
    ids = storage.create([encoded(priority=priority) for priority in (0, 5, 0, 9, 5)])
    claimed = []
    while tasks := storage.claim(request(strategy=strategy), batch):
        assert len(tasks) <= batch
        claimed += [ids.index(task.task_id) for task in tasks]
    assert claimed == order


@pytest.mark.parametrize("batch", [1, 7])
def test_weighted_random_claims_every_task_once(storage, batch):
    ids = storage.create([encoded(priority=number) for number in range(40)])
    claimed = []
    while tasks := storage.claim(request(strategy=WEIGHTED_RANDOM), batch):
        claimed += [task.task_id for task in tasks]
    assert sorted(claimed) == sorted(ids)


def test_weighted_random_prefers_weight_but_starves_nobody(storage):
    """Of 8 tasks the heavy one has 15 of 22 parts: first in 68 of 100 draws. Chance alone is
    outside of 40 to 95 less than once in a million runs."""
    ids = storage.create([encoded(priority=14 if number == 3 else 0) for number in range(8)])
    firsts = Counter()
    for _ in range(100):
        claim = take(storage, strategy=WEIGHTED_RANDOM)
        firsts[claim.task_id] += 1
        storage.release(claim)
    assert 40 <= firsts[ids[3]] <= 95
    assert len(firsts) >= 3


def test_a_claim_says_who_holds_the_task_and_for_how_long(storage, clock):
    task_id = add(storage, priority=3)
    created = storage.get(task_id)
    clock.advance(5)
    claim = take(storage, "worker-7", lease_s=30.0)
    assert claim == storage.get(task_id)
    assert claim == created._replace(
        status=TaskStatus.CLAIMED,
        worker_id="worker-7",
        claimed_at=to_timestamp(clock.now()),
        claim_token=1,
        last_heartbeat=clock.now(),
        lease_expires_at=clock.now() + 30.0,
    )
    assert events(storage, task_id) == [TaskEvent.CREATED, TaskEvent.CLAIMED]
    claimed = storage.history(task_id)[-1]
    assert claimed == (TaskEvent.CLAIMED, to_timestamp(clock.now()), "worker-7", 1, None)


@pytest.mark.parametrize("limit", [1, 3])
def test_a_claim_can_start_its_tasks_in_the_same_step(storage, clock, limit):
    storage.create([encoded()] * 3)
    claims = storage.claim(request(start=True), limit)
    assert len(claims) == limit
    now = to_timestamp(clock.now())
    for claim in claims:
        assert claim == storage.get(claim.task_id)
        assert claim.status is TaskStatus.RUNNING
        assert claim.started_at == claim.claimed_at == now
        history = storage.history(claim.task_id)
        assert [entry.event for entry in history] == ["created", "claimed", "started"]
        assert [entry[1:4] for entry in history[1:]] == [(now, "worker-1", 1)] * 2


def test_nothing_due_is_an_empty_list(storage):
    assert storage.claim(request()) == []
    assert storage.claim(request(), 10) == []


@each_strategy
def test_a_limit_beyond_the_queue_claims_what_is_there(storage, strategy):
    storage.create([encoded()] * 3)
    assert len(storage.claim(request(strategy=strategy), 100)) == 3
    assert storage.claim(request(strategy=strategy), 100) == []


@each_strategy
def test_a_worker_gets_only_its_own_type(storage, strategy):
    storage.create([encoded("channel"), encoded("video"), encoded("video.short")])
    claimed = storage.claim(request(task_type="video", strategy=strategy), 10)
    assert [task.task_type for task in claimed] == ["video"]


@each_strategy
@pytest.mark.parametrize("status", [status for status in TaskStatus if status != "QUEUED"])
def test_only_queued_tasks_are_claimed(storage, strategy, status):
    assert storage.get(LEAD_TO[status](storage)).status is status
    assert storage.claim(request("worker-2", strategy=strategy), 10) == []


def test_tokens_only_grow_over_the_claims_of_a_task(storage, clock):
    add(storage)
    tokens = []
    endings = [
        storage.release,
        lambda claim: storage.fail(claim, "error", "again", retry_at=clock.now()),
        lambda _: (clock.advance(LEASE_S + 1), storage.rescue()),
        lambda claim: (storage.complete(claim), storage.requeue(claim.task_id)),
        lambda claim: storage.set_status(claim.task_id, TaskStatus.QUEUED),
        storage.complete,
    ]
    for end in endings:
        claim = take(storage)
        tokens.append(claim.claim_token)
        end(claim)  # type: ignore[operator]
    assert tokens == sorted(set(tokens))
    assert len(tokens) == len(endings)


# Due ----------------------------------------------------------------------------------------------


@each_strategy
def test_a_scheduled_task_waits_until_it_is_due(storage, clock, strategy):
    task_id = add(storage, run_after=clock.now() + 60)
    assert storage.claim(request(strategy=strategy)) == []
    clock.advance(59.5)
    assert storage.claim(request(strategy=strategy)) == []
    clock.advance(0.5)
    assert [task.task_id for task in storage.claim(request(strategy=strategy))] == [task_id]


def test_a_task_whose_time_has_passed_already_is_due_at_once(storage, clock):
    task_id = add(storage, run_after=clock.now() - 5)
    assert take(storage).task_id == task_id
    assert storage.get(task_id).run_after == clock.now() - 5


def test_a_task_that_fell_due_competes_with_the_others(storage, clock):
    scheduled = [add(storage, run_after=clock.now() + 60, priority=9) for _ in range(2)]
    waiting = [add(storage, priority=1) for _ in range(2)]
    assert take(storage, strategy=PRIORITY).task_id == waiting[0]
    clock.advance(60.1)
    assert take(storage, strategy=PRIORITY).task_id == scheduled[0]
    assert take(storage, strategy=FIFO).task_id == scheduled[1]
    assert take(storage, strategy=FIFO).task_id == waiting[1]


def test_scheduled_tasks_are_not_in_the_way_of_due_ones(storage, clock):
    storage.create([encoded(priority=9, run_after=clock.now() + 1000 + n) for n in range(50)])
    due = add(storage)
    storage.create([encoded(priority=9, run_after=clock.now() + 1000 + n) for n in range(50)])
    for strategy in ClaimStrategy:
        claims = storage.claim(request(strategy=strategy), 10)
        assert [claim.task_id for claim in claims] == [due]
        storage.release(claims[0])


def test_the_next_due_time_is_that_of_the_first_scheduled_task_of_the_type(storage, clock):
    now = clock.now()
    assert storage.next_due_at("video") is None
    add(storage)
    assert storage.next_due_at("video") is None
    for delay in (300, 100, 200):
        add(storage, run_after=now + delay)
    add(storage, "channel", run_after=now + 5)
    assert storage.next_due_at("video") == now + 100
    assert storage.next_due_at("channel") == now + 5
    clock.advance(150)
    storage.claim(request(), 10)
    assert storage.next_due_at("video") == now + 200
    (later,) = (task for task in storage.list_tasks() if task.run_after == now + 200)
    storage.cancel(later.task_id)
    assert storage.next_due_at("video") == now + 300


# Start and heartbeat ------------------------------------------------------------------------------


def test_start_makes_a_claimed_task_run(storage, clock):
    add(storage)
    claim = take(storage)
    clock.advance(2)
    running = storage.start(claim)
    assert running == storage.get(claim.task_id)
    now = to_timestamp(clock.now())
    assert running == claim._replace(status=TaskStatus.RUNNING, started_at=now)
    assert storage.history(claim.task_id)[-1] == (TaskEvent.STARTED, now, "worker-1", 1, None)


def test_start_returns_the_claim_as_it_is_then(storage, clock):
    """Also where the caller's copy has aged: a heartbeat and a cancel came in between."""
    add(storage)
    claim = take(storage)
    clock.advance(2)
    storage.heartbeat(claim, 5.0)
    storage.cancel(claim.task_id)
    running = storage.start(claim)
    assert running == storage.get(claim.task_id)
    assert running.cancel_requested == 1


def test_a_heartbeat_moves_the_lease_and_nothing_else(storage, clock):
    add(storage)
    claim = take(storage)
    history = storage.history(claim.task_id)
    clock.advance(10)
    assert storage.heartbeat(claim, 90.0) is False
    assert storage.get(claim.task_id) == claim._replace(
        last_heartbeat=clock.now(), lease_expires_at=clock.now() + 90.0
    )
    assert storage.history(claim.task_id) == history


def test_a_late_heartbeat_still_holds_what_nobody_took(storage, clock):
    """Tokens decide, never clocks: an expired lease is an offer to rescue, not a loss."""
    add(storage)
    claim = take(storage)
    clock.advance(LEASE_S * 10)
    assert storage.heartbeat(claim, LEASE_S) is False
    assert storage.rescue() == ([], [], [])
    storage.complete(claim)


def test_a_wall_clock_that_jumps_back_costs_no_claim(storage, clock):
    add(storage)
    claim = take(storage)
    clock.jump(-3600)
    assert storage.heartbeat(claim, LEASE_S) is False
    storage.complete(storage.start(claim))
    with refused(storage, ClaimLost):
        storage.complete(claim)
