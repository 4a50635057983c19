"""The package compared with other queues as its page shows it, from the JSON that `peers` writes.

It is read as plain values, described at the top of benchmarks/peers/measure.py: which queues were
measured, and how, is not known here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from benchmarks.reporting.site import peers_plots
from benchmarks.reporting.site.words import count, number, slug, tick

TABLES = {
    "normal": "No fsync at a commit",
    "full": "An fsync at every commit",
}
_ABOUT = {
    "normal": "SQLite queues with WAL and synchronous NORMAL; servers at their defaults.",
    "full": "SQLite queues with WAL and synchronous FULL.",
}
_FIRST = (
    ("Claim P50", "figures", "claim_p50_us"),
    ("P95", "figures", "claim_p95_us"),
    ("P50 / floor", "ratios", "claim_p50"),
    ("P95 / floor", "ratios", "claim_p95"),
    ("Lifecycles/s", "figures", "lifecycles_per_s"),
    ("/ floor", "ratios", "lifecycles_per_s"),
)
_THEN = (
    ("Claim P99", "figures", "claim_p99_us"),
    ("Put P50", "figures", "put_p50_us"),
    ("Complete P50", "figures", "complete_p50_us"),
    ("Lifecycle P50", "figures", "lifecycle_p50_us"),
    ("P95", "figures", "lifecycle_p95_us"),
)
_CONTENTION = (
    ("Claims/s", "claims_per_s"),
    ("P50 µs", "claim_p50_us"),
    ("P99 µs", "claim_p99_us"),
    ("Slowest ms", "slowest_ms"),
    ("Jain", "jain"),
)


def peers_view(document: Mapping[str, Any]) -> dict[str, Any]:
    """What the template needs of one file of results/peers.

    Raises:
        KeyError, TypeError, ValueError, AttributeError: it is not such a file.
    """
    machine = str(document["environment"]["machine"])
    titles = {each["name"]: str(each["title"]) for each in document["candidates"]}
    crashes = {row["candidate"]: row["figures"] for row in document["crash"]}
    key = slug(machine)
    return {
        "machine": machine,
        "key": key,
        "environment": document["environment"],
        "commit": document.get("commit"),
        "measured_at": str(document["measured_at"])[:16].replace("T", " "),
        "part": _part(document),
        "lead_table": document.get("lead_table") or {"figures": [], "rows": []},
        "ahead": [str(sentence) for sentence in document["ahead"]],
        "leads": [
            {
                "title": titles[lead["peer"]],
                "figure": str(lead["figure"]),
                "where": str(lead["where"]),
                "theirs": number(lead["theirs"]),
                "ours": number(lead["ours"]),
                "factor": _ratio(lead["factor"]),
            }
            for lead in document["leads"]
        ],
        "groups": [
            group
            for table in TABLES
            if (group := _group(document, table, titles, crashes, key))["depths"]
        ],
        "crash": _crash_rows(document, titles),
        "crash_picture": peers_plots.crashes(
            [(titles[name], figures) for name, figures in crashes.items() if figures],
            f"peers-{key}-crash",
        ),
        "candidates": [_candidate(each) for each in document["candidates"]],
        "targets": _targets(document["targets"]),
        "met": sum(bool(row["met"]) for row in document["targets"] if row["limits"]),
        "judged": sum(bool(row["limits"]) for row in document["targets"]),
    }


def _part(document: Mapping[str, Any]) -> str:
    """Why it is not the whole comparison; "" where it is."""
    if document["interrupted"]:
        return "This run was interrupted: it holds what was measured until then."
    if document["quick"]:
        return "This was a quick run, which shows that all works; its figures say little."
    return ""


def _group(
    document: Mapping[str, Any],
    table: str,
    titles: Mapping[str, str],
    crashes: Mapping[str, Mapping[str, Any]],
    key: str,
) -> dict[str, Any]:
    """One durability: a table for each depth, one of many processes, the pictures."""
    rows = [row for row in document["latency"] if row["table"] == table]
    depths = list(dict.fromkeys(row["depth"] for row in rows))
    told = [(titles[row["candidate"]], row) for row in rows]
    used = {each["name"]: str(each.get("many") or "") for each in document["candidates"]}
    return {
        "name": TABLES[table],
        "key": f"{key}-{table}",
        "about": _ABOUT[table],
        "first_columns": [name for name, *_ in _FIRST],
        "then_columns": [name for name, *_ in _THEN],
        "depths": [
            {
                "depth": count(depth),
                "rows": [
                    _latency_row(title, row, crashes.get(row["candidate"], {}))
                    for title, row in told
                    if row["depth"] == depth
                ],
            }
            for depth in depths
        ],
        "batch_columns": [count(depth) for depth in depths],
        "batches": _batch_rows(rows, depths, titles, used),
        "contention_columns": [name for name, _ in _CONTENTION],
        "contention": _contention_rows(document, table, titles),
        "pictures": [
            picture
            for picture in (
                peers_plots.claims(told, f"peers-{key}-{table}-claims"),
                peers_plots.lifecycles(told, f"peers-{key}-{table}-lifecycles"),
            )
            if picture is not None
        ],
    }


def _latency_row(title: str, row: Mapping[str, Any], crash: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "title": title,
        "note": str(row["note"]),
        "first": [_figure(row, where, name) for _, where, name in _FIRST],
        "crash": _crash_cells(crash),
        "then": [_figure(row, where, name) for _, where, name in _THEN],
    }


def _figure(row: Mapping[str, Any], where: str, name: str) -> str:
    return _cell(row[where], name, _ratio if where == "ratios" else number)


def _batch_rows(
    rows: Sequence[Mapping[str, Any]],
    depths: Sequence[int],
    titles: Mapping[str, str],
    used: Mapping[str, str],
) -> list[dict[str, Any]]:
    """Whole lifecycles a second in batches: rate and ratio to the floor at each depth. A record of
    an older version has none."""
    name = "batch_lifecycles_per_s"
    found: dict[str, dict[int, Mapping[str, Any]]] = {}
    for row in rows:
        if name in row["figures"]:
            found.setdefault(row["candidate"], {})[row["depth"]] = row
    nothing: Mapping[str, Any] = {"figures": {}, "ratios": {}}
    return [
        {
            "title": titles[candidate],
            "cells": [
                _figure(by_depth.get(depth, nothing), where, name)
                for depth in depths
                for where in ("figures", "ratios")
            ],
            "used": used[candidate] or "one at a time: it has nothing for many",
        }
        for candidate, by_depth in found.items()
    ]


def _contention_rows(
    document: Mapping[str, Any], table: str, titles: Mapping[str, str]
) -> list[dict[str, Any]]:
    """By number of processes, and within it in the order of the candidates."""
    order = list(titles)
    rows = [row for row in document["contention"] if row["table"] == table]
    rows.sort(key=lambda row: (row["processes"], order.index(row["candidate"])))
    return [
        {
            "title": titles[row["candidate"]],
            "processes": row["processes"],
            "note": str(row["note"]),
            "cells": [_cell(row["figures"], name, number) for _, name in _CONTENTION],
            "faults": [_fault(row["figures"], name) for name in ("double_claims", "errors")],
        }
        for row in rows
    ]


def _crash_rows(document: Mapping[str, Any], titles: Mapping[str, str]) -> list[dict[str, Any]]:
    return [
        {
            "title": titles[row["candidate"]],
            "cells": _crash_cells(row["figures"]),
            "worked_twice": _cell(row["figures"], "worked_twice", count),
            "kills": _cell(row["figures"], "kills", count),
            "tasks": _cell(row["figures"], "tasks", count),
            "recovery": str(row["recovery"]),
            "note": str(row["note"]),
        }
        for row in document["crash"]
    ]


def _crash_cells(figures: Mapping[str, Any]) -> list[dict[str, str]]:
    return [_fault(figures, name) for name in ("lost", "doubly_completed")]


def _fault(figures: Mapping[str, Any], name: str) -> dict[str, str]:
    """A count of which 0 is good."""
    if name not in figures:
        return {"text": "\u2013", "kind": ""}
    return {"text": count(figures[name]), "kind": "worse" if figures[name] else "better"}


def _candidate(candidate: Mapping[str, Any]) -> dict[str, Any]:
    yes = {
        "keeps a claimed task": candidate["acknowledges"],
        "refuses a stale completion": candidate["fenced"],
        "stores results": candidate["stores_results"],
        "keeps a history": candidate.get("keeps_history"),
    }
    return {
        "title": str(candidate["title"]),
        "version": str(candidate["version"]),
        "reason": str(candidate["reason"]),
        "settings": [f"{name}: {text}" for name, text in candidate["settings"].items()],
        "abilities": ", ".join(name for name, has in yes.items() if has) or "none of these",
    }


def _targets(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """By table, a line for each figure that has a limit."""
    found: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        lines = found.setdefault(str(row["table"]), [])
        others = [
            f"{name} {number(value)}"
            for name, value in row["figures"].items()
            if name not in row["limits"]
        ]
        for position, (name, limit) in enumerate(row["limits"].items()):
            value = row["figures"].get(name)
            at_least = name in row["at_least"]
            lines.append(
                {
                    "what": str(row["what"]),
                    "figure": name,
                    "value": "\u2013" if value is None else number(value),
                    "limit": f"{'≥' if at_least else '≤'} {tick(limit)}",
                    "within": value is not None
                    and (value >= limit if at_least else value <= limit),
                    "note": str(row["note"]) if position == 0 else "",
                    "others": ", ".join(others) if position == 0 else "",
                }
            )
    return [{"table": table, "rows": lines} for table, lines in found.items() if lines]


def _cell(figures: Mapping[str, Any], name: str, text: Callable[[float], str]) -> str:
    return text(float(figures[name])) if name in figures else "\u2013"


def _ratio(value: float) -> str:
    return f"{value:.2f}"
