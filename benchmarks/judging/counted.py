"""Both sides counted: instructions and counters of many workloads, a workload a core.

Both sides of a workload are counted in one folder, one after the other: paths move the number of
instructions. Load does not, so that all cores may count. One hash seed says enough where the sides
agree; where they do not, five say it more exactly.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from benchmarks.common.exits import InfrastructureError
from benchmarks.judging.gate import COUNTS, INSTRUCTIONS, Counter, Settings
from benchmarks.judging.rounds import HeadLacks, Tell
from benchmarks.measuring.counters import measure_counters
from benchmarks.measuring.instructions import (
    SMALLEST_CHANGE,
    SMALLEST_CHANGE_OF_FIVE,
    Lane,
    counting_lane,
    measure_instructions,
    why_not,
)
from benchmarks.measuring.process import ProcessFailed, ProcessLacks, WrongResult, kill_all
from benchmarks.records.environment import cores

_FIVE_SEEDS = (0, 1, 2, 3, 4)
_PLAIN = 0.05
"""A larger change of instructions needs no second seed."""
_MOST_LANES = 8
_WAIT_S = 1.0


@dataclass(frozen=True)
class Source:
    """A side's package, as a folder."""

    name: str
    package: Path


@dataclass
class Counted:
    """What counting gave, by workload; one whose counting failed has a note only."""

    counters: dict[str, list[Counter]] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)
    wrong: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


class _SideFailed(Exception):
    """One of the two sides could not be counted."""

    def __init__(self, is_base: bool, name: str, error: Exception) -> None:
        super().__init__(f"{name}: {getattr(error, 'why', error)}")
        self.is_base, self.error = is_base, error


def count_both(
    base: Source, head: Source, workloads: Sequence[str], settings: Settings, tell: Tell
) -> Counted:
    """Count the workloads of both packages.

    Raises:
        HeadLacks: the head has not what a workload needs, and the base has.
        InfrastructureError: the base fails a workload's check.
    """
    counted = Counted()
    why = why_not()
    if why:
        counted.notes.append(f"{why}: statements and Python calls are counted in their place")
    lanes: SimpleQueue[Lane | None] = SimpleQueue()
    stopped = threading.Event()
    doing: set[str] = set()

    def count(name: str) -> list[Counter]:
        lane = lanes.get()
        doing.add(name)
        try:
            return _count(name, (base, head), lane, settings, stopped)
        finally:
            doing.discard(name)
            lanes.put(lane)

    with ExitStack() as stack:
        width = max(1, min(cores(), len(workloads), _MOST_LANES))
        for _ in range(width):
            lanes.put(None if why else stack.enter_context(counting_lane()))
        pool = stack.enter_context(ThreadPoolExecutor(width))
        left: set[Future[list[Counter]]] = set()
        try:
            jobs = {name: pool.submit(count, name) for name in workloads}
            left = set(jobs.values())
            while left:
                done = len(jobs) - len(left)
                tell(f"counting {', '.join(sorted(doing))}; workloads", done, len(jobs))
                _, left = wait(left, _WAIT_S)
        except BaseException:
            stopped.set()
            pool.shutdown(wait=False, cancel_futures=True)
            kill_all()
            raise
    for name, job in jobs.items():
        _keep(counted, name, job)
    return counted


def _keep(counted: Counted, name: str, job: Future[list[Counter]]) -> None:
    try:
        counted.counters[name] = job.result()
    except _SideFailed as failed:
        if isinstance(failed.error, ProcessLacks):
            if not failed.is_base:
                raise HeadLacks(f"{name} cannot be measured: {failed}") from None
            counted.skipped[name] = str(failed)
        elif isinstance(failed.error, WrongResult):
            if failed.is_base:
                raise InfrastructureError(f"{name} cannot be measured: {failed}") from None
            counted.wrong[name] = f"wrong results: {failed}"
        else:
            counted.notes.append(f"{name} is not counted: {failed}")
    except OSError as error:
        counted.notes.append(f"{name} is not counted: {error}")


def _count(
    name: str,
    sources: tuple[Source, Source],
    lane: Lane | None,
    settings: Settings,
    stopped: threading.Event,
) -> list[Counter]:
    """All counters of one workload, instructions first."""

    def of_both(measure: Callable[[Path], float | Mapping[str, float]]) -> list[Any]:
        return [_of_side(measure, source, source is sources[0], stopped) for source in sources]

    found: list[Counter] = []
    if lane is not None:
        count = partial(_instructions, name, lane)
        base, head = of_both(partial(count, (0,)))
        noise = SMALLEST_CHANGE
        if noise < abs(head / base - 1) < _PLAIN:
            base, head = of_both(partial(count, _FIVE_SEEDS))
            noise = SMALLEST_CHANGE_OF_FIVE
        found.append(Counter(INSTRUCTIONS, base, head, True, noise, settings.instructions))
    decide = (*COUNTS, *(() if lane else ("python_calls",)))

    def counters() -> list[Counter]:
        base, head = of_both(lambda package: measure_counters(name, path=(package.parent,)))
        limits = dict.fromkeys(decide, settings.relevance)
        return [
            Counter(each, base[each], head[each], limit=limits.get(each))
            for each in base
            if each in head
        ]

    once = counters()
    if any(each.base != each.head for each in once):
        again = counters()
        once = [replace(each, exact=each in again) for each in once]
    return found + once


def _instructions(name: str, lane: Lane, seeds: Sequence[int], package: Path) -> float:
    return measure_instructions(name, seeds=seeds, package=package, lane=lane)


def _of_side(
    measure: Callable[[Path], Any], source: Source, is_base: bool, stopped: threading.Event
) -> Any:
    try:
        if stopped.is_set():
            raise ProcessFailed("interrupted")
        return measure(source.package)
    except (ProcessLacks, WrongResult, ProcessFailed) as error:
        raise _SideFailed(is_base, source.name, error) from None
