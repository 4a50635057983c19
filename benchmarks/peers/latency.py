"""One process: every verb of every candidate timed, at several depths, turn and turn about."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

from benchmarks.contenders.base import BATCH
from benchmarks.contenders.environments import CannotRun
from benchmarks.peers.candidates import FLOOR_NAME, Candidate, Session
from benchmarks.peers.figures import Round, latency_figures, ratios, turns
from benchmarks.peers.process import DriverFailed, DriverProcess, numbers, started

LEASE_S = 600.0
"""Long enough that no lease runs out while something is timed."""
_FEWEST_CALLS = 5
_SETTLE_S = 300.0
_FEWEST_ROUNDS = 3


@dataclass
class Contender:
    """A candidate at one depth.

    Args:
        calls: of each verb in a turn.
        batches: of whole lifecycles in a turn.
        rounds: its turns by the number of the round.
        note: why it has fewer figures than others.
    """

    candidate: Candidate
    durability: str
    process: DriverProcess | None = None
    filled: int = 0
    calls: int = _FEWEST_CALLS
    batches: int = 1
    next_task: int = 0
    spent_s: float = 0.0
    rounds: dict[int, Round] = field(default_factory=dict)
    note: str = ""


def measure_latency(
    session: Session, durability: str, depth: int, rows: list[dict[str, Any]]
) -> None:
    """Add a row for every candidate at this durability and depth; what an interrupt left, too."""
    contenders: dict[str, Contender] = {}
    with ExitStack() as stack:
        stack.callback(lambda: rows.extend(_rows(contenders, durability, depth)))
        for candidate in session.timed:
            opened = candidate.durability(durability)
            if opened is None:
                continue
            session.tell(f"filling {candidate.name} with {depth:,} ({durability})")
            contender = contenders[candidate.name] = Contender(candidate, opened)
            _enter(session, stack, contender, depth)
        names = [name for name, each in contenders.items() if each.process is not None]
        for number, order in enumerate(turns(names, session.plan.rounds, session.chance)):
            for name in order:
                session.tell(f"{name}, {depth:,} queued ({durability})")
                _turn(session, contenders[name], number)


def _enter(session: Session, stack: ExitStack, contender: Contender, depth: int) -> None:
    """Open and fill its queue, and see how many calls fit a turn."""
    plan, candidate = session.plan, contender.candidate
    assert candidate.launch is not None
    try:
        place = stack.enter_context(session.place(candidate))
        process = stack.enter_context(started(candidate.launch))
        open_queue(process, candidate, contender.durability, place, create=True)
        filled = process.ask(
            "fill", first=0, count=depth, budget_s=plan.fill_budget_s,
            timeout_s=plan.fill_budget_s + _SETTLE_S,
        )["filled"]  # fmt: skip
        contender.filled = contender.next_task = filled
        if filled < depth:
            contender.note = f"not filled within {plan.fill_budget_s:.0f} s: {filled:,} only"
            return
        contender.process = process
        began = time.monotonic()
        _verbs(contender)
        took_s = (time.monotonic() - began) / contender.calls
        contender.calls = max(_FEWEST_CALLS, min(plan.calls, int(plan.turn_s / took_s)))
        began = time.monotonic()
        _batches(contender)
        took_s = time.monotonic() - began
        contender.batches = max(1, min(plan.batches, int(plan.batch_turn_s / took_s)))
    except (CannotRun, DriverFailed) as error:
        contender.note, contender.process = str(error), None


def _turn(session: Session, contender: Contender, number: int) -> None:
    if contender.process is None:
        return
    budget_s = session.plan.candidate_budget_s
    if contender.spent_s > budget_s and len(contender.rounds) >= _FEWEST_ROUNDS:
        contender.note = f"{len(contender.rounds)} rounds: slower than {budget_s:.0f} s together"
        return
    began = time.monotonic()
    try:
        verbs = _verbs(contender)
        # What has nothing for many tasks takes them one at a time: that is measured already.
        one_by_one: Sequence[int] = (
            [] if contender.candidate.adapter.lifecycle_only else verbs["lifecycle"]
        )
        contender.rounds[number] = {**verbs, "batch": _batches(contender) or one_by_one}
    except DriverFailed as error:
        contender.note, contender.process = str(error), None
    contender.spent_s += time.monotonic() - began


def _verbs(contender: Contender) -> Round:
    process, adapter = contender.process, contender.candidate.adapter
    assert process is not None
    verbs: dict[str, Sequence[int]] = {}
    if not adapter.lifecycle_only:
        answer = process.ask("verbs", first=contender.next_task, calls=contender.calls)
        contender.next_task += contender.calls
        timed = ("put", "claim", "complete") if adapter.completes else ("put", "claim")
        verbs = {verb: numbers(answer[verb]) for verb in timed}
    answer = process.ask("lifecycle", first=contender.next_task, calls=contender.calls)
    contender.next_task += contender.calls
    return {**verbs, "lifecycle": numbers(answer["lifecycle"])}


def _batches(contender: Contender) -> Sequence[int]:
    """What each task of some batches took; [] where the queue has nothing for many tasks."""
    process, adapter = contender.process, contender.candidate.adapter
    assert process is not None
    if not adapter.many or adapter.lifecycle_only:
        return []
    first, calls = contender.next_task, contender.batches
    contender.next_task += calls * BATCH
    return numbers(process.ask("batches", first=first, calls=calls, size=BATCH)["batch"])


def _rows(
    contenders: dict[str, Contender], durability: str, depth: int
) -> Iterator[dict[str, Any]]:
    floor = contenders[FLOOR_NAME].rounds if FLOOR_NAME in contenders else {}
    for name, each in contenders.items():
        own = list(each.rounds.values())
        yield {
            "candidate": name,
            "durability": each.durability,
            "table": durability,
            "depth": depth,
            "filled": each.filled,
            "rounds": len(own),
            "calls": sum(len(turn["lifecycle"]) for turn in own),
            "figures": latency_figures(own),
            "ratios": ratios(each.rounds, floor),
            "note": each.note,
        }


def open_queue(
    process: DriverProcess,
    candidate: Candidate,
    durability: str,
    place: str,
    *,
    create: bool,
    lease_s: float = LEASE_S,
) -> None:
    """Open a queue and note what its driver tells of it.

    Raises:
        DriverFailed: it cannot be opened.
    """
    answer = process.ask("open", place=place, durability=durability, create=create, lease_s=lease_s)
    candidate.version = answer["version"]
    candidate.settings[durability] = answer["settings"]


@contextmanager
def crew(candidate: Candidate, count: int) -> Iterator[list[DriverProcess]]:
    """Several drivers of one candidate."""
    assert candidate.launch is not None
    with ExitStack() as stack:
        yield [stack.enter_context(started(candidate.launch)) for _ in range(count)]
