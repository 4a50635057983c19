"""The limits that only a comparison can judge: [peers] in targets.toml, against a run's figures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks.common.exits import BadInput
from benchmarks.common.options import did_you_mean
from benchmarks.judging.targets import limit_of, read_tables

Document = Mapping[str, Any]
Figures = Iterator[tuple[str, float, str]]
"""The name of a limit, a figure that it applies to, and where that was measured."""
_HIGHER_IS_BETTER = frozenset(
    {"lifecycles_per_s", "best_safe_peer", "best_safe_peer_batches", "scaling", "jain"}
)
_VERBS = {
    f"{verb}_p{share}": f"{verb} P{share}, ratio to the reference"
    for verb, share in (("claim", 50), ("claim", 95), ("put", 50), ("complete", 50))
}
NAMES = {
    **_VERBS,
    "lifecycles_per_s": "lifecycles a second, ratio to the reference",
    "best_safe_peer": "lifecycles a second, ratio to the best safe peer",
    "best_safe_peer_batches": "the same in batches of 100",
    "scaling": "tasks a second of several processes, ratio to one",
    "slowest_ms": "slowest task of several processes, ms",
    "jain": "fairness (Jain)",
    "done_twice": "tasks done twice by several processes",
    "lost": "tasks lost to SIGKILL",
    "doubly_completed": "tasks completed twice after SIGKILL",
}
"""The figures that can be limited, in words."""


@dataclass(frozen=True)
class Target:
    """One limit and the worst figure that it applies to; `value` is None where there is none."""

    name: str
    limit: float
    value: float | None
    where: str

    @property
    def is_met(self) -> bool:
        """Whether the figure is within the limit."""
        if self.value is None:
            return False
        at_least = self.name in _HIGHER_IS_BETTER
        return self.value >= self.limit if at_least else self.value <= self.limit

    def as_json(self) -> dict[str, Any]:
        """The entry for the record, with the wording of a page."""
        sign = "≥" if self.name in _HIGHER_IS_BETTER else "≤"
        return {**asdict(self), "what": NAMES[self.name], "sign": sign, "met": self.is_met}


def read_limits(path: Path | None = None) -> dict[str, float]:
    """The [peers] table of lab.toml's `targets`, or of a file; {} where there is none.

    Raises:
        BadInput: it is not TOML, or limits what is not measured.
    """
    file, tables = read_tables(path)
    table = tables.get("peers", {})
    for name in table:
        if name not in NAMES:
            raise BadInput(f"{file}: [peers] has no {name!r}{did_you_mean(name, NAMES)}")
    return {name: limit_of(f"{file}: [peers] {name}", table[name])[0] for name in table}


def judge_peers(document: Document, limits: Mapping[str, float], own: str) -> list[Target]:
    """Each limit with the package's worst figure.

    Args:
        own: the package's name: its queues' names begin with it.
    """
    found: dict[str, list[tuple[float, str]]] = {}
    for figures in (_verbs, _rates, _safety):
        for name, value, where in figures(document, own):
            found.setdefault(name, []).append((value, where))
    targets = []
    for name, limit in limits.items():
        worst = min if name in _HIGHER_IS_BETTER else max
        figure = worst(found[name]) if name in found else (None, "not measured")
        targets.append(Target(name, limit, *figure))
    return targets


def safe_queues(document: Document) -> set[str]:
    """Queues that lost nothing and completed nothing twice when workers were killed, and gave no
    task to two of several processes."""
    doubling = {row["queue"] for row in document["contention"] if row["figures"].get("done_twice")}
    return {
        row["queue"]
        for row in document["crash"]
        if row["figures"] and not (row["figures"]["lost"] or row["figures"]["doubly_completed"])
    } - doubling


def _verbs(document: Document, own: str) -> Figures:
    for row in document["verbs"]:
        for name in _VERBS.keys() & row["ratios"] if row["queue"] == own else ():
            yield name, row["ratios"][name], f"{row['depth']:,} queued, {row['durability']}"


def _rates(document: Document, own: str) -> Figures:
    """The better of the package's ways, compared with the reference and with the best safe peer."""
    safe = safe_queues(document)
    queues = {each["name"]: each for each in document["queues"]}
    for durability, depth in {(row["durability"], row["depth"]) for row in document["verbs"]}:
        conditions = f"{depth:,} queued, {durability}"
        rows = [row for row in document["verbs"] if row["depth"] == depth]
        mine = [r for r in rows if r["queue"].startswith(own) and r["durability"] == durability]
        peers = [
            row
            for row in rows
            if row["queue"] in safe
            and not row["queue"].startswith(own)
            and queues[row["queue"]]["kind"] != "reference"
            and (queues[row["queue"]]["compared_with"] or row["durability"]) == durability
        ]
        for name, rate in (
            ("best_safe_peer", "lifecycles_per_s"),
            ("best_safe_peer_batches", "batch_lifecycles_per_s"),
        ):
            ours = [row["figures"][rate] for row in mine if rate in row["figures"]]
            theirs = [(r["figures"][rate], r["queue"]) for r in peers if rate in r["figures"]]
            if ours and theirs:
                best, queue = max(theirs)
                yield name, max(ours) / best, f"{queues[queue]['title']}, {conditions}"
        bare = [r["ratios"]["lifecycles_per_s"] for r in mine if "lifecycles_per_s" in r["ratios"]]
        if bare:
            yield "lifecycles_per_s", max(bare), conditions


def _safety(document: Document, own: str) -> Figures:
    rows = [row for row in document["contention"] if row["queue"].startswith(own)]
    rows = [row for row in rows if row["figures"]]
    single = {(r["queue"], r["durability"]): r["figures"] for r in rows if r["processes"] == 1}
    for row in rows:
        if row["processes"] == 1:
            continue
        figures = row["figures"]
        where = f"{row['queue']}, {row['processes']} processes, {row['durability']}"
        yield "done_twice", figures["done_twice"], where
        yield "jain", figures["jain"], where
        alone = single.get((row["queue"], row["durability"]))
        if alone and alone["tasks_per_s"]:
            yield "scaling", figures["tasks_per_s"] / alone["tasks_per_s"], where
        if row["durability"] == "normal":
            yield "slowest_ms", figures["slowest_ms"], where
    for row in document["crash"]:
        if row["queue"].startswith(own):
            for name in ("lost", "doubly_completed"):
                # A run that failed does not prove anything.
                value = row["figures"].get(name, float("inf"))
                yield name, value, f"{row['queue']}: {row['note'] or 'workers killed'}"
