"""Measure workloads: a table, a verdict against targets.toml, a report.

Exit code 1 also where a limit is on what was not measured. What was measured is kept, also after
Ctrl-C.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from importlib.util import find_spec
from pathlib import Path

from benchmarks.common.exits import BadInput, ExitCode, LabError
from benchmarks.common.options import check_names, output_file, output_folder
from benchmarks.common.progress import Progress
from benchmarks.judging.targets import Judged, Limits, judge, read_thresholds
from benchmarks.records.record import RunRecord, WorkloadRecord
from benchmarks.workloads import Profile, Sample, Workload, all_workloads

REPORT_FOLDER = Path(".lab/report")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    parser.add_argument(
        "workload", nargs="*", help="which ones, all of the profile's if none; '--list' names them"
    )
    parser.add_argument(
        "--profile",
        choices=[str(profile) for profile in Profile],
        default=str(Profile.REGULAR),
        help="how much: seconds, minutes or hours; smoke shows that all works",
    )
    parser.add_argument("--list", action="store_true", help="name the workloads and end")
    parser.add_argument("--json", action="store_true", help="print JSON instead of the table")
    parser.add_argument("--junit", type=output_file, metavar="FILE", help="write JUnit XML, for CI")
    parser.add_argument(
        "--markdown", type=output_file, metavar="FILE", help="write the table as Markdown"
    )
    parser.add_argument(
        "--report",
        type=output_folder,
        metavar="DIR",
        default=REPORT_FOLDER,
        help=f"where the report with its plots goes (default: {REPORT_FOLDER})",
    )
    parser.add_argument("--no-report", action="store_true", help="write no report")
    parser.add_argument("--quiet", action="store_true", help="no progress on standard error")


@dataclass
class Outcome:
    """What became of one workload.

    Args:
        name: the workload.
        record: what was measured; None where nothing was.
        judged: its limits.
        skipped: the measured package lacks what it needs.
        wrong: its work did not stand its own check.
        failed: it, or the counting of it, ended with an error.
    """

    name: str
    record: WorkloadRecord | None = None
    judged: Sequence[Judged] = ()
    skipped: str = ""
    wrong: str = ""
    failed: str = ""

    @property
    def broken(self) -> list[Judged]:
        """The limits that it does not keep."""
        return [each for each in self.judged if each.is_broken]

    @property
    def missing(self) -> list[Judged]:
        """The limits on what was not measured; of a workload that failed that is no news."""
        return (
            [] if self.failed or self.wrong else [each for each in self.judged if each.is_missing]
        )

    @property
    def verdict(self) -> str:
        """One word."""
        if self.failed or self.wrong:
            return "failed" if self.failed else "wrong"
        if self.broken:
            return "limit broken"
        if self.missing:
            return "limit not measured"
        if self.skipped:
            return "skipped"
        return "passed" if any(each.measured for each in self.judged) else "measured"


@dataclass
class Run:
    """All outcomes, and what belongs to them together."""

    profile: str
    outcomes: list[Outcome] = field(default_factory=list)
    record: RunRecord | None = None
    is_interrupted: bool = False
    notes: list[str] = field(default_factory=list)

    @property
    def exit_code(self) -> int:
        """As the command's."""
        if self.is_interrupted:
            return ExitCode.INTERRUPTED
        if any(each.failed for each in self.outcomes):
            return ExitCode.INFRASTRUCTURE
        if any(each.wrong or each.broken or each.missing for each in self.outcomes):
            return ExitCode.REGRESSION
        return ExitCode.PASS


