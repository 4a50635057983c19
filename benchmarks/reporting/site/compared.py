"""The pictures of comparisons and of the gate's proof.

Their data is the JSON that judging/gate.py describes at its top, read as plain values, so that a
comparison written by an older lab can still be shown.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from benchmarks.reporting.site.svg import (
    PAINT,
    Picture,
    headline,
    log_ticks,
    new_axes,
    new_figure,
    picture,
)
from benchmarks.reporting.site.words import number, scale, share, short, tick

_WIDTH = 380.0
_NUMBERS = ("effect", "low", "high", "base", "head")
_VERDICT_PAINT = {
    "regressed": "worse",
    "improved": "better",
    "inconclusive": "three",
    "unchanged": "one",
}


def quantile_shift(workload: str, latencies: Mapping[str, Any], name: str) -> Picture | None:
    """How much later (above 0) or sooner the head's calls end, at each quantile; None without."""
    base, head = _quantiles(latencies, "base"), _quantiles(latencies, "head")
    if not base or len(base) != len(head):
        return None
    places = [100 * index / (len(base) - 1) for index in range(len(base))]
    shifts = [(after / before - 1) * 100 if before else 0.0 for before, after in zip(base, head)]
    inner = shifts[1:-1]  # the two extremes are single calls
    figure = new_figure(_WIDTH, 240.0)
    axes = new_axes(figure)
    axes.axhspan(-5, 5, color=PAINT["muted"], alpha=0.12, linewidth=0)
    axes.axhline(0, color=PAINT["ink"], linewidth=1)
    zeros = [0.0] * len(inner)
    for sign, paint in ((1, "worse"), (-1, "better")):
        side = [max(0.0, sign * shift) * sign for shift in inner]
        axes.fill_between(places[1:-1], zeros, side, color=PAINT[paint], alpha=0.22, linewidth=0)
    axes.plot(places[1:-1], inner, color=PAINT["one"], linewidth=1.8)
    reach = max(8.0, 1.15 * max(abs(shift) for shift in inner))
    axes.set_ylim(-reach if min(inner) < -2 else -min(reach, 8.0), reach if max(inner) > 2 else 8.0)
    axes.set_xlim(0, 100)
    axes.set_xticks([0, 25, 50, 75, 95], ["0%", "25%", "50%", "75%", "95%"])
    axes.yaxis.set_major_formatter(lambda value, _: _percent(value))
    axes.locator_params(axis="y", nbins=5)
    headline(figure, "Shift of head against base, by quantile")
    at = {q: shifts[round(q * (len(base) - 1))] / 100 for q in (0.5, 0.95)}
    return picture(
        figure, name, f"Quantile shift of {workload}",
        f"head against base: {share(at[0.5])} at the median, {share(at[0.95])} at 95 %; "
        "the grey band is 5 %, below which no change counts",
    )  # fmt: skip


