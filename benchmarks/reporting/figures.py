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

_BLOCK = re.compile(
    r"(?P<begin><!-- figures: (?P<name>[a-z-]+) -->\n)(?P<text>.*?)(?P<end><!-- /figures -->)",
    re.DOTALL,
)
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
}
"""By name, what makes a block of a results folder."""
