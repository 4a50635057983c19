"""The proofs of the gate and of the history as their page shows them, from results/proof."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.common.statistics import clopper_pearson
from benchmarks.reporting import words
from benchmarks.reporting.filling import render
from benchmarks.reporting.site import chart
from benchmarks.reporting.site.canvas import Picture

_NAMES = {"gate": "This gate", "asv": "asv continuous", "pytest-benchmark": "pytest-benchmark"}
_ENDS = ("alarm_rate", "alarm_low", "alarm_high")
_Row = tuple[str, float, float, float, str]


def gate_proof(table: Mapping[str, Any]) -> str:
    """The markup of matrix.json, whose form proving/proof.py describes.

    Raises:
        KeyError, TypeError, jinja2.TemplateError: it is not of that form.
    """
    tools = [{**each, "name": _NAMES.get(each["tool"], each["tool"])} for each in table["tools"]]
    rows = [
        (f"{tool['name']}, {text}", *(tool[key][end] for end in _ENDS), paint)
        for text, key, paint in (("no change", "no_change", "worse"),
                                 ("planted", "planted", "better"))
        for tool in tools if tool[key]["pairs"]
    ]  # fmt: skip
    overall = _rates(rows, "proof-tools", "Error rates of the tools, with intervals")
    pictures = {
        each["name"]: _rates(
            _by_plant(each["plants"]), f"proof-{words.slug(each['tool'])}",
            f"How often {each['name']} called each planted change a regression",
        ) for each in tools
    }  # fmt: skip
    return render("gate_proof.html", tools=tools, overall=overall, pictures=pictures)


def history_proof(table: Mapping[str, Any]) -> str:
    """The markup of history.json, see proving/history_proof.py.

    Raises:
        KeyError, TypeError, jinja2.TemplateError: it is not that proof.
    """
    rows = [
        (f"{words.short(each['series'])}, {each['by']}", each["found"] / each["histories"],
         each["found_low"], each["found_high"], "better")
        for each in table["steps"]
    ]  # fmt: skip
    picture = _rates(rows, "proof-history", "Planted steps that the history found")
    return render("history_proof.html", history=table, picture=picture)


def _rates(rows: Sequence[_Row], name: str, title: str) -> Picture | None:
    """How often each was called a regression, with its interval; None of none."""
    headline = "Called a regression: green is right, red is wrong"
    return chart.forest(rows, name, headline, title, span=(0.0, 1.0)) if rows else None


def _by_plant(plants: Sequence[Mapping[str, Any]]) -> list[_Row]:
    """A row for each plant, all workloads together."""
    found: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for each in plants:
        name = each["plant"].replace("-", " ").replace("percent", "%")
        found.setdefault((name, "better" if each["is_change"] else "worse"), []).append(each)
    rows = []
    for (name, paint), own in found.items():
        alarms, pairs = (sum(each[key] for each in own) for key in ("alarm", "pairs"))
        rows.append((name, alarms / pairs, *clopper_pearson(alarms, pairs), paint))
    return rows
