"""Limits, permits and pauses as tables for people and dictionaries for machines."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from tubeq.cli.console import safe_text
from tubeq.cli.render import age, table
from tubeq.domain.breaker import Breaker, State
from tubeq.domain.limits import LimitRule, Permit, rule_for

if TYPE_CHECKING:
    from rich.table import Table


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
    """For machines."""
    return asdict(rule)


def permit_dict(permit: Permit) -> dict[str, Any]:
    """For machines: the holder's fields beside the permit's own."""
    columns = permit._asdict()
    holder: Any = columns.pop("holder")
    return {**columns, "worker_id": holder.worker_id, "claim_token": holder.claim_token}


def pause_dict(breaker: Breaker, now: float) -> dict[str, Any]:
    """For machines: with its state, and until when nothing goes through."""
    columns = breaker._asdict()
    del columns["probe"]
    probe = breaker.probe
    return {
        **columns,
        "state": str(breaker.state(now)),
        "paused_until": breaker.paused_until,
        "probe_worker_id": None if probe is None else probe.holder.worker_id,
    }


def rule_table(rules: Sequence[LimitRule], permits: Iterable[Permit]) -> Table:
    """One row a rule, and how many permits of it are held."""
    found = (rule_for(permit.key, rules) for permit in permits)
    held = Counter(rule.key for rule in found if rule is not None)
    drawn = table("limit", "at once", "a second", "burst", "held", right=("at once", "a second"))
    for rule in rules:
        drawn.add_row(
            safe_text(rule.key),
            "" if rule.concurrency is None else f"{rule.concurrency:,}",
            "" if rule.per_s is None else f"{rule.per_s:g}",
            f"{rule.burst:,}" if rule.per_s is not None else "",
            "" if rule.concurrency is None else f"{held[rule.key]:,}",
        )
    return drawn


def permit_table(permits: Iterable[Permit], now: float) -> Table:
    """One row a permit."""
    drawn = table("permit for", "worker", "held", "ends", elastic=("worker",))
    for permit in permits:
        drawn.add_row(
            safe_text(permit.key),
            safe_text(permit.holder.worker_id),
            f"{age(now - permit.taken_at)}",
            f"{age(now - permit.expires_at)}",
        )
    return drawn


def pause_table(breakers: Iterable[Breaker], now: float) -> Table:
    """One row a pause."""
    drawn = table("paused", "because of", "in a row", "goes on", elastic=("goes on",))
    for breaker in breakers:
        state = breaker.state(now)
        words = {
            State.OPEN: age(now - breaker.paused_until),
            State.DUE: "with the next task, to try",
            State.PROBING: "once the task that tries has succeeded",
        }
        drawn.add_row(
            safe_text(breaker.key), safe_text(breaker.code), str(breaker.trips), words[state]
        )
    return drawn
