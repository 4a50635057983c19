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
from benchmarks.reporting.markdown import table_lines

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
    ends = "{alarm} of {pairs} ({low:.0f} to {high:.0f} %)"
    rows = [
        (tool["tool"], *(
            ends.format(**row, low=100 * row["alarm_low"], high=100 * row["alarm_high"])
            for row in (tool["no_change"], tool["planted"])
        ))
        for tool in tools
    ]  # fmt: skip
    return "\n".join(table_lines(("", "false alarms", "planted changes found"), "lrr", rows))


def history(results: Path) -> str:
    """What the newest measured package costs, as ratios to the anchor: `backfill`."""
    own: dict[str, dict[str, Point]] = {}
    for each in current(read_series(results, [])):
        own.setdefault(each.workload, {})[each.metric] = each.points[-1]
    rows = []
    for workload, points in own.items():
        cells = [_cell(metric, points.get(metric)) for metric in _COLUMNS.values()]
        newest = max(points.values(), key=lambda point: point.place)
        rows.append((workload, *cells, newest.package.sha[:7]))
    lines = table_lines(("workload", *_COLUMNS, "measured"), "lrrrrl", rows)
    return "\n".join(lines) if rows else _NOTHING


def history_proof(results: Path) -> str:
    """What the history finds of a planted step, and of none: `prove --history`."""
    path = results / "proof" / "history.md"
    return path.read_text(encoding="utf-8") if path.exists() else _NOTHING


def _cell(metric: str, point: Point | None) -> str:
    """The newest figure: instructions as they are counted, others as a ratio."""
    if point is None:
        return ""
    if metric == INSTRUCTIONS:
        return f"{point.value:,.0f}"
    return f"{point.value:.2f}x ({point.low:.2f} to {point.high:.2f})"


BLOCKS: Mapping[str, Callable[[Path], str]] = {
    "gate-proof": gate_proof,
    "history": history,
    "history-proof": history_proof,
}
"""By name, what makes a block of a results folder."""
