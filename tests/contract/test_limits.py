"""Slots: no more at once than the rule says, no sooner than the rate says, and none is stuck."""

from __future__ import annotations

from contextlib import closing
from typing import Any

import pytest

from tests.contract.support import add, take
from tests.support import until
from tubeq.domain.breaker import BreakerPolicy, Verdict
from tubeq.domain.errors import StorageError
from tubeq.domain.limits import Grant, Holder, LimitRule, Refusal
from tubeq.domain.states import TaskStatus
from tubeq.storage import Storage, open_storage
from tubeq.storage.ports.limits import Limits

ANN, BOB, EVE = Holder("ann", 1, 1), Holder("bob", 2, 1), Holder("eve", 3, 1)
LEASE_S = 30.0


def limit(storage: Storage, key: str, concurrency: int | None = None, **rate: float) -> None:
    storage.limits.set_rule(LimitRule(key, concurrency, **rate))  # type: ignore[arg-type]


def ask(storage: Storage, *keys: str, holder: Holder = ANN) -> Grant | Refusal:
    return storage.limits.take(keys, holder, LEASE_S)


def granted(storage: Storage, *keys: str, holder: Holder = ANN) -> Grant:
    taken = ask(storage, *keys, holder=holder)
    assert isinstance(taken, Grant), taken
    return taken


def refused(storage: Storage, *keys: str, holder: Holder = ANN) -> Refusal:
    taken = ask(storage, *keys, holder=holder)
    assert isinstance(taken, Refusal), taken
    assert taken.retry_after_s > 0
    return taken


def taken(storage: Storage, concurrency: int | None = 1, **rate: float) -> Grant:
    """There is a rule for host:a, and Ann is the first to be granted it."""
    limit(storage, "host:a", concurrency, **rate)
    return granted(storage, "host:a")


def holders(storage: Storage) -> list[Holder]:
    return [slot.holder for slot in storage.limits.slots()]


# Rules --------------------------------------------------------------------------------------------


def test_rules_are_kept_by_key_and_replaced(storage):
    limit(storage, "type:video", 2)
    limit(storage, "channel:*", 1, per_s=0.5, burst=3)
    limit(storage, "type:video", 5)
    assert storage.limits.rules() == [LimitRule("channel:*", 1, 0.5, 3), LimitRule("type:video", 5)]
    assert storage.limits.remove_rule("channel:*")
    assert not storage.limits.remove_rule("channel:*")
    assert [rule.key for rule in storage.limits.rules()] == ["type:video"]


def test_idle_is_who_has_neither_rules_nor_pauses(storage):
    assert storage.limits.is_idle()
    limit(storage, "type:video", 2)
    assert not storage.limits.is_idle()
    storage.limits.remove_rule("type:video")
    assert storage.limits.is_idle()


def test_without_a_rule_everything_is_granted_and_nothing_kept(storage):
    assert granted(storage, "host:a", "type:b") == Grant(())
    limit(storage, "host:other", 1)
    assert granted(storage, "host:a", "type:b") == Grant(())
    assert storage.limits.slots() == []


def test_a_prefix_counts_each_key_by_itself_and_gives_way_to_an_exact_rule(storage):
    limit(storage, "channel:*", 1)
    limit(storage, "channel:@big", 2)
    granted(storage, "channel:@one")
    granted(storage, "channel:@two")
    refused(storage, "channel:@one")
    granted(storage, "channel:@big")
    granted(storage, "channel:@big")
    refused(storage, "channel:@big")


# Concurrency --------------------------------------------------------------------------------------


def test_no_more_are_alive_than_the_rule_says(storage):
    first = taken(storage, 2)
    granted(storage, "host:a", holder=BOB)
    refusal = refused(storage, "host:a", holder=EVE)
    assert (refusal.key, refusal.why) == ("host:a", "2 at once")
    storage.limits.release(first)
    granted(storage, "host:a", holder=EVE)
    refused(storage, "host:a")


