"""How much at once, and how often: rules for keys, and the arithmetic that keeps them.

A key names what is limited: `host:<name>`, `channel:<id or handle>`, `type:<task type>`. A
rule names a key, or with a `*` at its end all keys with that prefix, each of which is then counted
by itself; the exact rule goes before a prefix, a longer prefix before a shorter one.

The rate is kept by the generic cell rate algorithm in its form of virtual scheduling (GCRA; ITU-T
recommendation I.371, "Traffic control and congestion control in B-ISDN", annex A): one number a
key, the time at which the next cell would be due if all kept to the rate. A cell conforms unless
it comes earlier than that by more than the tolerance, here `burst` - 1 intervals.

All of it is pure: storages keep the numbers, and change them in one transaction.
"""

from __future__ import annotations

import math
import random
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple
from urllib.parse import unquote

from tubeq.domain.errors import InvalidParameters
from tubeq.domain.handles import composed, folded, is_shown
from tubeq.domain.leases import SLACK_S
from tubeq.domain.numbers import checked_whole, is_number, shown

KINDS = ("host", "channel", "type")
MAX_KEY_LENGTH = 200
MAX_COUNT = 1_000_000
_KEY = re.compile(r"([a-z]*):(\S+)")
_SHORTEST_GUESS_S = 0.05
_LONGEST_GUESS_S = 5.0


class _Limit(NamedTuple):
    key: str
    concurrency: int | None = None
    per_s: float | None = None
    burst: int = 1


class LimitRule(_Limit):
    """What is allowed for a key, or for each key with a prefix.

    Args:
        key: "host:www.youtube.com", or "channel:*" for each channel by itself.
        concurrency: at most so many slots at once; None for any number.
        per_s: at most so many a second, evenly spaced; 0.1 is one in ten seconds. None for any.
        burst: how many may come at once after a pause; 1 spaces out every two of them.

    Raises:
        InvalidParameters: a value is wrong; the message says what would be right.
    """

    __slots__ = ()

    def __new__(
        cls, key: str, concurrency: int | None = None, per_s: float | None = None, burst: int = 1
    ) -> LimitRule:
        self = super().__new__(cls, checked_key(key, prefix=True), concurrency, per_s, burst)
        if self.concurrency is None and self.per_s is None:
            raise InvalidParameters(
                f"the limit for {self.key} limits nothing: give a concurrency, a rate per second, "
                "or both"
            )
        if self.concurrency is not None:
            checked_whole("concurrency", self.concurrency, 1, MAX_COUNT)
        checked_whole("burst", self.burst, 1, MAX_COUNT)
        if self.per_s is None and self.burst != 1:
            raise InvalidParameters("a burst goes with a rate: give the rate per second, too")
        if self.per_s is not None and not is_number(self.per_s, 1e-6, MAX_COUNT):
            raise InvalidParameters(
                f"the rate per second must be a number above 0, such as 0.5 for one in two "
                f"seconds, not {shown(self.per_s)}"
            )
        return self

    @property
    def interval_s(self) -> float:
        """Seconds between two slots at the full rate; 0 without a rate."""
        return 0.0 if self.per_s is None else 1.0 / self.per_s

    def applies_to(self, key: str) -> bool:
        """Whether the key is the rule's key, or has its prefix."""
        return key == self.key or (self.key.endswith("*") and key.startswith(self.key[:-1]))


def checked_key(key: object, *, prefix: bool = False) -> str:
    """A key as it is stored: in Unicode's composed form, and hosts and handles in lower case, since
    case does not matter in them.

    Args:
        prefix: whether it may end in `*`.

    Raises:
        InvalidParameters: it is not a key; the message says what would be right.
    """
    match = _KEY.fullmatch(key) if isinstance(key, str) else None
    wanted = "host:NAME, channel:@HANDLE or type:TASK_TYPE" + (
        ", or one that ends in *, such as channel:* for each channel by itself" if prefix else ""
    )
    if match is None or match[1] not in KINDS or len(match[0]) > MAX_KEY_LENGTH:
        raise InvalidParameters(f"{key!r:.120} names nothing that can be limited: write {wanted}")
    name = composed(unquote(match[2]) if match[2].startswith(("@", "%40")) else match[2])
    if not all(map(is_shown, name)) or re.search(r"\s", name):
        raise InvalidParameters(f"{key!r:.120} holds a character that no name has: write {wanted}")
    if "*" in (name[:-1] if prefix else name):
        raise InvalidParameters(f"{key!r:.120} cannot be limited: a * may only be at the end")
    if match[1] == "host" or name.startswith("@"):
        name = folded(name)
    return f"{match[1]}:{name}"


