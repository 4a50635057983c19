"""Measure the gate on itself (with --history, the history): how often each is wrong. Resumable.

Each trial copies the package twice, plants a change into one copy (or what is no change), and asks
the gate. The outcomes are appended to results/proof/outcomes.ndjson as they come; trials that are
there already are not repeated. Then asv and pytest-benchmark answer the same question on some.
With --history, one package and a planted copy are measured as `backfill` measures, under changing
load, into history-pool.ndjson, and what the history's change points find in it is judged.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timezone
from functools import partial
from itertools import cycle, islice, zip_longest
from pathlib import Path
from typing import Any

from benchmarks.commands.compare import ROOT, compare, report_failure, working_folder
from benchmarks.commands.history_pool import fill
from benchmarks.common.exits import ExitCode, InfrastructureError, LabError
from benchmarks.common.git import resolve
from benchmarks.common.options import minutes, output_folder, whole
from benchmarks.common.project import LAB
from benchmarks.contenders.revisions import WORK, source_tree
from benchmarks.judging.gate import Comparison, Verdict
from benchmarks.proving.history_proof import markdown as history_markdown
from benchmarks.proving.history_proof import proof
from benchmarks.proving.planting import NO_CHANGE, PLANTED, Plant, PlantDoesNotApply, plant
from benchmarks.proving.proof import (
    COMMAND,
    Outcome,
    append_line,
    matrix,
    matrix_markdown,
    read_lines,
    read_outcomes,
)
from benchmarks.records.environment import fingerprint

GATE = "gate"
_MOST_TRIALS = 100_000


@dataclass(frozen=True)
class Trial:
    """One question put to one tool."""

    tool: str
    plant: Plant
    workload: str
    number: int

    @property
    def key(self) -> str:
        """Names the trial among the outcomes."""
        return f"{self.tool}/{self.plant.name}/{self.workload}/{self.number}"


Ask = Callable[[Path, Path, str], Outcome]
"""Asks a tool: base tree, head tree, workload."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
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
    """Put all trials that have no outcome yet, and write the matrix.

    Returns:
        0 when the gate was never wrong (the history's claims hold), 1 when it was, 4 when trials
        are left. To be undecided is not to be wrong; the matrix has it in a column of its own.
    """
    if options.history:
        return _history(options)
    outcomes_file = options.output / "outcomes.ndjson"
    trials = list(planned(options.no_change, options.planted, options.tools_runs))
    try:
        commit = resolve(ROOT, "HEAD" if options.revision == WORK else options.revision)
        source = source_tree(ROOT, options.revision)
        options.output.mkdir(parents=True, exist_ok=True)
        finished = _work_off(trials, source, commit, outcomes_file, options)
    except LabError as error:
        return report_failure(error)
    except PlantDoesNotApply as error:
        return report_failure(InfrastructureError(str(error)))
    outcomes = _write_matrix(options.output)
    shown = options.output / ("matrix.json" if options.json else "matrix.md")
    print(shown.read_text(encoding="utf-8"))
    wrong = any(
        each.tool == GATE and not each.undecided and each.alarm is not each.is_change
        for each in outcomes
    )
    if wrong:
        return ExitCode.REGRESSION
    return ExitCode.PASS if finished else ExitCode.INCONCLUSIVE


