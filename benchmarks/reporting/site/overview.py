"""What the history says, as plain values for the pages: a workload's figures, and what changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from statistics import median

from benchmarks.common.project import project
from benchmarks.judging.change_points import SMALLEST, ChangePoint, change_points
from benchmarks.judging.targets import Limits
from benchmarks.records.history import file_stem
from benchmarks.records.packages import Package
from benchmarks.records.record import higher_is_better
from benchmarks.records.series import INSTRUCTIONS, Point, Series
from benchmarks.reporting.site.words import count, label, share, short

P50, P95, SERVICE = "latency_p50_ms", "latency_p95_ms", "service_time_ms"
SHOWN = (INSTRUCTIONS, P50, P95, "latency_p99_ms", SERVICE, "throughput_per_s")
"""The figures of a workload's page, in this order."""
TOLD = (INSTRUCTIONS, P50, P95)
"""Whose change points the overview tells; SERVICE where no call is timed by itself."""
LATELY = 30
"""A change for the worse needs a look for so many packages."""
WORTH_TELLING = 0.02
"""A smaller change of instructions is left to the page of all changes."""


@dataclass(frozen=True)
class Workload:
    """One workload: its current series by metric, and what changed in each."""

    name: str
    about: str
    series: Mapping[str, Series]
    changes: Mapping[str, Sequence[ChangePoint]]
    limits: Mapping[str, float] = field(default_factory=dict)

    @property
    def page(self) -> str:
        """The file name of its page."""
        return f"{file_stem(self.name)}.html"

    @property
    def lead(self) -> Series:
        """The foremost series: P95 where there is one."""
        order = (P95, P50, SERVICE, INSTRUCTIONS)
        return next((self.series[each] for each in order if each in self.series),
                    next(iter(self.series.values())))  # fmt: skip

    @property
    def counters(self) -> Mapping[str, float]:
        """Of the newest package that was counted."""
        counted = self.series.get(INSTRUCTIONS)
        return counted.points[-1].counters if counted else {}

    @property
    def broken(self) -> list[str]:
        """Targets of what is counted exactly that the newest counted package breaks."""
        return [
            f"{label(name)} {count(self.counters[name])}, at most {count(allowed)}"
            for name, allowed in self.limits.items()
            if self.counters.get(name, 0.0) > allowed
        ]

    @property
    def met(self) -> int:
        """How many targets of what is counted are met."""
        return sum(name in self.counters for name in self.limits) - len(self.broken)

    def now(self, metric: str) -> str:
        """The newest value: "0.987x" or "174 800"; "" without."""
        return newest(self.series[metric].points[-1], metric) if metric in self.series else ""

    def interval(self, metric: str) -> str:
        """The newest value's interval; "" where it is exact."""
        if metric == INSTRUCTIONS or metric not in self.series:
            return ""
        point = self.series[metric].points[-1]
        return f"{point.low:.3f} to {point.high:.3f}"

    @property
    def since(self) -> str:
        """Since when it is as it is: of the foremost figures, the newest change."""
        last = max(
            (each for metric in told(self) for each in self.changes[metric]),
            key=lambda each: each.first.place,
            default=None,
        )
        if last is None:
            return f"no change in {len(self.lead.points)} packages"
        return f"{share(last.change)} in {last.range}"


def newest(point: Point, metric: str) -> str:
    """A value as it is read."""
    return count(point.value) if metric == INSTRUCTIONS else f"{point.value:.3f}x"


def told(workload: Workload) -> list[str]:
    """The metrics whose change points are told outside of the workload's own page."""
    names = TOLD if P50 in workload.series else (INSTRUCTIONS, SERVICE)
    return [each for each in names if each in workload.series]


def visible(series: Series) -> float:
    """The smallest change of one package that the series can show: the noise of its records."""
    widths = [(each.high - each.low) / 2 / each.value for each in series.points[-20:]]
    return max(SMALLEST[series.kind], median(widths))


def workloads(series: Sequence[Series], limits: Limits, about: Mapping[str, str]) -> list[Workload]:
    """Every workload that has a series, those that lab.toml counts first."""
    found: dict[str, dict[str, Series]] = {}
    for each in series:
        found.setdefault(each.workload, {})[each.metric] = each
    order = {name: place for place, name in enumerate(project().counted)}
    return [
        Workload(
            name, about.get(name, ""),
            {each: own[each] for each in (*SHOWN, *sorted(set(own) - {*SHOWN})) if each in own},
            {
                metric: change_points(
                    each.points, each.kind, higher_is_better=higher_is_better(metric)
                )
                for metric, each in own.items()
            },
            limits.get(name, {}),
        )
        for name, own in sorted(
            found.items(), key=lambda item: (order.get(item[0], len(order)), item[0])
        )
    ]  # fmt: skip


