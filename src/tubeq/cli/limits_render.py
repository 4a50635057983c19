"""What limits, slots and pauses look like in a terminal, and in JSON."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from tubeq.cli.console import safe
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


def rule_dict(rule: LimitRule) -> dict[str, Any]:
    """As JSON has it."""
    return rule._asdict()


def slot_dict(slot: Slot) -> dict[str, Any]:
    """As JSON has it: the holder's fields next to the slot's own."""
    columns = slot._asdict()
    holder: Any = columns.pop("holder")
    return {**columns, "worker_id": holder.worker_id, "claim_token": holder.claim_token}


def pause_dict(breaker: Breaker, now: float) -> dict[str, Any]:
    """As JSON has it: with its state, and until when no task is started."""
    columns = breaker._asdict()
    del columns["probe"]
    probe = breaker.probe
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
    drawn = Table("limit", "at once", "a second", "burst", "held", right=("at once", "a second"))
    for rule in rules:
        drawn.add_row(
            safe(rule.key),
            "" if rule.concurrency is None else f"{rule.concurrency:,}",
            "" if rule.per_s is None else f"{rule.per_s:g}",
            f"{rule.burst:,}" if rule.per_s is not None else "",
            "" if rule.concurrency is None else f"{held[rule.key]:,}",
        )
    return drawn


def slot_table(slots: Iterable[Slot], now: float) -> Table:
    """One row a slot."""
    drawn = Table("slot of", "worker", "held", "ends", elastic=("worker",))
    for slot in slots:
        drawn.add_row(
            safe(slot.key),
            safe(slot.holder.worker_id),
            f"{age(now - slot.taken_at)}",
            f"{age(now - slot.expires_at)}",
        )
    return drawn


def pause_table(breakers: Iterable[Breaker], now: float) -> Table:
    """One row a pause."""
    drawn = Table("paused", "reason", "in a row", "resumes", elastic=("resumes",))
    for breaker in breakers:
        state = breaker.state(now)
        words = {
            State.OPEN: age(now - breaker.paused_until),
            State.DUE: "with the next task, as a probe",
            State.PROBING: "when the probing task has succeeded",
        }
        drawn.add_row(safe(breaker.key), safe(breaker.code), str(breaker.trips), words[state])
    return drawn
