"""Pictures drawn as SVG by a few lines of our own: a fixed layout, nothing to load, a thousand a
second. Colours are CSS variables (--plot-ink and so on), so that one picture is light or dark."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from html import escape
from itertools import pairwise
from typing import Any

from benchmarks.judging.change_points import ChangePoint
from benchmarks.records.histograms import merge_histograms
from benchmarks.records.series import INSTRUCTIONS, Point, Series
from benchmarks.reporting.site.svg import Picture
from benchmarks.reporting.site.words import count, number, scale, share, short, shown, tick

WIDTH = 440.0
BAR = 24.0
_LABELLED = 0.03
"""A smaller change has its stripe, and no number, in a trend."""
Span = tuple[float, float]
PAINTS = {"regressed": "worse", "improved": "better", "inconclusive": "three"}


class Canvas:
    """A picture with two axes; points are given as data, `log` axes above 0 only."""

    def __init__(
        self,
        height: float,
        x: Span,
        y: Span,
        *,
        left: float = 54.0,
        right: float = 12.0,
        log_x: bool = False,
    ) -> None:
        self.height, self.log_x = height, log_x
        self.left, self.right, self.top, self.bottom = left, WIDTH - right, 36.0, height - 26.0
        self._x = (math.log(x[0]), math.log(x[1])) if log_x else x
        self._y = y
        self.marks: list[str] = []

    def x(self, value: float) -> float:
        """Where it is, from the left."""
        low, high = self._x
        place = math.log(value) if self.log_x else value
        return self.left + (self.right - self.left) * (place - low) / ((high - low) or 1.0)

    def y(self, value: float) -> float:
        """Where it is, from the top; what is outside is drawn at the edge."""
        low, high = self._y
        share = min(1.0, max(0.0, (value - low) / ((high - low) or 1.0)))
        return self.bottom - (self.bottom - self.top) * share

    def line(self, points: Sequence[Span], paint: str, width: float = 1.6, dash: str = "") -> None:
        """Through the points."""
        path = " ".join(f"{self.x(x):.1f},{self.y(y):.1f}" for x, y in points)
        dashes = f' stroke-dasharray="{dash}"' if dash else ""
        self.marks.append(
            f'<polyline points="{path}" fill="none" stroke="var(--plot-{paint})" '
            f'stroke-width="{width:g}"{dashes}/>'
        )

    def band(self, points: Sequence[tuple[float, float, float]], paint: str) -> None:
        """Between the lows and the highs of (x, low, high)."""
        there = [(x, high) for x, _, high in points] + [(x, low) for x, low, _ in points[::-1]]
        path = " ".join(f"{self.x(x):.1f},{self.y(y):.1f}" for x, y in there)
        self.marks.append(
            f'<polygon points="{path}" fill="var(--plot-{paint})" fill-opacity="0.16"/>'
        )

    def box(self, x: Span, y: Span, paint: str, opacity: float = 1.0) -> None:
        """A rectangle."""
        left, right = sorted((self.x(x[0]), self.x(x[1])))
        top, bottom = sorted((self.y(y[0]), self.y(y[1])))
        self.marks.append(
            f'<rect x="{left:.1f}" y="{top:.1f}" width="{max(1.0, right - left):.1f}" '
            f'height="{bottom - top:.1f}" fill="var(--plot-{paint})" fill-opacity="{opacity:g}"/>'
        )

    def dot(self, x: float, y: float, paint: str, radius: float = 2.6, told: str = "") -> None:
        """A point; `told` is shown where a pointer rests on it."""
        title = f"<title>{escape(told)}</title>" if told else ""
        self.marks.append(
            f'<circle cx="{self.x(x):.1f}" cy="{self.y(y):.1f}" r="{radius:g}" '
            f'fill="var(--plot-{paint})">{title}</circle>'
        )

    def text(
        self, x: float, y: float, text: str, anchor: str = "start", paint: str = "muted",
        weight: int = 400,
    ) -> None:  # fmt: skip
        """Text at a place of the picture, not of the data."""
        self.marks.append(
            f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="13" '
            f'font-weight="{weight}" fill="var(--plot-{paint})">{escape(text)}</text>'
        )

    def y_ticks(self, told: Callable[[float], str], grid: bool = True) -> None:
        """Round places on the left, with lines."""
        for value in round_places(*self._y):
            if grid:
                self.line([(self._edge(0), value), (self._edge(1), value)], "grid", 1.0)
            self.text(self.left - 6, self.y(value) + 4, told(value), "end")

    def x_ticks(self, ticks: Sequence[tuple[float, str]], grid: bool = False) -> None:
        """Texts below."""
        for value, told in ticks:
            place = self.x(value)
            if grid:
                self.line([(value, self._y[0]), (value, self._y[1])], "grid", 1.0)
            edge = place > self.right - 24
            self.text(self.right if edge else place, self.height - 8, told,
                      "end" if edge else "middle")  # fmt: skip

    def picture(self, name: str, headline: str, title: str, description: str) -> Picture:
        """All that was drawn."""
        self.text(4, 17, headline, paint="ink", weight=700)
        return Picture(name, title, description, "".join(self.marks), WIDTH, self.height)

    def _edge(self, side: int) -> float:
        return math.exp(self._x[side]) if self.log_x else self._x[side]


def round_places(low: float, high: float, most: int = 5) -> list[float]:
    """Round numbers between two, at most so many."""
    span = (high - low) or 1.0
    unit = 10.0 ** math.floor(math.log10(span / most))
    step = next(unit * each for each in (1, 2, 5, 10, 20) if span / (unit * each) <= most)
    first = math.ceil(low / step)
    return [each * step for each in range(first, math.floor(high / step) + 1)]


def trend(
    series: Series, changes: Sequence[ChangePoint], name: str, limit: float | None = None
) -> Picture:
    """A figure over the packages: intervals, levels, the range of each change, what is not measured
    yet at the right; a limit where there is one."""
    points, counted = series.points, series.metric == INSTRUCTIONS
    values, factor = [each.value for each in points], 1e-3 if counted else 1.0
    reach = 1.3 * max(values)
    ends = [*values, *(max(0.0, each.low) for each in points),
            *(min(each.high, reach) for each in points), *([limit] if limit else [])]  # fmt: skip
    low, high = min(ends), max(ends)
    margin = max((high - low) * 0.12, high * 0.02)
    last = max(len(series.packages) - 1, points[0].place + 1)
    canvas = Canvas(236, (points[0].place - 0.5, last + 0.5),
                    ((low - margin) * factor, (high + margin) * factor))  # fmt: skip
    bottom, top = (low - margin) * factor, (high + margin) * factor
    canvas.y_ticks((lambda v: f"{tick(v)}k") if counted else (lambda v: f"{v:.3g}x"))
    if points[-1].place < last:
        canvas.box((points[-1].place + 0.5, last + 0.5), (bottom, top), "muted", 0.1)
    _draw_changes(canvas, changes, (bottom, top))
    for run in runs(points):
        if not counted:
            canvas.band([(p.place, p.low * factor, p.high * factor) for p in run], "one")
        canvas.line([(p.place, p.value * factor) for p in run], "one", 1.2)
    for each in points:
        if not counted:
            canvas.line([(each.place, each.low), (each.place, each.high)], "one", 1.0)
        value = f"{each.value:,.0f}" if counted else f"{each.value:.3f}x"
        canvas.dot(each.place, each.value * factor, "one", 2.8,
                   f"{value} at {each.package.sha[:7]}, {each.package.subject:.80}")  # fmt: skip
    edges = [0, *(each.index for each in changes), len(points)]
    for start, end in pairwise(edges):
        level = sorted(values[start:end])[(end - start) // 2] * factor
        canvas.line([(points[start].place, level), (points[end - 1].place, level)], "ink", 1.6)
    for at, paint in ((limit, "worse"), (None if counted else 1.0, "muted")):
        if at is not None:
            canvas.line([(points[0].place, at * factor), (last, at * factor)], paint, 1.2,
                        "5 3")  # fmt: skip
    places = sorted({points[0].place, (points[0].place + last) // 2, points[-1].place})
    canvas.x_ticks([(place, series.packages[place].sha[:7]) for place in places])
    what = f"{short(series.metric)}, ratio to the {series.companion.split(' ')[0]}"
    what = "Instructions an operation" if counted else what
    told = "; ".join(f"{share(each.change)} in {each.range}" for each in changes)
    newest = f"{values[-1]:,.0f}" if counted else f"{values[-1]:.3f}x"
    return canvas.picture(
        name, what, f"{what}, of {series.workload} over the packages",
        f"{len(points)} packages, the newest {newest}; {told or 'no change point'}",
    )  # fmt: skip


def _draw_changes(canvas: Canvas, changes: Sequence[ChangePoint], y: Span) -> None:
    """The range of each as a stripe; the size where there is room for it."""
    labelled = -99.0
    for each in changes:
        paint = "worse" if each.worse else "better"
        canvas.box((each.last.place, each.first.place), y, paint, 0.2)
        place = canvas.x(each.first.place)
        if abs(each.change) >= _LABELLED and place - labelled > 56:
            labelled = place
            right = place > WIDTH - 90
            canvas.text(place + (-4 if right else 4), canvas.top + 10, share(each.change),
                        "end" if right else "start", paint, 700)  # fmt: skip


def runs(points: Sequence[Point]) -> list[list[Point]]:
    """The points without gaps between them."""
    found: list[list[Point]] = []
    for each in points:
        if found and each.place == found[-1][-1].place + 1:
            found[-1].append(each)
        else:
            found.append([each])
    return found


def spark(series: Series, changes: Sequence[ChangePoint]) -> str:
    """A trend of the newest 40 points in the size of a word: its noise and changes.
    Safe markup."""
    points = series.points[-40:]
    offset = len(series.points) - len(points)
    values = [each.value for each in points]
    low, high = min(values), max(values)
    low, high = min(low, high * 0.93), max(high, low * 1.07)
    first, last = points[0].place, max(len(series.packages) - 1, points[0].place + 1)

    def at(place: float, value: float) -> str:
        height = 30 - 28 * min(1.0, max(0.0, (value - low) / (high - low)))
        return f"{3 + 114 * (place - first) / (last - first):.1f},{height:.1f}"

    band = " ".join(
        [at(p.place, p.high) for p in points] + [at(p.place, p.low) for p in points[::-1]]
    )
    marks = "".join(
        f'<polyline class="{"worse" if each.worse else "better"}" '
        f'points="{at(each.first.place - 0.5, low)} {at(each.first.place - 0.5, high)}"/>'
        for each in changes
        if each.index > offset
    )
    path = " ".join(at(p.place, p.value) for p in points)
    x, y = at(points[-1].place, values[-1]).split(",")
    told = f"{len(points)} packages, {len(changes)} change point{'' if len(changes) == 1 else 's'}"
    return (
        f'<svg class="spark" role="img" viewBox="0 0 120 32"><title>{told}</title>'
        f'<polygon points="{band}"/>{marks}<polyline points="{path}"/>'
        f'<circle cx="{x}" cy="{y}" r="2.6"/></svg>'
    )


def percentiles(encoded: Mapping[str, str], workload: str, name: str) -> Picture:
    """The time of a call at each percentile, the tail stretched; a line a histogram by its name."""
    quantiles = [1 - 10 ** (-step / 8) for step in range(25)]
    lines = {}
    for text, histogram in encoded.items():
        merged = merge_histograms([histogram])
        lines[text] = [merged.get_value_at_percentile(q * 100) / 1e6 for q in quantiles]
    most = max(max(values) for values in lines.values())
    factor, unit = scale("latency_ms", most / 3)
    canvas = Canvas(236, (1.0, 1000.0), (0.0, most * factor * 1.05), log_x=True)
    canvas.y_ticks(tick)
    canvas.x_ticks([(1 / (1 - q), f"{q:.4g}".replace("0.", "P")) for q in (0.5, 0.9, 0.95, 0.99)])
    for (text, values), paint, dash in zip(lines.items(), ("one", "muted"), ("", "5 3")):
        canvas.line([(1 / (1 - q), value * factor) for q, value in zip(quantiles, values)],
                    paint, 2.0, dash)  # fmt: skip
        row = 52 if paint == "one" else 68
        canvas.text(canvas.left + 8, row, f"{'—' if paint == 'one' else '- -'} {text}", paint=paint)
    told = "; ".join(f"{text}: {shown('latency_ms', values[8])} at 90 %, "
                     f"{shown('latency_ms', values[16])} at 99 %"
                     for text, values in lines.items())  # fmt: skip
    return canvas.picture(name, f"Time of a call in {unit}, at each percentile",
                          f"Percentiles of {workload}", told)  # fmt: skip


def forest(
    rows: Sequence[tuple[str, float, float, float, str]], name: str, headline: str, title: str,
    *, span: Span | None = None, band: float = 0.0,
) -> Picture:  # fmt: skip
    """A row each: its name, value, low, high (as shares), and the paint of it.

    Args:
        span: of the axis; around 0 if None.
        band: changes that do not count, on both sides of 0, are grey.
    """
    if span is None:
        reach = max([0.1, *(min(1.5, 1.1 * max(abs(row[2]), abs(row[3]))) for row in rows)])
        span = (-reach, reach)
    left = min(230.0, 16 + 6.6 * max((len(row[0]) for row in rows), default=0))
    canvas = Canvas(BAR * len(rows) + 66, span, (0.0, float(len(rows))), left=left)
    ticks = round_places(*span, most=5)
    canvas.x_ticks([(each, _percent(each) if span[0] < 0 else f"{100 * each:.0f}%")
                    for each in ticks], grid=True)  # fmt: skip
    if band:
        canvas.box((-band, band), (0, len(rows)), "muted", 0.12)
    if span[0] < 0:
        canvas.line([(0, 0), (0, len(rows))], "ink", 1.0)
    for index, (row, value, low, high, paint) in enumerate(rows):
        place = len(rows) - index - 0.5
        ends = [min(span[1], max(span[0], each)) for each in (low, high)]
        canvas.line([(ends[0], place), (ends[1], place)], paint, 2.4)
        canvas.dot(min(span[1], max(span[0], value)), place, paint, 4.0)
        canvas.text(canvas.left - 8, canvas.y(place) + 4, row[:34], "end", "ink")
    told = "; ".join(f"{row} {number(100 * value)} % ({number(100 * low)} to {number(100 * high)})"
                     for row, value, low, high, _ in rows)  # fmt: skip
    return canvas.picture(name, headline, title, told or "nothing")


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
    for sign, paint in ((1, "worse"), (-1, "better")):
        ends = [max(0.0, sign * each) * sign for each in inner]
        canvas.band([(x, min(0, y), max(0, y)) for x, y in zip(places, ends)], paint)
    canvas.line([*zip(places, inner)], "one", 2.0)
    at = [inner[min(len(inner) - 1, round(q * len(inner)))] for q in (0.5, 0.95)]
    return canvas.picture(
        name, "Shift of the head's calls at each quantile", f"Quantile shift of {workload}",
        f"{share(at[0])} at the median, {share(at[1])} at 95 %; within 5 % no change counts",
    )  # fmt: skip


def steps(points: Sequence[Point], counters: Sequence[str], workload: str, name: str) -> Picture:
    """Each counter over the packages, with what it is at the newest."""
    first, last = points[0].place, max(points[-1].place, points[0].place + 1)
    canvas = Canvas(40.0 * len(counters) + 62, (first, last), (0.0, float(len(counters))), left=8)
    for index, counter in enumerate(counters):
        kept = [each for each in points if counter in each.counters]
        values = [each.counters[counter] for each in kept]
        low, high = min(values), max(values)
        place = len(counters) - index - 1
        drawn = [
            (each.place, place + 0.1 + 0.4 * ((value - low) / (high - low) if high > low else 0.5))
            for each, value in zip(kept, values)
        ]
        canvas.line(drawn, "two", 1.8)
        canvas.dot(*drawn[-1], "two")
        text = f"{counter.replace('_', ' ')}: {count(values[-1])}"
        canvas.text(8, canvas.y(place + 0.62), text, paint="ink")
    return canvas.picture(name, "Counted an operation, over the packages",
        f"Counters of {workload}", "as the table of counters has them")  # fmt: skip


def latencies(rows: Sequence[tuple[str, float, float]], name: str) -> Picture:
    """From P50 to P95 of each workload, in milliseconds, on a log axis."""
    ends = [each for _, low, high in rows for each in (low, high)]
    left = min(230.0, 16 + 6.6 * max(len(row[0]) for row in rows))
    canvas = Canvas(BAR * len(rows) + 66, (min(ends) / 1.3, max(ends) * 1.3),
                    (0.0, float(len(rows))), left=left, log_x=True)  # fmt: skip
    powers = range(math.floor(math.log10(min(ends))), math.ceil(math.log10(max(ends))) + 1)
    ticks = [10.0**each for each in powers if min(ends) / 1.3 <= 10.0**each <= max(ends) * 1.3]
    canvas.x_ticks([(each, shown("latency_ms", each)) for each in ticks], grid=True)
    for index, (row, low, high) in enumerate(rows):
        place = len(rows) - index - 0.5
        canvas.line([(low, place), (high, place)], "one", 2.4)
        canvas.dot(low, place, "one", 4.0)
        canvas.text(canvas.left - 8, canvas.y(place) + 4, row[:34], "end", "ink")
    told = "; ".join(f"{row} {shown('latency_ms', low)} to {shown('latency_ms', high)}"
                     for row, low, high in rows)  # fmt: skip
    return canvas.picture(name, "Time of a call, ● P50 to P95", "P50 to P95 of each workload", told)