def cumulative(workload: str, latencies: Mapping[str, Any], name: str) -> Picture | None:
    """The share of calls that ended within a time, base and head; None without data."""
    figure = new_figure(_WIDTH, 240.0)
    axes = new_axes(figure)
    base = _quantiles(latencies, "base")
    if not base:
        return None
    factor, unit = scale("latency_ms", base[len(base) // 2])
    left, right = math.inf, 0.0
    for side, paint, dashes in (("base", "muted", (0, (5, 2))), ("head", "one", "-")):
        quantiles = _quantiles(latencies, side)
        if len(quantiles) < 3:
            return None
        heights = [100 * index / (len(quantiles) - 1) for index in range(len(quantiles))]
        axes.plot([value * factor for value in quantiles], heights, color=PAINT[paint],
                  linestyle=dashes, linewidth=1.8, label=side)  # fmt: skip
        left, right = min(left, quantiles[0]), max(right, quantiles[-2] * 1.15)
    axes.set_xscale("log")
    axes.set_xlim(left * factor, right * factor)
    axes.set_ylim(0, 101)
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:.0f}%")
    axes.xaxis.set_major_formatter(lambda value, _: tick(value))
    log_ticks(axes, left * factor, right * factor)
    axes.legend(frameon=False, fontsize=12, loc="lower right", labelcolor=PAINT["ink"])
    headline(figure, f"Calls that ended within so many {unit}")
    return picture(
        figure, name, f"Cumulative distribution (ECDF) of {workload}",
        "share of calls that ended within a time, for base and head",
    )  # fmt: skip


def effects(metrics: Sequence[tuple[str, Mapping[str, Any]]], name: str, title: str) -> Picture:
    """A forest plot: each metric's effect with its interval, against the band that matters not.

    Args:
        metrics: name of the row, and the metric as in the comparison's JSON.
    """
    figure = new_figure(_WIDTH, 26.0 * len(metrics) + 62.0)
    axes = new_axes(figure)
    axes.grid(visible=False, axis="y")
    axes.grid(visible=True, axis="x", color=PAINT["grid"], linewidth=1)
    axes.axvspan(-5, 5, color=PAINT["muted"], alpha=0.12, linewidth=0)
    axes.axvline(0, color=PAINT["ink"], linewidth=1)
    told = []
    bound = 10.0
    for place, (row, metric) in enumerate(reversed(metrics)):
        effect, low, high = (100 * float(metric[key]) for key in ("effect", "low", "high"))
        paint = PAINT[_VERDICT_PAINT.get(str(metric.get("verdict")), "one")]
        axes.plot([low, high], [place, place], color=paint, linewidth=2.4, solid_capstyle="butt")
        axes.scatter([effect], [place], s=34, color=paint, zorder=3)
        bound = max(bound, min(150.0, 1.1 * max(abs(low), abs(high))))
        told.append(f"{row} {share(effect / 100)} ({share(low / 100)} to {share(high / 100)})")
    axes.set_xlim(-bound, bound)
    axes.set_ylim(-0.6, len(metrics) - 0.4)
    axes.set_yticks(range(len(metrics)), [row for row, _ in reversed(metrics)])
    axes.tick_params(axis="y", colors=PAINT["ink"])
    axes.xaxis.set_major_formatter(lambda value, _: _percent(value))
    axes.locator_params(axis="x", nbins=5)
    headline(figure, "Effect: head against base")
    return picture(figure, name, title, "; ".join(reversed(told)) or "no metrics")


def metric_rows(workload: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    """The rows of one workload's forest plot."""
    return [(short(metric["metric"]), metric) for metric in workload.get("metrics", ())]


def rates(rows: Sequence[tuple[str, float, float, float, bool]], name: str, title: str) -> Picture:
    """How often each kind of change was called a regression, with exact intervals.

    Args:
        rows: name, rate, low, high (shares), and whether calling it one is right.
    """
    figure = new_figure(_WIDTH, 27.0 * len(rows) + 62.0)
    axes = new_axes(figure)
    axes.grid(visible=False, axis="y")
    axes.grid(visible=True, axis="x", color=PAINT["grid"], linewidth=1)
    told = []
    for place, (row, rate, low, high, right) in enumerate(reversed(rows)):
        paint = PAINT["better" if right else "worse"]
        axes.plot([100 * low, 100 * high], [place, place], color=paint, linewidth=2.4)
        axes.scatter([100 * rate], [place], s=40, color=paint, marker="D" if right else "o")
        told.append(f"{row} {number(100 * rate)} % ({number(100 * low)} to {number(100 * high)} %)")
    axes.set_xlim(-3, 103)
    axes.set_ylim(-0.6, len(rows) - 0.4)
    axes.set_yticks(range(len(rows)), [row[0] for row in reversed(rows)])
    axes.tick_params(axis="y", colors=PAINT["ink"])
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:.0f}%")
    headline(figure, "Called a regression  ◆ rightly  ● wrongly")
    return picture(figure, name, title, "; ".join(reversed(told)) or "no rows")


def normal(comparison: Mapping[str, Any]) -> dict[str, Any]:
    """A comparison with every field that the page uses, as an older lab may not have written all.

    Raises:
        KeyError, TypeError, ValueError: what matters is missing, or of another type.
    """
    defaults = {"elapsed_s": 0.0, "machine": {}, "limits": [], "skipped": []}
    workloads = [
        {
            "pairs": 0, "calls": 0, "confirmed": None, "explanation": "", "wrong": "",
            "counters": [], "latencies": {}, **workload,
            "name": str(workload["name"]), "verdict": str(workload["verdict"]),
            "metrics": [
                {
                    "smallest_visible_change": math.inf, "decides": True, **metric,
                    **{key: float(metric[key]) for key in _NUMBERS},
                }
                for metric in workload["metrics"]
            ],
        }
        for workload in comparison["workloads"]
    ]  # fmt: skip
    sides = {
        side: {"commit": "", "dirty": False, **comparison[side], "name": comparison[side]["name"]}
        for side in ("base", "head")
    }
    moment = datetime.fromisoformat(comparison["started_at"]).isoformat()
    verdict = str(comparison["verdict"])
    own = {"workloads": workloads, **sides, "started_at": moment, "verdict": verdict}
    return {**defaults, **comparison, **own}


def _quantiles(latencies: Mapping[str, Any], side: str) -> list[float]:
    return [float(value) for value in (latencies.get(side) or {}).get("quantiles_ms") or []]


def _percent(value: float) -> str:
    """A tick of an axis of changes in percent."""
    return "0%" if abs(value) < 0.5 else f"{value:+.0f}%".replace("-", "\u2212")
