"""The charts of the pages: what is drawn of a series, a comparison, a run, other queues."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby, pairwise
from statistics import median_high
from typing import Any

from benchmarks.judging.change_points import ChangePoint
from benchmarks.records.histograms import merge_histograms
from benchmarks.records.series import INSTRUCTIONS, Point, Series
from benchmarks.reporting.site.canvas import LETTER, WIDTH, Canvas, Picture, Span, round_places
from benchmarks.reporting.words import count, number, scale, share, short, shown, slug, tick

_LABELLED = 0.03
"""A smaller change has its stripe, and no number, in a trend."""
PAINTS = {"regressed": "worse", "improved": "better", "inconclusive": "three"}


def trend(
    series: Series, changes: Sequence[ChangePoint], name: str, limit: float | None = None
) -> Picture:
    """A figure over the packages: intervals, levels, the range of each change, what is not measured
    yet at the right; a limit where there is one."""
    points, counted = series.points, series.metric == INSTRUCTIONS
    factor = 1e-3 if counted else 1.0
    values = [each.value for each in points]
    reach = 1.3 * max(values)
    ends = [*values, *(max(0.0, each.low) for each in points),
            *(min(each.high, reach) for each in points), *([limit] if limit else [])]  # fmt: skip
    margin = max((max(ends) - min(ends)) * 0.12, max(ends) * 0.02)
    y = ((min(ends) - margin) * factor, (max(ends) + margin) * factor)
    first, last = points[0].place, max(len(series.packages) - 1, points[0].place + 1)
    canvas = Canvas(236, (first - 0.5, last + 0.5), y)
    canvas.y_ticks((lambda v: f"{tick(v)}k") if counted else (lambda v: f"{v:.3g}x"))
    if points[-1].place < last:
        canvas.box((points[-1].place + 0.5, last + 0.5), y, "muted", 0.1)
    _draw_changes(canvas, changes)
    # Neighbours without a gap have the same difference of place and index.
    for _, group in groupby(enumerate(points), lambda each: each[1].place - each[0]):
        run = [each for _, each in group]
        if not counted:
            canvas.band([(each.place, each.low, each.high) for each in run], "one")
        canvas.line([(each.place, each.value * factor) for each in run], "one", 1.2)
    written = "{:,.0f}" if counted else "{:.3f}x"
    for each in points:
        if not counted:
            canvas.line([(each.place, each.low), (each.place, each.high)], "one", 1.0)
        of = f"{each.package.sha[:7]}, {each.package.subject:.80}"
        canvas.dot(each.place, each.value * factor, "one", 2.8,
                   f"{written.format(each.value)} at {of}")  # fmt: skip
    for start, end in pairwise([0, *(each.index for each in changes), len(points)]):
        level = median_high(values[start:end]) * factor
        canvas.line([(points[start].place, level), (points[end - 1].place, level)], "ink")
    for at, paint in ((limit, "worse"), (None if counted else 1.0, "muted")):
        if at is not None:
            canvas.line([(first, at * factor), (last, at * factor)], paint, 1.2, "5 3")
    places = sorted({first, (first + last) // 2, points[-1].place})
    canvas.x_ticks([(place, series.packages[place].sha[:7]) for place in places])
    ratio = f"{short(series.metric)}, ratio to the {series.companion.split(' ')[0]}"
    what = "Instructions an operation" if counted else ratio
    found = "; ".join(f"{share(each.change)} in {each.range}" for each in changes)
    return canvas.picture(
        name, what, f"{what}, of {series.workload} over the packages",
        f"{len(points)} packages, the newest {written.format(values[-1])}; "
        f"{found or 'no change point'}",
    )  # fmt: skip


def _draw_changes(canvas: Canvas, changes: Sequence[ChangePoint]) -> None:
    """The range of each as a stripe; the size where there is room for it."""
    labelled = -99.0
    for each in changes:
        paint = "worse" if each.worse else "better"
        canvas.box((each.last.place, each.first.place), canvas.y_span, paint, 0.2)
        place = canvas.x(each.first.place)
        if abs(each.change) >= _LABELLED and place - labelled > 56:
            labelled = place
            shift, anchor = (-4, "end") if place > WIDTH - 90 else (4, "start")
            canvas.text(place + shift, canvas.top + 10, share(each.change), anchor, paint, "700")


def spark(series: Series, changes: Sequence[ChangePoint]) -> str:
    """A trend of the newest 40 points in the size of a word: its noise and changes. Safe markup."""
    points = series.points[-40:]
    values = [each.value for each in points]
    low, high = min(*values, max(values) * 0.93), max(*values, min(values) * 1.07)
    first, last = points[0].place, max(len(series.packages) - 1, points[0].place + 1)
    canvas = Canvas(32, (first, last), (low, high))
    canvas.left, canvas.right, canvas.top, canvas.bottom = 3, 117, 2, 30
    canvas.band([(each.place, each.low, each.high) for each in points], "one")
    for each in changes:
        if each.index > len(series.points) - len(points):
            at = each.first.place - 0.5
            canvas.line([(at, low), (at, high)], "worse" if each.worse else "better", 1.5, "3 2")
    canvas.line([(each.place, each.value) for each in points], "one", 1.5)
    canvas.dot(points[-1].place, values[-1], "one", 2.6)
    title = f"{len(points)} packages, {len(changes)} change point{'' if len(changes) == 1 else 's'}"
    return (
        f'<svg class="spark" role="img" viewBox="0 0 120 32" stroke-linejoin="round">'
        f"<title>{title}</title>{canvas.body}</svg>"
    )


def percentiles(encoded: Mapping[str, str], workload: str, name: str) -> Picture:
    """The time of a call at each percentile, the tail stretched; a curve a histogram by its name.
    Raises BadHistogram where one of them cannot be read."""
    quantiles = [1 - 10 ** (-step / 8) for step in range(25)]
    curves = {}
    for text, histogram in encoded.items():
        merged = merge_histograms([histogram])
        curves[text] = [merged.get_value_at_percentile(q * 100) / 1e6 for q in quantiles]
    most = max(map(max, curves.values()))
    factor, unit = scale("latency_ms", most / 3)
    canvas = Canvas(236, (1.0, 1000.0), (0.0, most * factor * 1.05), log_x=True)
    canvas.y_ticks(tick)
    canvas.x_ticks([(1 / (1 - q), f"P{100 * q:g}") for q in (0.5, 0.9, 0.95, 0.99)])
    looks = (("one", "", "—", 52), ("muted", "5 3", "- -", 68))
    for (text, values), (paint, dash, sign, row) in zip(curves.items(), looks):
        canvas.line([(1 / (1 - q), value * factor) for q, value in zip(quantiles, values)],
                    paint, 2.0, dash)  # fmt: skip
        canvas.text(canvas.left + 8, row, f"{sign} {text}", paint=paint)
    described = "; ".join(f"{text}: {shown('latency_ms', values[8])} at 90 %, "
                          f"{shown('latency_ms', values[16])} at 99 %"
                          for text, values in curves.items())  # fmt: skip
    return canvas.picture(name, f"Time of a call in {unit}, at each percentile",
                          f"Percentiles of {workload}", described)  # fmt: skip


def forest(
    rows: Sequence[tuple[str, float, float, float, str]], name: str, headline: str, title: str,
    *, span: Span | None = None, band: float = 0.0,
) -> Picture:  # fmt: skip
    """A row each: its name, value, low, high (as shares), and its paint. The axis is around 0 where
    no span is given; the band of changes that do not count, on both sides of 0, is grey."""
    if span is None:
        reach = max([0.1, *(min(1.5, 1.1 * max(abs(row[2]), abs(row[3]))) for row in rows)])
        span = (-reach, reach)
    low_end, high_end = span
    canvas = Canvas.of_rows([row[0] for row in rows], span)
    canvas.x_ticks([(each, _percent(each) if low_end < 0 else f"{100 * each:.0f}%")
                    for each in round_places(*span)], grid=True)  # fmt: skip
    if band:
        canvas.box((-band, band), canvas.y_span, "muted", 0.12)
    if low_end < 0:
        canvas.line([(0, 0), (0, len(rows))], "ink", 1.0)
    for place, (_, *shares, paint) in _places(rows):
        value, low, high = (min(high_end, max(low_end, each)) for each in shares)
        canvas.line([(low, place), (high, place)], paint, 2.4)
        canvas.dot(value, place, paint)
    described = "; ".join(
        f"{row} {number(100 * value)} % ({number(100 * low)} to {number(100 * high)})"
        for row, value, low, high, _ in rows
    )
    return canvas.picture(name, headline, title, described or "nothing")


def _places(rows: Sequence[Any]) -> Iterator[tuple[float, Any]]:
    """Each row with its height on a canvas of rows."""
    return ((len(rows) - index - 0.5, row) for index, row in enumerate(rows))


def _percent(value: float) -> str:
    return "0%" if abs(value) < 1e-9 else f"{100 * value:+.0f}%".replace("-", "\u2212")


def shift(latencies: Mapping[str, Any], workload: str, name: str) -> Picture | None:
    """How much later (above 0) or sooner the head's calls end, at each quantile; None without."""
    base, head = (
        [float(each) for each in (latencies.get(side) or {}).get("quantiles_ms") or []]
        for side in ("base", "head")
    )
    if len(base) < 5 or len(base) != len(head):
        return None
    places = [100 * index / (len(base) - 1) for index in range(len(base))][1:-1]
    inner = [after / before - 1 if before else 0.0 for before, after in zip(base, head)][1:-1]
    reach = max(0.08, *(min(1.0, 1.1 * abs(each)) for each in inner))
    canvas = Canvas(220, (0, 100), (-reach, reach))
    canvas.y_ticks(_percent)
    canvas.x_ticks([(each, f"P{each}") for each in (25, 50, 75, 95)])
    canvas.box((0, 100), (-0.05, 0.05), "muted", 0.12)
    canvas.line([(0, 0), (100, 0)], "ink", 1.0)
    canvas.band([(x, 0.0, max(0.0, y)) for x, y in zip(places, inner)], "worse")
    canvas.band([(x, min(0.0, y), 0.0) for x, y in zip(places, inner)], "better")
    canvas.line([*zip(places, inner)], "one", 2.0)
    at = [min(zip(places, inner), key=lambda each: abs(each[0] - q))[1] for q in (50, 95)]
    return canvas.picture(
        name, "Shift of the head's calls at each quantile", f"Quantile shift of {workload}",
        f"{share(at[0])} at the median, {share(at[1])} at 95 %; within 5 % no change counts",
    )  # fmt: skip


