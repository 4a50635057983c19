"""The circuit breaker, step by step, without a storage."""

from __future__ import annotations

import random

import pytest

from tubeq.domain.breaker import (
    Breaker,
    BreakerPolicy,
    State,
    Verdict,
    admitted,
    after,
    extended,
    without_worker,
)
from tubeq.domain.errors import InvalidParameters
from tubeq.domain.limits import Holder

KEY = "type:video"
ANN, BOB = Holder("ann", 1, 1), Holder("bob", 2, 1)
POLICY = BreakerPolicy(pause_s=100.0, pause_max_s=1000.0)
NOW = 1_800_000_000.0


def told(
    breaker: Breaker | None, verdict: Verdict, holder: Holder = ANN, now: float = NOW
) -> Breaker | None:
    chance = random.Random(3)
    return after(breaker, KEY, holder, verdict, "bot_check", policy=POLICY, now=now, chance=chance)


def opened(now: float = NOW) -> Breaker:
    breaker = told(None, Verdict.BLOCKED, now=now)
    assert breaker is not None
    return breaker


def probing(holder: Holder = BOB) -> tuple[Breaker, float]:
    """A breaker with a probe under way, and the time."""
    breaker = opened()
    breaker, admission = admitted(breaker, holder, 30.0, breaker.paused_until)
    assert admission == (0.0, True)
    return breaker, breaker.paused_until


@pytest.mark.parametrize("verdict", [each for each in Verdict if each is not Verdict.BLOCKED])
def test_only_the_sites_own_refusal_opens_it(verdict: Verdict) -> None:
    assert told(None, verdict) is None
    assert opened().state(NOW) is State.OPEN


def test_a_pause_of_zero_never_opens_it() -> None:
    never = BreakerPolicy(pause_s=0.0)
    chance = random.Random(3)
    verdict = Verdict.BLOCKED
    assert after(None, KEY, ANN, verdict, "x", policy=never, now=NOW, chance=chance) is None


def test_nobody_goes_before_the_pause_is_over_and_then_exactly_one() -> None:
    breaker = opened()
    almost = breaker.paused_until - 0.5
    assert breaker.wait_s(almost) == pytest.approx(0.5)
    same, admission = admitted(breaker, BOB, 30.0, almost)
    assert same == breaker
    assert (admission.wait_s, admission.probe) == (pytest.approx(0.5), False)
    breaker, first = admitted(breaker, BOB, 30.0, breaker.paused_until)
    assert first.probe
    assert breaker.state(breaker.paused_until) is State.PROBING
    _, second = admitted(breaker, ANN, 30.0, breaker.paused_until)
    assert not second.probe
    assert second.wait_s > 0


def test_the_probes_success_closes_it() -> None:
    breaker, now = probing()
    assert told(breaker, Verdict.SUCCEEDED, BOB, now) is None


@pytest.mark.parametrize("verdict", [Verdict.BLOCKED, Verdict.FAILED])
def test_the_probes_failure_opens_it_for_twice_as_long_up_to_the_cap(verdict: Verdict) -> None:
    pauses = []
    breaker, now = probing()
    for _ in range(6):
        again = told(breaker, verdict, BOB, now)
        assert again is not None
        pauses.append(again.pause_s)
        now = again.paused_until
        breaker, _ = admitted(again, BOB, 30.0, now)
    shortened = opened().pause_s / 100.0  # by the same draw of chance each time
    assert pauses == pytest.approx([each * shortened for each in (200, 400, 800, *[1000] * 3)])
    assert again.trips == 7


def test_pauses_are_drawn_from_the_last_quarter() -> None:
    chance = random.Random(5)
    drawn = [POLICY.drawn_pause_s(1, chance) for _ in range(500)]
    assert 75.0 <= min(drawn) < 77.0
    assert 98.0 < max(drawn) <= 100.0
    assert max(BreakerPolicy(10.0, 20.0).drawn_pause_s(10_000, chance) for _ in range(50)) <= 20.0


def test_a_probe_that_tells_nothing_lets_the_next_one_go_at_once() -> None:
    breaker, now = probing()
    silent = told(breaker, Verdict.SILENT, BOB, now)
    assert silent is not None
    assert (silent.state(now), silent.trips, silent.pause_s) == (State.DUE, 1, breaker.pause_s)
    assert admitted(silent, ANN, 30.0, now)[1].probe


def test_a_probe_that_gives_no_sign_of_life_is_followed_by_another() -> None:
    breaker, now = probing()
    breaker = extended(breaker, BOB, 30.0, now + 20)
    assert breaker.state(now + 49) is State.PROBING
    assert extended(breaker, ANN, 99.0, now) == breaker
    breaker, admission = admitted(breaker, ANN, 30.0, now + 50)
    assert admission.probe
    # The first one comes back from its sleep: it is the probe no more.
    for verdict in Verdict:
        assert told(breaker, verdict, BOB, now + 51) == breaker
    assert told(breaker, Verdict.SUCCEEDED, ANN, now + 52) is None


def test_a_dead_workers_probe_is_followed_by_another_at_once() -> None:
    breaker, now = probing()
    assert without_worker(breaker, "ann") == breaker
    assert admitted(without_worker(breaker, "bob"), ANN, 30.0, now)[1].probe


@pytest.mark.parametrize("verdict", Verdict)
def test_tasks_that_began_before_the_pause_change_nothing(verdict: Verdict) -> None:
    breaker = opened()
    assert told(breaker, verdict, BOB, NOW + 1) == breaker
    probed, now = probing(BOB)
    assert told(probed, verdict, ANN, now) == probed


def test_a_clock_that_is_set_back_does_not_prolong_the_pause_for_long() -> None:
    breaker = opened()
    back = NOW - 3600.0
    assert breaker.wait_s(back) == 0.0  # somebody has to look, and to store what he sees
    breaker, admission = admitted(breaker, BOB, 30.0, back)
    assert admission.wait_s == pytest.approx(breaker.pause_s)
    assert breaker.paused_until == back + breaker.pause_s
    assert admitted(breaker, BOB, 30.0, breaker.paused_until)[1].probe


def test_a_clock_that_is_set_back_does_not_keep_a_dead_probe() -> None:
    breaker, now = probing()
    back = now - 3600.0
    breaker = breaker._replace(opened_at=back - breaker.pause_s)
    breaker, admission = admitted(breaker, ANN, 30.0, back)
    assert not admission.probe  # it may be alive
    assert admitted(breaker, ANN, 30.0, back + 30.0)[1].probe


def test_a_negative_pause_is_refused() -> None:
    with pytest.raises(InvalidParameters):
        BreakerPolicy(pause_s=-1.0)
