"""Figures in documents: blocks of Markdown that are made of results/, so that no number is typed.

A document has `<!-- figures: NAME -->`, a block, `<!-- /figures -->`; NAME is one of `BLOCKS`. What
is between the two is replaced; where results/ has nothing for it yet, the block says so.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path

from benchmarks.common.exits import BadInput
from benchmarks.records.series import INSTRUCTIONS, Point, current, read_series
from benchmarks.reporting.filling import render

_BLOCK = re.compile(r"(<!-- figures: ([a-z-]+) -->\n).*?(<!-- /figures -->)", re.DOTALL)
_COLUMNS = {"P50": "latency_p50_ms", "P95": "latency_p95_ms", "throughput": "throughput_per_s",
            "instructions an operation": INSTRUCTIONS}  # fmt: skip
_NOTHING = "*Not measured yet.*"


def filled(document: str, results: Path) -> str:
    """The document with each of its blocks made of results/.

    Raises:
        BadInput: a block has no name that is known, or a file of results/ cannot be read.
    """

    def block(found: re.Match[str]) -> str:
        begin, name, end = found.groups()
        if name not in BLOCKS:
            raise BadInput(f"there is no block of figures {name!r}: have {', '.join(BLOCKS)}")
        return f"{begin}{BLOCKS[name](results).strip()}\n{end}"

    return _BLOCK.sub(block, document)


def gate_proof(results: Path) -> str:
    """How often each tool was wrong: `prove`."""
    path = results / "proof" / "matrix.json"
    if not path.exists():
        return _NOTHING
    try:
        tools = json.loads(path.read_text(encoding="utf-8"))["tools"]
    except (OSError, ValueError) as error:
        raise BadInput(f"{path} cannot be read: {error}") from None
    return render("figures_gate.md", tools=tools)


def history(results: Path) -> str:
    """What the newest measured package costs, as ratios to the anchor: `backfill`."""
    rows: dict[str, dict[str, Point]] = {}
    for each in current(read_series(results, [])):
        rows.setdefault(each.workload, {})[each.metric] = each.points[-1]
    return render("figures_history.md", columns=_COLUMNS, rows=rows) if rows else _NOTHING


def history_proof(results: Path) -> str:
    """What the history finds of a planted step, and of none: `prove --history`."""
    path = results / "proof" / "history.md"
    return path.read_text(encoding="utf-8") if path.exists() else _NOTHING


BLOCKS: Mapping[str, Callable[[Path], str]] = {
    "gate-proof": gate_proof,
    "history": history,
    "history-proof": history_proof,
}
"""By name, what makes a block of a results folder."""