def steps(points: Sequence[Point], workload: str) -> Picture | None:
    """Each counter over the packages, with what it is at the newest; None where none is."""
    counters = [each for each in points[-1].counters if each != INSTRUCTIONS] if points else []
    if not counters:
        return None
    first, last = points[0].place, max(points[-1].place, points[0].place + 1)
    canvas = Canvas(40.0 * len(counters) + 62, (first, last), (0.0, float(len(counters))), left=8)
    for place, counter in _places(counters):
        kept = {each.place: each.counters[counter] for each in points if counter in each.counters}
        low, high = min(kept.values()), max(kept.values())
        curve = [(at, place - 0.4 + 0.4 * ((value - low) / (high - low) if high > low else 0.5))
                 for at, value in kept.items()]  # fmt: skip
        canvas.line(curve, "two", 1.8)
        canvas.dot(*curve[-1], "two", 2.6)
        text = f"{counter.replace('_', ' ')}: {count([*kept.values()][-1])}"
        canvas.text(8, canvas.y(place + 0.12), text, paint="ink")
    return canvas.picture(
        f"{slug(workload)}-counters", "Counted an operation, over the packages",
        f"Counters of {workload}", "as the table of counters has them")  # fmt: skip


def spans(
    rows: Sequence[tuple[str, float, float, str]], name: str, headline: str, title: str
) -> Picture:
    """From one latency to a longer one, in ms on a log axis: a row's name, both, and its paint."""
    ends = [end for _, low, high, _ in rows for end in (low, high)]
    span = (min(ends) / 1.3, max(ends) * 1.3)
    canvas = Canvas.of_rows([row[0] for row in rows], span, log_x=True)
    powers = range(math.floor(math.log10(span[0])), math.ceil(math.log10(span[1])) + 1)
    canvas.x_ticks([(10.0**each, shown("latency_ms", 10.0**each)) for each in powers
                    if span[0] <= 10.0**each <= span[1]], grid=True)  # fmt: skip
    for place, (_, low, high, paint) in _places(rows):
        canvas.line([(low, place), (high, place)], paint, 2.4)
        canvas.dot(low, place, paint)
    described = "; ".join(f"{row} {shown('latency_ms', low)} to {shown('latency_ms', high)}"
                          for row, low, high, _ in rows)  # fmt: skip
    return canvas.picture(name, headline, title, described)


def bars(
    rows: Sequence[tuple[str, float, str, str]], name: str, headline: str, title: str
) -> Picture:
    """A row each: its name, value, what is written after its bar, and its paint. The longest bar
    reaches the right edge: text that does not fit after a bar is written over it, which is pale."""
    canvas = Canvas.of_rows([row[0] for row in rows], (0.0, max(value for _, value, _, _ in rows)))
    ticks = round_places(*canvas.x_span, most=3)
    canvas.x_ticks([(each, tick(each)) for each in ticks], grid=True)
    for place, (_, value, text, paint) in _places(rows):
        canvas.box((0, value), (place - 0.3, place + 0.3), paint, 0.5)
        after = canvas.x(value) + 4
        fits = after + LETTER * len(text) <= canvas.right
        at, anchor = (after, "start") if fits else (canvas.right - 4, "end")
        canvas.text(at, canvas.y(place) + 4, text, anchor, "ink")
    return canvas.picture(name, headline, title, "; ".join(f"{row[0]}: {row[2]}" for row in rows))
