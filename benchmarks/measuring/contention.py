"""Several processes that claim and complete tasks of one queue as fast as they can."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import chain
from statistics import median
from typing import Any

from benchmarks.contenders.environments import CannotRun, gist_of
from benchmarks.measuring.process import Process, ProcessFailed, unpack
from benchmarks.measuring.queues import Peer, Session
from benchmarks.measuring.verbs import FEWEST_FOR_P99, percentile_us

_HEAD_START_S = 0.05
_FEWEST_FILLED = 2_000
_USUAL_RATE = 20_000.0


@dataclass
class Contest:
    """A round of several processes with one queue.

    Args:
        latencies: by process, of its tasks: claimed and completed.
        tasks: which they completed, all together.
        elapsed_s: of the process that took longest.
        errors: calls that ended with an error; error: the first process's last one.
    """

    latencies: list[Sequence[int]]
    tasks: list[int]
    elapsed_s: float
    errors: int = 0
    error: str = ""


def measure_contention(
    session: Session, durability: str, rates: dict[str, float], rows: list[dict[str, Any]]
) -> None:
    """Add a row for every queue and number of processes.

    Args:
        rates: tasks a second of one process, where they are known: so much is queued that no
            queue should become empty.
    """
    plan, peers = session.plan, session.timed(durability)
    contests: dict[tuple[str, int], list[Contest]] = {}
    notes: dict[tuple[str, int], str] = {}

    def add_rows() -> None:
        for (name, processes), own in contests.items():
            error = next((each.error for each in own if each.error), "")
            rows.append({
                "queue": name, "durability": durability, "processes": processes,
                "rounds": len(own), "figures": contention_figures(own) if own else {},
                "note": notes.get((name, processes)) or error,
            })  # fmt: skip

    with ExitStack() as stack:
        stack.callback(add_rows)
        drivers = {
            name: [stack.enter_context(each.start()) for _ in range(max(plan.processes))]
            for name, each in peers.items()
        }
        for processes in plan.processes:
            for name in chain(*session.order(list(peers), plan.contention_rounds)):
                session.say(f"{name}, {processes} processes ({durability})")
                key = (name, processes)
                own = contests.setdefault(key, [])
                if key in notes:
                    continue
                filled = max(_FEWEST_FILLED, int(3 * rates.get(name, _USUAL_RATE) * plan.work_s))
                try:
                    working = drivers[name][:processes]
                    own.append(_contest(session, peers[name], durability, working, filled))
                except (CannotRun, ProcessFailed) as error:
                    notes[key] = gist_of(str(error))


def _contest(
    session: Session, peer: Peer, durability: str, drivers: list[Process], filled: int
) -> Contest:
    plan = session.plan
    with session.place(peer) as place:
        for number, driver in enumerate(drivers):
            peer.open(driver, durability, place, create=number == 0)
        tasks = min(plan.most_filled, filled)
        drivers[0].ask("fill", first=0, count=tasks, budget_s=plan.fill_budget_s)
        start_at = time.time() + _HEAD_START_S * len(drivers)
        for driver in drivers:
            driver.tell("work_until", start_at=start_at, seconds=plan.work_s)
        answers = [driver.answer() for driver in drivers]
        for driver in drivers:
            driver.ask("close")
    return Contest(
        latencies=[unpack(answer["latencies"], "q") for answer in answers],
        tasks=[task for answer in answers for task in unpack(answer["tasks"], "q")],
        elapsed_s=max(answer["elapsed_s"] for answer in answers),
        errors=sum(answer["errors"] for answer in answers),
        error=next((answer["error"] for answer in answers if answer["error"]), ""),
    )


def contention_figures(contests: Sequence[Contest]) -> dict[str, float]:
    """Medians over rounds of rate and fairness; tails and faults of all rounds together."""
    calls = [*chain(*(chain(*each.latencies) for each in contests))]
    figures = {
        "tasks_per_s": median(len(each.tasks) / each.elapsed_s for each in contests),
        "slowest_ms": max(calls, default=0) / 1e6,
        "jain": median(jain([len(own) for own in each.latencies]) for each in contests),
        "done_twice": sum(len(each.tasks) - len(set(each.tasks)) for each in contests),
        "errors": sum(each.errors for each in contests),
    }
    for name, share, fewest in (("p50_ms", 0.5, 1), ("p99_ms", 0.99, FEWEST_FOR_P99)):
        if len(calls) >= fewest:
            figures[name] = percentile_us(calls, share) / 1e3
    return figures


def jain(counts: Sequence[float]) -> float:
    """Jain's fairness index: 1 where all got the same, 1/n where one got all."""
    squares = sum(count * count for count in counts)
    return sum(counts) ** 2 / (len(counts) * squares) if squares else 0.0
