"""Measure workloads: a table, a verdict against targets.toml, a report.

With --targets: also as a multiple of what bare statements take, and a table of all limits, each
with its reason. Exit code 1 also where a limited figure was not measured. What was measured is
shown also after Ctrl-C; all output stays below .lab/, apart from the published results.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from functools import partial
from importlib.util import find_spec
from pathlib import Path

from benchmarks.commands.run_output import Outcome, Run, show
from benchmarks.common.exits import InfrastructureError, LabError
from benchmarks.common.options import JUNIT, QUIET, matching, output_file, output_folder
from benchmarks.common.progress import Progress
from benchmarks.judging import reference
from benchmarks.judging.targets import (
    REFERENCE,
    Judged,
    Limits,
    judge,
    read_thresholds,
    without_times,
)
from benchmarks.measuring.counters import measure_counters
from benchmarks.measuring.sample import measure
from benchmarks.records import history
from benchmarks.records.environment import fingerprint, machine_name, wine_version
from benchmarks.records.record import Commit, RunRecord
from benchmarks.workloads import Profile, Workload, all_workloads

_REPORT_FOLDER = Path(".lab/report")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    flag = partial(add, action="store_true")
    add("workload", nargs="*",
        help="names or patterns such as 'claim-*' (the profile's); see --list")  # fmt: skip
    add("--profile", choices=[str(each) for each in Profile], default=str(Profile.REGULAR),
        help="how much: seconds, minutes or hours; smoke shows that all works")  # fmt: skip
    flag("--list", help="name the workloads and end")
    flag("--targets", help="what has a limit, compared with the bare reference: a table of limits")
    flag("--report-only", help="exit 0 also where a limit is not kept")
    flag("--json", help="print JSON instead of the table")
    add("--junit", **JUNIT)
    add("--markdown", type=output_file, metavar="FILE", help="write the table as Markdown")
    add("--report", type=output_folder, metavar="DIR", default=_REPORT_FOLDER,
        help=f"where the report with its plots goes (default: {_REPORT_FOLDER})")  # fmt: skip
    flag("--no-report", help="write no report")
    add("--quiet", **QUIET)


def run(options: argparse.Namespace) -> int:
    workloads = all_workloads()
    if options.list:
        print("\n".join(workloads))
        return 0
    limits = read_thresholds()
    if wine := wine_version():
        limits = without_times(limits)
    profile = Profile(options.profile)
    chosen = choose(workloads, options.workload, profile)
    if options.targets and not options.workload:
        chosen = [each for each in chosen if each.name in limits]
    if find_spec("hdrh") is None:  # now, and not after all has been measured
        raise InfrastructureError("the lab needs its packages: uv sync --group lab")
    finished = Run(profile, options.report_only)
    if wine:
        finished.notes.append(f"no absolute time is judged under Wine {wine}: it is Wine's too")
    with Progress(options.quiet) as progress:
        _measure_all(finished, chosen, limits if options.targets else {}, progress.tell)
    _judge(finished, limits, options.targets)
    if finished.record and finished.record.workloads and not options.no_report:
        try:  # a failing report must not lose what was measured
            from benchmarks.reporting.site.report import write_report

            finished.notes.append(f"report: {write_report(finished.record, options.report).html}")
        except (ImportError, OSError, ValueError) as error:
            finished.notes.append(f"no report was written: {error}")
    show(finished, options)
    return finished.exit_code


def choose(
    workloads: dict[str, Workload], names: Sequence[str], profile: Profile
) -> list[Workload]:
    """The workloads of these names or patterns; without any, all that the profile includes."""
    if names:
        return [workloads[name] for name in matching("workload", names, workloads)]
    included = list(Profile)[: list(Profile).index(profile) + 1]
    return [each for each in workloads.values() if each.from_profile in included]


def _measure_all(
    finished: Run, chosen: Sequence[Workload], targets: Limits, tell: Callable[..., None]
) -> None:
    """Run the workloads one by one; a failing one does not affect the others. Those with a limit
    in `targets` that is on it are also compared with the reference."""
    try:
        for number, workload in enumerate(chosen, start=1):
            outcome = Outcome(workload.name)
            finished.outcomes.append(outcome)
            what = f"{number}/{len(chosen)} {workload.name}"
            try:
                done = partial(tell, f"{what}, calls")
                done()
                outcome.sample = measure(workload, finished.profile, progress=done)
                if workload.counted_calls:
                    outcome.counters = measure_counters(workload.name)
                if REFERENCE.keys() & targets.get(workload.name, {}).keys():
                    shape = {"pairs": 2, "batches": 5} if finished.profile is Profile.SMOKE else {}
                    done = partial(tell, f"{what}, compared with the reference, batches")
                    outcome.ratios = reference.ratios_to_reference(workload.name, done, **shape)
            except NotImplementedError as error:
                outcome.skipped = str(error)
            except AssertionError as error:
                outcome.wrong = str(error) or "its check failed"
            except Exception as error:  # noqa: BLE001 - the other workloads are still measured
                outcome.failed = f"{type(error).__name__}: {error}"
    except KeyboardInterrupt:
        finished.is_interrupted = True
        finished.notes.append("interrupted: what was measured until then is shown")
        finished.outcomes = [each for each in finished.outcomes if each.sample is not None]


def _judge(finished: Run, limits: Limits, compares: bool) -> None:
    try:
        commit = history.commit_of()
    except LabError as error:  # a copy without git: a report is still possible
        finished.notes.append(f"no commit is known ({error})")
        commit = Commit("0" * 40, "unknown", "1970-01-01T00:00:00+00:00", dirty=True)
    finished.record = RunRecord.of(
        {each.name: each.sample for each in finished.outcomes if each.sample is not None},
        counters={each.name: each.counters for each in finished.outcomes}, limits=limits,
        commit=commit, machine=machine_name(), profile=finished.profile, environment=fingerprint(),
    )  # fmt: skip
    records = {each.workload: each for each in finished.record.workloads}
    for outcome in finished.outcomes:
        outcome.record = records.get(outcome.name)
        if outcome.record is not None:
            outcome.judged = judge(outcome.record, limits, outcome.ratios if compares else None)
        else:
            own = limits.get(outcome.name, {})
            outcome.judged = [Judged(each, allowed, None) for each, allowed in own.items()]
