"""The gate's proof as its page shows it, from the JSON that proving/proof.py describes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from benchmarks.reporting.site import compared, words

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
        overall = compared.rates(rows, "proof-tools", "Error rates of the tools, with intervals")
    return {"tools": tools, "overall": overall}


def _name(tool: Mapping[str, Any]) -> str:
    return _NAMES.get(tool["tool"], str(tool["tool"]))


def _tool(tool: Mapping[str, Any]) -> dict[str, Any]:
    rows = [
        {**_row(each), "name": f"{each['plant'].replace('-', ' ')}, {each['workload']}"}
        for each in tool["plants"]
    ]
    picture = compared.rates(
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
    from benchmarks.common.statistics import (
        clopper_pearson,  # scipy, which asv's environments have not
    )

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
