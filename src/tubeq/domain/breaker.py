"""The circuit breaker of a key: a pause for all workers after the site said "too many requests".

While CLOSED, tasks go through: then there is no Breaker. While OPEN, nothing goes through until the
pause is over. Then exactly one task goes through as the probe (PROBING): its success closes the
breaker, its failure opens it again for twice as long, and where it ends without a statement about
the site, the next task is the probe. A probe belongs to a holder for as long as its lease, so that
a dead worker delays tasks no longer than that. All of it is pure: storages keep the values, and
change them in one transaction. (M. Nygard, "Release It!", 2007, describes the pattern.)
"""

from __future__ import annotations

import random
from enum import Enum
from typing import NamedTuple

from tubeq.domain.leases import SLACK_S
from tubeq.domain.limits import Holder
from tubeq.domain.numbers import checked_span

BLOCKING_CODES = frozenset({"bot_check", "rate_limited"})
"""Error codes by which a site says "too many requests"."""
_PROBE_LOOK_S = 1.0


class _Pauses(NamedTuple):
    pause_s: float = 600.0
    pause_max_s: float = 14_400.0


class BreakerPolicy(_Pauses):
    """How long pauses are.

    Args:
        pause_s: the first one; each further one in a row is twice as long. 0 never pauses.
        pause_max_s: the longest one. All are shortened at random, by up to a quarter, so that not
            everything that was paused together resumes together.
    """

    __slots__ = ()

    def __new__(cls, pause_s: float = 600.0, pause_max_s: float = 14_400.0) -> BreakerPolicy:
        checked_span("pause_s", pause_s)
        checked_span("pause_max_s", pause_max_s)
        return super().__new__(cls, pause_s, pause_max_s)

    def drawn_pause_s(self, trips: int, chance: random.Random) -> float:
        """The pause after so many trips in a row, at least 1."""
        whole_s = min(self.pause_s * 2.0 ** min(trips - 1, 60), self.pause_max_s)
        return whole_s * chance.uniform(0.75, 1.0)


class Verdict(Enum):
    """What the end of a task says about the site."""

    SUCCEEDED = "succeeded"
    BLOCKED = "blocked"  # the site said "too many requests"
    FAILED = "failed"  # failed in some other way, which may have the same cause
    SILENT = "silent"  # nothing: handed back, cancelled, or itself wrong


class State(str, Enum):
    """The state of a breaker that is not closed."""

    OPEN = "open"
    DUE = "due"  # the pause is over: the next task is the probe
    PROBING = "probing"

    __str__ = str.__str__


class Probe(NamedTuple):
    """The task that tests the site, and until when (epoch seconds) without a heartbeat."""

    holder: Holder
    lease_s: float
    expires_at: float


class Breaker(NamedTuple):
    """A breaker that is not closed.

    Args:
        key: what is paused.
        code: the error code that tripped it last.
        trips: how many times in a row it opened.
        opened_at: when it last opened, epoch seconds.
        pause_s: for how long.
        probe: the task that tests whether it can be closed.
    """

    key: str
    code: str
    trips: int
    opened_at: float
    pause_s: float
    probe: Probe | None = None

    @property
    def paused_until(self) -> float:
        """When a probe may start, epoch seconds."""
        return self.opened_at + self.pause_s

    def state(self, now: float) -> State:
        """Its state at that time."""
        if now < self.paused_until:
            return State.OPEN
        return State.PROBING if self.probe and self.probe.expires_at > now else State.DUE

    def wait_s(self, now: float) -> float:
        """How long it is pointless to ask `admitted`; 0 where it may admit a task, or has to
        correct for a clock that was set back."""
        state = self.state(now)
        if state is State.DUE or is_out_of_time(self, now):
            return 0.0
        if state is State.OPEN or self.probe is None:
            return self.paused_until - now
        return min(self.probe.expires_at - now, _PROBE_LOOK_S)  # it may end at any time


class Admission(NamedTuple):
    """Whether a task may start: at once (`wait_s` is 0), maybe as the `probe`, or not yet."""

    wait_s: float = 0.0
    probe: bool = False


def is_out_of_time(breaker: Breaker, now: float) -> bool:
    """Whether it has times that can only come from a clock that was set back."""
    probe = breaker.probe
    return breaker.opened_at > now + SLACK_S or (
        probe is not None and probe.expires_at > now + probe.lease_s + SLACK_S
    )


def clamped(breaker: Breaker, now: float) -> Breaker:
    """The breaker as if it, and its probe, had begun now where the clock was set back since: a
    pause exceeds its length by no more than it has already lasted. To be stored."""
    probe = breaker.probe
    if probe is not None and probe.expires_at > now + probe.lease_s + SLACK_S:
        probe = probe._replace(expires_at=now + probe.lease_s)
    return breaker._replace(opened_at=min(breaker.opened_at, now), probe=probe)


def admitted(
    breaker: Breaker, holder: Holder, lease_s: float, now: float
) -> tuple[Breaker, Admission]:
    """Whether the holder's task may start, and the new breaker, to be stored."""
    breaker = clamped(breaker, now)
    if breaker.state(now) is not State.DUE:
        return breaker, Admission(wait_s=max(breaker.wait_s(now), SLACK_S))
    probe = Probe(holder, lease_s, now + lease_s)
    return breaker._replace(probe=probe), Admission(probe=True)


def after(
    breaker: Breaker | None,
    key: str,
    holder: Holder,
    verdict: Verdict,
    code: str,
    *,
    policy: BreakerPolicy,
    now: float,
    chance: random.Random,
) -> Breaker | None:
    """The breaker once the holder's task has ended; None is closed.

    It ignores tasks that began before the pause, and probes that have lost that role.
    """
    if breaker is None:
        if verdict is not Verdict.BLOCKED or policy.pause_s == 0:
            return None
        return Breaker(key, code, 1, now, policy.drawn_pause_s(1, chance))
    if breaker.probe is None or breaker.probe.holder != holder:
        return breaker
    if verdict is Verdict.SUCCEEDED:
        return None
    if verdict is Verdict.SILENT:
        return breaker._replace(probe=None)
    trips = breaker.trips + 1
    return Breaker(key, code, trips, now, policy.drawn_pause_s(trips, chance))


def extended(breaker: Breaker, holder: Holder, lease_s: float, now: float) -> Breaker:
    """The breaker after a heartbeat of the holder."""
    if breaker.probe is None or breaker.probe.holder != holder:
        return breaker
    return breaker._replace(probe=Probe(holder, lease_s, now + lease_s))


def without_worker(breaker: Breaker, worker_id: str) -> Breaker:
    """The breaker once that worker is known to be dead."""
    probe = breaker.probe
    dead = probe is not None and probe.holder.worker_id == worker_id
    return breaker._replace(probe=None) if dead else breaker
