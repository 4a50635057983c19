"""Measure the repository's own commits into the history: today's workloads, yesterday's package.

REV..REV names a range as git does; its commits are taken oldest first, along first parents. Each
gets an environment of its own. A commit whose package cannot be built, or lacks what a workload
needs, is skipped and said. What was measured is kept, and not measured again when the command is
repeated.

Exit code 1 where a workload's work was wrong at some commit; 3 where a workload failed otherwise,
or nothing could be measured.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.common import git
from benchmarks.common.exits import ExitCode, InfrastructureError, LabError, ending
from benchmarks.common.options import check_names, output_folder
from benchmarks.common.progress import Progress
from benchmarks.records import history
from benchmarks.records.environment import python_path
from benchmarks.records.record import Commit, RunRecord

ROOT = Path(__file__).resolve().parents[2]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    parser.add_argument("range", metavar="REV..REV", help="which commits; one revision for one")
    parser.add_argument(
        "--workload", action="append", metavar="NAME",
        help="a workload, may be repeated (default: all, two minutes a commit)",
    )  # fmt: skip
    parser.add_argument(
        "--profile", choices=("smoke", "regular"), default="regular", help="how much (regular)"
    )
    parser.add_argument("--again", action="store_true", help="also what the history has already")
    parser.add_argument("--no-counters", action="store_true", help="leave the counters out")
    parser.add_argument(
        "--results", type=output_folder, metavar="DIR",
        help="the results folder (default: results)",
    )  # fmt: skip
    parser.add_argument("--quiet", action="store_true", help="no progress on standard error")


def run(options: argparse.Namespace) -> int:
    """Carry it out; the exit code."""
    from benchmarks.records.environment import machine_name
    from benchmarks.workloads import all_workloads

    names = options.workload or list(all_workloads())
    try:
        check_names("workload", names, all_workloads())
        commits = commits_of(options.range)
    except LabError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    machine = machine_name()
    known = {
        (record.commit.sha, record.workload)
        for record in history.read(options.results).records
        if (record.machine, record.profile) == (machine, options.profile) and not options.again
    }
    measured = 0
    kinds: set[str] = set()
    progress = Progress(options.quiet)
    for number, commit in enumerate(commits, start=1):
        print(f"[{number}/{len(commits)}] {commit.sha[:7]} {commit.subject}", flush=True)
        wanted = [name for name in names if (commit.sha, name) not in known]
        if not wanted:
            print("    is in the history already")
            measured += 1
            continue
        progress.tell(f"{commit.sha[:7]}: preparing its environment")
        try:
            python, path = _runnable(commit.sha, progress.tell)
        except InfrastructureError as error:
            print(f"    skipped: {error}")
            continue
        command = [str(python), "-m", "benchmarks.commands.backfill", json.dumps({
            "commit": asdict(commit), "names": wanted, "profile": options.profile,
            "counters": not options.no_counters, "machine": machine,
        })]  # fmt: skip
        for answer in _answers(command, path, wanted):
            progress.tell(f"{commit.sha[:7]} {answer['workload']}")
            if "sample" in answer:
                _keep(answer, commit, machine, options)
                measured += 1
            elif "kind" in answer:
                name, kind, why = answer["workload"], answer["kind"], answer["why"]
                print(f"    {name}: {kind}: {why}", flush=True)
                kinds.add(kind)
    if not measured:
        print("error: nothing could be measured", file=sys.stderr)
        return ExitCode.INFRASTRUCTURE
    if "failed" in kinds:
        return ExitCode.INFRASTRUCTURE
    return ExitCode.REGRESSION if "wrong" in kinds else ExitCode.PASS


def commits_of(text: str, repository: Path = ROOT) -> list[Commit]:
    """The commits of a range, or the one that a revision names, oldest first.

    Raises:
        BadInput: git does not know them, or the range is empty.
        InfrastructureError: git cannot answer.
    """
    if ".." not in text:
        return [history.commit_of(git.resolve(repository, text), repository)]
    found = [history.commit_of(sha, repository) for sha in git.commits_in(repository, text)]
    if not found:
        raise git.UnknownRevision(f"there is no commit in {text}")
    return found


def _runnable(sha: str, tell: Callable[[str], None]) -> tuple[Path, tuple[Path, ...]]:
    """An interpreter that has the commit's package, and folders for its path.

    A commit that cannot be built (its README came later, say) is run from its sources by this
    interpreter.

    Raises:
        InfrastructureError: there is no package in it at all.
    """
    from benchmarks.contenders.tubeq import BuildFailed, folder_side, prepare_side, source_tree

    try:
        side = prepare_side(ROOT, sha, tell)
    except BuildFailed as error:
        print(f"    not built, but run from its sources: {str(error).splitlines()[-1][:200]}")
        side = folder_side(source_tree(ROOT, sha))
    return side.python, side.path


def _answers(
    command: Sequence[str], path: Iterable[Path], names: Sequence[str]
) -> Iterator[dict[str, Any]]:
    """What the process in the commit's environment says, workload by workload.

    Before each workload it says which one; of those left when it ends, that they failed, and how.
    """
    left = list(names)
    environment = {**os.environ, "PYTHONPATH": python_path(ROOT, *path)}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, env=environment, cwd=ROOT, encoding="utf-8",
        errors="replace",
    ) as process:  # fmt: skip
        assert process.stdout is not None
        try:
            for line in process.stdout:
                answer = _answer(line)
                if answer:
                    if set(answer) != {"workload"} and answer["workload"] in left:
                        left.remove(answer["workload"])
                    yield answer
            returncode = process.wait()
        finally:
            process.kill()
    for name in left:
        yield {"workload": name, "kind": "failed", "why": f"its process {ending(returncode)}"}


def _answer(line: str) -> dict[str, Any] | None:
    """A line as an answer; None of what something else printed."""
    try:
        answer = json.loads(line)
    except ValueError:
        return None
    return answer if isinstance(answer, dict) and "workload" in answer else None


def _keep(
    answer: dict[str, Any], commit: Commit, machine: str, options: argparse.Namespace
) -> None:
    """Append what one workload gave."""
    from benchmarks.records.environment import fingerprint
    from benchmarks.workloads import Sample

    name = answer["workload"]
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
    found = run_record.workloads[0].metrics
    p95 = found.get("latency_p95_ms")
    shown = f"P95 {p95.value:.4g} ms" if p95 else "measured"
    print(f"    {name}: {shown}", flush=True)


def _child(order: dict[str, Any]) -> None:
    """In the commit's environment: measure, and print one JSON object a workload."""
    from benchmarks.measuring.counters import measure_counters
    from benchmarks.measuring.measure import measure
    from benchmarks.workloads import Profile, all_workloads

    workloads = all_workloads()
    for name in order["names"]:
        answer: dict[str, Any] = {"workload": name}
        print(json.dumps(answer), flush=True)
        try:
            workload = workloads[name]
            answer["sample"] = asdict(measure(workload, Profile(order["profile"])))
            counted = order["counters"] and workload.counted_calls
            answer["counters"] = measure_counters(name) if counted else {}
        except NotImplementedError as error:
            answer = {"workload": name, "kind": "skipped", "why": str(error)}
        except AssertionError as error:
            answer = {"workload": name, "kind": "wrong", "why": str(error) or "its check failed"}
        except Exception as error:  # noqa: BLE001 - the other workloads are still measured
            why = f"{type(error).__name__}: {error}"
            answer = {"workload": name, "kind": "failed", "why": why}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    # Ctrl-C reaches both processes; the one that gives orders ends this one.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _child(json.loads(sys.argv[1]))
