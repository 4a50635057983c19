"""What limits, slots and pauses look like in a terminal, and in JSON."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from tubeq.cli.tables import Table
from tubeq.cli.words import age
from tubeq.domain.breaker import Breaker, State
from tubeq.domain.limits import LimitRule, Slot, rule_for


def rule_words(rule: LimitRule) -> str:
    """ "2 at once, 5 a second, bursts of 3"."""
    words = []
    if rule.concurrency is not None:
        words.append(f"{rule.concurrency} at once")
    if rule.per_s is not None:
        words.append(f"{rule.per_s:g} a second")
    if rule.burst > 1:
        words.append(f"bursts of {rule.burst}")
    return ", ".join(words)


def slot_dict(slot: Slot) -> dict[str, Any]:
    """As JSON has it: the holder's fields next to the slot's own."""
    columns = slot._asdict()
    holder = columns.pop("holder")
    return {**columns, "worker_id": holder.worker_id, "claim_token": holder.claim_token}


def pause_dict(breaker: Breaker, now: float) -> dict[str, Any]:
    """As JSON has it: with its state, and until when no task is started."""
    columns = breaker._asdict()
    probe = columns.pop("probe")
    return {
        **columns,
        "state": str(breaker.state(now)),
        "paused_until": breaker.paused_until,
        "probe_worker_id": None if probe is None else probe.holder.worker_id,
    }


def rule_table(rules: Sequence[LimitRule], slots: Iterable[Slot]) -> Table:
    """One row a rule, and how many slots of it are held."""
    found = (rule_for(slot.key, rules) for slot in slots)
    held = Counter(rule.key for rule in found if rule is not None)
    return Table(
        "limit", "at once", "a second", "burst", "held", right=("at once", "a second"),
        rows=(
            (each.key, each.concurrency, "" if each.per_s is None else f"{each.per_s:g}",
             "" if each.per_s is None else each.burst,
             "" if each.concurrency is None else held[each.key])
            for each in rules
        ),
    )  # fmt: skip


def slot_table(slots: Iterable[Slot], now: float) -> Table:
    """One row a slot."""
    return Table(
        "slot of", "worker", "held", "ends", elastic=("worker",),
        rows=(
            (each.key, each.holder.worker_id, age(now - each.taken_at), age(now - each.expires_at))
            for each in slots
        ),
    )  # fmt: skip


def pause_table(breakers: Iterable[Breaker], now: float) -> Table:
    """One row a pause."""
    resumes = {
        State.DUE: "with the next task, as a probe",
        State.PROBING: "when the probing task has succeeded",
    }
    return Table(
        "paused", "reason", "in a row", "resumes", elastic=("resumes",),
        rows=(
            (each.key, each.code, each.trips,
             resumes.get(each.state(now)) or age(now - each.paused_until))
            for each in breakers
        ),
    )  # fmt: skip
