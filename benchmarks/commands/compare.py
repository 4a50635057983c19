"""Compare two revisions or wheels, measured here and now: counted exactly, and timed interleaved.

First instructions and counters of the eight workloads that matter are counted, on all cores; then
the time of three of them is measured, and of each whose counts changed. One sentence gives the
verdict on HEAD, tables and a page the details.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import shutil
import sys
import tempfile
import webbrowser
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from functools import partial
from importlib import import_module
from pathlib import Path
from time import perf_counter
from typing import Any

from benchmarks.common.exits import BadInput, ExitCode
from benchmarks.common.options import existing_folder, matching, minutes, output_file, share, whole
from benchmarks.common.output import console, show_table, write_markdown, write_text
from benchmarks.common.progress import Progress
from benchmarks.common.project import lab_folder, project, root
from benchmarks.contenders.revisions import WORK, check_side, package_folder, prepare_side
from benchmarks.judging.counted import Counted, Source, count_both
from benchmarks.judging.gate import (
    INSTRUCTIONS,
    Comparison,
    MetricVerdict,
    Settings,
    Verdict,
    WorkloadVerdict,
)
from benchmarks.judging.rounds import Method, Rounds, Timed
from benchmarks.judging.targets import read_settings
from benchmarks.records.environment import fingerprint
from benchmarks.records.packages import content_key
from benchmarks.reporting.junit import comparison_junit
from benchmarks.reporting.markdown import comparison_markdown
from benchmarks.reporting.text import (
    figure,
    headline,
    interval,
    percent,
    remarks,
    sentence,
    visible,
)
from benchmarks.workloads import all_workloads

SIDES = "a branch, tag, commit, folder (./one) or wheel"
ROOT = root()
LAST_COMPARISON = lab_folder() / "last-comparison.json"
MEMORY_FOLDER = Path("/dev/shm")
_ROOM_BYTES = 2_000_000_000
_MOST_PAIRS = 10_000


@dataclass(frozen=True)
class Asked:
    """What is measured, and how.

    Args:
        names: of workloads, or patterns, all counted and timed; the usual ones where None.
        all_times: whether to time all that are counted.
        settings: how strict; as of targets.toml where None.
        budget_s: seconds, see Method.
        folder: where databases go.
        counts, times: whether to count, and to time.
        quiet: no progress on standard error.
        confirms: whether an alarm is measured again.
        even_if_equal: measure a package against itself, too.
    """

    names: Sequence[str] | None = None
    all_times: bool = False
    settings: Settings | None = None
    budget_s: float = math.inf
    folder: Path | None = None
    counts: bool = True
    times: bool = True
    quiet: bool = False
    confirms: bool = False
    even_if_equal: bool = False


def add_arguments(parser: argparse.ArgumentParser, **base: Any) -> None:
    """Add the command's arguments; `base` overrides those of BASE, for `gate`."""
    add = parser.add_argument
    what = {"help": f"what to compare with: {SIDES}"}
    add("base", metavar="BASE", **{**what, **base})
    add("head", metavar="HEAD", nargs="?", default=WORK,
        help=f"what is compared; {WORK}, the work tree as it is, unless given")  # fmt: skip
    add("--all", action="store_true", help="measure the time of all eight that are counted")
    add_measuring(parser)
    add("--json", action="store_true", help="print the comparison as JSON")
    add("--junit", type=output_file, metavar="FILE", help="write JUnit XML")
    add("--markdown", type=output_file, metavar="FILE", help="write a report for a pull request")
    add("--html", type=output_file, metavar="FILE",
        help="where the comparison's page goes (.lab/last-comparison.html)")  # fmt: skip
    add("--open", action="store_true", help="open the page in a browser")


def add_measuring(parser: argparse.ArgumentParser, *, workloads: bool = True) -> None:
    """Add the arguments that say how to measure."""
    add = parser.add_argument
    flag = partial(add, action="store_true")
    if workloads:
        add("--workload", action="append", metavar="NAME",
            help="a workload or a pattern ('claim-*'), may be repeated: counted and timed in place "
            "of the usual ones")  # fmt: skip
    flag("--no-counters", help="count nothing")
    flag("--no-time", help="measure no time: counts alone decide, in a minute")
    add("--relevance", type=share, metavar="N%", help="a smaller change of a time does not count")
    add("--error", type=share, metavar="N%", help="probability of any false alarm")
    add("--budget-minutes", type=minutes, default=10.0, metavar="N",
        help="begin no further round of measuring that would take longer (10)")  # fmt: skip
    add("--pairs", type=whole(1, _MOST_PAIRS), default=32, metavar="N",
        help="at most so many process pairs a workload; judged after 8, 16 and 32 (32); of fewer "
        "than 4 only what is counted is judged")  # fmt: skip
    add("--folder", type=existing_folder,
        help="where databases go; a folder in memory where there is one, so that the code is "
        "measured and not the disk")  # fmt: skip
    flag("--quiet", help="no progress on standard error")


