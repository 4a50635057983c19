"""The gate's proof as its page shows it, from the JSON that proving/proof.py describes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from benchmarks.common.statistics import clopper_pearson
from benchmarks.reporting.site import chart, words
from benchmarks.reporting.site.canvas import Picture

_NAMES = {"gate": "This gate", "asv": "asv continuous", "pytest-benchmark": "pytest-benchmark"}
_TOTALS = (("no change", "no_change", False), ("planted", "planted", True))
"""Of a tool: what is written, the key of its JSON, whether an alarm is right."""
_Row = tuple[str, float, float, float, bool]
"""What was planted, the rate of alarms and its interval, whether an alarm is right."""


def proof_view(table: Mapping[str, Any]) -> dict[str, Any]:
    """What the template needs of results/proof/matrix.json.

    Raises:
        KeyError, TypeError: it is not the matrix that lab.proof makes.
    """
    rows = [
        (f"{_name(tool)}, {text}", *_rate(tool[key]), planted)
        for text, key, planted in _TOTALS
        for tool in table["tools"]
        if tool[key]["pairs"]
    ]
    overall = _rates(rows, "proof-tools", "Error rates of the tools, with intervals")
    return {"tools": [_tool(each) for each in table["tools"] if each["plants"]], "overall": overall}


def _rates(rows: Sequence[_Row], name: str, title: str) -> Picture | None:
    """How often each was called a regression; None of none."""
    headline = "Called a regression: green is right, red is wrong"
    drawn = [(*row[:4], "better" if row[4] else "worse") for row in rows]
    return chart.forest(drawn, name, headline, title, span=(0.0, 1.0)) if rows else None


def _rate(row: Mapping[str, Any]) -> tuple[float, float, float]:
    return row["alarm_rate"], row["alarm_low"], row["alarm_high"]


def _name(tool: Mapping[str, Any]) -> str:
    return _NAMES.get(tool["tool"], str(tool["tool"]))


def _tool(tool: Mapping[str, Any]) -> dict[str, Any]:
    rows = [
        _row(each, f"{each['plant'].replace('-', ' ')}, {each['workload']}", each["is_change"])
        for each in tool["plants"]
    ]
    totals = [
        {**_row(tool[key], f"all {text}", planted), "total": True}
        for text, key, planted in _TOTALS
        if tool[key]["pairs"]
    ]
    title = f"How often {_name(tool)} called each planted change a regression"
    return {
        "name": _name(tool),
        "sentence": _sentence(tool),
        "rows": [*rows, *totals],
        "picture": _rates([*_by_plant(tool)], f"proof-{words.slug(tool['tool'])}", title),
    }


def _by_plant(tool: Mapping[str, Any]) -> Iterable[_Row]:
    """A row for each plant, all workloads together."""
    found: dict[tuple[str, bool], list[Mapping[str, Any]]] = {}
    for each in tool["plants"]:
        name = each["plant"].replace("-", " ").replace("percent", "%")
        found.setdefault((name, bool(each["is_change"])), []).append(each)
    for (name, planted), rows in found.items():
        alarms, pairs = (sum(each[key] for each in rows) for key in ("alarm", "pairs"))
        yield name, alarms / pairs, *clopper_pearson(alarms, pairs), planted


def _row(row: Mapping[str, Any], name: str, planted: bool) -> dict[str, Any]:
    rate, low, high = (words.number(100 * each) for each in _rate(row))
    right, wrong = ("alarm", "passed") if planted else ("passed", "alarm")
    ways = {right: "better", wrong: "worse"}
    cells = [(row[cell], ways.get(cell, "")) for cell in ("alarm", "undecided", "passed")]
    return {
        "name": name, "planted": planted, "pairs": row["pairs"], "cells": cells, "total": False,
        "rate": f"{rate}\u202f%", "interval": f"{low} to {high}\u202f%",
    }  # fmt: skip


def _sentence(tool: Mapping[str, Any]) -> str:
    """In plain words, what the tool did and what that bounds."""
    parts = []
    none, planted = tool["no_change"], tool["planted"]
    if none["pairs"]:
        parts.append(
            f"In {none['pairs']} pairs that differ in nothing that matters it raised "
            f"{none['alarm'] or 'no'} false alarm{'' if none['alarm'] == 1 else 's'}: with 95 % "
            f"confidence fewer than {words.number(100 * none['alarm_high'])} % of such pairs "
            "would."
        )
    if planted["pairs"]:
        open_ones = planted["undecided"]
        undecided = f" and could not decide {open_ones}" if open_ones else ""
        parts.append(
            f"Of {planted['pairs']} planted changes it called {planted['alarm']} a regression, "
            f"let {planted['passed'] or 'none'} pass{undecided}; at least "
            f"{words.number(100 * planted['alarm_low'])} % are found, with 95 % confidence."
        )
    parts.append(f"A pair took it {words.number(tool['elapsed_s'])} s on average.")
    return " ".join(parts)


def history_view(table: Mapping[str, Any]) -> dict[str, Any]:
    """What the template needs of results/proof/history.json, see proving/history_proof.py.

    Raises:
        KeyError, TypeError: it is not that proof.
    """
    rows = [
        (f"{words.short(each['series'])}, {each['by']}"[:34], each["found"] / each["histories"],
         each["found_low"], each["found_high"], True)
        for each in table["steps"]
    ]  # fmt: skip
    steps = [
        {"name": words.short(each["series"]), "by": each["by"], "step": words.share(each["step"]),
         "found": f"{each['found']} of {each['histories']}", "false": each["false_alarms"],
         "flat": f"{each['flat_alarms']} of {each['flat_histories']}"}
        for each in table["steps"]
    ]  # fmt: skip
    spread = [
        (words.short(name), f"{100 * each['sigma']:.2f} %", "" if limit is None else
         f"{100 * limit:.1f} %", "" if limit is None else
         "better" if each["sigma"] <= limit else "worse")
        for name, each in table["spread"].items()
        for limit in [each.get("limit")]
    ]  # fmt: skip
    return {
        "steps": steps,
        "spread": spread,
        "records": table["records"],
        "picture": _rates(rows, "proof-history", "Planted steps that the history found"),
    }
