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
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from benchmarks.commands.backfill_time import anchor_package, measured, side_of
from benchmarks.commands.compare import working_folder
from benchmarks.common.exits import BadInput, InfrastructureError
from benchmarks.common.progress import Progress, left_in_words
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
    records = read_lines(path)
    missing = {kind: _missing(records, kind, real, planted) for kind in KINDS}
    total = sum(map(len, missing.values()))
    if not total:
        return True
    source = source_tree(ROOT, revision)
    package = content_key(source)
    if {each["package"] for each in records} - {package}:
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
            sides = [_side(source, place, kind, wanted) for wanted in (False, True)]
            with _changing_load(kind == "time") as load:
                for wanted, number in left:
                    if time.monotonic() - began > budget_s:
                        return False
                    about = left_in_words(began, done, total)
                    what = f"{kind} of the {'planted' if wanted else 'real'} package{about}; record"
                    progress.tell(what, done, total)
                    record = {
                        "kind": kind, "planted": wanted, "number": number, "load": load(),
                        "at": datetime.now(timezone.utc).isoformat(timespec="seconds"),
                        "package": package, "workload": WORKLOAD,
                    }  # fmt: skip
                    if kind == "time":
                        # A record's own progress would hide that of the pool.
                        silent: Callable[..., None] = lambda *_: None  # noqa: E731
                        found = measured(anchor, sides[wanted], WORKLOAD, _PAIRS, place, silent)
                    else:
                        found = _counted(sides[wanted], number)
                    why = found.get("lacks") or found.get("wrong")
                    if why:
                        raise InfrastructureError(f"{WORKLOAD} cannot be measured: {why}")
                    append_line(path, {**record, **found})
                    done += 1
    return True


def _missing(records: list[Record], kind: str, real: int, planted: int) -> list[tuple[bool, int]]:
    """What is to be measured, as (with the plant, number): two real ones, then one with the plant,
    so that each phase of load has both."""
    have = {(each["planted"], each["number"]) for each in records if each["kind"] == kind}
    counts = (real, planted)
    pairs = [(wanted, number) for wanted in (False, True) for number in range(counts[wanted])]
    pairs.sort(key=lambda each: each[1] / counts[each[0]])
    return [each for each in pairs if each not in have]


def _side(source: Path, place: Path, kind: str, wanted: bool) -> Side:
    name = f"{kind}{'-planted' if wanted else ''}"
    tree = plant(source, place / name, PLANTS[PLANT[kind]] if wanted else None)
    return Side(name, name, False, Path(sys.executable), ((tree / project().source).parent,))


def _counted(side: Side, number: int) -> dict[str, Any]:
    seeds = range(3 * number, 3 * number + 3)
    package = side.path[0] / project().package
    count = measure_instructions(WORKLOAD, seeds=seeds, package=package)
    return {"instructions": count, "seeds": list(seeds)}


@contextmanager
def _changing_load(wanted: bool) -> Iterator[Callable[[], int]]:
    """Busy programs by the schedule; called, it brings their number up to date and says it."""
    running: list[subprocess.Popen[bytes]] = []
    began = time.monotonic()

    def change_to(number: int) -> int:
        while len(running) < number:
            running.append(subprocess.Popen([sys.executable, "-c", "while True: pass"]))
        while len(running) > number:
            last = running.pop()
            last.kill()
            last.wait()
        return number

    def load() -> int:
        phase = int((time.monotonic() - began) / PHASE_S)
        return change_to(LOADS[phase % len(LOADS)] if wanted else 0)

    try:
        yield load
    finally:
        change_to(0)