def test_the_guess_grows_with_how_long_the_places_have_been_held(storage, clock):
    taken(storage)
    guesses = []
    for seconds in (0.0, 1.0, 2.0, 20.0):
        clock.advance(seconds)
        guesses.append(refused(storage, "host:a").retry_after_s)
    assert guesses == pytest.approx([0.05, 1.0, 3.0, 5.0], abs=1e-3)
    clock.advance(LEASE_S - 23.0 - 2.0)
    assert refused(storage, "host:a").retry_after_s == pytest.approx(2.0, abs=1e-3)  # then it ends


def test_slots_are_listed_with_their_holders(storage, clock):
    limit(storage, "host:*", 5)
    granted(storage, "host:b")
    clock.advance(1.0)
    granted(storage, "host:a", holder=BOB)
    (first, second) = storage.limits.slots()
    assert (first.key, first.holder, second.key, second.holder) == ("host:a", BOB, "host:b", ANN)
    assert first.taken_at == clock.now()
    assert first.expires_at == clock.now() + LEASE_S


def test_several_keys_are_had_together_or_not_at_all(storage, clock):
    limit(storage, "host:a", 1)
    limit(storage, "channel:*", 1)
    limit(storage, "type:t", per_s=1.0)
    held = granted(storage, "host:a")
    assert refused(storage, "type:t", "channel:@x", "host:a").key == "host:a"
    assert [slot.key for slot in storage.limits.slots()] == ["host:a"]
    storage.limits.release(held)
    granted(storage, "type:t", "channel:@x", "host:a")  # the refusal had used up no rate
    assert [slot.key for slot in storage.limits.slots()] == ["channel:@x", "host:a"]
    assert refused(storage, "type:t", "channel:@y").key == "type:t"


def test_a_key_that_is_named_twice_is_taken_once(storage):
    limit(storage, "host:a", 1)
    assert len(granted(storage, "host:a", "host:a").slot_ids) == 1


# The end of a slot ------------------------------------------------------------------------------


def test_a_slot_ends_with_its_lease(storage, clock):
    taken(storage)
    clock.advance(LEASE_S - 0.1)
    refused(storage, "host:a", holder=BOB)
    clock.advance(0.1)
    assert storage.limits.slots() == []
    granted(storage, "host:a", holder=BOB)


def test_signs_of_life_keep_what_the_holder_holds_and_nothing_else(storage, clock):
    taken(storage, 3)
    granted(storage, "host:a", holder=ANN._replace(claim_token=2))
    granted(storage, "host:a", holder=BOB)
    clock.advance(LEASE_S - 1)
    storage.limits.extend(ANN, LEASE_S)
    clock.advance(2)
    assert holders(storage) == [ANN]
    clock.advance(LEASE_S - 2)
    assert storage.limits.slots() == []


def test_who_gives_back_late_gives_back_nobody_elses(storage, clock):
    """A holder that was suspended (SIGSTOP) beyond its lease, or fenced out."""
    late = taken(storage)
    clock.advance(LEASE_S)
    granted(storage, "host:a", holder=BOB)
    storage.limits.release(late)
    storage.limits.release(late)
    storage.limits.extend(ANN, LEASE_S)
    assert holders(storage) == [BOB]
    refused(storage, "host:a", holder=EVE)


def test_who_gives_back_at_once_and_again_gives_back_nobody_elses(storage):
    """Even where no time has passed and nothing else is stored: ids are never used again."""
    early = taken(storage)
    storage.limits.release(early)
    granted(storage, "host:a", holder=BOB)
    storage.limits.release(early)
    assert holders(storage) == [BOB]


def test_a_dead_workers_slots_are_free_at_once(storage):
    taken(storage, 3)
    granted(storage, "host:a", holder=Holder("ann"))
    granted(storage, "host:a", holder=BOB)
    assert storage.limits.free("ann") == 2
    assert storage.limits.free("ann") == 0
    assert holders(storage) == [BOB]


def test_the_rescue_of_a_worker_frees_its_slots(storage):
    limit(storage, "host:a", 2)
    add(storage)
    claim = take(storage, "ann")
    granted(storage, "host:a", holder=Holder("ann", claim.row_id, claim.claim_token))
    granted(storage, "host:a", holder=BOB)
    storage.rescue(worker_id="ann")
    assert holders(storage) == [BOB]
    assert storage.get(claim.task_id).status is TaskStatus.QUEUED


def test_a_sweep_leaves_the_slots_of_the_living(storage):
    taken(storage, 2)
    storage.rescue()
    assert holders(storage) == [ANN]