@dataclass(frozen=True)
class Found:
    """A change point, and of what."""

    workload: Workload
    metric: str
    change: ChangePoint

    @property
    def way(self) -> str:
        """ "worse" or "better"."""
        return "worse" if self.change.worse else "better"

    @property
    def size(self) -> str:
        """ "+7.7 % P50 (+5.1 % to +10 %)"."""
        text = f"{share(self.change.change)} {short(self.metric)}"
        if self.metric == INSTRUCTIONS:
            return text.replace("Instructions", "instructions")
        return f"{text} ({share(self.change.low)} to {share(self.change.high)})"


@dataclass
class Event:
    """What changed between two packages, of all workloads: one thing to look at."""

    last: Package
    first: Package
    span: tuple[int, int]
    found: list[Found] = field(default_factory=list)

    @property
    def range(self) -> str:
        """As git takes it."""
        return f"{self.last.sha[:7]}..{self.first.sha[:7]}"

    @property
    def key(self) -> str:
        """Of the page."""
        return self.range.replace("..", "-")

    @property
    def packages(self) -> int:
        """How many packages it may have come with."""
        return self.span[1] - self.span[0]

    @cached_property
    def foremost(self) -> Found:
        """The largest change: for the worse if there is one."""
        return max(self.found, key=lambda each: (each.change.worse, abs(each.change.change)))

    @property
    def is_small(self) -> bool:
        """Whether it is left to the page of all changes."""
        return abs(self.foremost.change.change) < WORTH_TELLING

    @property
    def sentence(self) -> str:
        """ "claim-batch: +4.8 % instructions, +7.7 % P50 (...); other workloads: 3 worse"."""
        own = [each for each in self.found if each.workload is self.foremost.workload]
        text = f"{self.foremost.workload.name}: {', '.join(each.size for each in own)}"
        others = {
            each.workload.name: each.way
            for each in self.found
            if each.workload is not own[0].workload
        }
        ways = [*others.values()]
        told = [f"{ways.count(way)} {way}" for way in ("worse", "better") if way in ways]
        return f"{text}; other workloads: {', '.join(told)}" if told else text

    @property
    def explanation(self) -> str:
        """What was counted differently, in the foremost workload."""
        own = [each for each in self.found if each.workload is self.foremost.workload]
        return next((each.change.explanation for each in own if each.change.explanation), "")

    @property
    def commands(self) -> list[str]:
        """To copy."""
        own = [each for each in self.found if each.workload is self.foremost.workload]
        narrowest = min(own, key=lambda each: each.change.packages)
        return narrowest.change.commands(self.foremost.workload.name)


def events(some: Sequence[Workload]) -> list[Event]:
    """All change points, those of one range together, the newest first. What was counted knows its
    commit; what was timed joins it where the ranges overlap."""
    found: list[Event] = []
    every = [
        Found(each, metric, change)
        for each in some
        for metric in told(each)
        for change in each.changes[metric]
    ]
    for each in sorted(every, key=lambda each: each.metric != INSTRUCTIONS):
        last, first = each.change.last.place, each.change.first.place
        is_counted = each.metric == INSTRUCTIONS
        event = next(
            (
                event
                for event in found
                if (event.span == (last, first))
                or (not is_counted and last < event.span[1] and first > event.span[0]
                    and any(own.workload is each.workload for own in event.found))
            ),
            None,
        )  # fmt: skip
        if event is None:
            event = Event(each.change.last.package, each.change.first.package, (last, first))
            found.append(event)
        event.found.append(each)
    return sorted(found, key=lambda event: event.span[::-1], reverse=True)


def sentence(workload: Workload, anchor: str) -> str:
    """The one sentence: how fast it is, since when, how sure, and of which commit that is."""
    series = workload.lead
    point, metric = series.points[-1], series.metric
    last = max((each.first.place for each in workload.changes[metric]), default=None)
    since = series.packages[series.points[0].place if last is None else last : point.place + 1]
    commits = sum(each.commits for each in since)
    where = "HEAD" if series.age.packages == 0 else point.package.sha[:7]
    value = newest(point, metric) + (f" of the anchor {anchor}" if metric != INSTRUCTIONS else "")
    sure = (point.high - point.low) / 2 / point.value
    text = f"{workload.name} {short(metric)} at {where}: {value}, unchanged in {_commits(commits)}"
    text += f", sure to {100 * sure:.2g} %" if sure else ""
    if series.age.packages:
        text += f"; HEAD is not measured, it is {_commits(series.age.commits)} later"
    return f"{text}."


def _commits(number: int) -> str:
    return f"{number} commit{'' if number == 1 else 's'}"
