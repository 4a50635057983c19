"""The pictures of the page of other queues."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.common.project import project
from benchmarks.reporting.site.svg import (
    PAINT,
    Picture,
    headline,
    log_ticks,
    new_axes,
    new_figure,
    picture,
)
from benchmarks.reporting.site.words import count, number, tick

_WIDTH = 380.0
_PAINTS = ("one", "two", "three")
_MARKS = ("o", "s", "^")

Rows = Sequence[tuple[str, Mapping[str, Any]]]
"""A candidate's title and its row of the latency table, all depths."""


def claims(rows: Rows, name: str) -> Picture | None:
    """From P50 to P95 of a claim, a line for each depth; None without figures."""
    kept = [(title, row) for title, row in rows if "claim_p50_us" in row["figures"]]
    if not kept:
        return None
    titles = list(dict.fromkeys(title for title, _ in kept))
    depths = list(dict.fromkeys(row["depth"] for _, row in kept))[: len(_PAINTS)]
    figure, axes = _lying(len(titles), 12.0 * len(depths) + 8.0)
    told = []
    ends: list[float] = []
    for title, row in kept:
        if row["depth"] not in depths:
            continue
        kind = depths.index(row["depth"])
        place = len(titles) - 1 - titles.index(title) + 0.26 * ((len(depths) - 1) / 2 - kind)
        low, high = row["figures"]["claim_p50_us"], row["figures"]["claim_p95_us"]
        paint = PAINT[_PAINTS[kind]]
        axes.plot([low, high], [place, place], color=paint, linewidth=2.2)
        axes.scatter([low], [place], s=26, color=paint, marker=_MARKS[kind], zorder=3)
        ends += [low, high]
        told.append(f"{title}, {count(row['depth'])}: {number(low)} to {number(high)} µs")
    axes.set_xscale("log")
    axes.set_xlim(min(ends) / 1.3, max(ends) * 1.3)
    log_ticks(axes, *axes.get_xlim())
    axes.xaxis.set_major_formatter(lambda value, _: tick(value))
    _names(axes, titles)
    marks = {"o": "●", "s": "■", "^": "▲"}
    key = "  ".join(f"{marks[_MARKS[index]]} {count(depth)}" for index, depth in enumerate(depths))
    headline(figure, f"Claim, P50 to P95 in µs; queued: {key}")
    return picture(figure, name, "Latency of a claim, P50 to P95, by depth", "; ".join(told))


def lifecycles(rows: Rows, name: str) -> Picture | None:
    """Whole lifecycles a second at the smallest depth, each with its ratio to the floor."""
    kept = [(title, row) for title, row in rows if "lifecycles_per_s" in row["figures"]]
    if not kept:
        return None
    depth = min(row["depth"] for _, row in kept)
    kept = [(title, row) for title, row in kept if row["depth"] == depth]
    figure, axes = _lying(len(kept), 26.0)
    most = max(row["figures"]["lifecycles_per_s"] for _, row in kept)
    told = []
    for place, (title, row) in enumerate(reversed(kept)):
        rate = row["figures"]["lifecycles_per_s"]
        ratio = row["ratios"].get("lifecycles_per_s")
        paint = "one" if row["candidate"].startswith(project().name) else "muted"
        axes.barh([place], [rate], height=0.62, color=PAINT[paint])
        text = number(rate) if ratio is None else f"{number(rate)}  ({ratio:.2f})"
        axes.annotate(text, (rate, place), xytext=(4, 0), textcoords="offset points",
                      va="center", fontsize=11, color=PAINT["ink"])  # fmt: skip
        told.append(f"{title} {text}")
    axes.set_xlim(0, most * 1.5)
    axes.xaxis.set_major_formatter(lambda value, _: tick(value))
    axes.locator_params(axis="x", nbins=3)
    _names(axes, [title for title, _ in kept])
    headline(figure, f"Lifecycles/s, {count(depth)} queued  (ratio to floor)")
    title = "Whole lifecycles a second, with the ratio to the floor"
    return picture(figure, name, title, "; ".join(reversed(told)))


def crashes(rows: Rows, name: str) -> Picture | None:
    """Tasks lost and completed twice in the run with SIGKILL; None without figures."""
    if not rows:
        return None
    figure, axes = _lying(len(rows), 30.0)
    told = []
    most = 1.0
    for place, (title, figures) in enumerate(reversed(rows)):
        lost, twice = float(figures["lost"]), float(figures["doubly_completed"])
        axes.barh([place + 0.18], [lost], height=0.32, color=PAINT["worse"])
        axes.barh([place - 0.18], [twice], height=0.32, color=PAINT["three"])
        is_clean = not (lost or twice)
        text = "none" if is_clean else f"{count(lost)} lost, {count(twice)} twice"
        axes.annotate(text, (max(lost, twice), place), xytext=(4, 0), va="center", fontsize=11,
                      textcoords="offset points",
                      color=PAINT["better" if is_clean else "ink"])  # fmt: skip
        most = max(most, lost, twice)
        told.append(f"{title}: {count(lost)} lost, {count(twice)} completed twice")
    axes.set_xlim(0, most * 1.8)
    axes.locator_params(axis="x", nbins=4, integer=True)
    _names(axes, [title for title, _ in rows])
    headline(figure, "Tasks lost, and completed twice, after SIGKILL")
    title = "Tasks lost and completed twice when workers were killed"
    return picture(figure, name, title, "; ".join(reversed(told)))


def _lying(rows: int, height: float) -> tuple[Any, Any]:
    """A figure whose rows lie: names on the left, values to the right."""
    figure = new_figure(_WIDTH, height * rows + 66.0)
    axes = new_axes(figure)
    axes.grid(visible=False, axis="y")
    axes.grid(visible=True, axis="x", color=PAINT["grid"], linewidth=1)
    return figure, axes


def _names(axes: Any, titles: Sequence[str]) -> None:
    axes.set_yticks(range(len(titles)), list(reversed(titles)))
    axes.tick_params(axis="y", colors=PAINT["ink"])
    axes.set_ylim(-0.6, len(titles) - 0.4)
