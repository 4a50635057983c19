"""Pauses that all workers share: what the pure breaker decides is stored, whole, for everybody."""

from __future__ import annotations

import pytest

from tests.conftest import FakeClock
from tests.support import at_once
from tubeq.domain.breaker import Breaker, BreakerPolicy, State, Verdict
from tubeq.domain.limits import Holder
from tubeq.storage import Storage

KEY = "type:video"
POLICY = BreakerPolicy(pause_s=100.0, pause_max_s=1000.0)
ANN, BOB = Holder("ann", 1, 1), Holder("bob", 2, 1)
LEASE_S = 30.0


def report(storage: Storage, verdict: Verdict, holder: Holder = ANN) -> Breaker | None:
    return storage.limits.report(KEY, holder, verdict, "bot_check", POLICY)


def opened(storage: Storage) -> Breaker:
    breaker = report(storage, Verdict.BLOCKED)
    assert breaker is not None
    return breaker


def due(storage: Storage, clock: FakeClock) -> Breaker:
    """Opened, and the pause is over."""
    breaker = opened(storage)
    clock.advance(breaker.paused_until - clock.now() + 0.001)
    return breaker


def is_probe(storage: Storage, holder: Holder = BOB) -> bool:
    return storage.limits.admit(KEY, holder, LEASE_S).probe


def test_a_closed_breaker_is_nothing(storage):
    for verdict in (Verdict.SUCCEEDED, Verdict.FAILED, Verdict.SILENT):
        assert report(storage, verdict) is None
    assert storage.limits.breakers() == []
    assert storage.limits.is_idle()
    assert storage.limits.pause_s(KEY) == 0.0
    assert storage.limits.admit(KEY, ANN, LEASE_S) == (0.0, False)


def test_it_opens_for_its_key_alone(storage, clock):
    breaker = opened(storage)
    assert storage.limits.breakers() == [breaker]
    assert (breaker.key, breaker.code, breaker.trips) == (KEY, "bot_check", 1)
    assert 75.0 <= breaker.pause_s <= 100.0
    assert breaker.opened_at == clock.now()
    assert not storage.limits.is_idle()
    assert storage.limits.pause_s(KEY) == pytest.approx(breaker.pause_s)
    assert storage.limits.pause_s("type:other") == 0.0
    assert not is_probe(storage)
    assert opened(storage) == breaker  # who was under way does not prolong it


def test_after_the_pause_one_probe_goes(storage, clock):
    due(storage, clock)
    assert storage.limits.pause_s(KEY) == 0.0
    assert is_probe(storage, BOB)
    assert storage.limits.pause_s(KEY) > 0.0
    assert not is_probe(storage, ANN)
    (breaker,) = storage.limits.breakers()
    assert breaker.state(clock.now()) is State.PROBING
    assert breaker.probe is not None
    assert breaker.probe.holder == BOB


def test_of_many_that_ask_at_once_one_is_the_probe(storage, clock):
    due(storage, clock)
    assert sum(at_once(lambda n: is_probe(storage, Holder(f"worker-{n}", n, 1)))) == 1


def test_success_closes_it_and_failure_doubles_the_pause(storage, clock):
    due(storage, clock)
    assert is_probe(storage)
    again = report(storage, Verdict.FAILED, BOB)
    assert again is not None
    assert (again.trips, again.probe) == (2, None)
    assert 150.0 <= again.pause_s <= 200.0
    assert storage.limits.breakers() == [again]
    clock.advance(again.pause_s + 0.001)
    assert is_probe(storage)
    assert report(storage, Verdict.SUCCEEDED, ANN) is not None  # not the probe
    assert report(storage, Verdict.SUCCEEDED, BOB) is None
    assert storage.limits.is_idle()


def test_a_probe_that_says_nothing_makes_room(storage, clock):
    due(storage, clock)
    assert is_probe(storage, BOB)
    report(storage, Verdict.SILENT, BOB)
    assert is_probe(storage, ANN)


def test_a_probe_without_a_sign_of_life_ends_with_its_lease(storage, clock):
    due(storage, clock)
    assert is_probe(storage, BOB)
    clock.advance(LEASE_S - 1)
    storage.limits.extend(BOB, LEASE_S)
    clock.advance(LEASE_S - 1)
    assert not is_probe(storage, ANN)
    clock.advance(1)
    assert is_probe(storage, ANN)
    storage.limits.extend(BOB, LEASE_S)  # too late
    assert report(storage, Verdict.SUCCEEDED, BOB) is not None
    assert report(storage, Verdict.SUCCEEDED, ANN) is None


def test_the_rescue_of_a_worker_frees_its_probe(storage, clock):
    due(storage, clock)
    assert is_probe(storage, BOB)
    storage.rescue(worker_id="ann")
    assert not is_probe(storage, ANN)
    storage.rescue(worker_id="bob")
    assert is_probe(storage, ANN)
    assert storage.limits.free("ann") == 1


def test_somebody_may_close_it(storage):
    assert not storage.limits.resume(KEY)
    opened(storage)
    assert storage.limits.resume(KEY)
    assert storage.limits.breakers() == []
    assert storage.limits.pause_s(KEY) == 0.0


def test_a_clock_that_is_set_back_is_stored_so_that_the_pause_ends(storage, clock):
    breaker = opened(storage)
    clock.jump(-3600.0)
    assert storage.limits.pause_s(KEY) == 0.0  # a worker comes and asks
    assert not is_probe(storage)
    assert storage.limits.pause_s(KEY) == pytest.approx(breaker.pause_s)
    clock.advance(breaker.pause_s + 0.001)
    assert is_probe(storage)


def test_two_handles_share_a_pause(open_back_end, clock):
    one = open_back_end("sqlite")
    breaker = due(one, clock)
    other = open_back_end("sqlite")
    assert other.limits.breakers() == [breaker]
    assert is_probe(one, ANN)
    assert not is_probe(other, BOB)
    report(other, Verdict.SUCCEEDED, ANN)
    assert one.limits.breakers() == []
