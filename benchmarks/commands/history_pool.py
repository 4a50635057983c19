"""The pool of records that the history's proof draws from: one package, with a plant and without.

Each record is measured exactly as `backfill` measures: the ratio to the anchor package by the block
method. Meanwhile programs that only use a processor come and go on a schedule, so that neighbouring
records have the same load and far ones another. A record counts instructions too, with hash seeds
of its own, since the same seeds would give the same count to the last instruction.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from benchmarks.commands.backfill_time import anchor_package, measured, side_of
from benchmarks.commands.compare import working_folder
from benchmarks.common.exits import BadInput
from benchmarks.common.progress import Progress
from benchmarks.common.project import project, root
from benchmarks.contenders.revisions import Side, source_tree
from benchmarks.measuring.instructions import measure_instructions, why_not
from benchmarks.proving.planting import PLANTS, plant

ROOT = root()
WORKLOAD = "claim-lifo-1e3"
PLANT = {"time": "uniform-10-percent", "instructions": "instructions-1-percent"}
LOADS = (0, 1, 2, 1)
"""How many busy programs there are, phase after phase."""
PHASE_S = 150.0
_BUSY = "while True: pass"
_PAIRS = 8


def fill(path: Path, real: int, planted: int, revision: str, quiet: bool = False) -> None:
    """Append records until there are so many of each kind; what is there is kept.

    Args:
        path: a file of JSON lines {kind: time | instructions, planted, number, at, load, ...}.
        real, planted: how many of each.
        revision: whose package is measured.

    Raises:
        BadInput: the revision is none, or nothing can be counted here.
        InfrastructureError: a record cannot be measured.
    """
    if why_not():
        raise BadInput(why_not())
    path.parent.mkdir(parents=True, exist_ok=True)
    source = source_tree(ROOT, revision)
    anchor = side_of(anchor_package())
    with Progress(quiet) as progress, working_folder(None) as place:
        for kind in ("time", "instructions"):
            sides = {
                wanted: _side(source, place / f"{kind}-{int(wanted)}", kind, wanted)
                for wanted in (False, True)
            }
            with _changing_load(kind == "time") as load:
                for wanted, number in _missing(path, kind, real, planted):
                    progress.tell(f"{kind}, {'planted' if wanted else 'real'} {number}")
                    began, now = time.monotonic(), load()
                    if kind == "time":
                        found = measured(
                            anchor, sides[wanted], WORKLOAD, _PAIRS, place, progress.tell
                        )
                    else:
                        found = _counted(sides[wanted], number)
                    _append(path, {
                        "kind": kind, "planted": wanted, "number": number, "load": now,
                        "at": datetime.now(timezone.utc).isoformat(timespec="seconds"),
                        "took_s": round(time.monotonic() - began, 1), "package": source.name,
                        "workload": WORKLOAD, **found,
                    })  # fmt: skip


def read(path: Path) -> list[dict[str, Any]]:
    """The records of a file; a line that was cut off is left out, and measured again."""
    records = []
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else ():
        try:
            records.append(json.loads(line))
        except ValueError:
            continue
    return records


def _missing(path: Path, kind: str, real: int, planted: int) -> Iterator[tuple[bool, int]]:
    """What is to be measured: two real ones, then one with the plant, so that each phase of load
    has both."""
    have = {(each["planted"], each["number"]) for each in read(path) if each["kind"] == kind}
    planned = [
        *((False, number) for number in range(real)), *((True, number) for number in range(planted))
    ]  # fmt: skip
    planned.sort(key=lambda each: each[1] / (planted if each[0] else real))
    yield from (each for each in planned if each not in have)


def _side(source: Path, target: Path, kind: str, wanted: bool) -> Side:
    tree = plant(source, target, PLANTS[PLANT[kind]] if wanted else None)
    name = f"{kind}{'-planted' if wanted else ''}"
    return Side(name, name, False, Path(sys.executable), ((tree / project().source).parent,))


def _counted(side: Side, number: int) -> dict[str, Any]:
    seeds = range(3 * number, 3 * number + 3)
    return {
        "instructions": measure_instructions(
            WORKLOAD, seeds=seeds, package=side.path[0] / project().package
        ),
        "seeds": list(seeds),
    }


def _append(path: Path, record: dict[str, Any]) -> None:
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(record, sort_keys=True) + "\n")


@contextmanager
def _changing_load(wanted: bool) -> Iterator[Any]:
    """Busy programs by the schedule; called, it brings their number up to date and says it."""
    running: list[subprocess.Popen[bytes]] = []
    began = time.monotonic()

    def load() -> int:
        phase = int((time.monotonic() - began) / PHASE_S)
        number = LOADS[phase % len(LOADS)] if wanted else 0
        while len(running) < number:
            running.append(subprocess.Popen([sys.executable, "-c", _BUSY]))
        _end(running[number:])
        del running[number:]
        return number

    try:
        yield load
    finally:
        _end(running)


def _end(processes: Sequence[subprocess.Popen[bytes]]) -> None:
    for each in processes:
        each.kill()
    for each in processes:
        each.wait()


if __name__ == "__main__":
    fill(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), "HEAD")
