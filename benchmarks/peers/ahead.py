"""Where each peer is ahead of tubeq, and what it does not do, computed from the rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

OWN = "tubeq"
MARGIN = 1.03
"""A peer is ahead where its figure is better by more than this factor."""
_LOWER = {
    "put_p50_us": "put P50",
    "put_p95_us": "put P95",
    "claim_p50_us": "claim P50",
    "claim_p95_us": "claim P95",
    "complete_p50_us": "complete P50",
    "complete_p95_us": "complete P95",
}
_HIGHER = {
    "lifecycles_per_s": "lifecycles/s",
    "batch_lifecycles_per_s": "lifecycles/s in batches",
}
_CONTENDED_LOWER = {"claim_p99_us": "claim P99", "slowest_ms": "slowest claim"}
_CONTENDED_HIGHER = {"claims_per_s": "claims/s"}
_ABILITIES = {
    "acknowledges": "keep a claimed task",
    "fenced": "refuse a stale completion",
    "stores_results": "store a result",
    "keeps_history": "keep a history",
    "encodes": "encode a payload",
    "many_processes": "serve several processes",
}

Document = Mapping[str, Any]


@dataclass(frozen=True)
class Case:
    """One figure of a peer beside tubeq's: above a `factor` of 1 the peer's is better."""

    peer: str
    figure: str
    where: str
    theirs: float
    ours: float
    factor: float

    @property
    def is_lead(self) -> bool:
        """Whether the peer is ahead by more than the margin."""
        return self.factor > MARGIN


def cases(document: Document) -> list[Case]:
    """Every figure of every peer beside tubeq's at the same durability and size.

    Floors are no peers: they queue nothing safely. A server at its defaults is compared with
    tubeq at the durability that its defaults amount to.
    """
    peers = {each["name"]: each for each in document["candidates"] if _is_peer(each)}
    return [*_latency_cases(document, peers), *_contention_cases(document, peers)]


def survivors(document: Document) -> set[str]:
    """The candidates that lost nothing and completed nothing twice when workers were killed, and
    gave no task to two processes when several claimed at once."""
    doubling = {
        row["candidate"] for row in document["contention"] if row["figures"].get("double_claims")
    }
    return {
        row["candidate"]
        for row in document["crash"]
        if row["figures"] and not (row["figures"]["lost"] or row["figures"]["doubly_completed"])
    } - doubling


def statements(document: Document) -> list[str]:
    """In how many figures each measured peer is ahead of tubeq anywhere: a sentence or two."""
    found, table = cases(document), lead_table(document)
    ahead = [row["title"] for row in table["rows"]]
    measured = {case.peer for case in found}
    behind = [
        each["title"]
        for each in document["candidates"]
        if each["name"] in measured and each["title"] not in ahead
    ]
    told = []
    if ahead:
        told.append(f"Ahead of tubeq in some figure measured here: {', '.join(ahead)}.")
    if behind:
        told.append(f"Ahead of tubeq in no figure measured here: {', '.join(behind)}.")
    return told


def lead_table(document: Document) -> dict[str, Any]:
    """Who is ahead in what: `figures` are the columns, `rows` have a `title`, a cell for each
    figure ("1.21x, 3 of 6": by at most so much, in so many of the sizes and durabilities; "" where
    it never is), and its `price`."""
    found = cases(document)
    leads = [case for case in found if case.is_lead]
    figures = [
        words
        for words in (*_LOWER.values(), *_HIGHER.values(),
                      *_CONTENDED_LOWER.values(), *_CONTENDED_HIGHER.values())
        if any(case.figure == words for case in leads)
    ]  # fmt: skip
    rows = []
    for peer in document["candidates"]:
        own = [case for case in found if case.peer == peer["name"]]
        if any(case.is_lead for case in own):
            cells = [_lead([case for case in own if case.figure == words]) for words in figures]
            price = "; ".join([*_faults(document, peer), *_lacking(peer)])
            rows.append({"title": peer["title"], "cells": cells, "price": price})
    return {"figures": figures, "rows": rows}


def lacks(candidate: Mapping[str, Any]) -> list[str]:
    """What tubeq does and this candidate does not, as it is used here: verbs to follow "does not".
    A record of an older version says nothing of some of them."""
    missing = [words for name, words in _ABILITIES.items() if candidate.get(name) is False]
    if candidate["recovery"].startswith("none"):
        missing.append("bring back a dead worker's task")
    return missing


def _lacking(candidate: Mapping[str, Any]) -> list[str]:
    missing = lacks(candidate)
    return [f"does not {', '.join(missing)}"] if missing else []


def _lead(same: Sequence[Case]) -> str:
    ahead = [case.factor for case in same if case.is_lead]
    return f"{max(ahead):.2f}x, {len(ahead)} of {len(same)}" if ahead else ""


def beside(document: Document, candidate: Mapping[str, Any], table: str) -> str:
    """At which durability tubeq's figures stand beside this candidate's."""
    if not candidate["beside"]:
        return table
    wanted: str = candidate["beside"]
    known = {row["table"] for row in document["latency"] if row["candidate"] == OWN}
    return wanted if wanted in known else table


def _is_peer(candidate: Mapping[str, Any]) -> bool:
    return candidate["kind"] != "floor" and not candidate["name"].startswith(OWN)


def _latency_cases(document: Document, peers: Mapping[str, Mapping[str, Any]]) -> Iterator[Case]:
    ours: dict[tuple[str, int], dict[str, float]] = {}
    for row in document["latency"]:
        if row["candidate"].startswith(OWN):
            figures = ours.setdefault((row["table"], row["depth"]), {})
            for name, value in row["figures"].items():
                # Its workers complete with `then`: of its two ways to live, the better counts.
                better = max if name in _HIGHER else min
                figures[name] = better(figures.get(name, value), value)
    for row in document["latency"]:
        if row["candidate"] in peers:
            table = beside(document, peers[row["candidate"]], row["table"])
            own = ours.get((table, row["depth"]), {})
            where = f"{row['depth']:,} queued, {table}"
            yield from _compared(row, own, where, _LOWER, _HIGHER)


def _contention_cases(document: Document, peers: Mapping[str, Mapping[str, Any]]) -> Iterator[Case]:
    ours = {
        (row["table"], row["processes"]): row["figures"]
        for row in document["contention"]
        if row["candidate"] == OWN
    }
    for row in document["contention"]:
        if row["candidate"] in peers:
            table = beside(document, peers[row["candidate"]], row["table"])
            many = row["processes"]
            where = f"{many} process{'es' if many > 1 else ''}, {table}"
            own = ours.get((table, many), {})
            yield from _compared(row, own, where, _CONTENDED_LOWER, _CONTENDED_HIGHER)


def _compared(
    row: Mapping[str, Any],
    ours: Mapping[str, float],
    where: str,
    lower: Mapping[str, str],
    higher: Mapping[str, str],
) -> Iterator[Case]:
    theirs = row["figures"]
    for name, words in {**lower, **higher}.items():
        if not (theirs.get(name) and ours.get(name)):
            continue
        factor = ours[name] / theirs[name] if name in lower else theirs[name] / ours[name]
        yield Case(row["candidate"], words, where, theirs[name], ours[name], factor)


def _faults(document: Document, peer: Mapping[str, Any]) -> list[str]:
    """What the crash run and double claims have shown."""
    told = []
    for row in document["crash"]:
        figures = row["figures"]
        if row["candidate"] != peer["name"] or not figures:
            continue
        if figures["lost"]:
            told.append(
                f"lost {figures['lost']:,} of {figures['tasks']:,} tasks in {figures['kills']} "
                "kills"
            )
        if figures["doubly_completed"]:
            told.append(f"completed {figures['doubly_completed']:,} tasks twice")
    doubles = sum(
        row["figures"].get("double_claims", 0)
        for row in document["contention"]
        if row["candidate"] == peer["name"]
    )
    if doubles:
        told.append(f"gave {doubles:,.0f} tasks to two processes")
    return told
