"""Limits on SQLite: what `ports.limits` promises. The statements are in sql/limits.sql.

Every decision is made by the pure functions of the domain, on what was read inside the transaction
that stores its outcome: BEGIN IMMEDIATE, and the time is read after it, so that no process
decides on a state, or a time, that another process has made stale.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from tubeq.domain import breaker as breakers
from tubeq.domain import limits
from tubeq.domain.breaker import Admission, Breaker, BreakerPolicy, Probe, Verdict
from tubeq.domain.clock import Clock, LeaseClock, Moment
from tubeq.domain.errors import StorageBusy
from tubeq.domain.leases import Lease
from tubeq.domain.limits import Grant, Holder, LimitRule, Refusal, Slot, Standing
from tubeq.storage.identifiers import new_ids
from tubeq.storage.queries import load_queries
from tubeq.storage.sqlite.file.session import Session

_SQL = load_queries("sqlite", "limits")
_VIEW_S = 1.0
_JUMP_S = 0.1  # a wall clock that moved so much against the monotonic one was set
_CLEAN_EVERY_S = 60.0
Query = Callable[[str, Sequence[Any]], Sequence[Any]]
"""Executes a statement and returns its rows, outside or inside a transaction."""


class SQLiteLimits:
    """The limits in one file, for one handle and all its threads.

    With `sync_told`, rules and pauses are on disk when a verb returns. Slots never are: a power cut
    ends their holders, too.
    """

    def __init__(self, session: Session, clock: Clock, *, sync_told: bool) -> None:
        self._session = session
        self._clock = LeaseClock(clock)
        self._sync_told = sync_told
        self._chance = random.Random()
        self._view_until = 0.0  # time.monotonic(): a jump of the wall clock does not make it stale
        self._view_offset_s = 0.0
        self._rules: tuple[LimitRule, ...] = ()
        self._breakers: dict[str, Breaker] = {}
        self._next_cleaning = 0.0

    # Rules --------------------------------------------------------------------------------------

    def set_rule(self, rule: LimitRule) -> None:
        row = (rule.key, rule.concurrency, rule.per_s, rule.burst)
        self._session.write_one(_SQL["put_rule"], row, durable=self._sync_told)
        self._view_until = 0.0

    def remove_rule(self, key: str) -> bool:
        with self._session.write(durable=self._sync_told) as session:
            removed = session.execute(_SQL["delete_rule"], (key,)).rowcount
        self._view_until = 0.0
        return removed > 0

    def rules(self) -> list[LimitRule]:
        return [LimitRule(*row) for row in self._session.read(_SQL["rules"])]

    def is_idle(self) -> bool:
        if time.monotonic() >= self._view_until:
            self._look()
        return not self._rules and not self._breakers

    def _look(self) -> None:
        # While the database is busy, the cached rules stay in use: no task fails because of that.
        with suppress(StorageBusy):
            anything = self._session.read(_SQL["is_anything"])[0][0]
            self._rules = tuple(self.rules()) if anything else ()
            self._breakers = {each.key: each for each in self.breakers()} if anything else {}
        self._view_until = time.monotonic() + _VIEW_S
        self._view_offset_s = self._clock.moment().offset_s

    # Slots ------------------------------------------------------------------------------------

    def take(self, keys: Sequence[str], holder: Holder, lease_s: float) -> Grant | Refusal:
        if self.is_idle() or not self._rules_for(keys, self._rules):
            return Grant()
        # A read first: waiting workers should not take the lock from working ones.
        moment = self._clock.moment()
        now = moment.now
        rules = self._rules_for(keys, self._rules)
        standings = self._standings(self._session.read, rules, moment)
        if not any(limits.is_out_of_time(each, now) for each in standings.values()):
            refusal = _judged(standings, now)
            if refusal is not None:
                return refusal
        with self._session.write(durable=False) as session:
            return self._take(session, keys, holder, lease_s)

    def _take(
        self, session: Session, keys: Sequence[str], holder: Holder, lease_s: float
    ) -> Grant | Refusal:
        def query(sql: str, parameters: Sequence[Any] = ()) -> Sequence[Any]:
            return session.execute(sql, parameters).fetchall()

        moment = self._clock.moment()
        now = moment.now
        self._clean(session, now)
        rules = [LimitRule(*row) for row in query(_SQL["rules"])]
        standings = self._standings(query, self._rules_for(keys, rules), moment)
        for key, standing in standings.items():
            if limits.is_out_of_time(standing, now):
                self._store_clamped(session, key, limits.clamped(standing, now), moment)
        refusal = _judged(standings, now)
        if refusal is not None:
            return refusal
        session.execute(_SQL["delete_expired_slots"], moment._asdict())
        slot_ids = []
        for key, standing in standings.items():
            due_at = limits.due_after(limits.clamped(standing, now), now)
            if due_at is not None:
                session.execute(_SQL["put_due_at"], (key, due_at))
            if standing.rule.concurrency is not None:
                slot_ids += new_ids(1, now)
                lease = Lease.of(moment, lease_s)
                row = (slot_ids[-1], key, *holder, now, lease_s, *lease[1:])
                session.execute(_SQL["insert_slot"], row)
        return Grant(tuple(slot_ids))

    def _rules_for(self, keys: Sequence[str], rules: Sequence[LimitRule]) -> dict[str, LimitRule]:
        found = {key: limits.rule_for(key, rules) for key in keys}
        return {key: rule for key, rule in found.items() if rule is not None}

    def _standings(
        self, query: Query, rules: Mapping[str, LimitRule], moment: Moment
    ) -> dict[str, Standing]:
        standings = {}
        for key, rule in rules.items():
            slots = [_slot(row, moment) for row in query(_SQL["slots_of_key"], (key,))]
            due = query(_SQL["due_at"], (key,)) if rule.per_s is not None else ()
            standings[key] = Standing(rule, slots, due[0][0] if due else None)
        return standings

    def _store_clamped(
        self, session: Session, key: str, standing: Standing, moment: Moment
    ) -> None:
        if standing.due_at is not None:
            session.execute(_SQL["put_due_at"], (key, standing.due_at))
        for slot in standing.slots:
            lease = Lease.of(moment, slot.expires_at - moment.now)
            session.execute(_SQL["clamp_slot"], (slot.taken_at, *lease[1:], slot.permit_id))

    def _clean(self, session: Session, now: float) -> None:
        """Periodically: keys come and go, such as thousands of channels."""
        if time.monotonic() >= self._next_cleaning:
            self._next_cleaning = time.monotonic() + _CLEAN_EVERY_S
            session.execute(_SQL["delete_old_rates"], (now,))

    def release(self, grant: Grant) -> None:
        if len(grant.slot_ids) == 1:
            self._session.write_one(_SQL["delete_slot"], grant.slot_ids, durable=False)
        elif grant.slot_ids:
            with self._session.write(durable=False) as session:
                session.executemany(_SQL["delete_slot"], [(each,) for each in grant.slot_ids])

    def extend(self, holder: Holder, lease_s: float) -> None:
        moment = self._clock.moment()
        lease = Lease.of(moment, lease_s)._asdict()
        with self._session.write(durable=False) as session:
            session.execute(_SQL["extend_slots"], {**holder._asdict(), **lease, "lease_s": lease_s})
            for before in self._all_breakers(session, moment):
                after = breakers.extended(before, holder, lease_s, moment.now)
                self._put(session, before, after, moment)

    def free(self, worker_id: str) -> int:
        if not self._session.read(_SQL["is_worker_holding"], {"worker_id": worker_id})[0][0]:
            return 0  # usually so, and then without a lock
        moment = self._clock.moment()
        with self._session.write(durable=False) as session:
            freed = session.execute(_SQL["free_slots"], (worker_id,)).rowcount
            for before in self._all_breakers(session, moment):
                after = breakers.without_worker(before, worker_id)
                freed += self._put(session, before, after, moment)
        self._view_until = 0.0
        return freed

    def slots(self) -> list[Slot]:
        moment = self._clock.moment()
        found = [_slot(row, moment) for row in self._session.read(_SQL["slots"])]
        return [slot for slot in found if slot.expires_at > moment.now]

    # Pauses -------------------------------------------------------------------------------------

    def pause_s(self, key: str) -> float:
        if self.is_idle():
            return 0.0
        moment = self._clock.moment()
        if abs(moment.offset_s - self._view_offset_s) > _JUMP_S:
            self._look()  # a probe's end, which is by the monotonic clock, is shown by the wall's
        breaker = self._breakers.get(key)
        return 0.0 if breaker is None else breaker.wait_s(moment.now)

    def admit(self, key: str, holder: Holder, lease_s: float) -> Admission:
        if self.is_idle() or key not in self._breakers:
            return Admission()
        with self._session.write(durable=False) as session:
            moment = self._clock.moment()
            before = self._get(session, key, moment)
            if before is None:
                admission = Admission()
            else:
                after, admission = breakers.admitted(before, holder, lease_s, moment.now)
                self._put(session, before, after, moment)
        self._view_until = 0.0
        return admission

    def report(
        self, key: str, holder: Holder, verdict: Verdict, code: str, policy: BreakerPolicy
    ) -> Breaker | None:
        with self._session.write(durable=self._sync_told) as session:
            moment = self._clock.moment()
            before = self._get(session, key, moment)
            after = breakers.after(
                before, key, holder, verdict, code,
                policy=policy, now=moment.now, chance=self._chance,
            )  # fmt: skip
            self._put(session, before, after, moment)
        self._view_until = 0.0
        return after

    def breakers(self) -> list[Breaker]:
        moment = self._clock.moment()
        return [_breaker(row, moment) for row in self._session.read(_SQL["breakers"])]

    def resume(self, key: str) -> bool:
        with self._session.write(durable=self._sync_told) as session:
            resumed = session.execute(_SQL["delete_breaker"], (key,)).rowcount
        self._view_until = 0.0
        return resumed > 0

    def _get(self, session: Session, key: str, moment: Moment) -> Breaker | None:
        row = session.execute(_SQL["breaker"], (key,)).fetchone()
        return None if row is None else _breaker(row, moment)

    def _all_breakers(self, session: Session, moment: Moment) -> list[Breaker]:
        return [_breaker(row, moment) for row in session.execute(_SQL["breakers"]).fetchall()]

    def _put(
        self, session: Session, before: Breaker | None, after: Breaker | None, moment: Moment
    ) -> bool:
        """Store the new state of a breaker; whether it changed."""
        if after is not None and after != before:
            session.execute(_SQL["put_breaker"], _breaker_row(after, moment))
        elif before is not None and after is None:
            session.execute(_SQL["delete_breaker"], (before.key,))
        return before != after


def _judged(standings: Mapping[str, Standing], now: float) -> Refusal | None:
    return limits.judged({key: limits.clamped(each, now) for key, each in standings.items()}, now)


# Times are read as the wall clock shows them now, and written with those of the monotonic clock.


def _slot(row: Sequence[Any], moment: Moment) -> Slot:
    permit_id, key, worker_id, task, claim_token, taken_at, lease_s, *lease = row
    ends_at = Lease(None, *lease).wall_end(moment)
    return Slot(permit_id, key, Holder(worker_id, task, claim_token), taken_at, lease_s, ends_at)


def _breaker(row: Sequence[Any], moment: Moment) -> Breaker:
    *fields, worker_id, task, claim_token, lease_s, expires_at, boot, ends_uptime_s = row
    if worker_id is None:
        return Breaker._make((*fields, None))
    ends_at = Lease(None, expires_at, boot, ends_uptime_s).wall_end(moment)
    return Breaker._make((*fields, Probe(Holder(worker_id, task, claim_token), lease_s, ends_at)))


def _breaker_row(breaker: Breaker, moment: Moment) -> tuple[Any, ...]:
    *fields, probe = breaker
    if probe is None:
        return (*fields, *[None] * 7)
    lease = Lease.of(moment, probe.expires_at - moment.now)
    return (*fields, *probe.holder, probe.lease_s, *lease[1:])