def test_a_rescue_frees_slots_where_there_was_no_task(storage):
    taken(storage, 2)
    storage.rescue(worker_id="ann")
    assert storage.limits.slots() == []


# Rates --------------------------------------------------------------------------------------------


def test_a_rate_keeps_slots_apart_and_says_exactly_for_how_long(storage, clock):
    limit(storage, "host:a", per_s=5.0)
    assert granted(storage, "host:a") == Grant(())  # nothing to give back
    refusal = refused(storage, "host:a")
    assert refusal.retry_after_s == pytest.approx(0.2, abs=1e-5)
    assert refusal.why == "5 a second"
    clock.advance(refusal.retry_after_s - 0.01)
    assert refused(storage, "host:a").retry_after_s == pytest.approx(0.01, abs=1e-5)
    clock.advance(refused(storage, "host:a").retry_after_s)
    granted(storage, "host:a")
    refused(storage, "host:a")


def test_a_burst_comes_after_a_rest_and_is_paid_back(storage, clock):
    limit(storage, "host:a", per_s=1.0, burst=3)
    for _ in range(3):
        granted(storage, "host:a")
    assert refused(storage, "host:a").retry_after_s == pytest.approx(1.0, abs=1e-5)
    clock.advance(1.0)
    granted(storage, "host:a")
    refused(storage, "host:a")
    clock.advance(1000.0)  # a long rest is worth one burst, not more
    for _ in range(3):
        granted(storage, "host:a")
    refused(storage, "host:a")


def test_a_rate_and_a_concurrency_hold_both(storage, clock):
    held = taken(storage, 1, per_s=2.0)
    storage.limits.release(held)
    assert refused(storage, "host:a").why == "2 a second"
    clock.advance(0.5)
    granted(storage, "host:a")
    clock.advance(0.5)
    assert refused(storage, "host:a").why == "1 at once"


# Rules that change --------------------------------------------------------------------------------


def test_a_smaller_concurrency_waits_until_it_is_kept(storage):
    limit(storage, "host:a", 3)
    held = [granted(storage, "host:a") for _ in range(3)]
    limit(storage, "host:a", 1)
    assert len(storage.limits.slots()) == 3  # nobody is thrown out
    for each in held[:2]:
        storage.limits.release(each)
        refused(storage, "host:a")
    storage.limits.release(held[2])
    granted(storage, "host:a")


def test_a_larger_concurrency_counts_what_is_held(storage):
    taken(storage)
    taken(storage, 2)
    refused(storage, "host:a")


def test_a_rule_that_went_and_came_back_counts_what_is_still_held(storage):
    held = taken(storage)
    storage.limits.remove_rule("host:a")
    granted(storage, "host:a")
    limit(storage, "host:a", 1)
    refused(storage, "host:a")
    storage.limits.release(held)
    granted(storage, "host:a")


def test_a_quicker_rate_holds_at_once(storage, clock):
    """What the slow rule had booked is a thousand seconds ahead."""
    taken(storage, None, per_s=0.001)
    limit(storage, "host:a", per_s=10.0)
    assert refused(storage, "host:a").retry_after_s == pytest.approx(0.1, abs=1e-5)
    clock.advance(0.1)
    granted(storage, "host:a")


# A clock that is set back -------------------------------------------------------------------------


def test_no_slot_outlives_its_lease_though_the_clock_is_set_back(storage, clock):
    taken(storage)
    clock.jump(-3600.0)
    refused(storage, "host:a", holder=BOB)  # it may be alive
    clock.advance(LEASE_S - 1)
    refused(storage, "host:a", holder=BOB)
    clock.advance(1.1)
    granted(storage, "host:a", holder=BOB)


def test_no_rate_is_stuck_though_the_clock_is_set_back(storage, clock):
    taken(storage, None, per_s=1.0, burst=2)
    clock.jump(-3600.0)
    assert refused(storage, "host:a").retry_after_s == pytest.approx(1.0, abs=1e-5)
    clock.advance(1.0)
    granted(storage, "host:a")
    refused(storage, "host:a")


