"""The pictures of history: trends with their intervals and change points, tails, counters, runs.

matplotlib, drawn through benchmarks.reporting.site.svg, which makes them fit light and dark pages.
What belongs to comparisons is in benchmarks.reporting.site.compared.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from statistics import median
from typing import Any

from benchmarks.judging.change_points import ChangePoint
from benchmarks.records.histograms import merge_histograms
from benchmarks.records.record import WorkloadRecord
from benchmarks.reporting.site.svg import (
    PAINT,
    Picture,
    headline,
    log_ticks,
    new_axes,
    new_figure,
    picture,
)
from benchmarks.reporting.site.words import count, label, scale, share, short, shown, tick

NARROW = 380.0
WIDE = 860.0
_TAIL = (0.5, 0.9, 0.95, 0.99, 0.999, 0.9999)
"""Ticks of the percentile plot."""
_LONG_TAIL = 12.0
"""From so many times the median on, the percentile plot is logarithmic."""


@dataclass(frozen=True)
class Trend:
    """One metric of one workload across commits; all sequences have one entry per commit.

    Args:
        values, lows, highs: in the metric's own unit; an end is None where there is no interval.
        commits: short commit names, for the axis and pointers.
        subjects: the commits' subjects.
        links: where a point leads.
    """

    workload: str
    metric: str
    values: Sequence[float]
    lows: Sequence[float | None]
    highs: Sequence[float | None]
    commits: Sequence[str]
    subjects: Sequence[str]
    links: Sequence[str]
    changes: Sequence[ChangePoint] = ()
    environments: Mapping[int, tuple[str, ...]] = field(default_factory=dict)
    limit: float | None = None


def trend(data: Trend, name: str, *, wide: bool = False) -> Picture:
    """The metric over commits: points, intervals, level between change points, limit if near."""
    factor, unit = scale(data.metric, abs(median(data.values)))
    values = [value * factor for value in data.values]
    figure = new_figure(WIDE if wide else NARROW, 300.0 if wide else 240.0)
    axes = new_axes(figure)
    places = range(len(values))
    lows = [value if low is None else low * factor for value, low in zip(values, data.lows)]
    highs = [value if high is None else high * factor for value, high in zip(values, data.highs)]
    reach = 1.25 * max(values)  # an interval may be cut off, a value may not
    bottom, top = _range([*values, *(min(high, reach) for high in highs), *lows])
    if any(low is not None for low in data.lows):
        if len(values) > 1:
            axes.fill_between(places, lows, highs, color=PAINT["one"], alpha=0.16, linewidth=0)
        axes.vlines(places, lows, highs, color=PAINT["one"], alpha=0.35, linewidth=1)
    axes.plot(places, values, color=PAINT["one"], linewidth=0.8, alpha=0.45)
    dots = axes.scatter(places, values, s=13 if len(values) < 80 else 7, color=PAINT["one"])
    # One link a point must be one URL a point: a commit measured twice is one point already.
    dots.set_urls(list(data.links))
    _levels(axes, data, values)
    limit = None if data.limit is None else data.limit * factor
    if limit is not None and bottom <= limit <= top * 1.3:
        top = max(top, limit * 1.05)
        axes.axhline(limit, color=PAINT["worse"], linewidth=1.2, linestyle=(0, (5, 3)))
        axes.annotate(
            "limit", (0, limit), xytext=(2, 3), textcoords="offset points", color=PAINT["worse"],
            fontsize=11,
        )  # fmt: skip
    _marks(axes, data, top)
    axes.set_ylim(bottom, top)
    axes.set_xlim(-0.6, max(len(values) - 0.4, 1.0))
    axes.yaxis.set_major_formatter(lambda value, _: tick(value))
    axes.yaxis.set_major_locator(_locator())
    _commit_axis(axes, data.commits, 8 if wide else 3)
    headline(figure, f"{short(data.metric)} in {unit}" if unit else label(data.metric))
    tooltips = {
        link: f"{shown(data.metric, value)} · {commit} {subject}"
        for link, value, commit, subject in zip(
            data.links, data.values, data.commits, data.subjects
        )
    }
    title = f"{label(data.metric)} of {data.workload} across commits"
    return picture(figure, name, title, _told(data), tooltips)


def percentiles(records: Sequence[WorkloadRecord], names: Sequence[str], name: str) -> Picture:
    """Latency at each percentile, the tail stretched; the first record drawn strongest."""
    figure = new_figure(NARROW, 260.0)
    axes = new_axes(figure)
    styles = [("one", "-", 2.0), ("two", (0, (5, 2)), 1.5), ("three", (0, (1, 1.5)), 1.5)]
    told = []
    middles = []
    last_value = records[0].metrics["latency_max_ms"].value
    factor, unit = scale("latency_max_ms", last_value / 3)
    for record, text, (paint, dashes, width) in zip(records, names, styles):
        quantiles = _tail_of(record.calls)
        histogram = merge_histograms([record.histogram or ""])
        values = [histogram.get_value_at_percentile(q * 100) / 1e6 * factor for q in quantiles]
        places = [1 / (1 - q) for q in quantiles]
        middles.append(histogram.get_value_at_percentile(50) / 1e6)
        axes.plot(places, values, color=PAINT[paint], linestyle=dashes, linewidth=width, label=text)
        worst = histogram.get_value_at_percentile(quantiles[-1] * 100) / 1e6
        told.append(f"{text}: {shown('latency_max_ms', worst)} at {100 * quantiles[-1]:.5g} %")
    axes.set_xscale("log")
    ticks = [q for q in _TAIL if 1 / (1 - q) <= axes.get_xlim()[1]]
    axes.set_xticks([1 / (1 - q) for q in ticks], [f"{100 * q:.6g}%" for q in ticks])
    axes.minorticks_off()
    bottom, top = axes.get_ylim()
    if top > _LONG_TAIL * factor * median(middles):
        axes.set_yscale("log")
        log_ticks(axes, bottom, top, axis="y")
    else:
        axes.set_ylim(bottom=0)
        axes.yaxis.set_major_locator(_locator())
    axes.yaxis.set_major_formatter(lambda value, _: tick(value))
    if len(names) > 1:
        axes.legend(
            frameon=False, fontsize=12, loc="upper left", handlelength=2.4, labelcolor=PAINT["ink"]
        )  # fmt: skip
        headline(figure, f"Latency at percentile, in {unit}")
    else:
        headline(figure, f"{names[0]}, {unit} at percentile")
    title = f"Percentiles of {records[0].workload}, the tail stretched"
    return picture(figure, name, title, "; ".join(told))


def counters(
    workload: str, series: Mapping[str, Sequence[float]], commits: Sequence[str], name: str
) -> Picture:
    """Each deterministic counter across commits, as steps, with what it was last."""
    figure = new_figure(NARROW, 54.0 * len(series) + 34.0)
    told = []
    for row, (counter, values) in enumerate(series.items(), start=1):
        axes = new_axes(figure, len(series), row)
        places = range(len(values))
        axes.step(places, values, where="post", color=PAINT["two"], linewidth=1.6)
        axes.scatter([len(values) - 1], values[-1:], s=16, color=PAINT["two"])
        axes.grid(visible=False)
        axes.set_yticks([])
        low, high = min(values), max(values)
        margin = (high - low) * 0.25 or max(abs(high), 1.0) * 0.1
        axes.set_ylim(low - margin, high + margin)
        axes.set_xlim(-0.6, max(len(values) - 0.4, 1.0))
        axes.set_title(f"{label(counter)}: {count(values[-1])}", loc="left", fontsize=12,
                       color=PAINT["ink"], pad=3)  # fmt: skip
        if row == len(series):
            _commit_axis(axes, commits, 3)
        else:
            axes.set_xticks([])
        moved = "unchanged" if low == high else f"between {count(low)} and {count(high)}"
        told.append(f"{label(counter)} {count(values[-1])}, {moved}")
    title = f"Counters per operation of {workload} across commits"
    return picture(figure, name, title, "; ".join(told))


def run_latencies(
    records: Sequence[WorkloadRecord], limits: Mapping[str, Mapping[str, float]], name: str
) -> Picture:
    """One run: from P50 over P95, with its interval, to P99 of each workload, on one scale."""
    timed = [record for record in records if "latency_p50_ms" in record.metrics]
    figure = new_figure(NARROW, 30.0 * len(timed) + 78.0)
    axes = new_axes(figure)
    axes.grid(visible=False, axis="y")
    axes.grid(visible=True, axis="x", color=PAINT["grid"], linewidth=1)
    told = []
    for place, record in enumerate(reversed(timed)):
        found = {key: record.metrics.get(f"latency_{key}_ms") for key in ("p50", "p95", "p99")}
        ends = [measure.value for measure in found.values() if measure is not None]
        axes.plot([ends[0], ends[-1]], [place, place], color=PAINT["one"], linewidth=2.4, alpha=0.4)
        axes.scatter([ends[0]], [place], s=22, color=PAINT["one"], marker="o")
        p95, p99 = found["p95"], found["p99"]
        if p95 is not None:
            axes.plot([p95.low, p95.high], [place, place], color=PAINT["one"], linewidth=6)
            axes.scatter([p95.value], [place], s=46, color=PAINT["one"], marker="D")
            told.append(f"{record.workload} P95 {shown('latency_p95_ms', p95.value)}")
        if p99 is not None:
            axes.scatter([p99.value], [place], s=26, color=PAINT["one"], marker="|", linewidths=2)
        limit = limits.get(record.workload, {}).get("latency_p95_ms")
        if limit is not None:
            axes.scatter([limit], [place], s=70, color=PAINT["worse"], marker="|", linewidths=1.6)
    axes.set_xscale("log")
    log_ticks(axes, *axes.get_xlim())
    axes.xaxis.set_major_formatter(lambda value, _: _with_unit(value))
    axes.set_yticks(range(len(timed)), [record.workload for record in reversed(timed)])
    axes.tick_params(axis="y", colors=PAINT["ink"])
    axes.set_ylim(-0.6, len(timed) - 0.4)
    headline(figure, "● P50   ◆ P95   | P99" + ("   (red: limit)" if limits else ""))
    return picture(figure, name, "Latency of each workload in this run", "; ".join(told) or "none")


def _levels(axes: Any, data: Trend, values: Sequence[float]) -> None:
    edges = [0, *(point.index for point in data.changes), len(values)]
    for left, right in pairwise(edges):
        level = median(values[left:right])
        axes.plot([left - 0.4, right - 0.6], [level, level], color=PAINT["ink"], linewidth=1.5)


def _marks(axes: Any, data: Trend, top: float) -> None:
    crowded = len(data.changes) > 12
    for point in data.changes:
        paint = PAINT["worse" if point.worse else "better"]
        axes.axvline(point.index - 0.5, color=paint, linewidth=1.2, linestyle=(0, (4, 2)))
        if not crowded:
            rightmost = point.index > 0.75 * len(data.values)
            axes.annotate(
                share(point.change), (point.index - 0.5, top), va="top",
                xytext=(-3 if rightmost else 3, -1), textcoords="offset points", color=paint,
                ha="right" if rightmost else "left", fontsize=12, fontweight="bold",
            )  # fmt: skip
    for index in data.environments:
        axes.axvline(index - 0.5, color=PAINT["muted"], linewidth=1, linestyle=(0, (1, 2)))
        axes.annotate(
            "▲", (index - 0.5, 0), xycoords=("data", "axes fraction"), ha="center", va="bottom",
            fontsize=11, color=PAINT["muted"],
        )  # fmt: skip


def _range(values: Sequence[float]) -> tuple[float, float]:
    low, high = min(values), max(values)
    middle = median(values)
    # Never so close that noise of 2 % looks like a mountain.
    low, high = min(low, middle * 0.9), max(high, middle * 1.1)
    margin = (high - low) * 0.12 or 1.0
    return (max(0.0, low - margin) if low >= 0 else low - margin), high + margin


def _commit_axis(axes: Any, commits: Sequence[str], most: int) -> None:
    count = len(commits)
    step = max(1, math.ceil(count / most))
    places = list(range(count - 1, -1, -step))[::-1]
    if len(places) > 1 and count > 2 * most and places[0] > step / 2:
        places = [0, *places]
    axes.set_xticks(places, [commits[place] for place in places])


def _with_unit(value_ms: float) -> str:
    """A tick of an axis of latencies: "50 µs"."""
    factor, unit = scale("latency_ms", value_ms)
    return f"{tick(value_ms * factor)} {unit}"


def _locator() -> Any:
    from matplotlib.ticker import MaxNLocator

    return MaxNLocator(nbins=4, min_n_ticks=3)


def _tail_of(calls: int) -> list[float]:
    """Quantiles from 0 to where at least ten calls lie beyond."""
    last = max(0.5, 1 - 10 / max(calls, 20))
    steps = max(2, round(24 * math.log10(1 / (1 - last))))
    return [1 - 10 ** (-math.log10(1 / (1 - last)) * step / steps) for step in range(steps + 1)]


def _told(data: Trend) -> str:
    told = f"{len(data.values)} commits; last {shown(data.metric, data.values[-1])}"
    if data.limit is not None:
        told += f"; limit {shown(data.metric, data.limit)}"
    for point in data.changes:
        told += (
            f"; {share(point.change)} at {data.commits[point.index]},"
            f" from {shown(data.metric, point.before)} to {shown(data.metric, point.after)}"
        )
    if not data.changes and len(data.values) > 5:
        told += "; no change point"
    return told
