"""One claim beside its floor: every strategy, by the queue's depth and by what else is in the file.

All files are open at once, and each round has a turn of every strategy and floor on every one, so
that also the comparison with the shallow queue is of the same minutes. The floor of a strategy is
the same choice by bare SQLite on the same file; of `weighted_random` it is that of `fifo`, since a
floor that seeks a random row costs more itself. `/ least` is beside the smallest table that could
serve: what tubeq's columns and indexes cost, which no limit holds.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

from benchmarks.speed.filling import fill_plain
from benchmarks.speed.floors import LeastTable, SameTable, add_finished
from benchmarks.speed.rows import Row
from benchmarks.speed.timing import (
    console,
    interleaved,
    ratio,
    require_disk,
    timed,
    typical_us,
)
from benchmarks.workloads.base import TASK_TYPE, fill
from tubeq import ClaimStrategy, QueueManager

_WARM_UP, _CALLS, _BULK = 10, 100, 1000
_BYTES_PER_TASK = 700  # on both files together
_FLOOR_OF = {ClaimStrategy.WEIGHTED_RANDOM: " (floor: fifo)"}
_LIMITS = {"P50 / floor": 1.25, "P95 / floor": 1.5, "P50 / P50 at 1,000": 1.2}


class Shape(NamedTuple):
    """What is in a file: tasks to claim, finished ones, and ones that fall due tomorrow."""

    ready: int
    finished: int = 0
    later: int = 0

    def __str__(self) -> str:
        text = f"{self.ready:,} queued"
        text += f" beside {self.finished:,} finished" if self.finished else ""
        return text + (f" beside {self.later:,} for later" if self.later else "")

    @property
    def total(self) -> int:
        """All of them."""
        return self.ready + self.finished + self.later


def shapes(quick: bool) -> list[Shape]:
    """The files; the first is what the others are compared with."""
    deep, deepest, finished, later = (
        (4_000, 16_000, 50_000, 16_000) if quick else (100_000, 1_000_000, 10_000_000, 1_000_000)
    )
    return [
        Shape(1_000),
        Shape(deep),
        Shape(deepest),
        Shape(1_000, finished=finished),
        Shape(1_000, later=later),
    ]


Candidate = tuple[Shape, "ClaimStrategy | None", bool]
"""A file, a strategy (None for the least table), and whether it is the floor's turn."""


def measure(quick: bool, folder: Path) -> Iterator[Row]:
    """A row for each file and strategy."""
    chosen = shapes(quick)
    require_disk(folder, _BYTES_PER_TASK * sum(shape.total for shape in chosen))
    with ExitStack() as stack:
        turns: dict[Candidate, Callable[[], list[float]]] = {}
        for number, shape in enumerate(chosen):
            with console.status(f"filling: {shape}"):
                file = _File(folder / f"{number}.db", shape)
            stack.callback(file.close)
            turns.update(file.turns())
        found = interleaved(turns, 5 if quick else 40, "claiming")
    for shape in chosen:
        for strategy in ClaimStrategy:
            own, floor = found[shape, strategy, False], found[shape, strategy, True]
            least, shallow = found[shape, None, True], found[chosen[0], strategy, False]
            yield Row(
                "claim",
                f"{shape}, {strategy}{_FLOOR_OF.get(strategy, '')}",
                {
                    "P50 µs": typical_us(own, 0.5),
                    "P95 µs": typical_us(own, 0.95),
                    "floor P50 µs": typical_us(floor, 0.5),
                    "floor P95 µs": typical_us(floor, 0.95),
                    "P50 / floor": ratio(own, floor),
                    "P95 / floor": ratio(own, floor, 0.95),
                    "P50 / P50 at 1,000": ratio(own, shallow),
                    "least P50 µs": typical_us(least, 0.5),
                    "P50 / least": ratio(own, least),
                },
                _LIMITS,
            )


class _File:
    """A file of a shape, with tubeq and the floor on it, and the least table's file beside."""

    def __init__(self, path: Path, shape: Shape) -> None:
        self._shape = shape
        least = path.with_suffix(".least.db")
        SameTable.create_file(path)
        LeastTable.create_file(least)
        if shape.finished:
            add_finished(SameTable, path, shape.finished)
            add_finished(LeastTable, least, shape.finished)
        self._queue = QueueManager(path, durability="fast")
        self._floor = SameTable(path, autocheckpoint=0)  # the queue's checkpoints serve both
        self._least = LeastTable(least)
        fill_plain(self._queue, shape.later, time.time() + 86_400)
        fill(self._queue, shape.ready)
        for first in range(0, shape.ready, _BULK):
            self._least.insert_many(min(_BULK, shape.ready - first))

    def turns(self) -> dict[Candidate, Callable[[], list[float]]]:
        """One turn of every candidate on these files."""
        found: dict[Candidate, Callable[[], list[float]]] = {}
        for strategy in ClaimStrategy:
            found[self._shape, strategy, False] = self._turn_of_tubeq(strategy)
            found[self._shape, strategy, True] = self._turn_of_floor(strategy)
        found[self._shape, None, True] = self._turn_of_least
        return found

    def _turn_of_tubeq(self, strategy: ClaimStrategy) -> Callable[[], list[float]]:
        claim = self._queue.claim_next_task
        return lambda: self._restored(lambda: claim(TASK_TYPE, "w", strategy))

    def _turn_of_floor(self, strategy: ClaimStrategy) -> Callable[[], list[float]]:
        claim, statement = self._floor.claim, self._floor.claims[strategy]
        return lambda: self._restored(lambda: claim(statement))

    def _turn_of_least(self) -> list[float]:
        seconds = timed(self._least.claim_next, _WARM_UP, _CALLS)
        self._least.insert_many(_WARM_UP + _CALLS)
        return seconds

    def _restored(self, claim: Callable[[], object]) -> list[float]:
        """A turn, after which what was claimed is finished, and as many tasks are created."""
        seconds = timed(claim, _WARM_UP, _CALLS)
        if self._floor.finish_claimed() != _WARM_UP + _CALLS:
            raise RuntimeError(f"{self._shape}: not every claim found its task")
        fill(self._queue, _WARM_UP + _CALLS)
        return seconds

    def close(self) -> None:
        """Let go of the files."""
        for each in (self._queue, self._floor, self._least):
            each.close()
