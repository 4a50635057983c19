"""A wall clock that was set, verb by verb: nothing that lives is taken from its
worker, and nothing waits for longer than its own lease or delay."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.conftest import BACK_ENDS, FakeClock
from tests.contract.support import LEASE_S, NOTHING, add, assert_lease_begins, held, request, take
from tubeq.domain.breaker import BreakerPolicy, Verdict
from tubeq.domain.clock import to_timestamp
from tubeq.domain.limits import Grant, Holder, LimitRule, Refusal
from tubeq.domain.models import Idea
from tubeq.domain.policies import ClaimStrategy
from tubeq.domain.states import TaskStatus
from tubeq.storage import Storage
from tubeq.storage.ports.limits import Limits
from tubeq.storage.ports.tasks import Rescue, WorkerInfo

HOUR_S, YEAR_S = 3600.0, 365 * 86_400.0
DELAY_S = 30.0
each_jump = pytest.mark.parametrize("jump_s", [HOUR_S, -HOUR_S, YEAR_S, -YEAR_S])
ahead_at_first = pytest.mark.parametrize("jump_s", [HOUR_S, YEAR_S])
each_start = pytest.mark.parametrize("start", [False, True])


class WallClock:
    """A clock as it was before: of a user's, with nothing but `now`."""

    def __init__(self, clock: FakeClock) -> None:
        self.now = clock.now


@pytest.fixture(params=BACK_ENDS)
def by_wall_clock(request: pytest.FixtureRequest, open_back_end: Any, clock: FakeClock) -> Storage:
    return open_back_end(request.param, WallClock(clock))


def claimed_after_a_step_back(
    storage: Storage, clock: FakeClock, strategy: ClaimStrategy = ClaimStrategy.PRIORITY
) -> int:
    """Which of three claims is the task that fell due after the clock was set back: 0 is the
    first."""
    for _ in range(3):
        add(storage)
    take(storage, strategy=strategy)
    clock.jump(-HOUR_S)
    due = add(storage, priority=9, run_after=clock.now() + 5)
    clock.advance(5.2)
    return [take(storage, strategy=strategy).task_id for _ in range(3)].index(due)


@pytest.mark.parametrize("strategy", list(ClaimStrategy))
def test_after_a_clock_was_set_back_a_due_task_is_claimed_at_once(storage, clock, strategy):
    place = claimed_after_a_step_back(storage, clock, strategy)
    assert place == 0 or strategy is not ClaimStrategy.PRIORITY  # priorities hold


def test_without_a_monotonic_clock_a_step_back_delays_nothing(by_wall_clock, clock):
    assert claimed_after_a_step_back(by_wall_clock, clock) == 0


@each_jump
@each_start
def test_a_lease_that_is_renewed_survives_a_jump(storage, clock, jump_s, start):
    claim = held(storage, start=start)
    clock.advance(LEASE_S / 2)
    clock.jump(jump_s)
    assert storage.rescue() == NOTHING
    storage.heartbeat(claim, LEASE_S)
    clock.jump(-jump_s)
    assert storage.rescue() == NOTHING
    clock.advance(LEASE_S - 1)
    assert storage.rescue() == NOTHING
    storage.heartbeat(claim, LEASE_S)
    storage.complete(claim if start else storage.start(claim))


@each_jump
@pytest.mark.parametrize("corrected", [False, True])
@pytest.mark.parametrize("beaten", [False, True])
def test_a_lease_that_is_not_renewed_lasts_no_longer_for_a_jump(
    storage, clock, jump_s, corrected, beaten
):
    clock.jump(jump_s)
    claim = held(storage)
    if beaten:
        storage.heartbeat(claim, LEASE_S)
    if corrected:
        clock.jump(-jump_s)
    assert_lease_begins(storage, clock.advance, claim)
    assert take(storage, "worker-2").task_id == claim.task_id


def test_an_administrators_claim_has_such_a_lease(storage, clock):
    claim = storage.set_status(add(storage), TaskStatus.CLAIMED, lease_s=LEASE_S)
    clock.jump(YEAR_S)
    assert_lease_begins(storage, clock.advance, claim)


def retried(storage: Storage, clock: FakeClock) -> str:
    claim = held(storage)
    storage.fail(claim, "http_500", "no", retry_at=clock.now() + DELAY_S)
    return claim.task_id


def released(storage: Storage, clock: FakeClock) -> str:
    claim = held(storage)
    storage.release(claim, until=clock.now() + DELAY_S)
    return claim.task_id


Delayed = Callable[[Storage, FakeClock], str]
each_delay = pytest.mark.parametrize("delayed", [retried, released])


