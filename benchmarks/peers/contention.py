"""Several processes that claim from one queue as fast as they can."""

from __future__ import annotations

import time
from contextlib import ExitStack
from typing import Any

from benchmarks.contenders.base import DEFAULT, NORMAL
from benchmarks.contenders.environments import CannotRun
from benchmarks.peers.candidates import Candidate, Session
from benchmarks.peers.figures import Contest, contention_figures, turns
from benchmarks.peers.latency import crew, open_queue
from benchmarks.peers.process import DriverFailed, DriverProcess, numbers

_HEAD_START_S = 0.05
_FEWEST_FILLED = 2_000
_USUAL_RATE = 20_000.0


def measure_contention(
    session: Session, durability: str, rates: dict[str, float], rows: list[dict[str, Any]]
) -> None:
    """Add a row for every candidate and number of processes.

    Args:
        rates: claims a second of one process, as far as they are known: so much is queued that
            no queue should run dry.
    """
    taking_part = {
        each.name: each
        for each in session.timed
        if not each.adapter.lifecycle_only and each.durability(durability) is not None
    }
    contests: dict[tuple[str, int], list[Contest]] = {}
    notes: dict[tuple[str, int], str] = {}
    with ExitStack() as stack:
        stack.callback(lambda: rows.extend(_rows(durability, contests, notes)))
        crews = {
            name: stack.enter_context(crew(each, max(session.plan.processes)))
            for name, each in taking_part.items()
        }
        for processes in session.plan.processes:
            order = turns(list(taking_part), session.plan.contention_rounds, session.chance)
            for name in (each for round_ in order for each in round_):
                key = (name, processes)
                session.tell(f"{name}, {processes} claiming at once ({durability})")
                if notes.get(key):
                    continue
                candidate = taking_part[name]
                opened = candidate.durability(durability) or DEFAULT
                rate = rates.get(name, _USUAL_RATE)
                try:
                    contest = _contest(session, candidate, opened, crews[name][:processes], rate)
                except (CannotRun, DriverFailed) as error:
                    notes[key] = str(error)
                else:
                    contests.setdefault(key, []).append(contest)


def _contest(
    session: Session,
    candidate: Candidate,
    durability: str,
    drivers: list[DriverProcess],
    rate: float,
) -> Contest:
    plan = session.plan
    wanted = min(plan.most_filled, max(_FEWEST_FILLED, int(3 * rate * plan.claim_s)))
    with session.place(candidate) as place:
        for number, driver in enumerate(drivers):
            open_queue(driver, candidate, durability, place, create=number == 0)
        drivers[0].ask("fill", first=0, count=wanted, budget_s=plan.fill_budget_s)
        start_at = time.time() + _HEAD_START_S * len(drivers)
        for driver in drivers:
            driver.tell("claim_until", start_at=start_at, seconds=plan.claim_s)
        answers = [driver.answer() for driver in drivers]
        for driver in drivers:
            driver.ask("close")
    return Contest(
        claims=[numbers(answer["claim"]) for answer in answers],
        tasks=[task for answer in answers for task in numbers(answer["tasks"])],
        elapsed_s=max(answer["elapsed_s"] for answer in answers),
        errors=sum(answer["errors"] for answer in answers),
        error=next((answer["error"] for answer in answers if answer["error"]), ""),
    )


def _rows(
    durability: str,
    contests: dict[tuple[str, int], list[Contest]],
    notes: dict[tuple[str, int], str],
) -> list[dict[str, Any]]:
    rows = []
    for key in dict.fromkeys([*contests, *notes]):
        name, processes = key
        own = contests.get(key, [])
        error = next((each.error for each in own if each.error), "")
        rows.append(
            {
                "candidate": name,
                "table": durability,
                "processes": processes,
                "rounds": len(own),
                "figures": contention_figures(own) if own else {},
                "note": notes.get(key) or error,
            }
        )
    return rows


def single_rates(rows: list[dict[str, Any]]) -> dict[str, float]:
    """Claims a second of one process, from rows of `measure_latency`."""
    found: dict[str, float] = {}
    for row in rows:
        claim_us = row["figures"].get("claim_p50_us")
        if claim_us and row["table"] == NORMAL:
            found[row["candidate"]] = max(found.get(row["candidate"], 0.0), 1e6 / claim_us)
    return found
