"""Queues timed, interleaved: every verb by one process, at several depths; then several processes
that claim and complete tasks of one queue as fast as they can."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import chain
from statistics import median
from typing import Any

from benchmarks.common.statistics import quantile
from benchmarks.contenders.base import BATCH, REFERENCE
from benchmarks.contenders.environments import CannotRun, gist_of
from benchmarks.measuring.process import Process, ProcessFailed, unpack
from benchmarks.measuring.queues import Peer, Session
from benchmarks.workloads.processes import jain

VERBS = ("put", "claim", "complete", "lifecycle", "batch")
_RATES = {"lifecycle": "lifecycles_per_s", "batch": "batch_lifecycles_per_s"}
FEWEST_FOR_P99 = 368
"""Fewer calls have no interval of their P99."""
_FEWEST_CALLS = 5
_SETTLE_S = 300.0
_FEWEST_ROUNDS = 3
_HEAD_START_S = 0.05
_FEWEST_FILLED = 2_000
_USUAL_RATE = 20_000.0

Round = Mapping[str, Sequence[int]]
"""By verb, the latencies of its calls in nanoseconds; of "batch", what each batch took for each of
its tasks."""


@dataclass
class Entry:
    """A queue at one depth."""

    peer: Peer
    process: Process | None = None
    calls: int = _FEWEST_CALLS  # of each verb in a round
    batches: int = 1  # of a round
    next_task: int = 0
    spent_s: float = 0.0
    rounds: dict[int, Round] = field(default_factory=dict)  # by number
    note: str = ""  # why it has fewer figures than others

    def measure(self) -> Round:
        """One round."""
        queue, verbs = self.peer.queue, {}
        if not queue.lifecycle_only:
            answer = self._ask("verbs", self.calls)
            timed = VERBS[: 3 if queue.completes else 2]
            verbs = {verb: unpack(answer[verb], "q") for verb in timed}
        return {**verbs, "lifecycle": unpack(self._ask("lifecycles", self.calls), "q")}

    def measure_batches(self) -> Sequence[int]:
        """What each task of some batches took; [] where the queue has nothing for many tasks."""
        if not self.peer.queue.many:
            return []
        return unpack(self._ask("batches", self.batches, size=BATCH), "q")

    def _ask(self, verb: str, calls: int, **order: int) -> Any:
        assert self.process is not None
        first = self.next_task
        self.next_task += calls * order.get("size", 1)
        return self.process.ask(verb, first=first, calls=calls, **order)


def measure_verbs(
    session: Session, durability: str, depth: int, rows: list[dict[str, Any]]
) -> None:
    """Add a row for every queue at this durability and depth; what an interrupt left, too."""
    entries: dict[str, Entry] = {}

    def add_rows() -> None:
        reference = entries[REFERENCE].rounds if REFERENCE in entries else {}
        for name, each in entries.items():
            own = list(each.rounds.values())
            rows.append({
                "queue": name, "durability": durability, "depth": depth, "rounds": len(own),
                "calls": sum(len(found["lifecycle"]) for found in own),
                "figures": verb_figures(own), "ratios": ratios(each.rounds, reference),
                "note": each.note,
            })  # fmt: skip

    with ExitStack() as stack:
        stack.callback(add_rows)
        for name, peer in session.timed(durability).items():
            session.say(f"filling {name} with {depth:,} ({durability})")
            entries[name] = Entry(peer)
            try:
                _fill(session, stack, entries[name], durability, depth)
            except (CannotRun, ProcessFailed) as error:
                entries[name].note, entries[name].process = gist_of(str(error)), None
        names = [name for name, each in entries.items() if each.process is not None]
        for number, order in enumerate(session.order(names, session.plan.rounds)):
            for name in order:
                session.say(f"{name}, {depth:,} queued ({durability})")
                _measure_round(session, entries[name], number)


def _fill(session: Session, stack: ExitStack, entry: Entry, durability: str, depth: int) -> None:
    """Open and fill its queue, and see how many calls fit a round."""
    plan, peer = session.plan, entry.peer
    place = stack.enter_context(session.place(peer))
    process = stack.enter_context(peer.start())
    peer.open(process, durability, place, create=True)
    budget_s = plan.fill_budget_s
    filled = process.ask("fill", budget_s + _SETTLE_S, first=0, count=depth, budget_s=budget_s)
    if filled < depth:
        entry.note = f"not filled within {budget_s:.0f} s: {filled:,} only"
        return
    entry.process, entry.next_task = process, filled
    began = time.monotonic()
    entry.measure()
    took_s = (time.monotonic() - began) / entry.calls
    entry.calls = max(_FEWEST_CALLS, min(plan.calls, int(plan.round_s / took_s)))
    began = time.monotonic()
    entry.measure_batches()
    took_s = time.monotonic() - began
    entry.batches = max(1, min(plan.batches, int(plan.batch_round_s / took_s)))


def _measure_round(session: Session, entry: Entry, number: int) -> None:
    if entry.process is None:
        return
    budget_s = session.plan.queue_budget_s
    if entry.spent_s > budget_s and len(entry.rounds) >= _FEWEST_ROUNDS:
        entry.note = f"{len(entry.rounds)} rounds: slower than {budget_s:.0f} s together"
        return
    began = time.monotonic()
    try:
        verbs = entry.measure()
        # A queue that has nothing for many tasks takes them one at a time: measured already.
        single: Sequence[int] = [] if entry.peer.queue.lifecycle_only else verbs["lifecycle"]
        entry.rounds[number] = {**verbs, "batch": entry.measure_batches() or single}
    except ProcessFailed as error:
        entry.note, entry.process = gist_of(str(error)), None
    entry.spent_s += time.monotonic() - began


def percentile_us(latencies: Sequence[int], share: float) -> float:
    """A percentile in microseconds."""
    return quantile(sorted(latencies), share) / 1e3


def verb_figures(rounds: Sequence[Round]) -> dict[str, float]:
    """Medians over rounds of P50, P95 and rate; P99 of all calls, where there are enough."""
    figures: dict[str, float] = {}
    for verb in VERBS:
        own = [each[verb] for each in rounds if each.get(verb)]
        if not own:
            continue
        for name, share in (("p50", 0.5), ("p95", 0.95)):
            figures[f"{verb}_{name}_us"] = median(percentile_us(each, share) for each in own)
        calls = [*chain(*own)]
        if len(calls) >= FEWEST_FOR_P99:
            figures[f"{verb}_p99_us"] = percentile_us(calls, 0.99)
        if verb in _RATES:
            figures[_RATES[verb]] = median(len(each) / (sum(each) / 1e9) for each in own)
    return figures


def ratios(own: Mapping[int, Round], reference: Mapping[int, Round]) -> dict[str, float]:
    """Medians of the ratio to the reference of the same round, of latencies and rates.
    `own` and `reference` are rounds by number."""
    found: dict[str, list[float]] = {}
    for number in own.keys() & reference.keys():
        mine, bare = (verb_figures([each[number]]) for each in (own, reference))
        for name in mine.keys() & bare.keys():
            if not name.endswith("_p99_us"):
                found.setdefault(name.removesuffix("_us"), []).append(mine[name] / bare[name])
    return {name: median(each) for name, each in sorted(found.items())}


Contest = Sequence[Mapping[str, Any]]
"""What each process of a round says: latencies of its tasks, claimed and completed; which tasks;
elapsed_s; errors (calls that ended with one) and the last error."""


def measure_contention(
    session: Session, durability: str, rates: dict[str, float], rows: list[dict[str, Any]]
) -> None:
    """Add a row for every queue and number of processes. So much is queued, by the `rates` (tasks a
    second of one process) that are known, that no queue should become empty."""
    plan, peers = session.plan, session.timed(durability)
    contests: dict[tuple[str, int], list[Contest]] = {}
    notes: dict[tuple[str, int], str] = {}

    def add_rows() -> None:
        for (name, processes), own in contests.items():
            errors = [each["error"] for each in chain(*own) if each["error"]]
            rows.append({
                "queue": name, "durability": durability, "processes": processes,
                "rounds": len(own), "figures": contention_figures(own) if own else {},
                "note": notes.get((name, processes)) or "".join(errors[:1]),
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
    packed = ("latencies", "tasks")
    return [{**each, **{name: unpack(each[name], "q") for name in packed}} for each in answers]


def contention_figures(contests: Sequence[Contest]) -> dict[str, float]:
    """Medians over rounds of rate and fairness; tails and faults of all rounds together."""
    calls = [*chain(*(own["latencies"] for each in contests for own in each))]
    tasks = [[*chain(*(own["tasks"] for own in each))] for each in contests]
    elapsed_s = [max(own["elapsed_s"] for own in each) for each in contests]
    figures = {
        "tasks_per_s": median(len(done) / took_s for done, took_s in zip(tasks, elapsed_s)),
        "slowest_ms": max(calls, default=0) / 1e6,
        "jain": median(jain([len(own["latencies"]) for own in each]) for each in contests),
        "done_twice": sum(len(done) - len(set(done)) for done in tasks),
        "errors": sum(own["errors"] for each in contests for own in each),
    }
    for name, share, fewest in (("p50_ms", 0.5, 1), ("p99_ms", 0.99, FEWEST_FOR_P99)):
        if len(calls) >= fewest:
            figures[name] = percentile_us(calls, share) / 1e3
    return figures
