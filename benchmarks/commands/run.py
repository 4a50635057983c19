"""Measure workloads: a table, a verdict against targets.toml, a report.

With --targets: also as a multiple of what bare statements take, and a table of all limits, each
with its reason. Exit code 1 also where a limit is on what was not measured. What was measured is
shown also after Ctrl-C; all of it stays below .lab/, apart from the published results.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import partial
from importlib.util import find_spec
from pathlib import Path

from benchmarks.common.exits import BadInput, ExitCode, LabError
from benchmarks.common.options import did_you_mean, output_file, output_folder
from benchmarks.common.progress import Progress
from benchmarks.judging.targets import REFERENCE, Judged, Limits, judge, read_thresholds
from benchmarks.records.record import Measure, RunRecord, WorkloadRecord
from benchmarks.workloads import Profile, Sample, Workload, all_workloads

REPORT_FOLDER = Path(".lab/report")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    parser.add_argument(
        "workload",
        nargs="*",
        help="names or patterns such as 'claim-*', all of the profile's if none; see --list",
    )
    parser.add_argument(
        "--profile",
        choices=[str(profile) for profile in Profile],
        default=str(Profile.REGULAR),
        help="how much: seconds, minutes or hours; smoke shows that all works",
    )
    parser.add_argument("--list", action="store_true", help="name the workloads and end")
    parser.add_argument(
        "--targets",
        action="store_true",
        help="what has a limit, compared with the bare reference too: a table of the limits",
    )
    parser.add_argument(
        "--report-only", action="store_true", help="exit 0 also where a limit is not kept"
    )
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
    is_report_only: bool = False
    notes: list[str] = field(default_factory=list)

    @property
    def exit_code(self) -> int:
        """As the command's."""
        if self.is_interrupted:
            return ExitCode.INTERRUPTED
        if any(each.failed for each in self.outcomes):
            return ExitCode.INFRASTRUCTURE
        if any(each.wrong for each in self.outcomes):
            return ExitCode.REGRESSION
        if not self.is_report_only and any(each.broken or each.missing for each in self.outcomes):
            return ExitCode.REGRESSION
        return ExitCode.PASS


def run(options: argparse.Namespace) -> int:
    """Carry the command out; the exit code."""
    from benchmarks.commands import run_output

    workloads = all_workloads()
    if options.list:
        print("\n".join(workloads))
        return 0
    limits = read_thresholds()
    chosen = choose(workloads, options.workload, Profile(options.profile))
    if options.targets:
        named = bool(options.workload)
        chosen = [each for each in chosen if named or each.name in limits]
    if find_spec("hdrh") is None:  # now, and not when all has been measured
        print("error: the lab needs its packages: uv sync --group lab", file=sys.stderr)
        return ExitCode.INFRASTRUCTURE
    with Progress(options.quiet) as progress:
        measuring = _Measuring(Profile(options.profile), limits, progress, options.targets)
        finished = measuring.run(chosen)
    finished.is_report_only = options.report_only
    _keep(finished, options)
    run_output.show(finished, options)
    return finished.exit_code


def choose(
    workloads: dict[str, Workload], names: Sequence[str], profile: Profile
) -> list[Workload]:
    """The workloads of these names or patterns; of none, all that the profile includes.

    Raises:
        BadInput: there is no such workload; the message has names that are close to it.
    """
    found: dict[str, Workload] = {}
    for name in names:
        fitting = {each: workloads[each] for each in workloads if fnmatchcase(each, name)}
        if not fitting:
            raise BadInput(f"there is no workload {name!r}{did_you_mean(name, workloads)}")
        found |= fitting
    if names:
        return list(found.values())
    order = list(Profile)
    return [
        each
        for each in workloads.values()
        if order.index(each.from_profile) <= order.index(profile)
    ]


class _Measuring:
    """Workload after workload; one that fails does not cost the others.

    Args:
        profile: how much of each.
        limits: of all workloads.
        progress: where it is told.
        compares: whether those with a limit on it are also compared with the reference.
    """

    def __init__(
        self, profile: Profile, limits: Limits, progress: Progress, compares: bool
    ) -> None:
        self._profile = profile
        self._limits = limits
        self._progress = progress
        self._compares = compares
        self._samples: dict[str, Sample] = {}
        self._counters: dict[str, dict[str, float]] = {}
        self._ratios: dict[str, dict[str, Measure]] = {}

    def run(self, chosen: Sequence[Workload]) -> Run:
        """Measure them, and judge."""
        finished = Run(str(self._profile))
        try:
            for number, workload in enumerate(chosen, start=1):
                outcome = Outcome(workload.name)
                finished.outcomes.append(outcome)
                try:
                    self._measure(workload, f"{number}/{len(chosen)} {workload.name}")
                except NotImplementedError as error:
                    outcome.skipped = str(error)
                except AssertionError as error:
                    outcome.wrong = str(error) or "its check failed"
                except Exception as error:  # noqa: BLE001 - the other workloads are still measured
                    outcome.failed = f"{type(error).__name__}: {error}"
        except KeyboardInterrupt:
            finished.is_interrupted = True
            finished.notes.append("interrupted: what was measured until then is shown")
            finished.outcomes = [each for each in finished.outcomes if each.name in self._samples]
        self._judge(finished)
        return finished

    def _measure(self, workload: Workload, title: str) -> None:
        from benchmarks.measuring.counters import measure_counters
        from benchmarks.measuring.sample import measure

        name = workload.name
        tell = partial(self._progress.tell, f"{title}, calls")
        tell()
        self._samples[name] = measure(workload, self._profile, progress=tell)
        if workload.counted_calls:
            self._counters[name] = measure_counters(name)
        if self._compares and REFERENCE.keys() & self._limits.get(name, {}).keys():
            from benchmarks.judging.reference import ratios_to_reference

            tell = partial(self._progress.tell, f"{title}, compared with the reference, batches")
            is_smoke = self._profile is Profile.SMOKE
            shape = {"pairs": 2, "batches": 5} if is_smoke else {}
            self._ratios[name] = ratios_to_reference(name, tell, **shape)

    def _judge(self, finished: Run) -> None:
        from benchmarks.records.environment import fingerprint, machine_name
        from benchmarks.records.history import commit_of
        from benchmarks.records.record import Commit

        try:
            commit = commit_of()
        except LabError as error:  # a copy without git: a report can be had all the same
            finished.notes.append(f"no commit is known ({error})")
            commit = Commit("0" * 40, "unknown", "1970-01-01T00:00:00+00:00", dirty=True)
        finished.record = RunRecord.of(
            self._samples,
            commit=commit,
            machine=machine_name(),
            profile=finished.profile,
            environment=fingerprint(),
            counters=self._counters,
            limits=self._limits,
        )
        records = {each.workload: each for each in finished.record.workloads}
        for outcome in finished.outcomes:
            name = outcome.name
            outcome.record = records.get(name)
            if outcome.record is not None:
                ratios = self._ratios.get(name, {}) if self._compares else None
                outcome.judged = judge(outcome.record, self._limits, ratios)
            else:
                own = self._limits.get(name, {})
                outcome.judged = [Judged(each, allowed, None) for each, allowed in own.items()]


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
