"""What the pages say, as plain values: the templates only lay it out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from benchmarks.judging.change_points import ChangePoint
from benchmarks.judging.targets import Limits
from benchmarks.records import history
from benchmarks.records.packages import moment
from benchmarks.records.record import Commit, Measure, WorkloadRecord
from benchmarks.reporting.plots import Trend
from benchmarks.reporting.site import words
from benchmarks.reporting.site.rows import Bound, Row, bounds_of, row_of, sparkline

HEADLINES = ("latency_p95_ms", "throughput_per_s", "latency_p50_ms")
TRENDS = ("latency_p50_ms", "latency_p99_ms", "throughput_per_s")
TABLE = (
    "latency_p50_ms", "latency_p90_ms", "latency_p95_ms", "latency_p99_ms", "latency_max_ms",
    "latency_mean_ms", "throughput_per_s",
)  # fmt: skip


@dataclass(frozen=True)
class Change:
    """A change point, and whose: `moved` is "+12 %"; `way` better or worse."""

    workload: str
    page: str
    metric: str
    commit: Commit
    point: ChangePoint
    moved: str
    way: str
    group: str
    counted: bool = False
    also: Sequence[str] = ()


def gathered(changes: Sequence[Change]) -> list[Change]:
    """One change for each workload and commit, told by its foremost metric, in the same order."""
    found: dict[tuple[str, str, str], list[Change]] = {}
    for change in changes:
        found.setdefault((change.commit.sha, change.workload, change.group), []).append(change)
    order = [*HEADLINES, "latency_p99_ms"]
    return [
        replace(
            foremost,
            also=[f"{words.short(e.metric)} {e.moved}" for e in group if e is not foremost],
        )
        for group in found.values()
        for foremost in [
            min(group, key=lambda e: order.index(e.metric) if e.metric in order else len(order))
        ]
    ]


@dataclass(frozen=True)
class Line:
    """One workload on one machine in one profile: all its pages show."""

    name: str
    key: str
    page: str
    about: str
    points: Sequence[WorkloadRecord]
    headline: str
    rows: Sequence[Row]
    trends: Mapping[str, Trend]
    counters: Mapping[str, Trend]
    changes: Sequence[Change]
    environments: Mapping[int, tuple[str, ...]]
    spark: str = ""
    bounds: Mapping[str, Bound] = field(default_factory=dict)

    @property
    def last(self) -> WorkloadRecord:
        """The newest commit's record."""
        return self.points[-1]

    def row(self, metric: str) -> Row | None:
        """The row of a metric, if it was measured."""
        return next((row for row in self.rows if row.metric == metric), None)


