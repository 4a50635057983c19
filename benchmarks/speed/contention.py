"""Many processes that claim from one file: how much they do together, how long one waits at worst.

Each workload is also done by bare claims on the same table that leave the waiting to SQLite
(`busy_timeout`: BEGIN IMMEDIATE, a timeout of 30 s, its own checkpoints), with the same strategy,
newest first. A run has a new file, and processes that were started before it begins; rounds of all
runs are interleaved. Figures are medians of the rounds, `worst ms` is the slowest claim of all
rounds, double claims and errors are those of all rounds together, the log's size is the largest.
"""

from __future__ import annotations

import random
import statistics
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from benchmarks.speed.contender import BUSY_TIMEOUT, TUBEQ, Report, contend
from benchmarks.speed.rows import Row
from benchmarks.speed.timing import console, percentile, steps
from benchmarks.workloads.base import fill
from benchmarks.workloads.processes import Crew
from tubeq import QueueManager

_FASTEST_PER_S = 60_000  # more tasks than can be claimed
_HEAD_START_S = 0.2
_SAMPLE_EVERY_S = 0.01
_SOUND = {"double": 0.0, "errors": 0.0, "WAL MB": 64.0}
_AT_LEAST = ("x one process", "x busy_timeout", "Jain")


class Workload(NamedTuple):
    """What each process does: claim, then work so long on the task."""

    name: str
    work_s: float
    durability: str
    processes: tuple[int, ...]
    limits: dict[str, float]


class Run(NamedTuple):
    """One candidate with so many processes."""

    candidate: str
    processes: int


class Outcome(NamedTuple):
    """What one run gave: seconds of all claims, each process's share, and what went wrong."""

    latencies_s: list[float]
    shares: list[int]
    claims_per_s: float
    double: int
    errors: list[str]
    wal_bytes: int


WORKLOADS = (
    Workload("saturated", 0.0, "fast", (1, 4, 8), {"x one process": 1.0, "slowest ms": 60.0}),
    Workload("1 ms of work", 0.001, "fast", (1, 4, 8), {"P99 µs": 500.0, "slowest ms": 15.0}),
    Workload("1 ms of work, full", 0.001, "full", (8,), {"x busy_timeout": 2.0, "P99.9 ms": 10.0}),
)


def measure(quick: bool, folder: Path) -> Iterator[Row]:
    """A row for each workload, number of processes and candidate."""
    rounds, run_s = (2, 0.4) if quick else (5, 2.0)
    for workload in WORKLOADS:
        yield from _rows(workload, rounds, run_s, folder)


def _rows(workload: Workload, rounds: int, run_s: float, folder: Path) -> Iterator[Row]:
    runs = [Run(each, count) for count in workload.processes for each in (TUBEQ, BUSY_TIMEOUT)]
    found: dict[Run, list[Outcome]] = {run: [] for run in runs}
    order = [(number, run) for number in range(rounds) for run in random.sample(runs, len(runs))]
    for _, run in steps(order, workload.name):
        outcome = contend_once(folder / "contention.db", workload, run, run_s)
        for error in outcome.errors:
            console.print(f"{run}: {error}")
        found[run].append(outcome)
    for run in runs:
        rates = {each: [outcome.claims_per_s for outcome in found[each]] for each in runs}
        figures = {
            "claims/s": statistics.median(rates[run]),
            "x one process": _ratio(rates[run], rates.get(Run(run.candidate, 1))),
            "x busy_timeout": _ratio(rates[run], rates[Run(BUSY_TIMEOUT, run.processes)]),
            **_figures(found[run]),
        }
        yield Row(
            "contention",
            f"{run.processes} processes, {workload.name}, {run.candidate}",
            {name: value for name, value in figures.items() if value is not None},
            _limits(workload, run),
            at_least=_AT_LEAST,
        )


def _limits(workload: Workload, run: Run) -> dict[str, float]:
    if run.candidate != TUBEQ:
        return {}
    if run.processes == 1:
        return _SOUND
    fair = {} if workload.durability == "full" else {"Jain": 0.95}
    return {**workload.limits, **fair, **_SOUND}


def _ratio(rates: list[float], others: list[float] | None) -> float | None:
    """The median over the rounds, or None where there is nothing to compare with."""
    if others is None or others is rates:
        return None
    return statistics.median(rate / other for rate, other in zip(rates, others))


def _figures(outcomes: list[Outcome]) -> dict[str, float]:
    def median(figure: Callable[[Outcome], float]) -> float:
        return statistics.median(figure(outcome) for outcome in outcomes)

    return {
        "P50 µs": median(lambda each: percentile(each.latencies_s, 0.5)),
        "P95 µs": median(lambda each: percentile(each.latencies_s, 0.95)),
        "P99 µs": median(lambda each: percentile(each.latencies_s, 0.99)),
        "P99.9 ms": median(lambda each: percentile(each.latencies_s, 0.999) / 1e3),
        "slowest ms": median(lambda each: max(each.latencies_s) * 1e3),
        "worst ms": max(max(each.latencies_s) for each in outcomes) * 1e3,
        "Jain": median(lambda each: jain(each.shares)),
        "double": sum(each.double for each in outcomes),
        "errors": sum(len(each.errors) for each in outcomes),
        "WAL MB": max(each.wal_bytes for each in outcomes) / 1e6,
    }


def jain(shares: list[int]) -> float:
    """Jain's index of fairness: 1 where all shares are alike, 1 / n where one has all.

    R. Jain, D.-M. Chiu, W. Hawe, "A quantitative measure of fairness", DEC-TR-301, 1984.
    """
    return sum(shares) ** 2 / (len(shares) * sum(share * share for share in shares))


# One run ------------------------------------------------------------------------------------------


def contend_once(path: Path, workload: Workload, run: Run, run_s: float) -> Outcome:
    """One run on a new file, which is gone afterwards.

    Raises:
        RuntimeError: a process failed, or none of them claimed anything.
    """
    per_s = _FASTEST_PER_S if not workload.work_s else run.processes / workload.work_s
    with QueueManager(path, durability="fast") as queue:
        fill(queue, int(per_s * run_s) + 1000)
    crew = Crew(run.processes, contend, path, run.candidate, workload.work_s, workload.durability)
    try:
        with _watched(Path(f"{path}-wal")) as sizes:
            begins = time.monotonic() + _HEAD_START_S
            crew.tell((begins, run_s))
            reports: list[Report] = list(crew.answers())
    finally:
        crew.dismiss()
        for leftover in path.parent.glob(f"{path.name}*"):
            leftover.unlink()
    claimed = [row_id for report in reports for row_id in report[1]]
    if not claimed:
        raise RuntimeError(f"{run} claimed nothing: {[report[3] for report in reports]}")
    return Outcome(
        latencies_s=[latency_s for report in reports for latency_s in report[0]],
        shares=[len(report[1]) for report in reports],
        claims_per_s=len(claimed) / (max(report[2] for report in reports) - begins),
        double=len(claimed) - len(set(claimed)),
        errors=[report[3] for report in reports if report[3]],
        wal_bytes=max(sizes, default=0),
    )


@contextmanager
def _watched(path: Path) -> Iterator[list[int]]:
    """The sizes that the file has meanwhile."""
    sizes: list[int] = []
    over = threading.Event()

    def watch() -> None:
        while not over.wait(_SAMPLE_EVERY_S):
            if path.exists():
                sizes.append(path.stat().st_size)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield sizes
    finally:
        over.set()
        watcher.join()
