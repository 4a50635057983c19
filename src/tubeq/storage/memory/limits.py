"""Limits in plain dictionaries: the reference that the contract suite compares the others with."""

from __future__ import annotations

import random
from collections.abc import Sequence

from tubeq.domain import breaker as breakers
from tubeq.domain import limits
from tubeq.domain.breaker import Admission, Breaker, BreakerPolicy, Verdict
from tubeq.domain.clock import LeaseClock
from tubeq.domain.leases import SLACK_S
from tubeq.domain.limits import Grant, Holder, LimitRule, Refusal, Slot, Standing
from tubeq.storage.identifiers import new_ids
from tubeq.storage.memory.state import MemoryState, verbs


@verbs
class MemoryLimits:
    """Limits kept in this object, for the threads of one process."""

    def __init__(self, state: MemoryState) -> None:
        self._state = state
        self._clock = LeaseClock(state.clock)
        self._offset_s = self._clock.moment().offset_s
        self._chance = random.Random()
        self._rules: dict[str, LimitRule] = {}
        self._slots: dict[str, Slot] = {}  # by id, in the order in which they were taken
        self._due_at: dict[str, float | None] = {}  # by key
        self._breakers: dict[str, Breaker] = {}

    def _now(self) -> float:
        """The time; where the wall clock was set since the last call, what is held moves with
        it."""
        moment = self._clock.moment()
        by_s = moment.offset_s - self._offset_s
        if abs(by_s) > SLACK_S:
            self._offset_s = moment.offset_s
            self._shift(by_s)
        return moment.now

    def _shift(self, by_s: float) -> None:
        for key, slot in self._slots.items():
            self._slots[key] = slot._replace(expires_at=slot.expires_at + by_s)
        for key, breaker in self._breakers.items():
            if breaker.probe is not None:
                probe = breaker.probe._replace(expires_at=breaker.probe.expires_at + by_s)
                self._breakers[key] = breaker._replace(probe=probe)

    # Rules --------------------------------------------------------------------------------------

    def set_rule(self, rule: LimitRule) -> None:
        self._rules[rule.key] = rule

    def remove_rule(self, key: str) -> bool:
        return self._rules.pop(key, None) is not None

    def rules(self) -> list[LimitRule]:
        return [self._rules[key] for key in sorted(self._rules)]

    def is_idle(self) -> bool:
        return not self._rules and not self._breakers

    # Slots ------------------------------------------------------------------------------------

    def take(self, keys: Sequence[str], holder: Holder, lease_s: float) -> Grant | Refusal:
        now = self._now()
        standings = {}
        for key in keys:
            rule = limits.rule_for(key, self._rules.values())
            if rule is not None:
                standings[key] = self._clamped(key, rule, now)
        refusal = limits.judged(standings, now)
        if refusal is not None:
            return refusal
        if not standings:
            return Grant()
        alive = (slot for slot in self._slots.values() if slot.expires_at > now)
        self._slots = {slot.permit_id: slot for slot in alive}
        slot_ids = []
        for key, standing in standings.items():
            if standing.rule.per_s is not None:
                self._due_at[key] = limits.due_after(standing, now)
            if standing.rule.concurrency is not None:
                slot_ids += new_ids(1, now)
                slot = Slot(slot_ids[-1], key, holder, now, lease_s, now + lease_s)
                self._slots[slot.permit_id] = slot
        return Grant(tuple(slot_ids))

    def _clamped(self, key: str, rule: LimitRule, now: float) -> Standing:
        mine = [slot for slot in self._slots.values() if slot.key == key]
        due_at = None if rule.per_s is None else self._due_at.get(key)
        standing = limits.clamped(Standing(rule, mine, due_at), now)
        if standing.due_at is not None:
            self._due_at[key] = standing.due_at
        for slot in mine:
            del self._slots[slot.permit_id]
        self._slots |= {slot.permit_id: slot for slot in standing.slots}
        return standing

    def release(self, grant: Grant) -> None:
        for permit_id in grant.slot_ids:
            self._slots.pop(permit_id, None)

    def extend(self, holder: Holder, lease_s: float) -> None:
        now = self._now()
        for slot in self._slots.values():
            if slot.holder == holder:
                longer = slot._replace(lease_s=lease_s, expires_at=now + lease_s)
                self._slots[slot.permit_id] = longer
        for key, breaker in self._breakers.items():
            self._breakers[key] = breakers.extended(breaker, holder, lease_s, now)

    def free(self, worker_id: str) -> int:
        dead = [n for n, slot in self._slots.items() if slot.holder.worker_id == worker_id]
        for permit_id in dead:
            del self._slots[permit_id]
        before = dict(self._breakers)
        for key, breaker in before.items():
            self._breakers[key] = breakers.without_worker(breaker, worker_id)
        return len(dead) + sum(before[key] != self._breakers[key] for key in before)

    def slots(self) -> list[Slot]:
        now = self._now()
        alive = [slot for slot in self._slots.values() if slot.expires_at > now]
        return sorted(alive, key=lambda slot: (slot.key, slot.taken_at, slot.permit_id))

    # Pauses -------------------------------------------------------------------------------------

    def pause_s(self, key: str) -> float:
        now = self._now()
        breaker = self._breakers.get(key)
        return 0.0 if breaker is None else breaker.wait_s(now)

    def admit(self, key: str, holder: Holder, lease_s: float) -> Admission:
        now = self._now()
        if key not in self._breakers:
            return Admission()
        breaker = self._breakers[key]
        self._breakers[key], admission = breakers.admitted(breaker, holder, lease_s, now)
        return admission

    def report(
        self, key: str, holder: Holder, verdict: Verdict, code: str, policy: BreakerPolicy
    ) -> Breaker | None:
        now = self._now()
        after = breakers.after(
            self._breakers.pop(key, None), key, holder, verdict, code,
            policy=policy, now=now, chance=self._chance,
        )  # fmt: skip
        if after is not None:
            self._breakers[key] = after
        return after

    def breakers(self) -> list[Breaker]:
        self._now()  # which moves their probes along with the clock
        return [self._breakers[key] for key in sorted(self._breakers)]

    def resume(self, key: str) -> bool:
        return self._breakers.pop(key, None) is not None
