"""Hypothesis plays random takings, endings and jumps of the clock on both back ends.

Both must answer alike, and whatever happens: of no key are more slots alive than the largest of
the rules allows, and a lease and a pause later everything can be had again.
"""

from __future__ import annotations

import random
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import Bundle, invariant, rule

from tests.stateful.machine import BothBackEnds
from tubeq.domain.breaker import Breaker, BreakerPolicy, Verdict
from tubeq.domain.limits import Grant, Holder, LimitRule, Refusal

KEYS = ("host:a", "host:b", "channel:@x", "type:t")
LEASE_S = 30.0
POLICY = BreakerPolicy(pause_s=40.0, pause_max_s=150.0)
keys = st.lists(st.sampled_from(KEYS), min_size=1, max_size=3)
holders = st.builds(Holder, st.sampled_from(["ann", "bob"]), st.just(1), st.integers(1, 2))
rules = st.builds(
    LimitRule,
    st.sampled_from([*KEYS, "host:*", "channel:*"]),
    st.integers(1, 3),
    st.sampled_from([None, 0.1, 1.0, 5.0]),
    st.just(1),
)
spans = st.sampled_from([0.05, 0.2, 1.0, 10.0, 30.0, 45.0, 200.0])
jumps = st.sampled_from([-5.0, -40.0, -3600.0, 7.0, 3600.0, 3e7, -3e7])


def nearly(value: Any) -> Any:
    """The value, its numbers without what is left of adding and taking away a jump."""
    if isinstance(value, (tuple, list)):
        return tuple(map(nearly, value))
    return round(value, 3) if isinstance(value, float) else value


class SQLiteLimitsAreTheModel(BothBackEnds):
    grants: Bundle[tuple[Grant, Grant]] = Bundle("grants")

    def __init__(self) -> None:
        super().__init__()
        for storage in self.storages:
            storage.limits._chance = random.Random(7)  # type: ignore[attr-defined]

    def ask(self, verb: str, *arguments: Any) -> list[Any]:
        return [getattr(storage.limits, verb)(*arguments) for storage in self.storages]

    def alike(self, verb: str, *arguments: Any) -> Any:
        model, sqlite = self.ask(verb, *arguments)
        assert nearly(model) == nearly(sqlite)
        return model

    @rule(new=rules)
    def set_rule(self, new: LimitRule) -> None:
        self.alike("set_rule", new)

    @rule(key=st.sampled_from([*KEYS, "host:*"]))
    def remove_rule(self, key: str) -> None:
        self.alike("remove_rule", key)

    @rule(target=grants, keys=keys, holder=holders)
    def take(self, keys: list[str], holder: Holder) -> tuple[Grant, Grant]:
        model, sqlite = self.ask("take", keys, holder, LEASE_S)
        if isinstance(model, Refusal):
            assert isinstance(sqlite, Refusal)
            assert nearly(model) == nearly(sqlite)
            return Grant(), Grant()
        assert len(model.slot_ids) == len(sqlite.slot_ids)
        return model, sqlite

    @rule(pair=grants)
    def release(self, pair: tuple[Grant, Grant]) -> None:
        for storage, grant in zip(self.storages, pair):
            storage.limits.release(grant)

    @rule(holder=holders)
    def extend(self, holder: Holder) -> None:
        self.alike("extend", holder, LEASE_S)

    @rule(worker_id=st.sampled_from(["ann", "bob"]))
    def rescue(self, worker_id: str) -> None:
        for storage in self.storages:
            storage.rescue(worker_id=worker_id)

    @rule(seconds=spans)
    def time_passes(self, seconds: float) -> None:
        self.clock.advance(seconds)

    @rule(seconds=jumps)
    def clock_is_set(self, seconds: float) -> None:
        self.clock.jump(seconds)

    @rule(holder=holders)
    def admit(self, holder: Holder) -> None:
        self.alike("admit", "type:t", holder, LEASE_S)

    @rule(holder=holders, verdict=st.sampled_from(Verdict))
    def report(self, holder: Holder, verdict: Verdict) -> None:
        self.alike("report", "type:t", holder, verdict, "bot_check", POLICY)

    @rule()
    def resume(self) -> None:
        self.alike("resume", "type:t")

    @rule()
    def nothing_is_stuck(self) -> None:
        """Whatever happened: a lease and a pause later, everything can be had again."""
        for storage in self.storages:
            limits = storage.limits
            for _ in range(2):  # the first asking notices a clock that was set back
                limits.take(KEYS, Holder("eve"), LEASE_S)
                limits.admit("type:t", Holder("eve"), LEASE_S)
                limits.free("eve")
        self.clock.advance(POLICY.pause_max_s + LEASE_S + 10.0)
        for storage in self.storages:
            assert isinstance(storage.limits.take(KEYS, Holder("eve"), LEASE_S), Grant)
            assert storage.limits.admit("type:t", Holder("eve"), LEASE_S).wait_s == 0.0
            storage.limits.free("eve")

    @invariant()
    def both_know_the_same(self) -> None:
        model, sqlite = (
            [nearly(slot._replace(permit_id="")) for slot in storage.limits.slots()]
            for storage in self.storages
        )
        assert sorted(model) == sorted(sqlite)
        breakers: list[Breaker] = self.alike("breakers")
        for breaker in breakers:
            assert breaker.pause_s <= POLICY.pause_max_s
        self.alike("rules")
        self.alike("is_idle")
        self.alike("pause_s", "type:t")

    @invariant()
    def no_limit_is_exceeded(self) -> None:
        held = [slot.key for slot in self.storages[1].limits.slots()]
        assert max(map(held.count, held), default=0) <= 3


TestLimits = SQLiteLimitsAreTheModel.TestCase
TestLimits.settings = settings(
    max_examples=60,
    stateful_step_count=40,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],  # shrinking takes minutes
    suppress_health_check=list(HealthCheck),
)
TestLimits.pytestmark = [pytest.mark.slow]
