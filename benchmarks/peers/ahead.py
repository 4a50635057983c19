"""Where each peer is ahead of tubeq, computed from the rows and said in plain words."""

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
_HIGHER = {"lifecycles_per_s": "whole lifecycles a second"}
_CONTENDED_LOWER = {"claim_p99_us": "claim P99", "slowest_ms": "slowest claim"}
_CONTENDED_HIGHER = {"claims_per_s": "claims a second"}

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
    """A sentence for each measured peer: where it is ahead of tubeq, and what it is worth."""
    if not any(row["candidate"] == OWN and row["figures"] for row in document["latency"]):
        return []
    found = cases(document)
    told = []
    behind = []
    for peer in document["candidates"]:
        own = [case for case in found if case.peer == peer["name"]]
        if any(case.is_lead for case in own):
            told.append(f"{peer['title']} is ahead in {_listed(own)}.{_caveat(document, peer)}")
        elif own:
            behind.append(peer["title"])
    if behind:
        told.append(f"Ahead of tubeq in no figure measured here: {', '.join(behind)}.")
    return told


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


def _listed(own: Sequence[Case]) -> str:
    """Leads by figure: "claim P50, by at most 1.21x (in 3 of 6 cases); …"."""
    told = []
    for figure in dict.fromkeys(case.figure for case in own):
        same = [case for case in own if case.figure == figure]
        ahead = [case.factor for case in same if case.is_lead]
        if ahead:
            told.append(f"{figure}, by at most {max(ahead):.2f}x (in {len(ahead)} of {len(same)})")
    return "; ".join(told)


def _caveat(document: Document, peer: Mapping[str, Any]) -> str:
    """What its lead is bought with, from the crash run and from double claims."""
    told = []
    if not peer["acknowledges"]:
        told.append("deletes a task when it is claimed")
    for row in document["crash"]:
        figures = row["figures"]
        if row["candidate"] != peer["name"] or not figures:
            continue
        if figures["lost"]:
            told.append(
                f"lost {figures['lost']} of {figures['tasks']:,} tasks when {figures['kills']} "
                "workers were killed"
            )
        if figures["doubly_completed"]:
            told.append(f"completed {figures['doubly_completed']} tasks twice")
    doubles = sum(
        row["figures"].get("double_claims", 0)
        for row in document["contention"]
        if row["candidate"] == peer["name"]
    )
    if doubles:
        told.append(f"gave {doubles:.0f} tasks to two processes")
    if not told:
        return ""
    *others, last = told
    return f" It {', '.join(others)}{' and ' if others else ''}{last}."