def run(options: argparse.Namespace) -> int:
    """Measure, show, and store. 0 whatever the verdict: failing on one is the task of `gate`."""
    finish(options, asked(options))
    return ExitCode.PASS


def finish(options: argparse.Namespace, wanted: Asked) -> Comparison:
    """Compare, and write what was asked for; a KeyboardInterrupt is raised after that."""
    comparison = compare(options.base, options.head, replace(wanted, all_times=options.all))
    _write(comparison, options)
    if comparison.interrupted:
        raise KeyboardInterrupt
    return comparison


def asked(options: argparse.Namespace) -> Asked:
    """The method that the options of `add_measuring` describe; BadInput where nothing is left to
    measure."""
    settings = read_settings()
    given = {name: getattr(options, name) for name in ("relevance", "error")}
    given = {name: value for name, value in given.items() if value is not None}
    looks = (*(each for each in settings.looks if each < options.pairs), options.pairs)
    if options.no_counters and options.no_time:
        raise BadInput("--no-counters and --no-time leave nothing to measure")
    return Asked(
        names=options.workload,
        settings=replace(settings, looks=looks, **given),
        budget_s=60 * options.budget_minutes,
        folder=options.folder,
        counts=not options.no_counters,
        times=not options.no_time,
        quiet=options.quiet,
    )


def compare(base: str, head: str, wanted: Asked) -> Comparison:
    """Measure two revisions, see contenders.revisions.prepare_side for their names.

    Raises:
        BadInput: a revision or a workload does not exist.
        InfrastructureError: a build or the measuring failed; the message says why.
    """
    settings = wanted.settings or read_settings()
    chosen = chosen_workloads(wanted.names)
    sides = [check_side(ROOT, name) for name in (base, head)]
    began = perf_counter()
    with Progress(wanted.quiet) as progress, working_folder(wanted.folder) as place:
        sources = [Source(name, package_folder(ROOT, name)) for name in (base, head)]
        now = datetime.now(timezone.utc).isoformat(timespec="seconds")
        comparison = Comparison(sides[0], sides[1], now, settings, fingerprint(place))
        deep = len(Path(project().source).parts)
        keys = {content_key(each.package.parents[deep - 1]) for each in sources}
        if not wanted.even_if_equal and len(keys) == 1:
            comparison.equal = True
            return comparison
        counted, timed = Counted(), Timed()
        try:
            if wanted.counts:
                countable = [name for name in chosen if all_workloads()[name].counted_calls]
                counted = count_both(sources[0], sources[1], countable, settings, progress.tell)
            if wanted.times:
                names = chosen if wanted.names or wanted.all_times else _to_time(chosen, counted)
                names = [name for name in names if name not in {*counted.skipped, *counted.wrong}]
                progress.tell("preparing environments")
                ready = [prepare_side(ROOT, name, progress.tell) for name in (base, head)]
                method = Method(place, settings, wanted.budget_s, wanted.confirms, progress.tell)
                timed = Rounds(ready[0], ready[1], names, method).run()
        except KeyboardInterrupt:
            comparison.interrupted = True
    _merge(comparison, chosen, counted, timed)
    comparison.elapsed_s = perf_counter() - began
    return comparison


def _to_time(chosen: Sequence[str], counted: Counted) -> list[str]:
    """The usual workloads, and each whose counts changed enough to matter."""

    def moved(name: str) -> bool:
        counters = counted.counters.get(name, ())
        return any(each.has_moved and each.limit is not None for each in counters)

    return list(dict.fromkeys([*project().timed, *filter(moved, chosen)]))


