"""The gate's own errors, counted: outcomes of trials, and the confusion matrix they make."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.common.statistics import clopper_pearson
from benchmarks.judging.gate import COUNTS

COMMAND = "python -m benchmarks prove"
ENGINE = 2
"""Of the gate that was asked. Raised when it changes: outcomes of another one are not mixed in."""
_COLUMNS = ("alarm", "undecided", "passed")


@dataclass(frozen=True)
class Outcome:
    """What a tool said of one pair.

    Args:
        verdict: in the tool's own words.
        alarm: whether it would have failed a build.
        undecided: whether it said that it cannot tell.
        elapsed_s: seconds it took.
        details: what else is worth keeping.
        key, tool, plant, is_change, workload: which trial this was.
        commit: what the change was planted into.
        engine: see `ENGINE`.
    """

    verdict: str
    alarm: bool
    undecided: bool = False
    elapsed_s: float = 0.0
    details: Mapping[str, Any] = field(default_factory=dict)
    key: str = ""
    tool: str = ""
    plant: str = ""
    is_change: bool = False
    workload: str = ""
    commit: str = ""
    engine: int = ENGINE

    def to_json(self) -> dict[str, Any]:
        """A JSON object with the fields."""
        return asdict(self)


def read_outcomes(path: Path) -> list[Outcome]:
    """The outcomes in a file of JSON lines; [] where there is none.

    A line that is no outcome (the last one of a run that was cut off), or one of another engine, is
    left out: its trial is put again.
    """
    outcomes = []
    for found in read_lines(path):
        try:
            outcome = Outcome(**{name: found[name] for name in Outcome.__annotations__})
        except (KeyError, TypeError):
            continue
        if outcome.engine == ENGINE:
            outcomes.append(outcome)
    return outcomes


def read_lines(path: Path) -> list[Any]:
    """The JSON lines of a file, [] where there is none; what was cut off is left out."""
    found = []
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else ():
        try:
            found.append(json.loads(line))
        except ValueError:
            continue
    return found


def append_line(path: Path, record: Mapping[str, Any]) -> None:
    """Append a JSON line, on a line of its own even where the last one was cut off."""
    with path.open("ab+") as file:
        if file.tell():
            file.seek(-1, os.SEEK_END)
            if file.read(1) != b"\n":
                file.write(b"\n")
        file.write(f"{json.dumps(record, sort_keys=True)}\n".encode())


def matrix(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """The confusion matrix of each tool, with exact 95 % intervals (Clopper and Pearson).

    Returns:
        {"confidence": 0.95, "made_by", "commits", "tools": [{tool, elapsed_s: mean of a trial,
        no_change: row, planted: row, by_counters_alone: alarms that no latency gave, plants:
        [{plant, workload, is_change, ...row}]}]}, a row being {pairs, alarm, undecided, passed,
        alarm_rate, alarm_low, alarm_high}. `alarm_rate` is the false-alarm rate for no_change and
        the power for planted.
    """
    return {
        "confidence": 0.95,
        "made_by": COMMAND,
        "commits": sorted({each.commit for each in outcomes}),
        "tools": [_tool(tool, outcomes) for tool in dict.fromkeys(each.tool for each in outcomes)],
    }


def _tool(tool: str, outcomes: Sequence[Outcome]) -> dict[str, Any]:
    own = [each for each in outcomes if each.tool == tool]
    plants = list(dict.fromkeys((each.plant, each.workload, each.is_change) for each in own))
    return {
        "tool": tool,
        "elapsed_s": sum(each.elapsed_s for each in own) / len(own),
        "no_change": _row(each for each in own if not each.is_change),
        "planted": _row(each for each in own if each.is_change),
        "by_counters_alone": sum(_is_by_counters_alone(each) for each in own),
        "plants": [
            {
                "plant": name,
                "workload": workload,
                "is_change": is_change,
                **_row(each for each in own if (each.plant, each.workload) == (name, workload)),
            }
            for name, workload, is_change in sorted(plants, key=lambda each: (each[2], each))
        ],
    }


def _is_by_counters_alone(outcome: Outcome) -> bool:
    by = outcome.details.get("by", ())
    return outcome.alarm and bool(by) and all(each in COUNTS for each in by)


def _row(outcomes: Iterable[Outcome]) -> dict[str, Any]:
    found = list(outcomes)
    alarms = sum(each.alarm for each in found)
    undecided = sum(each.undecided and not each.alarm for each in found)
    low, high = clopper_pearson(alarms, len(found))
    return {
        "pairs": len(found),
        "alarm": alarms,
        "undecided": undecided,
        "passed": len(found) - alarms - undecided,
        "alarm_rate": alarms / len(found) if found else None,
        "alarm_low": low,
        "alarm_high": high,
    }


def matrix_markdown(table: Mapping[str, Any]) -> str:
    """The matrix as Markdown."""
    lines = [
        "| tool | pairs | alarm | undecided | passed | alarms, with 95 % interval |",
        "|---|---|--:|--:|--:|---|",
    ]
    for tool in table["tools"]:
        for kind, words in (("no_change", "no change"), ("planted", "planted change")):
            lines.append(_line(tool["tool"], f"{tool[kind]['pairs']} x {words}", tool[kind]))
    lines += [
        "",
        "| tool | plant, workload | alarm | undecided | passed | alarms, with 95 % interval |",
        "|---|---|--:|--:|--:|---|",
    ]
    for tool in table["tools"]:
        for row in tool["plants"]:
            lines.append(_line(tool["tool"], f"{row['plant']}, {row['workload']}", row))
    commits = ", ".join(each[:10] for each in table["commits"])
    lines += ["", f"Made by `{table['made_by']}`, from {commits}."]
    lines += [
        f"Of the alarms of {tool['tool']}, {tool['by_counters_alone']} came from counters alone."
        for tool in table["tools"]
        if tool["by_counters_alone"]
    ]
    return "\n".join(lines) + "\n"


def _line(tool: str, what: str, row: Mapping[str, Any]) -> str:
    cells = [tool, what, *(str(row[name]) for name in _COLUMNS)]
    if row["alarm_rate"] is None:
        cells.append("")
    else:
        low, high = 100 * row["alarm_low"], 100 * row["alarm_high"]
        cells.append(f"{100 * row['alarm_rate']:.0f} % ({low:.1f} to {high:.1f} %)")
    return f"| {' | '.join(cells)} |"
