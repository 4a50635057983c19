"""A comparison as one self-contained page: one word, then what matters by its size, then the rest.

What is shown is in the address (#all: every row), by CSS alone: no script, nothing to load.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from benchmarks.judging.gate import COUNTS
from benchmarks.reporting import words
from benchmarks.reporting.filling import fill
from benchmarks.reporting.site import chart
from benchmarks.reporting.site.canvas import Picture

_NUMBERS = ("effect", "low", "high", "base", "head")


def write(comparison: Mapping[str, Any], out: Path) -> Path:
    """Write the page of a comparison in JSON, whose form judging/gate.py describes at its top.

    Raises:
        KeyError, TypeError, ValueError: it is not a comparison.
        OSError: it cannot be written.
    """
    return fill("comparison.html", out, **values(normal(comparison)), back="")


def normal(comparison: Mapping[str, Any]) -> dict[str, Any]:
    """A comparison with every field that the page uses, as an older lab may not have written all.

    Raises:
        KeyError, TypeError, ValueError: what matters is missing, or of another type.
    """
    workloads = [
        {
            "pairs": 0, "calls": 0, "confirmed": None, "explanation": "", "wrong": "",
            "latencies": {}, **each, "name": str(each["name"]), "verdict": str(each["verdict"]),
            "counters": [{"exact": True, **own} for own in each.get("counters", ())],
            "metrics": [
                {"smallest_visible_change": math.inf, "decides": True, **own,
                 **{key: float(own[key]) for key in _NUMBERS}}
                for own in each["metrics"]
            ],
        }
        for each in comparison["workloads"]
    ]  # fmt: skip
    sides = {
        side: {"commit": "", "dirty": False, **comparison[side], "name": comparison[side]["name"]}
        for side in ("base", "head")
    }
    return {
        "elapsed_s": 0.0, "machine": {}, "skipped": [], "notes": [], "equal": False, **comparison,
        **sides, "workloads": workloads, "verdict": str(comparison["verdict"]),
        "started_at": datetime.fromisoformat(comparison["started_at"]).isoformat(),
    }  # fmt: skip


def values(comparison: Mapping[str, Any]) -> dict[str, Any]:
    """What the template needs of a `normal` comparison."""
    workloads = comparison["workloads"]
    rows = [row for each in workloads for row in _rows(each)]
    verdicts = {own["verdict"] for each in workloads for own in each["metrics"]}
    is_mixed = comparison["verdict"] == "regressed" and "improved" in verdicts
    return {
        "comparison": comparison,
        "rows": sorted(rows, key=lambda row: -abs(row["effect"])),
        "pictures": {each["name"]: [*_pictures(each)] for each in workloads},
        "word": "mixed" if is_mixed else comparison["verdict"],
    }


def _rows(workload: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """A row each metric, and each counter that differs; relevant ones are marked."""
    for own in workload["metrics"]:
        metric, verdict = own["metric"], own["verdict"]
        yield {
            **own, "workload": workload["name"], "what": words.short(metric),
            "relevant": verdict == "regressed" or (own["decides"] and verdict != "unchanged"),
            "interval": f"{words.share(own['low'])} to {words.share(own['high'])}",
            "visible": words.size(own["smallest_visible_change"]),
            **{side: words.shown(metric, own[side]) for side in ("base", "head")},
        }  # fmt: skip
    for own in workload["counters"]:
        if own["head"] != own["base"] and own["exact"]:
            effect = own["head"] / own["base"] - 1 if own["base"] else math.inf
            noise = own.get("noise") or 0.0
            decides = own["counter"] in COUNTS and abs(effect) > noise
            way = "regressed" if own["head"] > own["base"] else "improved"
            yield {
                "workload": workload["name"], "what": words.label(own["counter"]),
                "relevant": decides, "verdict": way if decides else "unchanged", "effect": effect,
                "interval": "counted", "visible": words.size(noise) if noise else "any",
                **{side: words.count(own[side]) for side in ("base", "head")},
            }  # fmt: skip


def _pictures(workload: Mapping[str, Any]) -> Iterator[Picture]:
    name, slug = workload["name"], words.slug(workload["name"])
    rows = [
        (words.short(own["metric"]), own["effect"], own["low"], own["high"],
         chart.PAINTS.get(own["verdict"], "one"))
        for own in workload["metrics"]
    ]  # fmt: skip
    if rows:
        yield chart.forest(rows, f"effects-{slug}", "Effect: head against base",
                           f"Effects on {name}", band=0.05)  # fmt: skip
    if shifted := chart.shift(workload["latencies"] or {}, name, f"shift-{slug}"):
        yield shifted
