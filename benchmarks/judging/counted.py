"""Counting both sides: instructions and counters of many workloads, one workload for each core.

Both sides of a workload are counted in one folder, since paths affect the number of instructions;
load does not, so that all cores may count. Where one hash seed shows a difference, five are taken.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from queue import SimpleQueue
from threading import Event
from typing import NamedTuple, TypeVar

from benchmarks.judging.gate import COUNTS, INSTRUCTIONS, Counter, Settings
from benchmarks.judging.rounds import Tell, is_skipped
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

_PLAIN = 0.05
"""A larger change of instructions does not need a second seed."""
_MOST_LANES = 8
_WAIT_S = 1.0
_Found = TypeVar("_Found")


class Source(NamedTuple):
    """A side's package, as a folder."""

    name: str
    package: Path


@dataclass
class Counted:
    """The results of counting, by workload; one whose counting failed has only a note."""

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
    """Count the workloads of both packages; HeadLacks where only the head lacks what one needs,
    InfrastructureError where the base fails a check."""
    counted = Counted()
    why = why_not()
    if why:
        counted.notes.append(f"{why}: statements and Python calls are counted in their place")
    lanes: SimpleQueue[Lane | None] = SimpleQueue()
    stopped = Event()

    def count(name: str) -> list[Counter]:
        lane = lanes.get()
        try:
            return _count(name, (base, head), lane, settings, stopped)
        finally:
            lanes.put(lane)

    with ExitStack() as stack:
        width = max(1, min(cores(), len(workloads), _MOST_LANES))
        for _ in range(width):
            lanes.put(None if why else stack.enter_context(counting_lane()))
        pool = stack.enter_context(ThreadPoolExecutor(width))
        try:
            jobs = {name: pool.submit(count, name) for name in workloads}
            left = set(jobs.values())
            while left:
                doing = ", ".join(sorted(name for name, job in jobs.items() if job.running()))
                tell(f"counting {doing}; workloads", len(jobs) - len(left), len(jobs))
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
        if isinstance(failed.error, ProcessFailed):
            counted.notes.append(f"{name} is not counted: {failed}")
        elif is_skipped(name, failed.error, failed.is_base, str(failed)):
            counted.skipped[name] = str(failed)
        else:
            counted.wrong[name] = f"wrong results: {failed}"
    except OSError as error:
        counted.notes.append(f"{name} is not counted: {error}")


def _count(
    name: str, sides: tuple[Source, Source], lane: Lane | None, settings: Settings, stopped: Event
) -> list[Counter]:
    """All counters of one workload, instructions first."""

    def of_both(measure: Callable[[Path], _Found]) -> list[_Found]:
        found = []
        for side in sides:
            try:
                if stopped.is_set():
                    raise ProcessFailed("interrupted")
                found.append(measure(side.package))
            except (ProcessLacks, WrongResult, ProcessFailed) as error:
                raise _SideFailed(side is sides[0], side.name, error) from None
        return found

    def instructions(*seeds: int) -> list[float]:
        return of_both(
            lambda package: measure_instructions(name, seeds=seeds, package=package, lane=lane)
        )

    def counters() -> list[Counter]:
        base, head = of_both(lambda package: measure_counters(name, path=(package.parent,)))
        limits = dict.fromkeys((*COUNTS, *(() if lane else ("python_calls",))), settings.relevance)
        return [
            Counter(each, base[each], head[each], limit=limits.get(each))
            for each in base
            if each in head
        ]

    found: list[Counter] = []
    if lane is not None:
        base, head = instructions(0)
        noise = SMALLEST_CHANGE
        if noise < abs(head / base - 1) < _PLAIN:
            base, head = instructions(0, 1, 2, 3, 4)
            noise = SMALLEST_CHANGE_OF_FIVE
        found.append(Counter(INSTRUCTIONS, base, head, True, noise, settings.instructions))
    once = counters()
    if any(each.base != each.head for each in once):
        again = counters()
        once = [replace(each, exact=each in again) for each in once]
    return found + once
