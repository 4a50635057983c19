"""Where a series of the history changed its level, by how much, and between which packages.

Instructions are exact: a difference of `SMALLEST["instructions"]` between neighbours, or in sum
since the last change (a slow drift), is a change.

Ratios have noise. Their logarithms are divided into levels by the cheapest partition (dynamic
programming over weighted squares; a cut costs `_PENALTY` times the logarithm of the length). The
noise is taken from the differences of neighbours (a step does not widen it) and from the records'
intervals; a record with a wide one weighs less. A single record is a level only where it is about
five deviations off at an end, seven between others. Levels that differ by less than `SMALLEST`,
which the proof of the history does not show to be detectable, are joined.

A change has a range, last good..first bad: all pairs of packages between which the change may be
(the cost of moving the cut there is below `_RANGE_COST`), gaps of the history included.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from statistics import median

from benchmarks.measuring.instructions import SMALLEST_CHANGE
from benchmarks.records.series import Kind, Point

SMALLEST: Mapping[Kind, float] = {"instructions": SMALLEST_CHANGE, "time": 0.05, "waits": 0.20}
"""A smaller relative change does not count."""
_PENALTY = 8.0
_EXPLAINING = (
    "statements", "transactions", "fsyncs", "vm_steps", "pages_written", "wal_bytes", "read_bytes",
    "python_calls", "instructions",
)  # fmt: skip
_LEAST_NOISE = 2e-3
_HALF_WIDTHS = 3.0
"""The half-width of a record's 99 % interval, of 8 pairs, in standard deviations."""
_Z = 2.576
_RANGE_COST = 6.63


@dataclass(frozen=True)
class ChangePoint:
    """A step between two levels."""

    index: int  # that of the first point of the new level in the series
    last: Point  # the last good one: the step lies after it
    first: Point  # the first bad one: the step does not lie after it
    before: float  # the two levels
    after: float
    change: float  # after / before - 1
    low: float  # its 99 % interval; the change itself where it was counted
    high: float
    worse: bool  # whether the new level is worse

    @property
    def counters(self) -> dict[str, tuple[float, float]]:
        """(before, after) of each counter that differs between the ends: usually the cause."""
        both = {
            name: (count, self.first.counters.get(name, count))
            for name, count in self.last.counters.items()
        }
        return {name: each for name, each in both.items() if each[0] != each[1]}

    @property
    def range(self) -> str:
        """In git's notation: "83e4bfc..0ab0424"."""
        return f"{self.last.package.sha[:7]}..{self.first.package.sha[:7]}"

    @property
    def explanation(self) -> str:
        """The counters that differ, the likeliest cause first: "+1 statements, +2 vm_steps"."""
        differing = self.counters
        ordered = [(name, *differing[name]) for name in _EXPLAINING if name in differing]
        return ", ".join(f"{after - before:+.4g} {name}" for name, before, after in ordered)

    @property
    def packages(self) -> int:
        """How many packages may have caused the step; 1 where it is known."""
        return self.first.place - self.last.place

    def commands(self, workload: str) -> list[str]:
        """Commands to copy: the comparison of both ends, and the bisection between them where
        possible."""
        ends = self.range.replace("..", " ")
        lab = "uv run python -m benchmarks"
        found = [f"{lab} compare {ends} --workload {workload}", f"{lab} bisect {ends} {workload}"]
        return found[:1] if self.packages == 1 else found


def change_points(
    points: Sequence[Point], kind: Kind, *, higher_is_better: bool = False
) -> list[ChangePoint]:
    """Change points of a series (oldest first, values above 0), oldest first."""
    if kind == "instructions":
        return _exact(points)
    return _by_levels(points, SMALLEST[kind], higher_is_better)


def _exact(points: Sequence[Point]) -> list[ChangePoint]:
    found: list[ChangePoint] = []
    level = 0
    for index in range(1, len(points)):
        for last in (points[index - 1], points[level]):
            first = points[index]
            change = first.value / last.value - 1
            if abs(change) >= SMALLEST["instructions"]:
                ends = (last.value, first.value, change, change, change)
                found.append(ChangePoint(index, last, first, *ends, worse=change > 0))
                level = index
                break
    return found


class _Levels:
    """Weighted squares of a series around the mean of any stretch of it."""

    def __init__(self, points: Sequence[Point]) -> None:
        logs = [math.log(each.value) for each in points]
        widths = [math.log(each.high / each.low) / 2 / _HALF_WIDTHS for each in points]
        steps = [abs(after - before) for before, after in pairwise(logs)]
        of_series = median(steps) / 0.6745 / math.sqrt(2) if steps else 0.0
        noise = max(of_series, median(widths), _LEAST_NOISE)
        weights = [1 / max(noise, width) ** 2 for width in widths]
        self._weights = [0.0, *accumulate(weights)]
        self._sums = [0.0, *accumulate(w * x for w, x in zip(weights, logs))]
        self._squares = [0.0, *accumulate(w * x * x for w, x in zip(weights, logs))]

    def weight(self, start: int, end: int) -> float:
        return self._weights[end] - self._weights[start]

    def mean(self, start: int, end: int) -> float:
        return (self._sums[end] - self._sums[start]) / self.weight(start, end)

    def cost(self, start: int, end: int) -> float:
        squares = self._squares[end] - self._squares[start]
        return squares - self.weight(start, end) * self.mean(start, end) ** 2

    def edges(self) -> list[int]:
        """Of the cheapest partition; [0, length] where there is one level."""
        count = len(self._weights) - 1
        penalty = _PENALTY * math.log(count)
        cheapest: list[tuple[float, int]] = [(-penalty, 0)]
        for end in range(1, count + 1):
            costs = (cheapest[start][0] + self.cost(start, end) + penalty for start in range(end))
            cheapest.append(min(zip(costs, range(end))))
        edges = [count]
        while edges[-1]:
            edges.append(cheapest[edges[-1]][1])
        return edges[::-1]


def _by_levels(
    points: Sequence[Point], smallest: float, higher_is_better: bool
) -> list[ChangePoint]:
    levels = _Levels(points)
    edges = levels.edges()
    while len(edges) > 2:
        means = [levels.mean(start, end) for start, end in pairwise(edges)]
        steps = [abs(math.expm1(after - before)) for before, after in pairwise(means)]
        if min(steps) >= smallest:
            break
        edges.pop(steps.index(min(steps)) + 1)
    found = []
    for start, cut, end in zip(edges, edges[1:], edges[2:]):
        before, after = levels.mean(start, cut), levels.mean(cut, end)
        half = _Z * math.sqrt(1 / levels.weight(start, cut) + 1 / levels.weight(cut, end))
        costs = {at: levels.cost(start, at) + levels.cost(at, end) for at in range(start + 1, end)}
        near = [at for at, cost in costs.items() if at == cut or cost < costs[cut] + _RANGE_COST]
        change = after - before
        found.append(ChangePoint(
            cut, points[near[0] - 1], points[near[-1]], math.exp(before), math.exp(after),
            math.expm1(change), math.expm1(change - half), math.expm1(change + half),
            worse=(change < 0) if higher_is_better else (change > 0),
        ))  # fmt: skip
    return found
