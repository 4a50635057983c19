"""The gate's own errors, counted: outcomes of trials, and their confusion matrix."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.common.statistics import clopper_pearson
from benchmarks.judging.gate import COUNTS

COMMAND = "python -m benchmarks prove"
ENGINE = 2
"""The version of the gate, raised when it changes: outcomes of versions are not mixed."""


@dataclass(frozen=True)
class Outcome:
    """A tool's verdict on one pair."""

    verdict: str  # in the tool's own words
    alarm: bool  # whether it would have failed a build
    undecided: bool = False  # whether it reported that it cannot decide
    elapsed_s: float = 0.0
    details: Mapping[str, Any] = field(default_factory=dict)
    key: str = ""
    tool: str = ""
    plant: str = ""
    is_change: bool = False
    workload: str = ""
    commit: str = ""  # that the change was planted into
    engine: int = ENGINE

    def to_json(self) -> dict[str, Any]:
        """A JSON object with the fields."""
        return asdict(self)


def template_of(name: str) -> str:
    """A program in `templates`, with places for `str.format`."""
    return Path(__file__).with_name("templates").joinpath(f"{name}.py.txt").read_text("utf-8")


def read_outcomes(path: Path) -> list[Outcome]:
    """The outcomes in a file of JSON lines; [] where it is missing. A line that is not an outcome,
    or that another engine's gate gave, is left out: its trial is run again. What other tools say
    does not depend on the engine. Where two runs made a trial at once, the first outcome counts."""
    outcomes: dict[str, Outcome] = {}
    for found in read_lines(path):
        with suppress(KeyError, TypeError):
            if found["tool"] != "gate":
                found["engine"] = ENGINE
            outcome = Outcome(**{name: found[name] for name in Outcome.__annotations__})
            if outcome.engine == ENGINE:
                outcomes.setdefault(outcome.key, outcome)
    return [*outcomes.values()]


def read_lines(path: Path) -> list[Any]:
    """The JSON lines of a file, [] where it is missing; a truncated line is left out."""
    found = []
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else ():
        with suppress(ValueError):
            found.append(json.loads(line))
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
    tools = dict.fromkeys(each.tool for each in outcomes)
    return {
        "confidence": 0.95,
        "made_by": COMMAND,
        "commits": sorted({each.commit for each in outcomes}),
        "tools": [_tool(tool, [each for each in outcomes if each.tool == tool]) for tool in tools],
    }


def _tool(tool: str, own: Sequence[Outcome]) -> dict[str, Any]:
    alarms_by = [{*each.details.get("by", ())} for each in own if each.alarm]
    return {
        "tool": tool,
        "elapsed_s": sum(each.elapsed_s for each in own) / len(own),
        "no_change": _row(each for each in own if not each.is_change),
        "planted": _row(each for each in own if each.is_change),
        "by_counters_alone": sum(bool(by) and by <= {*COUNTS} for by in alarms_by),
        "plants": [
            {
                "plant": name, "workload": workload, "is_change": is_change,
                **_row(each for each in own if (each.plant, each.workload) == (name, workload)),
            }
            for is_change, name, workload in sorted(
                {(each.is_change, each.plant, each.workload) for each in own}
            )
        ],
    }  # fmt: skip


def _row(outcomes: Iterable[Outcome]) -> dict[str, Any]:
    found = list(outcomes)
    alarms = sum(each.alarm for each in found)
    undecided = sum(each.undecided and not each.alarm for each in found)
    low, high = clopper_pearson(alarms, len(found))
    return {
        "pairs": len(found), "alarm": alarms, "undecided": undecided,
        "passed": len(found) - alarms - undecided,
        "alarm_rate": alarms / len(found) if found else None, "alarm_low": low, "alarm_high": high,
    }  # fmt: skip
