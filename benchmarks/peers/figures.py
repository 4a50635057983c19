"""From raw latencies to the figures of a row: pure functions, nanoseconds in, named units out."""

from __future__ import annotations

import random
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from statistics import median

from benchmarks.common.statistics import quantile

VERBS = ("put", "claim", "complete", "lifecycle", "batch")
_RATES = {"lifecycle": "lifecycles_per_s", "batch": "batch_lifecycles_per_s"}
_FEWEST_FOR_P99 = 368  # as for the lab's intervals: fewer calls say nothing of one in a hundred

Round = Mapping[str, Sequence[int]]
"""A turn of one candidate: by verb, the latencies of its calls; of "batch", what each batch took
for each of its tasks."""


def turns(names: Sequence[str], rounds: int, chance: random.Random) -> list[list[str]]:
    """Every candidate once in each round, each round in an order of its own."""
    return [chance.sample(names, len(names)) for _ in range(rounds)]


def percentile_us(latencies: Iterable[int], share: float) -> float:
    """A percentile in microseconds."""
    return quantile(sorted(latencies), share) / 1e3


def rate_per_s(latencies: Sequence[int]) -> float:
    """Calls a second, one after the other."""
    return len(latencies) / (sum(latencies) / 1e9)


def jain(counts: Sequence[float]) -> float:
    """Jain's fairness index: 1 where all got the same, 1/n where one got all."""
    squares = sum(count * count for count in counts)
    return sum(counts) ** 2 / (len(counts) * squares) if squares else 0.0


def latency_figures(rounds: Sequence[Round]) -> dict[str, float]:
    """Medians over rounds of P50, P95 and rate; P99 of all calls, where there are enough."""
    figures: dict[str, float] = {}
    for verb in VERBS:
        own = [each[verb] for each in rounds if each.get(verb)]
        if not own:
            continue
        for name, share in (("p50", 0.5), ("p95", 0.95)):
            figures[f"{verb}_{name}_us"] = median(percentile_us(each, share) for each in own)
        calls = [*chain(*own)]
        if len(calls) >= _FEWEST_FOR_P99:
            figures[f"{verb}_p99_us"] = percentile_us(calls, 0.99)
        if verb in _RATES:
            figures[_RATES[verb]] = median(rate_per_s(each) for each in own)
    return figures


def ratios(own: Mapping[int, Round], floor: Mapping[int, Round]) -> dict[str, float]:
    """Medians of the ratio to the floor of the same round: latencies, and lifecycles a second,
    one at a time and in batches.

    Args:
        own, floor: turns by the number of their round.
    """
    found: dict[str, list[float]] = {}
    for number, mine in own.items():
        bare = floor.get(number)
        if bare is None:
            continue
        for verb in VERBS:
            if not mine.get(verb) or not bare.get(verb):
                continue
            for name, share in (("p50", 0.5), ("p95", 0.95)):
                ratio = percentile_us(mine[verb], share) / percentile_us(bare[verb], share)
                found.setdefault(f"{verb}_{name}", []).append(ratio)
            if verb in _RATES:
                ratio = rate_per_s(mine[verb]) / rate_per_s(bare[verb])
                found.setdefault(_RATES[verb], []).append(ratio)
    return {name: median(each) for name, each in found.items()}


@dataclass
class Contest:
    """A turn of several processes that claim from one queue.

    Args:
        claims: by process, the latencies of its claims.
        tasks: which tasks they got, all together.
        elapsed_s: of the one that took longest.
        errors: claims that ended with an error; error: the last one.
    """

    claims: list[Sequence[int]]
    tasks: list[int]
    elapsed_s: float
    errors: int = 0
    error: str = ""


def contention_figures(contests: Sequence[Contest]) -> dict[str, float]:
    """Medians over rounds of rate and shares; tails and faults of all rounds together."""
    calls = [*chain(*(chain(*each.claims) for each in contests))]
    figures = {
        "claims_per_s": median(len(each.tasks) / each.elapsed_s for each in contests),
        "claim_p50_us": percentile_us(calls, 0.5) if calls else 0.0,
        "slowest_ms": max(calls, default=0) / 1e6,
        "jain": median(jain([len(claims) for claims in each.claims]) for each in contests),
        "double_claims": sum(len(each.tasks) - len(set(each.tasks)) for each in contests),
        "errors": sum(each.errors for each in contests),
    }
    if len(calls) >= _FEWEST_FOR_P99:
        figures["claim_p99_us"] = percentile_us(calls, 0.99)
    return figures


@dataclass
class Crash:
    """What became of the tasks of a run in which workers were killed.

    Args:
        tasks, kills: how many there were.
        lost: tasks that were never completed.
        doubly_completed: tasks whose completion the queue accepted more than once.
        worked_twice: tasks that were begun more than once: legitimate after a kill.
        errors: calls that ended with an error; error: one of them.
        from_record: whether the queue's own record was asked too, not the workers' logs alone.
    """

    tasks: int
    kills: int
    lost: int
    doubly_completed: int
    worked_twice: int
    errors: int = 0
    error: str = ""
    from_record: bool = False
    examples: list[int] = field(default_factory=list)


def crash_counts(
    lines: Iterable[str], tasks: int, kills: int, completed: Collection[int] | None
) -> Crash:
    """Count from the workers' logs ("W 17", "C 17", "E why") and the queue's own record.

    A worker killed between a completion and its line of the log completed the task all the same:
    so the queue's record counts too, where it keeps one.
    """
    begun: dict[int, int] = {}
    done: dict[int, int] = {}
    errors: list[str] = []
    for line in lines:
        kind, _, rest = line.strip().partition(" ")
        if kind == "E":
            errors.append(rest)
        elif kind in ("W", "C"):
            counted = begun if kind == "W" else done
            counted[int(rest)] = counted.get(int(rest), 0) + 1
    known = set(done) | set(completed or ())
    lost = sorted(set(range(tasks)) - known)
    return Crash(
        tasks=tasks,
        kills=kills,
        lost=len(lost),
        doubly_completed=sum(count > 1 for count in done.values()),
        worked_twice=sum(count > 1 for count in begun.values()),
        errors=len(errors),
        error=errors[-1] if errors else "",
        from_record=completed is not None,
        examples=lost[:10],
    )
