"""What the history says, as plain values for the pages: a workload's figures, and what changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median

from benchmarks.common.project import project
from benchmarks.judging.change_points import SMALLEST, ChangePoint, change_points
from benchmarks.judging.targets import Limits
from benchmarks.records.record import higher_is_better
from benchmarks.records.series import INSTRUCTIONS, Point, Series
from benchmarks.reporting.words import count

P50, P95, SERVICE = "latency_p50_ms", "latency_p95_ms", "service_time_ms"
SHOWN = (INSTRUCTIONS, P50, P95, "latency_p99_ms", SERVICE, "throughput_per_s")
"""The figures of a workload's page, in this order."""
SMALL = 0.02
"""A smaller change is left to the page of all changes."""


@dataclass(frozen=True)
class Workload:
    """One workload: its current series by metric, and what changed in each."""

    name: str
    series: Mapping[str, Series]
    changes: Mapping[str, Sequence[ChangePoint]]
    limits: Mapping[str, float] = field(default_factory=dict)

    @property
    def lead(self) -> Series:
        """The foremost series: P95 where there is one."""
        order = (P95, P50, SERVICE, INSTRUCTIONS, *self.series)
        return next(self.series[each] for each in order if each in self.series)

    @property
    def counted(self) -> Sequence[Point]:
        """The packages whose instructions and counters are known."""
        return self.series[INSTRUCTIONS].points if INSTRUCTIONS in self.series else ()

    @property
    def counters(self) -> Mapping[str, float]:
        """Of the newest package that was counted."""
        return self.counted[-1].counters if self.counted else {}

    @property
    def at_anchor(self) -> Mapping[str, float]:
        """The counters of the package that ratios are to; {} where it was not counted."""
        key = self.lead.companion.rpartition(" ")[2]
        return next((each.counters for each in self.counted if each.package.key == key), {})

    @property
    def broken(self) -> list[str]:
        """The counters of which the newest counted package has more than its target."""
        return [each for each in self.limits if self.counters.get(each, 0.0) > self.limits[each]]

    @property
    def met(self) -> int:
        """How many targets of what is counted are met."""
        return len(self.limits.keys() & self.counters.keys()) - len(self.broken)

    def now(self, metric: str) -> str:
        """The newest value: "0.987x" or "174 800"; "" without."""
        if metric not in self.series:
            return ""
        value = self.series[metric].points[-1].value
        return count(value) if metric == INSTRUCTIONS else f"{value:.3f}x"

    def found(self, *metrics: str) -> list[Found]:
        """The changes of these figures, where they are known."""
        return [Found(self, name, each) for name in metrics for each in self.changes.get(name, ())]

    @property
    def main_changes(self) -> list[Found]:
        """What other pages say of it: changes of instructions, P50 and P95; of the service time
        where no call is timed by itself."""
        return self.found(INSTRUCTIONS, *((P50, P95) if P50 in self.series else (SERVICE,)))


@dataclass(frozen=True)
class Found:
    """A change point, of what, and whether it is "worse" or "better"."""

    workload: Workload
    metric: str
    change: ChangePoint

    @property
    def way(self) -> str:
        return "worse" if self.change.worse else "better"

    @property
    def span(self) -> tuple[int, int]:
        """The places of last good and first bad."""
        return self.change.last.place, self.change.first.place


class Event:
    """What changed between two packages, of all workloads: one thing to look at.

    Args:
        found: what changed; the first gives the range.

    Attributes:
        foremost: the largest change, for the worse if there is one; `own` are all of its workload,
            `others` how many other workloads became "worse" or "better": "3 worse".
        is_small: whether it is left to the page of all changes.
        explanation: what was counted differently, in the foremost workload.
        commands: to copy.
    """

    def __init__(self, found: Sequence[Found]) -> None:
        self.change, self.span = found[0].change, found[0].span
        self.key = self.change.range.replace("..", "-")
        self.foremost = max(found, key=lambda each: (each.change.worse, abs(each.change.change)))
        workload = self.foremost.workload
        self.own = [each for each in found if each.workload is workload]
        self.is_small = abs(self.foremost.change.change) < SMALL
        ways = [*{each.workload.name: each.way
                  for each in found if each.workload is not workload}.values()]  # fmt: skip
        self.others = [f"{ways.count(way)} {way}" for way in ("worse", "better") if way in ways]
        self.explanation = next(filter(None, (each.change.explanation for each in self.own)), "")
        narrowest = min(self.own, key=lambda each: each.change.packages)
        self.commands = narrowest.change.commands(workload.name)


def visible(series: Series) -> float:
    """The smallest change of one package that the series can show: the noise of its records."""
    widths = [(each.high - each.low) / 2 / each.value for each in series.points[-20:]]
    return max(SMALLEST[series.kind], median(widths))


def workloads(series: Sequence[Series], limits: Limits) -> list[Workload]:
    """Every workload that has a series, those that lab.toml counts first."""
    by_name: dict[str, dict[str, Series]] = {}
    for each in sorted(series, key=lambda each: (_place(each.metric, SHOWN), each.metric)):
        by_name.setdefault(each.workload, {})[each.metric] = each
    found = []
    for name in sorted(by_name, key=lambda name: (_place(name, project().counted), name)):
        changes = {
            metric: change_points(each.points, each.kind, higher_is_better=higher_is_better(metric))
            for metric, each in by_name[name].items()
        }
        found.append(Workload(name, by_name[name], changes, limits.get(name, {})))
    return found


def _place(name: str, order: Sequence[str]) -> int:
    """Where it is in the order; after all others if it is not."""
    return [*order, name].index(name)


def events(some: Sequence[Workload]) -> list[Event]:
    """All change points, those of one range together, the newest first. What was counted knows its
    commit; what was timed joins it where the ranges overlap in the same workload."""
    found: list[list[Found]] = []
    every = [each for workload in some for each in workload.main_changes]
    for each in sorted(every, key=lambda each: each.metric != INSTRUCTIONS):
        own = next((own for own in found if _is_of(each, own)), None)
        if own is None:
            found.append([each])
        else:
            own.append(each)
    return sorted(map(Event, found), key=lambda event: event.span[::-1], reverse=True)


def _is_of(each: Found, event: Sequence[Found]) -> bool:
    (last, first), own = event[0].span, each.span
    overlaps = each.metric != INSTRUCTIONS and own[0] < first and own[1] > last
    is_there = any(each.workload is other.workload for other in event)
    return own == (last, first) or (overlaps and is_there)
