"""Measure the gate on itself (with --history, the history): how often each is wrong. Resumable.

Each trial copies the package twice, plants a change into one copy (or a null change), and runs the
gate. The outcomes are appended to results/proof/outcomes.ndjson as they come; trials that are there
already are not repeated. Then asv and pytest-benchmark judge some of the same pairs.

With --history, one package and a planted copy are measured exactly as `backfill` measures, into
history-pool.ndjson, and the change points that the history finds in it are judged. Meanwhile
CPU-bound programs run on a schedule, so that neighbouring records have the same load and distant
ones a different one. A record counts instructions too, with hash seeds of its own, since the same
seeds would give exactly the same count.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import cycle, islice, zip_longest
from pathlib import Path
from typing import Any

from benchmarks.commands.backfill_time import anchor_package, measured, side_of
from benchmarks.commands.compare import ROOT, Asked, compare, working_folder
from benchmarks.common.exits import BadInput, ExitCode, InfrastructureError
from benchmarks.common.git import resolve
from benchmarks.common.options import minutes, output_folder, whole
from benchmarks.common.output import now, warn, write_text
from benchmarks.common.progress import Progress, left_in_words
from benchmarks.common.project import LAB, project
from benchmarks.contenders.revisions import WORK, Side, source_tree
from benchmarks.judging.gate import Verdict
from benchmarks.measuring.instructions import measure_instructions, why_not
from benchmarks.proving import history_proof
from benchmarks.proving.history_proof import KINDS, Record
from benchmarks.proving.planting import NO_CHANGE, PLANTED, PLANTS, Plant, PlantDoesNotApply, plant
from benchmarks.proving.proof import (
    COMMAND,
    Outcome,
    append_line,
    matrix,
    read_lines,
    read_outcomes,
)
from benchmarks.records.environment import fingerprint
from benchmarks.records.packages import content_key
from benchmarks.reporting.filling import render

GATE = "gate"
_MOST_TRIALS = 100_000
_WORKLOAD = "claim-lifo-1e3"
"""The files of the history's proof."""
_PLANT = dict(zip(KINDS, ("uniform-10-percent", "instructions-1-percent")))
_LOADS = (0, 1, 2, 1)
"""The number of busy programs in each phase."""
_PHASE_S = 150.0
_PAIRS = 8


@dataclass(frozen=True)
class Trial:
    """One question put to one tool."""

    tool: str
    plant: Plant
    workload: str
    number: int

    @property
    def key(self) -> str:
        """Identifies the trial among the outcomes."""
        return f"{self.tool}/{self.plant.name}/{self.workload}/{self.number}"