@dataclass(frozen=True)
class Group:
    """All that one machine measured in one profile."""

    machine: str
    profile: str
    lines: Sequence[Line]
    newest: str
    environment: Mapping[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """As people read it."""
        return f"{self.machine}, {self.profile} profile"


def groups(
    records: Sequence[WorkloadRecord],
    limits: Limits,
    about: Mapping[str, str],
    links: str = "../commits.html#c-",
) -> list[Group]:
    """Every (machine, profile), the one with most commits first, every workload in it."""
    found: dict[tuple[str, str], dict[str, None]] = {}
    for record in records:
        found.setdefault((record.machine, record.profile), {})[record.workload] = None
    made = []
    for number, ((machine, profile), workloads) in enumerate(found.items()):
        lines = []
        for workload in sorted(workloads):
            points = history.series(records, workload, machine, profile)
            key = f"g{number}-{workload}"
            lines.append(_line(points, limits, about, links, key, f"{machine}, {profile}"))
        newest = max((line.last for line in lines), key=lambda record: record.measured_at)
        made.append(Group(machine, profile, lines, newest.measured_at, newest.environment))
    made.sort(key=lambda group: max(len(line.points) for line in group.lines), reverse=True)
    return made


def page_of(workload: str) -> str:
    """The file name of a workload's page."""
    return f"{history.file_stem(workload)}.html"


def trend_of(
    points: Sequence[WorkloadRecord],
    metric: str,
    *,
    links: str,
    environments: Mapping[int, tuple[str, ...]],
    limit: float | None = None,
    counter: bool = False,
) -> Trend | None:
    """A metric's, or a counter's, trend over the points that have it; None if none does."""
    kept = [
        (index, record)
        for index, record in enumerate(points)
        if metric in (record.counters if counter else record.metrics)
    ]
    if not kept:
        return None
    measures = [
        Measure(record.counters[metric]) if counter else record.metrics[metric]
        for _, record in kept
    ]
    place = {index: position for position, (index, _) in enumerate(kept)}
    notes = {place[index]: note for index, note in environments.items() if index in place}
    return Trend(
        workload=points[0].workload,
        metric=metric,
        values=[measure.value for measure in measures],
        lows=[measure.low for measure in measures],
        highs=[measure.high for measure in measures],
        commits=[record.commit.sha[:7] for _, record in kept],
        subjects=[record.commit.subject for _, record in kept],
        links=[links + record.commit.sha[:12] for _, record in kept],
        environments=notes,
        limit=limit,
    )


NOTED = ("cpu", "kernel", "python", "sqlite", "system", "filesystem", "machine")
"""What of an environment is noted where it changed; load and free memory change all the time."""


def environment_changes(environments: Sequence[Mapping[str, Any]]) -> dict[int, tuple[str, ...]]:
    """By index of a series, what changed since the point before: "sqlite 3.40.1 → 3.46.0"."""
    found = {}
    for index in range(1, len(environments)):
        before, after = environments[index - 1], environments[index]
        notes = tuple(
            f"{name} {before[name]} → {after[name]}"
            for name in before
            if name.lower().startswith(NOTED) and name in after and before[name] != after[name]
        )
        if notes:
            found[index] = notes
    return found


def _line(
    points: Sequence[WorkloadRecord],
    limits: Limits,
    about: Mapping[str, str],
    links: str,
    key: str,
    group: str,
) -> Line:
    last = points[-1]
    name = last.workload
    own = limits.get(name, {})
    order = [*TABLE, *sorted(set(last.metrics) - set(TABLE))]
    headline = next(
        (metric for metric in HEADLINES if metric in last.metrics), next(iter(last.metrics), "")
    )
    environments = environment_changes([record.environment for record in points])
    others = [metric for metric in order if metric not in TABLE]
    wanted = dict.fromkeys([headline, *TRENDS, *others])
    trends: dict[str, Trend] = {}
    counters: dict[str, Trend] = {}
    for metric in wanted:
        if metric in last.metrics:
            made = trend_of(
                points, metric, links=links, environments=environments, limit=own.get(metric)
            )
            if made is not None:
                trends[metric] = made
    for counter in last.counters:
        made = trend_of(points, counter, links=links, environments=environments, counter=True)
        if made is not None:
            counters[counter] = made
    told = [
        _change(points, metric, trend, point, group)
        for metric, trend in {**trends, **counters}.items()
        for point in trend.changes
    ]
    told.sort(key=lambda change: moment(change.commit.committed_at), reverse=True)
    return Line(
        name=name,
        key=key,
        page=page_of(name),
        about=about.get(name, ""),
        points=points,
        headline=headline,
        rows=[row_of(metric, points, own) for metric in order if metric in last.metrics],
        trends=trends,
        counters=counters,
        changes=told,
        environments=environments,
        spark=sparkline(trends[headline]) if headline in trends else "",
        bounds=bounds_of(last, limits),
    )


def _change(
    points: Sequence[WorkloadRecord], metric: str, trend: Trend, point: ChangePoint, group: str
) -> Change:
    name = trend.commits[point.index]
    commit = next(
        record.commit
        for record in points
        if record.commit.sha[:12] == trend.links[point.index][-12:]
    )
    assert commit.sha.startswith(name)
    return Change(
        workload=trend.workload,
        page=page_of(trend.workload),
        metric=metric,
        commit=commit,
        point=point,
        moved=words.share(point.change),
        way="worse" if point.worse else "better",
        group=group,
        counted=metric in points[-1].counters,
    )
