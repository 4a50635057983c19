"""Where a series of the history changed its level, how much, and between which packages.

Instructions are exact: a difference of `SMALLEST["instructions"]` between neighbours, or in sum
since the last change (a slow drift), is a change.

Ratios have noise. Their logarithms are cut into levels by the cheapest partition (dynamic
programming over weighted squares; a cut costs `PENALTY` times the logarithm of the length). The
noise of the series is taken from the differences of neighbours (a step does not widen it) and from
the records' own intervals, and a record whose interval is wide weighs less. A single record is a
level only where it is about five deviations off at an end, seven between others. Levels that
differ by less than `SMALLEST` are joined: what the proof of the history
(proving/history_proof.py) does not show to be seen is not shown as seen.

A change has a range, last good..first bad: every pair of packages between which the change may
as well lie (the cost of moving the cut there is below `_RANGE_COST`), gaps of the history included.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate, pairwise
from statistics import median

from benchmarks.measuring.instructions import SMALLEST_CHANGE
from benchmarks.records.packages import Package
from benchmarks.records.series import Kind, Point

SMALLEST: Mapping[Kind, float] = {"instructions": SMALLEST_CHANGE, "time": 0.05, "waits": 0.20}
"""A smaller change is none; targets.toml [history] may say otherwise."""
PENALTY = 8.0
EXPLAINING = (
    "statements", "transactions", "fsyncs", "vm_steps", "pages_written", "wal_bytes", "read_bytes",
    "python_calls", "instructions",
)  # fmt: skip
_LEAST_NOISE = 2e-3
_HALF_WIDTHS = 3.0
"""A record's 99 % interval, of 8 pairs, is so many of its deviations wide to each side."""
_Z = 2.576
_RANGE_COST = 6.63


@dataclass(frozen=True)
class ChangePoint:
    """A step between two levels.

    Args:
        index: of the first point of the new level in the series.
        last, first: last good and first bad: the step lies after `last` and not after `first`.
        before, after: the two levels.
        change: after / before - 1.
        low, high: its 99 % interval; the change itself where it was counted.
        worse: whether it is for the worse.
        counters: those that differ between `last` and `first`, by name: (before, after); the
            cause, mostly.
    """

    index: int
    last: Point
    first: Point
    before: float
    after: float
    change: float
    low: float
    high: float
    worse: bool
    counters: Mapping[str, tuple[float, float]] = field(default_factory=dict)

    @property
    def range(self) -> str:
        """As git takes it: "83e4bfc..0ab0424"."""
        return f"{self.last.package.sha[:7]}..{self.first.package.sha[:7]}"

    @property
    def explanation(self) -> str:
        """What was counted differently, the likeliest cause first: "+1 statements, +2 vm_steps"."""
        told = [name for name in EXPLAINING if name in self.counters]
        return ", ".join(
            f"{self.counters[name][1] - self.counters[name][0]:+.4g} {name}" for name in told
        )

    @property
    def packages(self) -> int:
        """How many packages the step may have come with; 1 where it is known."""
        return self.first.place - self.last.place

    def commands(self, workload: str) -> list[str]:
        """To copy: the comparison of both ends, and the search between them where there is one."""
        ends = f"{self.last.package.sha[:7]} {self.first.package.sha[:7]}"
        lab = "uv run python -m benchmarks"
        found = [f"{lab} compare {ends} --workload {workload}"]
        return found if self.packages == 1 else [*found, f"{lab} bisect {ends} {workload}"]


def change_points(
    points: Sequence[Point],
    kind: Kind,
    *,
    higher_is_better: bool = False,
    smallest: float | None = None,
) -> list[ChangePoint]:
    """Change points of a series, oldest first.

    Args:
        points: oldest first, values above 0.
        kind: the series' own.
        higher_is_better: for throughput.
        smallest: the smallest relative change that counts; `SMALLEST` of the kind if None.
    """
    least = SMALLEST[kind] if smallest is None else smallest
    if kind == "instructions":
        return _exact(points, least)
    return _by_levels(points, least, higher_is_better)


def points_of(values: Sequence[float]) -> list[Point]:
    """Values as points without intervals or packages: for series that are no history's."""
    return [
        Point(Package(f"{place}", f"{place:07d}", "", ""), place, value, value, value)
        for place, value in enumerate(values)
    ]


def changed_counters(last: Point, first: Point) -> dict[str, tuple[float, float]]:
    """The counters that two points have and that differ."""
    return {
        name: (last.counters[name], first.counters[name])
        for name in last.counters
        if name in first.counters and last.counters[name] != first.counters[name]
    }


def _exact(points: Sequence[Point], least: float) -> list[ChangePoint]:
    found: list[ChangePoint] = []
    level = 0
    for index in range(1, len(points)):
        for start in (index - 1, level):
            last, first = points[start], points[index]
            change = first.value / last.value - 1
            if abs(change) >= least:
                found.append(ChangePoint(
                    index, last, first, last.value, first.value, change, change, change,
                    change > 0, changed_counters(last, first),
                ))  # fmt: skip
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


def _by_levels(points: Sequence[Point], least: float, higher_is_better: bool) -> list[ChangePoint]:
    levels = _Levels(points)
    edges = _edges(levels, len(points))
    while len(edges) > 2:
        means = [levels.mean(start, end) for start, end in pairwise(edges)]
        steps = [abs(math.expm1(after - before)) for before, after in pairwise(means)]
        if min(steps) >= least:
            break
        edges.pop(steps.index(min(steps)) + 1)
    found = []
    for start, cut, end in zip(edges, edges[1:], edges[2:]):
        before, after = levels.mean(start, cut), levels.mean(cut, end)
        half = _Z * math.sqrt(1 / levels.weight(start, cut) + 1 / levels.weight(cut, end))
        lowest = levels.cost(start, cut) + levels.cost(cut, end)
        near = [
            place
            for place in range(start + 1, end)
            if levels.cost(start, place) + levels.cost(place, end) < lowest + _RANGE_COST
        ]
        last, first = points[min(cut, *near) - 1], points[max(cut, *near)]
        change = after - before
        found.append(ChangePoint(
            cut, last, first, math.exp(before), math.exp(after), math.expm1(change),
            math.expm1(change - half), math.expm1(change + half),
            (change < 0) if higher_is_better else (change > 0), changed_counters(last, first),
        ))  # fmt: skip
    return found


def _edges(levels: _Levels, count: int) -> list[int]:
    """Of the cheapest partition; [0, count] where there is one level."""
    if not count:
        return []
    penalty = PENALTY * math.log(count)
    cheapest: list[tuple[float, int]] = [(-penalty, 0)] + [(math.inf, 0)] * count
    for end in range(1, count + 1):
        cheapest[end] = min(
            (cheapest[start][0] + levels.cost(start, end) + penalty, start) for start in range(end)
        )
    edges = [count]
    while edges[-1]:
        edges.append(cheapest[edges[-1]][1])
    return edges[::-1]
