"""Measure the repository's own commits into the history: today's scenarios, yesterday's package.

REV..REV names a range as git does; its commits are taken oldest first, along first parents. Each
gets an environment of its own. A commit whose package cannot be built, or lacks what a scenario
needs, is skipped and said. What was measured is kept, and not measured again when the command is
repeated.

Exit code 0; 1 where a scenario's work was wrong at some commit; 2 for an unknown revision or
scenario; 3 where nothing could be measured.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.lab import history
from benchmarks.lab.record import Commit, RunRecord

ROOT = Path(__file__).resolve().parents[2]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    parser.add_argument("range", metavar="REV..REV", help="which commits; one revision for one")
    parser.add_argument(
        "--scenario", action="append", metavar="NAME",
        help="a scenario, may be repeated (default: all, two minutes a commit)",
    )  # fmt: skip
    parser.add_argument(
        "--profile", choices=("smoke", "regular"), default="regular", help="how much (regular)"
    )
    parser.add_argument("--again", action="store_true", help="also what the history has already")
    parser.add_argument("--no-counters", action="store_true", help="leave the counters out")
    parser.add_argument(
        "--results", type=Path, metavar="DIR", help="the results folder (default: results)"
    )


def run(options: argparse.Namespace) -> int:
    """Carry it out; the exit code."""
    from benchmarks.lab.environment import machine_name
    from benchmarks.lab.revisions import InfrastructureError
    from benchmarks.scenarios import all_scenarios

    names = options.scenario or list(all_scenarios())
    unknown = sorted(set(names) - set(all_scenarios()))
    if unknown:
        print(f"error: there is no scenario {', '.join(unknown)}", file=sys.stderr)
        return 2
    try:
        commits = commits_of(options.range)
    except ValueError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    machine = machine_name()
    known = {
        (record.commit.sha, record.scenario)
        for record in history.read(options.results).records
        if (record.machine, record.profile) == (machine, options.profile) and not options.again
    }
    measured = wrong = 0
    for number, commit in enumerate(commits, start=1):
        print(f"[{number}/{len(commits)}] {commit.sha[:7]} {commit.subject}", flush=True)
        wanted = [name for name in names if (commit.sha, name) not in known]
        if not wanted:
            print("    is in the history already")
            measured += 1
            continue
        try:
            python, path = _runnable(commit.sha)
        except InfrastructureError as error:
            print(f"    skipped: {error}")
            continue
        command = [str(python), "-m", "benchmarks.commands.backfill", json.dumps({
            "commit": asdict(commit), "names": wanted, "profile": options.profile,
            "counters": not options.no_counters, "machine": machine,
        })]  # fmt: skip
        for answer in _answers(command, path):
            found, bad = _keep(answer, commit, machine, options)
            measured += found
            wrong += bad
    if not measured:
        print("error: nothing could be measured", file=sys.stderr)
        return 3
    return 1 if wrong else 0


def commits_of(text: str, repository: Path = ROOT) -> list[Commit]:
    """The commits of a range, or the one that a revision names, oldest first.

    Raises:
        ValueError: git does not know them, or the range is empty.
    """
    if text.startswith("-"):
        raise ValueError(f"not a revision: {text}")
    if ".." not in text:
        return [history.commit_of(f"{text}^0", repository)]
    done = subprocess.run(
        ["git", "-C", str(repository), "rev-list", "--first-parent", "--reverse", text, "--"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        raise ValueError(done.stderr.strip() or f"git does not know {text}")
    found = [history.commit_of(sha, repository) for sha in done.stdout.split()]
    if not found:
        raise ValueError(f"there is no commit in {text}")
    return found


def _runnable(sha: str) -> tuple[Path, tuple[Path, ...]]:
    """An interpreter that has the commit's package, and folders for its path.

    A commit that cannot be built (its README came later, say) is run from its sources by this
    interpreter.

    Raises:
        InfrastructureError: there is no package in it at all.
    """
    from benchmarks.lab.revisions import BuildFailed, folder_side, prepare_side, source_tree

    try:
        side = prepare_side(ROOT, sha)
    except BuildFailed as error:
        print(f"    not built, but run from its sources: {str(error).splitlines()[-1][:200]}")
        side = folder_side(source_tree(ROOT, sha))
    return side.python, side.path


def _answers(command: Sequence[str], path: Iterable[Path]) -> Iterable[dict[str, Any]]:
    """What the process in the commit's environment says, scenario by scenario."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, [ROOT, *path]))}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, env=environment, cwd=ROOT, encoding="utf-8"
    ) as process:
        assert process.stdout is not None
        try:
            for line in process.stdout:
                if line.startswith("{"):
                    yield json.loads(line)
        finally:
            process.kill()


def _keep(
    answer: dict[str, Any], commit: Commit, machine: str, options: argparse.Namespace
) -> tuple[int, int]:
    """Append what one scenario gave; how many were measured, and how many were wrong."""
    from benchmarks.lab.environment import fingerprint
    from benchmarks.scenarios import Sample

    name = answer["scenario"]
    if "sample" not in answer:
        print(f"    {name}: {answer['kind']}: {answer['why']}", flush=True)
        return 0, int(answer["kind"] == "wrong")
    sample = Sample(**answer["sample"])
    run_record = RunRecord.of(
        {name: sample},
        commit=commit,
        machine=machine,
        profile=options.profile,
        environment=fingerprint(),
        counters={name: answer["counters"]},
    )
    history.append(run_record, options.results)
    found = run_record.scenarios[0].metrics
    p95 = found.get("latency_p95_ms")
    shown = f"P95 {p95.value:.4g} ms" if p95 else "measured"
    print(f"    {name}: {shown}", flush=True)
    return 1, 0


def _child(order: dict[str, Any]) -> None:
    """In the commit's environment: measure, and print one JSON object a scenario."""
    from benchmarks.lab.counters import measure_counters
    from benchmarks.lab.measure import measure
    from benchmarks.scenarios import Profile, all_scenarios

    scenarios = all_scenarios()
    for name in order["names"]:
        answer: dict[str, Any] = {"scenario": name}
        try:
            scenario = scenarios[name]
            answer["sample"] = asdict(measure(scenario, Profile(order["profile"])))
            counted = order["counters"] and scenario.counted_calls
            answer["counters"] = measure_counters(name) if counted else {}
        except NotImplementedError as error:
            answer = {"scenario": name, "kind": "skipped", "why": str(error)}
        except AssertionError as error:
            answer = {"scenario": name, "kind": "wrong", "why": str(error) or "its check failed"}
        except Exception as error:  # noqa: BLE001 - the other scenarios are still measured
            why = f"{type(error).__name__}: {error}"
            answer = {"scenario": name, "kind": "failed", "why": why}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    _child(json.loads(sys.argv[1]))