@each_delay
@ahead_at_first
@pytest.mark.parametrize("looks", ["claim", "rescue"])
def test_a_delay_set_by_a_clock_that_was_ahead_begins_when_it_is_corrected(
    storage, clock, jump_s, delayed, looks
):
    clock.jump(jump_s)
    task_id = delayed(storage, clock)
    clock.jump(-jump_s)
    if looks == "rescue":
        storage.rescue()
    assert storage.claim(request()) == []
    assert storage.get(task_id).run_after == pytest.approx(clock.now() + DELAY_S)
    clock.advance(DELAY_S - 1)
    assert storage.claim(request()) == []
    clock.advance(2)
    assert take(storage).task_id == task_id


@each_delay
@each_jump
def test_no_delay_is_longer_for_a_jump(storage, clock, jump_s, delayed):
    task_id = delayed(storage, clock)
    clock.jump(jump_s)
    storage.rescue()
    clock.jump(-jump_s)
    storage.claim(request(task_type="other"))
    clock.advance(DELAY_S + 1)
    assert take(storage).task_id == task_id


@each_delay
@ahead_at_first
def test_a_delay_that_was_over_by_a_clock_that_was_ahead_is_none_afterwards(
    storage, clock, jump_s, delayed
):
    """Claimed while the clock was ahead, and taken back once it is right."""
    clock.jump(jump_s)
    task_id = delayed(storage, clock)
    clock.advance(DELAY_S + 1)
    take(storage)
    clock.jump(-jump_s)
    clock.advance(LEASE_S + 1)
    assert storage.rescue() == Rescue([task_id], [], [])
    assert take(storage).task_id == task_id


@ahead_at_first
def test_a_retry_at_once_is_due_at_once_after_a_correction(storage, clock, jump_s):
    clock.jump(jump_s)
    claim = held(storage)
    storage.fail(claim, "http_500", "no", retry_at=clock.now())
    clock.jump(-jump_s)
    assert take(storage).task_id == claim.task_id


@each_jump
def test_a_date_that_somebody_gave_stays(storage, clock, jump_s):
    date = clock.now() + DELAY_S
    clock.jump(-abs(jump_s))
    task_id = add(storage, run_after=date)
    storage.rescue()
    assert storage.claim(request()) == []
    clock.jump(abs(jump_s))
    assert storage.claim(request()) == []
    assert storage.get(task_id).run_after == date
    clock.advance(DELAY_S + 1)
    assert take(storage).task_id == task_id


@pytest.mark.parametrize("strategy", list(ClaimStrategy))
@pytest.mark.parametrize("limit", [1, 3])
def test_what_only_a_clock_that_was_ahead_made_due_waits_for_its_date(
    storage, clock, strategy, limit
):
    date = clock.now() + DELAY_S
    dated = [add(storage, run_after=date, priority=5) for _ in range(3)]
    at_once = add(storage)
    clock.jump(YEAR_S)
    early = take(storage, strategy=ClaimStrategy.PRIORITY)  # and the others are due as well
    assert early.task_id in dated
    storage.release(early)
    clock.jump(-YEAR_S)
    claimed = storage.claim(request(strategy=strategy), limit)
    assert [task.task_id for task in claimed] == [at_once]
    assert storage.claim(request(strategy=strategy), limit) == []
    assert {storage.get(task_id).run_after for task_id in dated} == {date}
    clock.advance(DELAY_S + 1)
    found = [task.task_id for task in storage.claim(request(strategy=strategy), 3)]
    assert sorted(found) == sorted(dated)


def test_a_worker_that_was_seen_by_a_clock_that_was_ahead_is_seen_again(storage, clock):
    clock.jump(YEAR_S)
    storage.register_worker(WorkerInfo("worker-1", "video", "host", 1, "then", clock.now(), False))
    clock.jump(-YEAR_S)
    storage.worker_seen("worker-1")
    assert storage.workers()[0].last_seen == clock.now()


@each_jump
def test_no_task_waits_for_less_than_nothing(storage, clock, jump_s):
    add(storage)
    clock.jump(jump_s)
    waited_s = storage.stats().oldest_queued_s
    assert waited_s is not None and waited_s >= 0.0


# Items --------------------------------------------------------------------------------------------


@ahead_at_first
@pytest.mark.parametrize("folded", [False, True])
def test_what_was_seen_by_a_clock_that_was_ahead_is_seen_anew(storage, clock, jump_s, folded):
    def see(views: int) -> None:
        storage.complete(held(storage), [Idea("v1", views=views)])

    clock.jump(jump_s)
    see(10)
    if folded:
        storage.items.fold()
    clock.jump(-jump_s)
    see(20)
    item = storage.items.get_item("v1")
    assert item is not None and (item.views == 20 or not folded)
    assert item.last_seen_at <= to_timestamp(clock.now())
    clock.advance(HOUR_S + 1)
    see(30)
    item = storage.items.get_item("v1")
    assert item is not None and item.views == 30
    assert 30 in {count.views for count in storage.items.counts("v1")}


# Slots and probes ---------------------------------------------------------------------------------

KEY = "type:video"
ONE, TWO = Holder("worker-1", 1, 1), Holder("worker-2", 2, 1)


