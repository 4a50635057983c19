"""A comparison as one self-contained page: one word, then what matters by its size, then the rest.

What is shown is in the address (#all: every row), by CSS alone: no script, nothing to load.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from benchmarks.judging.gate import COUNTS
from benchmarks.reporting.site import chart, words
from benchmarks.reporting.site.filling import ASSETS, templates

_NUMBERS = ("effect", "low", "high", "base", "head")


def write(comparison: Mapping[str, Any], out: Path, back: str = "") -> Path:
    """Write the page of a comparison, whose form judging/gate.py describes at its top.

    Args:
        comparison: as in its JSON.
        out: the file; its folder is made.
        back: where a link back leads; none if "".

    Raises:
        KeyError, TypeError, ValueError: it is not a comparison.
        OSError: it cannot be written.
    """
    whole = normal(comparison)
    text = templates().get_template("comparison.html").render(
        comparison=whole, rows=_rows(whole), views=[*map(_view, whole["workloads"])], back=back,
        word=_word(whole), sentence=_sentence(whole),
        style=(ASSETS / "style.css").read_text("utf-8"),
    )  # fmt: skip
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(text, encoding="utf-8", newline="\n")
    return out


def normal(comparison: Mapping[str, Any]) -> dict[str, Any]:
    """A comparison with every field that the page uses, as an older lab may not have written all.

    Raises:
        KeyError, TypeError, ValueError: what matters is missing, or of another type.
    """
    defaults = {"elapsed_s": 0.0, "machine": {}, "skipped": [], "notes": [], "equal": False,
                "limits": []}  # fmt: skip
    workloads = [
        {
            "pairs": 0, "calls": 0, "confirmed": None, "explanation": "", "wrong": "",
            "latencies": {}, **each, "name": str(each["name"]), "verdict": str(each["verdict"]),
            "counters": [{"exact": True, **own} for own in each.get("counters", ())],
            "metrics": [
                {
                    "smallest_visible_change": math.inf, "decides": True, **own,
                    **{key: float(own[key]) for key in _NUMBERS},
                }
                for own in each["metrics"]
            ],
        }
        for each in comparison["workloads"]
    ]  # fmt: skip
    sides = {
        side: {"commit": "", "dirty": False, **comparison[side], "name": comparison[side]["name"]}
        for side in ("base", "head")
    }
    moment = datetime.fromisoformat(comparison["started_at"]).isoformat()
    own = {"workloads": workloads, **sides, "started_at": moment,
           "verdict": str(comparison["verdict"])}  # fmt: skip
    return {**defaults, **comparison, **own}


def _rows(comparison: Mapping[str, Any]) -> list[dict[str, Any]]:
    """A row each metric, and each counter that differs; by its size, relevant ones marked."""
    rows = []
    for each in comparison["workloads"]:
        for own in each["metrics"]:
            relevant = own["decides"] and own["verdict"] != "unchanged"
            rows.append({
                "workload": each["name"], "what": words.short(own["metric"]),
                "verdict": own["verdict"], "relevant": relevant or own["verdict"] == "regressed",
                "effect": own["effect"], "interval": f"{words.share(own['low'])} to "
                f"{words.share(own['high'])}", "visible": words.share(
                own["smallest_visible_change"]).lstrip("+"),
                "base": words.shown(own["metric"], own["base"]),
                "head": words.shown(own["metric"], own["head"]),
            })  # fmt: skip
        for own in each["counters"]:
            moved = own["head"] - own["base"]
            if not moved or not own["exact"]:
                continue
            effect = moved / own["base"] if own["base"] else math.inf
            noise = own.get("noise") or 0.0
            decides = own["counter"] in COUNTS and abs(effect) > noise
            way = ("regressed" if moved > 0 else "improved") if decides else "unchanged"
            rows.append({
                "workload": each["name"], "what": words.label(own["counter"]), "verdict": way,
                "relevant": decides, "effect": effect, "interval": "counted",
                "visible": words.share(noise).lstrip("+") if noise else "any",
                "base": words.count(own["base"]), "head": words.count(own["head"]),
            })  # fmt: skip
    return sorted(rows, key=lambda row: -abs(row["effect"]))


def _view(workload: Mapping[str, Any]) -> dict[str, Any]:
    name, slug = workload["name"], words.slug(workload["name"])
    rows = [
        (words.short(own["metric"]), own["effect"], own["low"], own["high"],
         chart.PAINTS.get(own["verdict"], "one"))
        for own in workload["metrics"]
    ]  # fmt: skip
    pictures = [
        chart.forest(rows, f"effects-{slug}", "Effect: head against base", f"Effects on {name}",
                     band=0.05) if rows else None,
        chart.shift(workload["latencies"] or {}, name, f"shift-{slug}"),
    ]  # fmt: skip
    return {"workload": workload, "slug": slug, "pictures": [each for each in pictures if each]}


def _word(comparison: Mapping[str, Any]) -> str:
    """One word: mixed where some regressed and some improved."""
    verdicts = {own["verdict"] for each in comparison["workloads"] for own in each["metrics"]}
    is_mixed = comparison["verdict"] == "regressed" and "improved" in verdicts
    return "mixed" if is_mixed else str(comparison["verdict"])


def _sentence(comparison: Mapping[str, Any]) -> str:
    """What a person can repeat."""
    if comparison["equal"]:
        return "Both are the same package: nothing was measured."
    verdicts = [each["verdict"] for each in comparison["workloads"]]
    told = [
        f"{verdicts.count(each)} {each}"
        for each in ("regressed", "inconclusive", "improved", "unchanged")
        if each in verdicts
    ]
    text = f"Of {len(verdicts)} workload{'' if len(verdicts) == 1 else 's'}: {', '.join(told)}."
    worst = next((each for each in comparison["workloads"] if each["verdict"] == "regressed"), None)
    if worst is None or not worst["metrics"]:
        return text
    own = max(worst["metrics"], key=lambda own: (own["verdict"] == "regressed",
                                                 abs(own["effect"])))  # fmt: skip
    why = f", because of {worst['explanation'].replace('_', ' ')}" if worst["explanation"] else ""
    return (
        f"{worst['name']} {words.short(own['metric'])}: {words.share(own['effect'])}{why}. {text}"
    )