Ask = Callable[[Path, Path, str], Outcome]
"""Asks a tool: base tree, head tree, workload."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    trials = whole(0, _MOST_TRIALS)
    add("--history", action="store_true", help="prove the history instead of the gate")
    add("--records", type=trials, default=120, metavar="N",
        help="of the history's proof; half as many more with a plant (120)")  # fmt: skip
    add("--no-change", type=trials, default=60, metavar="N",
        help="pairs that differ in nothing (60)")  # fmt: skip
    add("--planted", type=trials, default=60, metavar="N", help="pairs with a planted change (60)")
    add("--tools-runs", type=trials, default=12, metavar="N",
        help="pairs of each kind that asv and pytest-benchmark judge (12)")  # fmt: skip
    add("--budget-minutes", type=minutes, default=240.0, metavar="N",
        help="begin no further trial after so long; run again to go on (240)")  # fmt: skip
    add("--revision", default="HEAD", help="what the changes are planted into (HEAD)")
    add("--output", type=output_folder, default=ROOT / "results" / "proof", metavar="FOLDER",
        help="where outcomes and the matrix go (results/proof)")  # fmt: skip
    add("--json", action="store_true", help="print the matrix as JSON")
    add("--quiet", action="store_true", help="no progress on standard error, no line a trial")


def run(options: argparse.Namespace) -> int:
    """Run all trials that have no outcome yet, and write the matrix; 0 when the gate was never
    wrong (the history's claims hold), 1 when it was, 4 when trials are left. Undecided does not
    count as wrong; the matrix has a separate column for it."""
    if options.history:
        return _history(options)
    trials = planned(options.no_change, options.planted, options.tools_runs)
    commit = resolve(ROOT, "HEAD" if options.revision == WORK else options.revision)
    source = source_tree(ROOT, options.revision)
    try:
        is_finished = _work_off(list(trials), source, commit, options)
    except PlantDoesNotApply as error:
        raise InfrastructureError(str(error)) from error
    outcomes = _write_matrix(options.output, options.json, print)
    gate = [each for each in outcomes if each.tool == GATE and not each.undecided]
    if any(each.alarm is not each.is_change for each in gate):
        return ExitCode.REGRESSION
    return ExitCode.PASS if is_finished else ExitCode.INCONCLUSIVE


def _history(options: argparse.Namespace) -> int:
    """Fill the pool, judge it, and write history.json and history.md."""
    pool, planted = options.output / "history-pool.ndjson", -(-options.records // 2)
    budget_s = 60 * options.budget_minutes
    is_finished = fill(pool, options.records, planted, options.revision, budget_s, options.quiet)
    found = history_proof.proof(read_lines(pool))
    text = render(
        "proof_history.md", command=f"{COMMAND} --history",
        one_package_records=history_proof.ONE_PACKAGE, **found,
    )  # fmt: skip
    print(_write_both(options.output / "history", found, text, options.json))
    if not is_finished or not found["steps"]:
        return ExitCode.INCONCLUSIVE
    return ExitCode.PASS if all(each["holds"] for each in found["claims"]) else ExitCode.REGRESSION


def _write_matrix(
    folder: Path, as_json: bool = False, show: Callable[[str], None] = lambda _: None
) -> list[Outcome]:
    """Write the matrix of all outcomes so far, and show it; the outcomes."""
    outcomes = read_outcomes(folder / "outcomes.ndjson")
    table = matrix(outcomes)
    text = render("proof_matrix.md", **table)
    show(_write_both(folder / "matrix", table, text, as_json))
    return outcomes


def _write_both(path: Path, found: Any, markdown: str, as_json: bool) -> str:
    """Write it as path.json and path.md; returns the one to be printed."""
    text = json.dumps(found, indent=1) + "\n"
    write_text(path.with_suffix(".json"), text)
    write_text(path.with_suffix(".md"), markdown)
    return text if as_json else markdown


def planned(no_change: int, planted: int, tools_runs: int) -> Iterator[Trial]:
    """All trials, kinds alternating, so that a part of them is already a fair sample."""
    counts = ((GATE, no_change, planted), ("asv", tools_runs, tools_runs),
              ("pytest-benchmark", tools_runs, tools_runs))  # fmt: skip
    for tool, *wanted in counts:
        seen: Counter[tuple[str, str]] = Counter()
        kinds = [
            islice(cycle((each, name) for each in plants for name in each.workloads), count)
            for plants, count in zip((NO_CHANGE, PLANTED), wanted)
        ]
        for each, workload in (pair for both in zip_longest(*kinds) for pair in both if pair):
            yield Trial(tool, each, workload, seen[each.name, workload])
            seen[each.name, workload] += 1


def _work_off(trials: list[Trial], source: Path, commit: str, options: argparse.Namespace) -> bool:
    """Run trials until all are done or the time is up; whether all are done."""
    outcomes = options.output / "outcomes.ndjson"
    outcomes.parent.mkdir(parents=True, exist_ok=True)
    done = {each.key for each in read_outcomes(outcomes)}
    left = [trial for trial in trials if trial.key not in done]
    tools: dict[str, Ask] = {}
    began, ends_at = time.monotonic(), time.monotonic() + 60 * options.budget_minutes
    with working_folder(None) as place:
        for position, trial in enumerate(left, 1):
            if time.monotonic() > ends_at:
                return False
            if trial.tool not in tools:
                tools[trial.tool] = _tool(trial.tool, place, source, options.quiet)
            outcome = _put(trial, source, place, tools[trial.tool])
            append_line(outcomes, {
                **outcome.to_json(), "key": trial.key, "tool": trial.tool,
                "plant": trial.plant.name, "is_change": trial.plant.is_change,
                "workload": trial.workload, "commit": commit, "at": now(),
                "load_1m": fingerprint()["load_1m"],
            })  # fmt: skip
            _write_matrix(outcomes.parent)
            if not options.quiet:
                right = "right" if outcome.alarm is trial.plant.is_change else "wrong"
                judged = "undecided" if outcome.undecided else right
                said = f"{outcome.verdict} in {outcome.elapsed_s:.0f} s, {judged}"
                about = left_in_words(began, position, len(left))
                warn(f"{position}/{len(left)} {trial.key}: {said}{about}")
    return True


def _put(trial: Trial, source: Path, place: Path, ask: Ask) -> Outcome:
    """Plant, and ask. "Other directory" means a folder of another depth and length."""
    base = plant(source, place / "base", None)
    deeper = Path(*("elsewhere",) * (1 + trial.number % 3))
    folder = deeper if trial.plant.name == "other-directory" else "head"
    head = plant(source, place / folder, trial.plant, trial.number)
    return ask(base, head, trial.workload)


def _tool(name: str, place: Path, source: Path, quiet: bool) -> Ask:
    if name == GATE:
        return partial(_ask_gate, quiet=quiet)
    from benchmarks.proving.other_tools import AsvContinuous, PytestBenchmark

    if name == "asv":
        return AsvContinuous(LAB, place / "asv", source).ask
    return PytestBenchmark(LAB, place / "pytest-benchmark").ask


def _ask_gate(base: Path, head: Path, name: str, quiet: bool) -> Outcome:
    """The verdict of the gate, with its defaults, on one workload of two trees."""
    wanted = Asked([name], confirms=True, quiet=quiet, even_if_equal=True)
    comparison = compare(str(base), str(head), wanted)
    if comparison.interrupted:
        raise KeyboardInterrupt
    workload = comparison.workloads[0]
    by = [each.metric for each in workload.metrics if each.verdict is Verdict.REGRESSED]
    by += [each.counter for each in workload.counters if each.verdict is Verdict.REGRESSED]
    details = {
        "by": by, "pairs": workload.pairs, "confirmed": workload.confirmed,
        "explanation": workload.explanation,
        "effects": {each.metric: round(each.effect, 4) for each in workload.metrics},
        "widths": {e.metric: round((e.high - e.low) / 2, 4) for e in workload.metrics},
    }  # fmt: skip
    verdict = comparison.verdict
    return Outcome(
        verdict=str(verdict), alarm=verdict is Verdict.REGRESSED, details=details,
        undecided=verdict is Verdict.INCONCLUSIVE, elapsed_s=round(comparison.elapsed_s, 1),
    )  # fmt: skip


def fill(
    path: Path, real: int, planted: int, revision: str, budget_s: float, quiet: bool = False
) -> bool:
    """Append records until there are the given numbers of each kind; existing ones are kept.
    Returns whether all are there.

    Args:
        path: a file of JSON lines {kind: time | instructions, planted, number, at, load, ...}.
        real, planted: how many of each.
        revision: the revision whose package is measured.
        budget_s: no further record is begun after this time.

    Raises:
        BadInput: the revision is unknown, nothing can be counted here, or existing records are of
            another package.
        InfrastructureError: a record cannot be measured.
    """
    records = read_lines(path)
    left = [(kind, *each) for kind in KINDS for each in _missing(records, kind, real, planted)]
    if not left:
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
    anchor, ends_at, done = side_of(anchor_package()), time.monotonic() + budget_s, 0
    with Progress(quiet) as progress, working_folder(None) as place, _changing_load() as load:
        sides = {(kind, wanted): _side(source, place, kind, wanted)
                 for kind in KINDS for wanted in (False, True)}  # fmt: skip
        for (kind, wanted, number), _ in progress.each(left, _what, "record", ends_at):
            side = sides[kind, wanted]
            record = {
                "kind": kind, "planted": wanted, "number": number, "load": load(kind == "time"),
                "at": now(), "package": package, "workload": _WORKLOAD,
            }  # fmt: skip
            if kind == "time":  # its own progress would hide that of the pool
                found = measured(anchor, side, _WORKLOAD, _PAIRS, place, lambda *_: None)
            else:
                found = _counted(side, number)
            if why := found.get("lacks") or found.get("wrong"):
                raise InfrastructureError(f"{_WORKLOAD} cannot be measured: {why}")
            append_line(path, {**record, **found})
            done += 1
    return done == len(left)


def _what(record: tuple[str, bool, int]) -> str:
    kind, wanted, _ = record
    return f"{kind} of the {'planted' if wanted else 'real'} package"


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
    tree = plant(source, place / name, PLANTS[_PLANT[kind]] if wanted else None)
    return Side(name, name, False, Path(sys.executable), ((tree / project().source).parent,))


def _counted(side: Side, number: int) -> dict[str, Any]:
    seeds = range(3 * number, 3 * number + 3)
    package = side.path[0] / project().package
    count = measure_instructions(_WORKLOAD, seeds=seeds, package=package)
    return {"instructions": count, "seeds": list(seeds)}


@contextmanager
def _changing_load() -> Iterator[Callable[[bool], int]]:
    """Busy programs by the schedule; a call, with whether they are wanted, adjusts their number
    and returns it."""
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

    def load(wanted: bool) -> int:
        phase = int((time.monotonic() - began) / _PHASE_S)
        return change_to(_LOADS[phase % len(_LOADS)] if wanted else 0)

    try:
        yield load
    finally:
        change_to(0)