@each_jump
def test_a_slot_that_is_held_on_to_survives_a_jump(storage, clock, jump_s):
    limits = storage.limits
    limits.set_rule(LimitRule(KEY, concurrency=1))
    assert isinstance(limits.take([KEY], ONE, LEASE_S), Grant)
    clock.jump(jump_s)
    assert isinstance(limits.take([KEY], TWO, LEASE_S), Refusal)
    assert len(limits.slots()) == 1
    limits.extend(ONE, LEASE_S)
    clock.jump(-jump_s)
    clock.advance(LEASE_S - 1)
    assert isinstance(limits.take([KEY], TWO, LEASE_S), Refusal)
    assert [slot.holder for slot in limits.slots()] == [ONE]


@each_jump
def test_a_slot_that_is_held_on_to_survives_that_another_one_is_taken(storage, clock, jump_s):
    limits = storage.limits
    limits.set_rule(LimitRule(KEY, concurrency=2))
    limits.take([KEY], ONE, LEASE_S)
    clock.jump(jump_s)
    assert isinstance(limits.take([KEY], TWO, LEASE_S), Grant)
    clock.jump(-jump_s)
    assert {slot.holder for slot in limits.slots()} == {ONE, TWO}
    assert isinstance(limits.take([KEY], Holder("worker-3"), LEASE_S), Refusal)


@each_jump
@pytest.mark.parametrize("corrected", [False, True])
@pytest.mark.parametrize("extended", [False, True])
def test_a_slot_of_a_dead_holder_ends_with_its_lease(storage, clock, jump_s, corrected, extended):
    limits = storage.limits
    limits.set_rule(LimitRule(KEY, concurrency=1))
    clock.jump(jump_s)
    limits.take([KEY], ONE, LEASE_S)
    if extended:
        limits.extend(ONE, LEASE_S)
    if corrected:
        clock.jump(-jump_s)
    limits.take([KEY], TWO, LEASE_S)
    clock.advance(LEASE_S + 1)
    assert limits.slots() == []
    assert isinstance(limits.take([KEY], TWO, LEASE_S), Grant)


@each_jump
def test_a_rate_is_that_of_the_rule_after_a_jump(storage, clock, jump_s):
    limits = storage.limits
    limits.set_rule(LimitRule(KEY, per_s=0.1))
    clock.jump(jump_s)
    limits.take([KEY], ONE, LEASE_S)
    clock.jump(-jump_s)
    limits.take([KEY], TWO, LEASE_S)
    clock.advance(11)
    assert isinstance(limits.take([KEY], TWO, LEASE_S), Grant)


def probe(limits: Limits, clock: FakeClock) -> None:
    """A pause is over, and the first worker's task is let through."""
    limits.report(KEY, ONE, Verdict.BLOCKED, "bot_check", BreakerPolicy(DELAY_S))
    clock.advance(DELAY_S + 1)
    assert limits.admit(KEY, ONE, LEASE_S).probe


@each_jump
@pytest.mark.parametrize("probing", [False, True])
def test_a_pause_is_no_longer_for_a_jump(storage, clock, jump_s, probing):
    limits = storage.limits
    clock.jump(jump_s)
    if probing:
        probe(limits, clock)
    else:
        limits.report(KEY, ONE, Verdict.BLOCKED, "bot_check", BreakerPolicy(DELAY_S))
    clock.jump(-jump_s)
    limits.admit(KEY, TWO, LEASE_S)
    clock.advance(max(DELAY_S, LEASE_S) + 1)
    assert limits.pause_s(KEY) == 0.0
    assert limits.admit(KEY, TWO, LEASE_S).probe


@each_jump
def test_a_probe_that_lives_is_the_only_one_after_a_jump(storage, clock, jump_s):
    limits = storage.limits
    probe(limits, clock)
    clock.jump(abs(jump_s))
    assert not limits.admit(KEY, TWO, LEASE_S).probe
    limits.extend(ONE, LEASE_S)
    clock.jump(-abs(jump_s))
    assert not limits.admit(KEY, TWO, LEASE_S).probe
    assert limits.report(KEY, ONE, Verdict.SUCCEEDED, "", BreakerPolicy(DELAY_S)) is None


def test_who_asks_for_a_pause_after_a_jump_is_told_of_the_probe_that_lives(storage, clock):
    limits = storage.limits
    probe(limits, clock)
    assert limits.pause_s(KEY) > 0
    clock.jump(YEAR_S)
    assert limits.pause_s(KEY) > 0


@ahead_at_first
def test_without_a_monotonic_clock_a_lease_begins_anew_when_the_clock_is_corrected(
    by_wall_clock, clock, jump_s
):
    clock.jump(jump_s)
    claim = held(by_wall_clock)
    clock.jump(-jump_s)
    assert by_wall_clock.rescue() == NOTHING
    lease_ends = by_wall_clock.get(claim.task_id).lease_expires_at
    assert lease_ends == pytest.approx(clock.now() + LEASE_S)
    assert_lease_begins(by_wall_clock, clock.advance, claim)