def test_slots_taken_with_other_keys_are_clamped_too(storage, clock):
    limit(storage, "host:*", 1, per_s=0.1)
    granted(storage, "host:a")
    clock.jump(-3600.0)
    refused(storage, "host:a", "host:b", holder=BOB)
    clock.advance(LEASE_S + 0.1)
    granted(storage, "host:a", "host:b", holder=BOB)


# Handles ------------------------------------------------------------------------------------------


def test_two_handles_share_rules_rates_and_slots(open_back_end, clock):
    one = open_back_end("sqlite")
    limit(one, "host:a", 2, per_s=1.0)
    other = open_back_end("sqlite")
    assert other.limits.rules() == one.limits.rules()
    first = granted(one, "host:a")
    refused(other, "host:a", holder=BOB)  # the rate
    clock.advance(1.0)
    granted(other, "host:a", holder=BOB)
    clock.advance(1.0)
    assert refused(one, "host:a").why == refused(other, "host:a").why == "2 at once"
    other.limits.release(first)
    granted(one, "host:a")
    assert one.limits.slots() == other.limits.slots()


@pytest.mark.slow
def test_another_handle_learns_of_a_rule_within_a_second_or_so(open_back_end, clock):
    one, other = open_back_end("sqlite"), open_back_end("sqlite")
    assert other.limits.is_idle()
    taken(one)
    until(lambda: not other.limits.is_idle(), 1.5)
    refused(other, "host:a", holder=BOB)


def test_limits_outlive_the_handle(tmp_path, clock):
    with closing(open_storage(tmp_path / "kept.db", clock=clock)) as storage:
        taken(storage)
    with closing(open_storage(tmp_path / "kept.db", clock=clock)) as storage:
        refused(storage, "host:a")


CALLS: dict[str, tuple[Any, ...]] = {
    "set_rule": (LimitRule("host:b", 1),),
    "remove_rule": ("host:b",),
    "rules": (),
    "take": (["host:a"], ANN, LEASE_S),
    "release": (Grant(("1",)),),
    "extend": (ANN, LEASE_S),
    "free": ("ann",),
    "slots": (),
    "admit": ("type:t", ANN, LEASE_S),
    "report": ("type:t", ANN, Verdict.BLOCKED, "bot_check", BreakerPolicy()),
    "breakers": (),
    "resume": ("type:t",),
}
REMEMBERED = {"is_idle", "pause_s"}  # these two may answer from memory for a second


def test_the_table_of_calls_names_every_verb_of_limits():
    assert set(CALLS) | REMEMBERED == {name for name in vars(Limits) if not name.startswith("_")}


def test_closed_limits_refuse_every_verb(storage):
    limit(storage, "host:a", 1)
    storage.limits.report("type:t", ANN, Verdict.BLOCKED, "bot_check", BreakerPolicy())
    storage.limits.is_idle()
    storage.close()
    for verb, arguments in CALLS.items():
        with pytest.raises(StorageError):
            getattr(storage.limits, verb)(*arguments)


def test_keys_that_are_not_used_any_more_leave_nothing(open_back_end, clock):
    storage = open_back_end("sqlite")
    limit(storage, "channel:*", 1, per_s=1.0)
    for number in range(20):
        granted(storage, f"channel:@{number}")
    clock.advance(3600.0)
    storage.limits._next_cleaning = 0.0  # type: ignore[attr-defined]
    granted(storage, "channel:@last")
    count = "SELECT (SELECT count(*) FROM limit_rate), (SELECT count(*) FROM limit_permit)"
    assert storage._session.read(count) == [(1, 1)]  # type: ignore[attr-defined]


# Handing a task back for later --------------------------------------------------------------------


def test_a_task_is_handed_back_for_later_and_the_history_says_why(storage, clock):
    task_id = add(storage)
    storage.release(take(storage), until=clock.now() + 5, why="limit type:video")
    task = storage.get(task_id)
    assert (task.status, task.run_after) == (TaskStatus.QUEUED, clock.now() + 5)
    assert (task.retry_count, task.crash_count, task.error_code) == (0, 0, None)
    last = storage.history(task_id)[-1]
    assert (last.event, last.detail) == ("released", "limit type:video")
    assert storage.next_due_at("video") == clock.now() + 5
    clock.advance(5)
    assert take(storage).task_id == task_id
