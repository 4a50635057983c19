"""Single figures as pages show them: a metric against its limit and the commit before, a spark."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from benchmarks.common.statistics import quantile
from benchmarks.judging.targets import Limits, judge
from benchmarks.records.record import Measure, WorkloadRecord
from benchmarks.reporting.plots import Trend
from benchmarks.reporting.site import words

_FEWEST_CHANGES = 5


@dataclass(frozen=True)
class Row:
    """One metric of one workload as it is now.

    `clear` says whether its change is more than chance; `doubt`, if not, why.
    """

    metric: str
    label: str
    value: str
    interval: str
    before: str
    moved: str
    way: str
    clear: bool
    doubt: str
    limit: str
    within: bool | None


@dataclass(frozen=True)
class Bound:
    """A limit on a metric or counter, and whether the newest measurement keeps to it."""

    limit: str
    within: bool


def row_of(metric: str, points: Sequence[WorkloadRecord], own: Mapping[str, float]) -> Row:
    """A metric at the last of the points, against the one before and the workload's own limits."""
    record = points[-1]
    measure = record.metrics[metric]
    old = points[-2].metrics.get(metric) if len(points) > 1 else None
    change = measure.value / old.value - 1 if old is not None and old.value else 0.0
    earlier = [point.metrics[metric].value for point in points[:-1] if metric in point.metrics]
    doubt = "" if old is None else _doubt(measure, old, earlier)
    broken = {each.name: each.is_broken for each in judge(record, {record.workload: own})}
    limit = own.get(metric)
    return Row(
        metric=metric,
        label=words.label(metric),
        value=words.shown(metric, measure.value),
        interval=words.interval(metric, measure.low, measure.high, measure.value),
        before="" if old is None else words.shown(metric, old.value),
        moved="" if old is None else words.share(change),
        way=words.direction(metric, change),
        clear=old is not None and not doubt,
        doubt=doubt,
        limit="" if limit is None else words.bound(metric, limit),
        within=None if limit is None else not broken[metric],
    )


def bounds_of(record: WorkloadRecord, limits: Limits) -> dict[str, Bound]:
    """By metric and counter, its limit, where it has one and was measured."""
    return {
        each.name: Bound(words.bound(each.name, each.allowed), not each.is_broken)
        for each in judge(record, limits)
        if each.measured is not None
    }


def sparkline(trend: Trend) -> str:
    """A trend as a small picture of its own: level, last point, changes. Safe markup."""
    values = trend.values[-60:]
    offset = len(trend.values) - len(values)
    low, high = min(values), max(values)
    spread = (high - low) or abs(high) or 1.0
    low, spread = low - spread * 0.1, max(spread * 1.2, abs(high) * 0.1)
    step = 112 / max(1, len(values) - 1)
    places = [
        (4 + index * step, 28 - 24 * (value - low) / spread) for index, value in enumerate(values)
    ]
    marks = "".join(
        f'<line class="{"worse" if point.worse else "better"}" x1="{x:.1f}" x2="{x:.1f}" '
        'y1="2" y2="30"/>'
        for point in trend.changes
        if (x := 4 + (point.index - offset - 0.5) * step) > 0
    )
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    told = f"last {len(values)} commits, {len(trend.changes)} change points"
    return (
        f'<svg class="spark" role="img" viewBox="0 0 120 32"><title>{told}</title>{marks}'
        f'<polyline points="{path}"/>'
        f'<circle cx="{places[-1][0]:.1f}" cy="{places[-1][1]:.1f}" r="2.6"/></svg>'
    )


def _doubt(measure: Measure, old: Measure, earlier: Sequence[float]) -> str:
    """Why a change may be chance; "" if it is not.

    Intervals of single calls know nothing of how one run differs from the next, so a change must
    also stand out among the series' own: beyond the third quartile of its earlier changes by three
    times their interquartile range (a fence as in rustc-perf's docs/comparison-analysis.md; the
    3 is ours).
    """
    if None not in (measure.low, measure.high, old.low, old.high):
        low, high = max(measure.low or 0, old.low or 0), min(measure.high or 0, old.high or 0)
        if low <= high:
            return "intervals overlap"
    changes = [abs(math.log(b / a)) for a, b in pairwise(earlier) if a > 0 and b > 0]
    if len(changes) < _FEWEST_CHANGES:
        return "too few commits to tell"
    if measure.value <= 0 or old.value <= 0:
        return ""
    ordered = sorted(changes)
    first, third = quantile(ordered, 0.25), quantile(ordered, 0.75)
    usual = third + 3 * (third - first)
    return "" if abs(math.log(measure.value / old.value)) > usual else "its usual spread"
