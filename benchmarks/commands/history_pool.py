"""The pool of records that the history's proof draws from: one package, with a plant and without.

Each record is measured exactly as `backfill` measures: the ratio to the anchor package by the block
method. Meanwhile programs that only use a processor come and go on a schedule, so that neighbouring
records have the same load and far ones another. A record counts instructions too, with hash seeds
of its own, since the same seeds would give the same count to the last instruction.
"""

from __future__ import annotations

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
from benchmarks.common.exits import BadInput, InfrastructureError
from benchmarks.common.progress import Progress
from benchmarks.common.project import project, root
from benchmarks.contenders.revisions import Side, source_tree
from benchmarks.measuring.instructions import measure_instructions, why_not
from benchmarks.proving.history_proof import KINDS, Record
from benchmarks.proving.planting import PLANTS, plant
from benchmarks.proving.proof import append_line, read_lines
from benchmarks.records.packages import content_key

ROOT = root()
WORKLOAD = "claim-lifo-1e3"
PLANT = dict(zip(KINDS, ("uniform-10-percent", "instructions-1-percent")))
LOADS = (0, 1, 2, 1)
"""How many busy programs there are, phase after phase."""
PHASE_S = 150.0
_BUSY = "while True: pass"
_PAIRS = 8


def fill(
    path: Path, real: int, planted: int, revision: str, budget_s: float, quiet: bool = False
) -> bool:
    """Append records until there are so many of each kind; what is there is kept.

    Args:
        path: a file of JSON lines {kind: time | instructions, planted, number, at, load, ...}.
        real, planted: how many of each.
        revision: whose package is measured.
        budget_s: no further record is begun after so long.

    Returns:
        Whether all are there.

    Raises:
        BadInput: the revision is none, nothing can be counted here, or the records that are there
            are those of another package.
        InfrastructureError: a record cannot be measured.
    """
    missing = {kind: list(_missing(read_lines(path), kind, real, planted)) for kind in KINDS}
    total = sum(map(len, missing.values()))
    if not total:
        return True
    source = source_tree(ROOT, revision)
    package = content_key(source)
    if {each["package"] for each in read_lines(path)} - {package}:
        raise BadInput(
            f"{path} has records of another package than {revision}: delete it, name their commit "
            "with --revision, or give another --output"
        )
    if why_not():
        raise BadInput(why_not())
    path.parent.mkdir(parents=True, exist_ok=True)
    anchor = side_of(anchor_package())
    began, done = time.monotonic(), 0
    with Progress(quiet) as progress, working_folder(None) as place:
        for kind, left in missing.items():
            sides = {wanted: _side(source, place, kind, wanted) for wanted in (False, True)}
            with _changing_load(kind == "time") as load:
                for wanted, number in left:
                    spent_s = time.monotonic() - began
                    if spent_s > budget_s:
                        return False
                    rest = f", {spent_s / done / 60 * (total - done):.0f} min left" if done else ""
                    what = f"{kind} of the {'planted' if wanted else 'real'} package{rest}; record"
                    progress.tell(what, done, total)
                    now, at = load(), datetime.now(timezone.utc)
                    if kind == "time":
                        found = measured(
                            anchor, sides[wanted], WORKLOAD, _PAIRS, place, _say_nothing
                        )
                    else:
                        found = _counted(sides[wanted], number)
                    why = found.get("lacks") or found.get("wrong")
                    if why:
                        raise InfrastructureError(f"{WORKLOAD} cannot be measured: {why}")
                    append_line(path, {
                        "kind": kind, "planted": wanted, "number": number, "load": now,
                        "at": at.isoformat(timespec="seconds"), "package": package,
                        "workload": WORKLOAD, **found,
                    })  # fmt: skip
                    done += 1
    return True


def _say_nothing(text: str, done: int = 0, total: int = 0) -> None:
    """A record's own progress would hide that of the pool."""


def _missing(
    records: Sequence[Record], kind: str, real: int, planted: int
) -> Iterator[tuple[bool, int]]:
    """What is to be measured: two real ones, then one with the plant, so that each phase of load
    has both."""
    have = {(each["planted"], each["number"]) for each in records if each["kind"] == kind}
    planned = [
        *((False, number) for number in range(real)), *((True, number) for number in range(planted))
    ]  # fmt: skip
    planned.sort(key=lambda each: each[1] / (planted if each[0] else real))
    yield from (each for each in planned if each not in have)


def _side(source: Path, place: Path, kind: str, wanted: bool) -> Side:
    name = f"{kind}{'-planted' if wanted else ''}"
    tree = plant(source, place / name, PLANTS[PLANT[kind]] if wanted else None)
    return Side(name, name, False, Path(sys.executable), ((tree / project().source).parent,))


def _counted(side: Side, number: int) -> dict[str, Any]:
    seeds = range(3 * number, 3 * number + 3)
    return {
        "instructions": measure_instructions(
            WORKLOAD, seeds=seeds, package=side.path[0] / project().package
        ),
        "seeds": list(seeds),
    }


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
