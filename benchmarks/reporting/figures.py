"""Figures in documents: blocks of Markdown that are made of results/, so that no number is typed.

A document has `<!-- figures: NAME -->`, a block, `<!-- /figures -->`; NAME is one of `BLOCKS`. What
is between the two is replaced; where results/ has nothing for it yet, the block says so.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from benchmarks.common.exits import BadInput
from benchmarks.records.series import Series, current, read_series

_BLOCK = re.compile(
    r"(?P<begin><!-- figures: (?P<name>[a-z-]+) -->\n)(?P<text>.*?)(?P<end><!-- /figures -->)",
    re.DOTALL,
)
_COLUMNS = {
    "P50": "latency_p50_ms",
    "P95": "latency_p95_ms",
    "throughput": "throughput_per_s",
    "instructions an operation": "instructions",
}
_NOTHING = "*Not measured yet.*"


def filled(document: str, results: Path) -> str:
    """The document with each of its blocks made of results/.

    Raises:
        BadInput: a block has no name that is known, or a file of results/ cannot be read.
    """

    def block(found: re.Match[str]) -> str:
        name = found["name"]
        if name not in BLOCKS:
            raise BadInput(f"there is no block of figures {name!r}: have {', '.join(BLOCKS)}")
        return f"{found['begin']}{BLOCKS[name](results).strip()}\n{found['end']}"

    return _BLOCK.sub(block, document)


def gate_proof(results: Path) -> str:
    """How often each tool was wrong: `prove`."""
    found = _read(results / "proof" / "matrix.json")
    if not found:
        return _NOTHING
    lines = ["| | false alarms | planted changes found |", "|---|--:|--:|"]
    for tool in found["tools"]:
        cells = [
            f"{row['alarm']} of {row['pairs']} ({100 * row['alarm_low']:.0f} to "
            f"{100 * row['alarm_high']:.0f} %)"
            for row in (tool["no_change"], tool["planted"])
        ]
        lines.append(f"| {tool['tool']} | {' | '.join(cells)} |")
    return "\n".join(lines)


def history(results: Path) -> str:
    """What the newest measured package costs, as ratios to the anchor: `backfill`."""
    known = current(read_series(results, []))
    rows: dict[str, dict[str, Series]] = {}
    for each in known:
        if each.points:
            rows.setdefault(each.workload, {})[each.metric] = each
    lines = [f"| workload | {' | '.join(_COLUMNS)} | measured |", "|---|--:|--:|--:|--:|---|"]
    for workload, own in rows.items():
        cells = [_cell(own.get(metric)) for metric in _COLUMNS.values()]
        newest = max((each.points[-1] for each in own.values()), key=lambda point: point.place)
        lines.append(f"| {workload} | {' | '.join(cells)} | {newest.package.sha[:7]} |")
    return "\n".join(lines) if rows else _NOTHING


def history_proof(results: Path) -> str:
    """What the history finds of a planted step, and of none: `prove --history`."""
    path = results / "proof" / "history.md"
    return path.read_text(encoding="utf-8") if path.exists() else _NOTHING


def _cell(series: Series | None) -> str:
    """The newest figure; instructions as the ratio to those of the oldest package that has them."""
    if series is None:
        return ""
    point = series.points[-1]
    if series.metric == "instructions":
        return f"{point.value:,.0f}"
    return f"{point.value:.2f}x ({point.low:.2f} to {point.high:.2f})"


def _read(path: Path) -> Mapping[str, Any]:
    """A file's JSON object; {} where there is no such file."""
    try:
        found: Mapping[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise BadInput(f"{path} cannot be read: {error}") from None
    return found


BLOCKS: Mapping[str, Callable[[Path], str]] = {
    "gate-proof": gate_proof,
    "history": history,
    "history-proof": history_proof,
}
"""By name, what makes a block of a results folder."""