def _merge(comparison: Comparison, chosen: Sequence[str], counted: Counted, timed: Timed) -> None:
    """What was counted and what was timed, as one verdict a workload."""
    times = {each.name: each for each in timed.workloads}
    for name in dict.fromkeys([*chosen, *times]):
        counters = counted.counters.get(name, [])
        if name in times or counters or name in counted.wrong:
            workload = times.get(name, WorkloadVerdict(name, []))
            wrong = workload.wrong or counted.wrong.get(name, "")
            comparison.workloads.append(replace(workload, counters=counters, wrong=wrong))
    skipped = {**counted.skipped, **{each["name"]: each["reason"] for each in timed.skipped}}
    comparison.skipped = [{"name": name, "reason": why} for name, why in skipped.items()]
    comparison.notes = counted.notes
    comparison.interrupted = comparison.interrupted or timed.interrupted


def chosen_workloads(names: Sequence[str] | None) -> list[str]:
    """The workloads of those names and patterns, each once, the usual eight for None; BadInput
    where a name is unknown, or its workload has no batches."""
    if not names:
        return list(project().counted)
    known = all_workloads()
    usable = [name for name, each in known.items() if each.batch]
    for name in names:
        if name in known and name not in usable:
            have = ", ".join(usable)
            raise BadInput(f"the workload {name!r} has no batches for a comparison; have: {have}")
    return matching("workload", names, usable)


@contextmanager
def working_folder(folder: Path | None) -> Iterator[Path]:
    """A folder for databases, removed at the end.

    In memory where there is room, because a gate measures the code: on a disk that takes 5 ms to
    sync, a 10 % change of the code's own time would not show. How often it syncs is counted
    exactly instead.
    """
    in_memory = os.access(MEMORY_FOLDER, os.W_OK) and (
        shutil.disk_usage(MEMORY_FOLDER).free > _ROOM_BYTES
    )
    parent = folder or (MEMORY_FOLDER if in_memory else lab_folder())
    parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="lab-", dir=parent.resolve()) as place:
        yield Path(place)


def _write(comparison: Comparison, options: argparse.Namespace) -> None:
    """Store the comparison, print it, and write the files that were asked for."""
    content = comparison.to_json()
    text = json.dumps(content, indent=1)
    write_text(LAST_COMPARISON, text + "\n")
    if options.json:
        print(text)
    else:
        _show(comparison)
    if options.junit:
        write_text(options.junit, comparison_junit(comparison))
    write_markdown(options.markdown, comparison_markdown(comparison))
    if comparison.equal:
        return
    try:
        page = import_module("benchmarks.reporting.site.comparison_page")
        path: Path = page.write(content, options.html or LAST_COMPARISON.with_suffix(".html"))
    except (ImportError, OSError) as error:  # the verdict is not affected
        print(f"no page was written: {error}", file=sys.stderr)
        return
    print(f"page: {path}", file=sys.stderr)
    if options.open and not webbrowser.open(path.resolve().as_uri()):
        print("no browser could be started", file=sys.stderr)


def _show(comparison: Comparison) -> None:
    """Print the comparison for people: the sentence first."""
    console().print(sentence(comparison), style="bold", soft_wrap=True, markup=False)
    print(headline(comparison))
    for each in comparison.workloads:
        if each.metrics:
            columns = {"": 20, "base": 9, "head": 9, "change, 99 %": 15, "visible": 9,
                       "verdict": 13}  # fmt: skip
            show_table(each.name, columns, map(_metric_row, each.metrics), styled=True)
    counted = [_counter_row(each) for each in comparison.workloads if each.counters]
    if counted:
        columns = {"": 20, "base": 11, "head": 11, "change": 11, "verdict": 13}
        show_table("counted per operation", columns, counted, styled=True)
    for name, said in remarks(comparison):
        print(f"{name}: {said}" if name else said)


def _metric_row(metric: MetricVerdict) -> list[str]:
    name = metric.metric if metric.decides else f"({metric.metric})"
    figures = (figure(metric.base), figure(metric.head), interval(metric), visible(metric))
    return [name, *figures, str(metric.verdict)]


def _counter_row(workload: WorkloadVerdict) -> list[str]:
    """The counter that decides a workload's verdict, instructions if none moved; others are
    remarks."""
    deciding = [each for each in workload.counters if each.limit is not None]
    deciding.sort(key=lambda each: each.verdict is Verdict.UNCHANGED)
    each = (deciding or [*workload.counters])[0]
    name = workload.name if each.counter == INSTRUCTIONS else f"{workload.name}, {each.counter}"
    change = percent(each.change) if each.has_moved else "none"
    return [name, figure(each.base), figure(each.head), change, str(each.verdict)]