def _history(options: argparse.Namespace) -> int:
    """Fill the pool, judge it, and write history.json and history.md."""
    pool = options.output / "history-pool.ndjson"
    try:
        finished = fill(pool, options.records, -(-options.records // 2), options.revision,
                        60 * options.budget_minutes, options.quiet)  # fmt: skip
    except LabError as error:
        return report_failure(error)
    found = proof(read_lines(pool))
    texts = {
        "json": json.dumps(found, indent=1) + "\n",
        "md": history_markdown(found, f"{COMMAND} --history"),
    }
    for suffix, text in texts.items():
        path = options.output / f"history.{suffix}"
        path.write_text(text, encoding="utf-8", newline="\n")
    print(texts["json" if options.json else "md"])
    if not finished or not found["steps"]:
        return ExitCode.INCONCLUSIVE
    return ExitCode.PASS if all(each["holds"] for each in found["claims"]) else ExitCode.REGRESSION


def planned(no_change: int, planted: int, tools_runs: int) -> Iterator[Trial]:
    """All trials, kinds alternating, so that a part of them is already a fair sample."""
    yield from _alternating(GATE, no_change, planted)
    for tool in ("asv", "pytest-benchmark"):
        yield from _alternating(tool, tools_runs, tools_runs)


def _alternating(tool: str, no_change: int, planted: int) -> Iterator[Trial]:
    kinds = [
        islice(cycle(_combinations(plants)), count)
        for plants, count in ((NO_CHANGE, no_change), (PLANTED, planted))
    ]
    seen: dict[tuple[str, str], int] = {}
    for both in zip_longest(*kinds):
        for combination in both:
            if combination is not None:
                each, workload = combination
                number = seen.get((each.name, workload), 0)
                seen[each.name, workload] = number + 1
                yield Trial(tool, each, workload, number)


def _combinations(plants: Iterable[Plant]) -> list[tuple[Plant, str]]:
    return [(each, workload) for each in plants for workload in each.workloads]


def _work_off(
    trials: list[Trial], source: Path, commit: str, outcomes: Path, options: argparse.Namespace
) -> bool:
    """Put trials until all are done or the time is up; whether all are done."""
    began = time.monotonic()
    done = {each.key for each in read_outcomes(outcomes)}
    left = [trial for trial in trials if trial.key not in done]
    with working_folder(None) as place:
        tools: dict[str, Ask] = {}
        for position, trial in enumerate(left, 1):
            if time.monotonic() - began > 60 * options.budget_minutes:
                return False
            if trial.tool not in tools:
                tools[trial.tool] = _tool(trial.tool, place, source, options.quiet)
            outcome = _put(trial, source, place, tools[trial.tool])
            record = {
                **outcome.to_json(),
                "key": trial.key,
                "tool": trial.tool,
                "plant": trial.plant.name,
                "is_change": trial.plant.is_change,
                "workload": trial.workload,
                "commit": commit,
                "at": datetime.now(timezone.utc).isoformat(timespec="seconds"),
                "load_1m": fingerprint()["load_1m"],
            }
            append_line(outcomes, record)
            _write_matrix(outcomes.parent)
            if not options.quiet:
                right = "right" if outcome.alarm is trial.plant.is_change else "wrong"
                judged = "undecided" if outcome.undecided else right
                said = f"{outcome.verdict} in {outcome.elapsed_s:.0f} s, {judged}"
                rest_s = (time.monotonic() - began) / position * (len(left) - position)
                told = f"{position}/{len(left)} {trial.key}: {said}; {rest_s / 60:.0f} min left"
                print(told, file=sys.stderr, flush=True)
    return True


def _put(trial: Trial, source: Path, place: Path, ask: Ask) -> Outcome:
    """Plant, and ask. A folder of another depth and length is what "other directory" stands for."""
    base = plant(source, place / "base", None)
    deeper = Path(*("elsewhere",) * (1 + trial.number % 3))
    other = trial.plant.name == "other-directory"
    head = plant(source, place / deeper if other else place / "head", trial.plant, trial.number)
    return ask(base, head, trial.workload)


def _tool(name: str, place: Path, source: Path, quiet: bool) -> Ask:
    if name == GATE:
        return partial(ask_gate, quiet=quiet)
    from benchmarks.proving.other_tools import AsvContinuous, PytestBenchmark

    if name == "asv":
        return AsvContinuous(LAB, place / "asv", source).ask
    return PytestBenchmark(LAB, place / "pytest-benchmark").ask


def ask_gate(base: Path, head: Path, workload: str, quiet: bool = True) -> Outcome:
    """What the gate, as it is by default, says of two trees."""
    comparison = compare(
        str(base), str(head), names=[workload], confirms=True, quiet=quiet, even_if_equal=True
    )
    if comparison.interrupted:
        raise KeyboardInterrupt
    return outcome_of(comparison)


def outcome_of(comparison: Comparison) -> Outcome:
    """The comparison of one workload as an outcome."""
    workload = comparison.workloads[0]
    by = [each.metric for each in workload.metrics if each.verdict is Verdict.REGRESSED]
    by += [each.counter for each in workload.counters if each.verdict is Verdict.REGRESSED]
    details: dict[str, Any] = {
        "by": by,
        "pairs": workload.pairs,
        "confirmed": workload.confirmed,
        "explanation": workload.explanation,
        "effects": {each.metric: round(each.effect, 4) for each in workload.metrics},
        "widths": {each.metric: round((each.high - each.low) / 2, 4) for each in workload.metrics},
    }
    return Outcome(
        verdict=str(comparison.verdict),
        alarm=comparison.verdict is Verdict.REGRESSED,
        undecided=comparison.verdict is Verdict.INCONCLUSIVE,
        elapsed_s=round(comparison.elapsed_s, 1),
        details=details,
    )


def _write_matrix(folder: Path) -> list[Outcome]:
    """Write the matrix of all outcomes so far, which are returned."""
    outcomes = read_outcomes(folder / "outcomes.ndjson")
    table = matrix(outcomes)
    for name, text in (
        ("matrix.json", json.dumps(table, indent=1) + "\n"),
        ("matrix.md", matrix_markdown(table)),
    ):
        (folder / name).write_text(text, encoding="utf-8", newline="\n")
    return outcomes
