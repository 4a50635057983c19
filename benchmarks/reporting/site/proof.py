"""The gate's proof as its page shows it, from the JSON that proving/proof.py describes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.common.statistics import clopper_pearson
from benchmarks.reporting.site import chart, words
from benchmarks.reporting.site.svg import Picture

_NAMES = {"gate": "This gate", "asv": "asv continuous", "pytest-benchmark": "pytest-benchmark"}
_CELLS = ("alarm", "undecided", "passed")


def proof_view(table: Mapping[str, Any]) -> dict[str, Any]:
    """What the template needs of results/proof/matrix.json.

    Raises:
        KeyError, TypeError: it is not the matrix that lab.proof makes.
    """
    tools = [_tool(tool) for tool in table["tools"] if tool["plants"]]
    rows = [
        (f"{_name(tool)}, {text}", row["alarm_rate"], row["alarm_low"], row["alarm_high"], planted)
        for text, kind, planted in (("no change", "no_change", False), ("planted", "planted", True))
        for tool in table["tools"]
        for row in [tool[kind]]
        if row["pairs"]
    ]
    overall = None
    if rows:
        overall = _rates(rows, "proof-tools", "Error rates of the tools, with intervals")
    return {"tools": tools, "overall": overall}


def _rates(rows: Sequence[tuple[str, float, float, float, bool]], name: str, title: str) -> Picture:
    """How often each was called a regression: name, rate, low, high, whether that is right."""
    drawn = [(*row[:4], "better" if row[4] else "worse") for row in rows]
    told = "Called a regression: green is right, red is wrong"
    return chart.forest(drawn, name, told, title, span=(0.0, 1.0))


def _name(tool: Mapping[str, Any]) -> str:
    return _NAMES.get(tool["tool"], str(tool["tool"]))


def _tool(tool: Mapping[str, Any]) -> dict[str, Any]:
    rows = [
        {**_row(each), "name": f"{each['plant'].replace('-', ' ')}, {each['workload']}"}
        for each in tool["plants"]
    ]
    picture = _rates(
        _by_plant(tool), f"proof-{words.slug(tool['tool'])}",
        f"How often {_name(tool)} called each planted change a regression",
    )  # fmt: skip
    totals = [
        {**_row({**tool[kind], "is_change": planted}), "name": f"all {text}", "total": True}
        for text, kind, planted in (("no change", "no_change", False), ("planted", "planted", True))
        if tool[kind]["pairs"]
    ]
    return {
        "name": _name(tool),
        "sentence": _sentence(tool),
        "rows": [*rows, *totals],
        "picture": picture,
    }


def _by_plant(tool: Mapping[str, Any]) -> list[tuple[str, float, float, float, bool]]:
    """A row for each plant, all workloads together."""
    found: dict[tuple[str, bool], tuple[int, int]] = {}
    for each in tool["plants"]:
        key = (each["plant"].replace("-", " ").replace("percent", "%"), bool(each["is_change"]))
        alarms, pairs = found.get(key, (0, 0))
        found[key] = (alarms + each["alarm"], pairs + each["pairs"])
    return [
        (name, alarms / pairs, *clopper_pearson(alarms, pairs), planted)
        for (name, planted), (alarms, pairs) in found.items()
    ]


def _row(row: Mapping[str, Any]) -> dict[str, Any]:
    planted = bool(row["is_change"])
    kinds = {
        "alarm": "better" if planted else "worse",
        "undecided": "",
        "passed": "worse" if planted else "better",
    }
    return {
        "planted": planted,
        "pairs": row["pairs"],
        "cells": [{"count": row[cell], "kind": kinds[cell]} for cell in _CELLS],
        "rate": f"{words.number(100 * row['alarm_rate'])}\u202f%",
        "interval": f"{words.number(100 * row['alarm_low'])} to "
        f"{words.number(100 * row['alarm_high'])}\u202f%",
        "total": False,
    }


def _sentence(tool: Mapping[str, Any]) -> str:
    """In plain words, what the tool did and what that bounds."""
    told = []
    none, planted = tool["no_change"], tool["planted"]
    if none["pairs"]:
        told.append(
            f"In {none['pairs']} pairs that differ in nothing that matters it raised "
            f"{none['alarm'] or 'no'} false alarm{'' if none['alarm'] == 1 else 's'}: with 95 % "
            f"confidence fewer than {words.number(100 * none['alarm_high'])} % of such pairs "
            "would."
        )
    if planted["pairs"]:
        missed = planted["passed"]
        undecided = planted["undecided"]
        told.append(
            f"Of {planted['pairs']} planted changes it called {planted['alarm']} a regression, "
            f"let {missed or 'none'} pass"
            + (f" and could not decide {undecided}" if undecided else "")
            + f"; at least {words.number(100 * planted['alarm_low'])} % are found, with 95 % "
            "confidence."
        )
    told.append(f"A pair took it {words.number(tool['elapsed_s'])} s on average.")
    return " ".join(told)


def history_view(table: Mapping[str, Any]) -> dict[str, Any]:
    """What the template needs of results/proof/history.json, see proving/history_proof.py.

    Raises:
        KeyError, TypeError: it is not that proof.
    """
    steps = [
        {
            "name": words.short(each["series"]),
            "by": each["by"],
            "step": words.share(each["step"]),
            "found": f"{each['found']} of {each['histories']}",
            "false": each["false_alarms"],
            "flat": f"{each['flat_alarms']} of {each['flat_histories']}",
        }
        for each in table["steps"]
    ]
    rows = [
        (f"{words.short(each['series'])}, {each['by']}"[:34], each["found"] / each["histories"],
         each["found_low"], each["found_high"], True)
        for each in table["steps"]
    ]  # fmt: skip
    spread = [
        {
            "name": words.short(name),
            "sigma": f"{100 * each['sigma']:.2f} %",
            "limit": f"{100 * each['limit']:.1f} %" if each.get("limit") else "",
            "within": None if not each.get("limit") else each["sigma"] <= each["limit"],
        }
        for name, each in table["spread"].items()
    ]
    picture = (
        _rates(rows, "proof-history", "Planted steps that the history found") if rows else None
    )
    return {"steps": steps, "spread": spread, "picture": picture, "records": table["records"]}