def rule_for(key: str, rules: Iterable[LimitRule]) -> LimitRule | None:
    """The rule that applies to the key: its own, or that with the longest prefix."""
    found = [rule for rule in rules if rule.applies_to(key)]
    return max(found, key=lambda rule: (rule.key == key, len(rule.key)), default=None)


class Holder(NamedTuple):
    """The holder of a slot: a worker, and the claim for which it was taken where there is one."""

    worker_id: str
    task: int | None = None
    claim_token: int | None = None


class Slot(NamedTuple):
    """One of the slots that a rule's concurrency allows. Times are epoch seconds.

    It ends when it is released, when its worker is known to be dead, or at `expires_at`, `lease_s`
    after its holder last heartbeat. Its id is never used again.
    """

    permit_id: str
    key: str
    holder: Holder
    taken_at: float
    lease_s: float
    expires_at: float


class Grant(NamedTuple):
    """What `take` gave: the ids of the slots to be released; none where the keys have no limit, or
    only a rate."""

    slot_ids: tuple[str, ...] = ()


class Refusal(NamedTuple):
    """Why `take` gave nothing.

    Args:
        key: the key whose limit was reached.
        retry_after_s: when to ask again: exact where a rate refused, if no other worker comes
            first; where all slots are taken it is a guess: it is not known when one is released.
        why: for people.
    """

    key: str
    retry_after_s: float
    why: str


class Standing(NamedTuple):
    """What is stored about one key: its rule, its slots, and when the next cell is due (GCRA)."""

    rule: LimitRule
    slots: Sequence[Slot]
    due_at: float | None


def clamped(standing: Standing, now: float) -> Standing:
    """The standing without expired slots, and with impossible times corrected.

    These come from a clock that was set back, or from a slower rule. They are moved as close to now
    as they can have been when they were written, so that nothing is stuck for longer than a lease,
    or a burst. The caller must store them, or they would be moved again for ever.
    """
    rule, slots, due_at = standing
    if due_at is not None:
        due_at = None if due_at <= now else min(due_at, now + rule.burst * rule.interval_s)
    alive = [
        slot
        if slot.expires_at <= now + slot.lease_s + SLACK_S
        else slot._replace(taken_at=now, expires_at=now + slot.lease_s)
        for slot in slots
        if slot.expires_at > now
    ]
    return Standing(rule, alive, due_at)


def is_out_of_time(standing: Standing, now: float) -> bool:
    """Whether `clamped` would change a time."""
    rule, slots, due_at = standing
    latest_s = rule.burst * rule.interval_s + SLACK_S
    return (due_at is not None and due_at > now + latest_s) or any(
        slot.expires_at > now + slot.lease_s + SLACK_S for slot in slots
    )


def judged(standings: Mapping[str, Standing], now: float) -> Refusal | None:
    """Why slots for the keys are refused now, or None where all are available. The standings are
    clamped.

    Of several reasons, the one that will last longest.
    """
    refusals = [
        Refusal(key, wait_s, why)
        for key, standing in standings.items()
        for wait_s, why in (_rate_wait(standing, now), _place_wait(standing, now))
        if wait_s > 0
    ]
    return max(refusals, key=lambda refusal: refusal.retry_after_s, default=None)


def _rate_wait(standing: Standing, now: float) -> tuple[float, str]:
    rule, _, due_at = standing
    if rule.per_s is None or due_at is None:
        return 0.0, ""
    early_s = due_at - (rule.burst - 1) * rule.interval_s - now
    return (early_s if early_s > SLACK_S else 0.0), f"{rule.per_s:g} a second"


def _place_wait(standing: Standing, now: float) -> tuple[float, str]:
    """How long until a slot may be released: the average time for which the slots have been held so
    far. For tasks that last equally long, that is right on average."""
    rule, slots, _ = standing
    if rule.concurrency is None or len(slots) < rule.concurrency:
        return 0.0, ""
    held_s = sum(now - slot.taken_at for slot in slots) / len(slots)
    guess_s = min(max(held_s, _SHORTEST_GUESS_S), _LONGEST_GUESS_S)
    first_end_s = min(slot.expires_at for slot in slots) - now
    return min(guess_s, max(first_end_s, SLACK_S)), f"{rule.concurrency} at once"


def due_after(standing: Standing, now: float) -> float | None:
    """When the next cell is due after one was admitted now; None without a rate."""
    rule, _, due_at = standing
    if rule.per_s is None:
        return None
    return max(now, -math.inf if due_at is None else due_at) + rule.interval_s


def jittered(wait_s: float, chance: random.Random) -> float:
    """A wait with jitter, so that workers refused together do not all return together: at least
    `wait_s`, at most 1.5 times that."""
    return wait_s * chance.uniform(1.0, 1.5)