def run(options: argparse.Namespace) -> int:
    """Carry the command out; the exit code."""
    from benchmarks.commands import run_output

    workloads = all_workloads()
    if options.list:
        print("\n".join(workloads))
        return 0
    try:
        chosen = choose(workloads, options.workload, Profile(options.profile))
        limits = read_thresholds()
    except BadInput as error:
        print(f"error: {error}", file=sys.stderr)
        return ExitCode.BAD_INPUT
    except ImportError as error:
        print(
            f"error: reading thresholds.toml needs Python 3.11 or tomli: {error}", file=sys.stderr
        )
        return ExitCode.INFRASTRUCTURE
    if find_spec("hdrh") is None:  # now, and not when all has been measured
        print("error: the lab needs its packages: uv sync --group lab", file=sys.stderr)
        return ExitCode.INFRASTRUCTURE
    with Progress(options.quiet) as progress:
        finished = _measure_all(chosen, Profile(options.profile), limits, progress)
    _keep(finished, options)
    run_output.show(finished, options)
    return finished.exit_code


def choose(
    workloads: dict[str, Workload], names: Sequence[str], profile: Profile
) -> list[Workload]:
    """The workloads of these names; of none, all that the profile includes.

    Raises:
        BadInput: there is no such workload; the message has names that are close to it.
    """
    check_names("workload", names, workloads)
    if names:
        return [workloads[name] for name in dict.fromkeys(names)]
    order = list(Profile)
    return [
        each
        for each in workloads.values()
        if order.index(each.from_profile) <= order.index(profile)
    ]


def _measure_all(
    chosen: Sequence[Workload], profile: Profile, limits: Limits, progress: Progress
) -> Run:
    from benchmarks.measuring.counters import measure_counters
    from benchmarks.measuring.sample import measure

    finished = Run(str(profile))
    samples: dict[str, Sample] = {}
    counters: dict[str, dict[str, float]] = {}
    try:
        for number, workload in enumerate(chosen, start=1):
            outcome = Outcome(workload.name)
            finished.outcomes.append(outcome)
            tell = partial(progress.tell, f"{number}/{len(chosen)} {workload.name}, calls")
            tell()
            try:
                samples[workload.name] = measure(workload, profile, progress=tell)
                if workload.counted_calls:
                    counters[workload.name] = measure_counters(workload.name)
            except NotImplementedError as error:
                outcome.skipped = str(error)
            except AssertionError as error:
                outcome.wrong = str(error) or "its check failed"
            except Exception as error:  # noqa: BLE001 - the other workloads are still measured
                outcome.failed = f"{type(error).__name__}: {error}"
    except KeyboardInterrupt:
        finished.is_interrupted = True
        finished.notes.append("interrupted: what was measured until then is kept")
        finished.outcomes = [each for each in finished.outcomes if each.name in samples]
    _record(finished, samples, counters, limits)
    return finished


def _record(
    finished: Run,
    samples: dict[str, Sample],
    counters: dict[str, dict[str, float]],
    limits: Limits,
) -> None:
    from benchmarks.records.environment import fingerprint, machine_name
    from benchmarks.records.history import commit_of
    from benchmarks.records.record import Commit

    try:
        commit = commit_of()
    except LabError as error:  # a copy without git: a report can be had all the same
        finished.notes.append(f"no commit is known ({error})")
        commit = Commit("0" * 40, "unknown", "1970-01-01T00:00:00+00:00", dirty=True)
    finished.record = RunRecord.of(
        samples,
        commit=commit,
        machine=machine_name(),
        profile=finished.profile,
        environment=fingerprint(),
        counters=counters,
        limits=limits,
    )
    for outcome in finished.outcomes:
        outcome.judged = [
            Judged(name, allowed, None) for name, allowed in limits.get(outcome.name, {}).items()
        ]
        for record in finished.record.workloads:
            if record.workload == outcome.name:
                outcome.record = record
                outcome.judged = judge(record, limits)


def _keep(finished: Run, options: argparse.Namespace) -> None:
    """The report, which may not cost what was measured."""
    record = finished.record
    if record is None or not record.workloads:
        return
    if not options.no_report:
        try:
            from benchmarks.reporting.publish import write_report

            finished.notes.append(f"report: {write_report(record, options.report).html}")
        except (ImportError, OSError, ValueError) as error:
            finished.notes.append(f"no report was written: {error}")
