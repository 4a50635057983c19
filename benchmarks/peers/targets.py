"""The targets that only a comparison can judge: beside the floor, and beside the best safe peer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from benchmarks.judging.rows import Row
from benchmarks.peers.ahead import OWN, Document, beside, survivors

_CLAIM_P50, _CLAIM_P95, _VERB_P50 = 1.25, 1.5, 1.4
_LIFECYCLE, _BEST_PEER, _BY_DEPTH = 1.0, 1.5, 1.2
_SLOWEST_MS, _JAIN = 60.0, 0.95
_NAMES = {"normal": "NORMAL", "full": "FULL"}


def peer_targets(document: Document) -> Iterator[Row]:
    """tubeq's figures of this run beside their targets."""
    latency = [row for row in document["latency"] if row["candidate"] == OWN and row["figures"]]
    for row in latency:
        yield from _beside_floor(row)
        yield from _lifecycle(document, row, "whole lifecycle", "lifecycles_per_s", _LIFECYCLE)
        batches = "whole lifecycle, in batches of 100"
        yield from _lifecycle(document, row, batches, "batch_lifecycles_per_s", None)
    yield from _by_depth(latency)
    yield from _contended(document)
    yield from _survived(document)


def _beside_floor(row: dict[str, Any]) -> Iterator[Row]:
    ratios, figures = row["ratios"], row["figures"]
    if not ratios:
        return
    yield Row(
        "beside the floor",
        _where(row),
        {
            "claim P50 µs": figures["claim_p50_us"],
            "claim P50 / floor": ratios["claim_p50"],
            "claim P95 / floor": ratios["claim_p95"],
            "put P50 / floor": ratios["put_p50"],
            "complete P50 / floor": ratios["complete_p50"],
        },
        {
            "claim P50 / floor": _CLAIM_P50,
            "claim P95 / floor": _CLAIM_P95,
            "put P50 / floor": _VERB_P50,
            "complete P50 / floor": _VERB_P50,
        },
        note="the floor's table has six columns and one index: no token, lease, type or history",
    )


def _lifecycle(
    document: Document, row: dict[str, Any], table: str, rate_name: str, beside_floor: float | None
) -> Iterator[Row]:
    """The better of tubeq's ways, beside three raw transactions and the best safe peer.

    Args:
        rate_name: the figure: lifecycles one at a time, or in batches.
        beside_floor: the least ratio to the floor; None where no limit holds it.
    """
    same = [
        each
        for each in document["latency"]
        if each["table"] == row["table"] and each["depth"] == row["depth"]
    ]
    own = [
        each
        for each in same
        if each["candidate"].startswith(OWN) and each["figures"].get(rate_name)
    ]
    if not own:
        return
    best = max(own, key=lambda each: float(each["figures"][rate_name]))
    rate = best["figures"][rate_name]
    figures, limits = {"per s": rate}, {}
    if best["ratios"].get(rate_name):
        figures["/ floor"] = best["ratios"][rate_name]
        if beside_floor is not None:
            limits["/ floor"] = beside_floor
    safe = survivors(document)
    kinds = {each["name"]: each for each in document["candidates"]}
    peers = [
        each
        for each in document["latency"]
        if each["candidate"] in safe
        and kinds[each["candidate"]]["kind"] != "floor"
        and not each["candidate"].startswith(OWN)
        and each["depth"] == row["depth"]
        and beside(document, kinds[each["candidate"]], each["table"]) == row["table"]
        and each["figures"].get(rate_name)
    ]
    note = "no peer that survives the crash run was measured"
    if peers:
        rival = max(peers, key=lambda each: float(each["figures"][rate_name]))
        name = "/ best safe peer"
        figures[name], limits[name] = rate / rival["figures"][rate_name], _BEST_PEER
        note = f"the best that survives the crash run is {kinds[rival['candidate']]['title']}"
    yield Row(
        table, _where(row), figures, limits, at_least=tuple(limits),
        note=f"{kinds[best['candidate']]['title']}; {note}",
    )  # fmt: skip


def _by_depth(latency: list[dict[str, Any]]) -> Iterator[Row]:
    for table in dict.fromkeys(row["table"] for row in latency):
        mine = sorted((row for row in latency if row["table"] == table), key=lambda r: r["depth"])
        if len(mine) < 2:
            continue
        first, last = mine[0], mine[-1]
        name = f"P50 / P50 at {first['depth']:,}"
        value = last["figures"]["claim_p50_us"] / first["figures"]["claim_p50_us"]
        yield Row("claim by depth", _where(last), {name: value}, {name: _BY_DEPTH})


def _contended(document: Document) -> Iterator[Row]:
    rows = [row for row in document["contention"] if row["candidate"] == OWN and row["figures"]]
    single = {row["table"]: row["figures"] for row in rows if row["processes"] == 1}
    for row in rows:
        if row["processes"] == 1 or row["table"] not in single:
            continue
        figures = row["figures"]
        measured = {
            "claims per s": figures["claims_per_s"],
            "/ one process": figures["claims_per_s"] / single[row["table"]]["claims_per_s"],
            "slowest ms": figures["slowest_ms"],
            "Jain": figures["jain"],
            "double": figures["double_claims"],
            "errors": figures["errors"],
        }
        limits = {"/ one process": 1.0, "Jain": _JAIN, "double": 0.0, "errors": 0.0}
        if row["table"] == "normal":
            limits["slowest ms"] = _SLOWEST_MS
        yield Row(
            "saturated, beside peers",
            f"{row['processes']} processes, {_NAMES[row['table']]}",
            measured,
            limits,
            at_least=("/ one process", "Jain"),
        )


def _survived(document: Document) -> Iterator[Row]:
    titles = {each["name"]: each["title"] for each in document["candidates"]}
    for row in document["crash"]:
        if not row["candidate"].startswith(OWN):
            continue
        figures = row["figures"]
        known = {name: figures[name] for name in ("lost", "doubly_completed") if name in figures}
        yield Row(
            "SIGKILL",
            f"{titles[row['candidate']]}: {figures.get('kills', 0)} kills",
            {name.replace("_", " "): float(value) for name, value in known.items()},
            {"lost": 0.0, "doubly completed": 0.0},
            note=row["note"],
        )


def _where(row: dict[str, Any]) -> str:
    return f"{row['depth']:,} queued, {_NAMES[row['table']]}"
