"""The history as series: a figure of a workload over the packages, in the order of their commits.

Nothing is mixed: another environment, companion or workload is another series. One of each figure
is `current`; the others stay readable apart.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from benchmarks.records.package_files import Kept, read
from benchmarks.records.packages import Package, moment

INSTRUCTIONS = "instructions"
ENOUGH = 10
"""Points of a series that can replace a longer one: the first records of a new machine, Python or
anchor show no trend and no change, and are not shown in place of the history."""
Kind = Literal["instructions", "time", "waits"]
"""Counted; a ratio to the anchor; a ratio to the bare reference, of work that waits."""


@dataclass(frozen=True)
class Point:
    """A figure of one package: a ratio, or instructions."""

    package: Package
    place: int  # among the packages of the history, from 0: places more than 1 apart have a gap
    value: float
    low: float  # the ends of its interval; the value itself where it was counted
    high: float
    counters: Mapping[str, float] = field(default_factory=dict)
    """Exact ones, instructions among them, where the package was counted."""
    record: Mapping[str, Any] = field(default_factory=dict)
    """What its file has of the workload: pairs, calls, measured_at, absolute values ..."""


@dataclass(frozen=True)
class Age:
    """How far the newest package of a series is behind the newest of the history."""

    commits: int  # that came after the last one which has the measured package
    packages: int  # distinct ones that came after it
    days: float  # between the two packages' first commits

    def __str__(self) -> str:
        if not self.packages:
            return "up to date"
        return f"{self.commits} commits, {self.packages} packages, {self.days:.1f} days behind"


@dataclass(frozen=True)
class Series:
    """One figure over the packages."""

    workload: str
    metric: str  # "instructions", or "latency_p95_ms" and the like as a ratio
    kind: Kind  # how it is judged
    name: str  # of the folder it is kept in
    environment: Mapping[str, Any]  # what it depends on
    companion: str  # what the ratio is to; "" for instructions
    points: Sequence[Point]  # oldest first; at least one
    packages: Sequence[Package]  # all of the history, oldest first

    @property
    def age(self) -> Age:
        """Of the newest point."""
        newest, last = self.points[-1], self.packages[-1]
        later = self.packages[newest.place + 1 :]
        apart = moment(last.committed_at) - moment(newest.package.committed_at)
        return Age(sum(each.commits for each in later), len(later), apart.total_seconds() / 86_400)

    @property
    def gaps(self) -> list[Package]:
        """Packages between the oldest and the newest point that have none."""
        there = {each.place for each in self.points}
        first, last = self.points[0].place, self.points[-1].place
        return [self.packages[place] for place in range(first, last) if place not in there]


def read_series(results: Path, packages: Sequence[Package]) -> list[Series]:
    """Every series of a results folder: by workload, then metric, newest series first.

    `packages` are `distinct_packages(root)`, oldest first; [] takes those that the records name, in
    the order of their commits' times. BadInput if a file was written by a newer lab.
    """
    counted, timed = [*read(results / "counts")], [*read(results / "ratios")]
    order = list(packages)
    if not order:
        named = {each.package.key: each.package for each in (*counted, *timed)}
        order = sorted(named.values(), key=lambda each: (moment(each.committed_at), each.key))
    known = {each.key for each in order}
    sizes = Counter(each.series for each in counted if each.package.key in known)
    longest = max(sizes, key=lambda name: (sizes[name], name), default="")
    counters = {
        (each.package.key, name): _counters(own)
        for each in counted if each.series == longest
        for name, own in each.workloads.items() if "lacks" not in own
    }  # fmt: skip
    found = [*_series(counted, order, {}), *_series(timed, order, counters)]
    found.sort(key=lambda each: (-each.points[-1].place, -len(each.points), each.name))
    return sorted(found, key=lambda each: (each.workload, each.metric))


def current(series: Iterable[Series]) -> list[Series]:
    """Of each workload and metric the series that reaches furthest, of those with `ENOUGH` points
    if there are any; the longest of those that reach equally far.

    Args:
        series: in the order of `read_series`.
    """
    chosen: dict[tuple[str, str], Series] = {}
    for each in series:
        first = chosen.setdefault((each.workload, each.metric), each)
        if len(first.points) < ENOUGH <= len(each.points):
            chosen[each.workload, each.metric] = each
    return list(chosen.values())


def _counters(counted: Mapping[str, Any]) -> dict[str, float]:
    return {INSTRUCTIONS: counted[INSTRUCTIONS], **counted["counters"]}


def _series(
    kept: Iterable[Kept],
    order: Sequence[Package],
    counters: Mapping[tuple[str, str], Mapping[str, float]],
) -> Iterator[Series]:
    places: dict[str, list[int]] = {}
    for place, package in enumerate(order):
        places.setdefault(package.key, []).append(place)
    found: dict[tuple[str, str, str, str], tuple[Kept, list[Point]]] = {}
    for each in kept:
        for name, own in each.workloads.items():
            metrics = {metric: ends["ratio"] for metric, ends in own.get("metrics", {}).items()}
            companion = str(each.environment.get("companion", ""))
            if instead := own.get("companion"):
                companion = f"anchor {instead['key']}"
            exact = counters.get((each.package.key, name), {})
            if INSTRUCTIONS in own:
                metrics, companion = {INSTRUCTIONS: [own[INSTRUCTIONS]] * 3}, ""
                exact = _counters(own)
            for metric, (value, low, high) in metrics.items():
                key = (name, metric, each.series, companion)
                found.setdefault(key, (each, []))[1].extend(
                    Point(order[place], place, value, low, high, exact, own)
                    for place in places.get(each.package.key, ())
                )
    for (name, metric, series, companion), (first, points) in found.items():
        if points:
            kind: Kind = "time" if companion.startswith("anchor") else "waits"
            kind = "instructions" if metric == INSTRUCTIONS else kind
            points.sort(key=lambda point: point.place)
            yield Series(name, metric, kind, series, first.environment, companion, points, order)
