"""What `run` found, and how it shows that: a table, Markdown, JSON, JUnit XML."""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from benchmarks.common.exits import ExitCode
from benchmarks.common.output import show_table, write_markdown, write_text
from benchmarks.common.project import project
from benchmarks.common.statistics import calls_needed
from benchmarks.judging.targets import Judged, read_targets
from benchmarks.records.record import (
    CLOCK_STEPS,
    QUANTILES,
    Measure,
    RunRecord,
    WorkloadRecord,
    higher_is_better,
)
from benchmarks.reporting.filling import render
from benchmarks.workloads import Profile, Sample

_COUNTERS = {"vm_steps": "VM steps", "statements": "SQL", "transactions": "commits",
             "fsyncs": "syncs"}  # fmt: skip
_HEADINGS = ("workload", "P50 ms", "P95 ms", "P99 ms", "per s", *_COUNTERS.values(), "other", "")
_TARGET_HEADINGS = ("workload", "what", "measured", "limit", "why", "")
_WORDS = ("workload", "what", "other", "why", "")
_NOT_OTHER = {"throughput_per_s", "latency_max_ms", "latency_mean_ms"}
_JUNIT = {"failed": "error", "skipped": "skipped", "passed": "", "measured": ""}
_DASH = "\N{EN DASH}"


@dataclass
class Outcome:
    """The outcome of one workload.

    Args:
        sample, counters, ratios: what was measured; None, empty where it was not.
        record: of the sample.
        judged: its limits.
        skipped: the measured package lacks what it needs.
        wrong: its work did not pass its own check.
        failed: it, or its counting, ended with an error.
    """

    name: str
    sample: Sample | None = None
    counters: Mapping[str, float] = field(default_factory=dict)
    ratios: Mapping[str, Measure] = field(default_factory=dict)
    record: WorkloadRecord | None = None
    judged: Sequence[Judged] = ()
    skipped: str = ""
    wrong: str = ""
    failed: str = ""

    @property
    def broken(self) -> list[Judged]:
        """The limits that it breaks."""
        return [each for each in self.judged if each.is_broken]

    @property
    def missing(self) -> list[Judged]:
        """The limits on figures that were not measured; none for a workload that failed."""
        return [each for each in self.judged if each.is_missing and not self.failed + self.wrong]

    @property
    def reason(self) -> str:
        """Why it has no verdict of its limits."""
        return self.failed or self.wrong or self.skipped

    @property
    def verdict(self) -> str:
        """A word or two."""
        words = {
            "failed": self.failed, "wrong": self.wrong, "limit broken": self.broken,
            "limit not measured": self.missing, "skipped": self.skipped,
            "passed": any(each.measured for each in self.judged),
        }  # fmt: skip
        return next((word for word, applies in words.items() if applies), "measured")

    @property
    def refused(self) -> dict[str, str]:
        """Percentiles that were not given, and why."""
        if self.record is None or not self.record.calls:
            return {}
        few, steps = "needs {} calls, not {}".format, f"below {CLOCK_STEPS} steps of the clock"
        calls, needed = self.record.calls, {each: calls_needed(q) for each, q in QUANTILES.items()}
        return {name: few(most, calls) if calls < most else steps for name, most in needed.items()
                if f"latency_{name}_ms" not in self.record.metrics}  # fmt: skip


@dataclass
class Run:
    """All outcomes, and their common data."""

    profile: Profile
    is_report_only: bool = False
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
        is_missed = any(each.broken or each.missing for each in self.outcomes)
        if any(each.wrong for each in self.outcomes) or (is_missed and not self.is_report_only):
            return ExitCode.REGRESSION
        return ExitCode.PASS

    @property
    def verdict(self) -> str:
        """In words."""
        if self.exit_code == ExitCode.REGRESSION:
            is_broken = any(each.wrong or each.broken for each in self.outcomes)
            return "a limit is broken" if is_broken else "a limit is on what was not measured"
        words = {ExitCode.INTERRUPTED: "interrupted", ExitCode.PASS: "passed"}
        return words.get(ExitCode(self.exit_code), "failed")


def show(finished: Run, options: argparse.Namespace) -> None:
    """Print the table, or JSON; write the files that were asked for."""
    tables, remarks = [*_tables(finished, options.targets)], _remarks(finished)
    if options.json:
        print(json.dumps(as_json(finished), indent=2))
    else:
        for title, headings, rows in tables:
            show_table(title, headings, rows, left=_WORDS, styled=True)
        print(*remarks, sep="\n")
    if options.junit:
        cases = [*map(_junit_case, finished.outcomes)]
        write_text(options.junit, render("run_junit.xml", profile=finished.profile, cases=cases))
    shown = render("run.md", run=finished, tables=tables, words=_WORDS, remarks=remarks)
    write_markdown(options.markdown, shown)


def _tables(
    finished: Run, with_targets: bool
) -> Iterator[tuple[str, Sequence[str], list[list[str]]]]:
    """Title, headings and rows of each table; a row's last cell is its verdict."""
    title = f"{project().name}, profile {finished.profile}"
    yield title, _HEADINGS, [_cells(each) for each in finished.outcomes]
    if with_targets:
        targets, rows = read_targets(), []
        for outcome in finished.outcomes:
            for each in outcome.judged:
                limit = f"{'>=' if higher_is_better(each.name) else '<='} {each.allowed:,g}"
                _, why = targets.get(outcome.name, {}).get(each.name, (0.0, ""))
                measured = _with_interval(each.measured)
                rows.append([outcome.name, each.name, measured, limit, why, each.word])
        yield "targets", _TARGET_HEADINGS, rows


def as_json(finished: Run) -> dict[str, Any]:
    """Everything, as JSON values."""
    records = finished.record.workloads if finished.record else ()
    return {
        "verdict": finished.verdict, "exit_code": int(finished.exit_code),
        "profile": str(finished.profile),
        "environment": dict(records[0].environment) if records else {},
        "notes": finished.notes,
        "workloads": [
            {
                "workload": each.name, "verdict": each.verdict, "reason": each.reason,
                "limits": [
                    {"name": limit.name, "allowed": limit.allowed,
                     "measured": limit.measured and limit.measured.value,
                     "broken": limit.is_broken, "missing": limit.is_missing}
                    for limit in each.judged
                ],
                "refused": each.refused, "record": each.record and each.record.to_json(),
            }
            for each in finished.outcomes
        ],
    }  # fmt: skip


def _junit_case(each: Outcome) -> tuple[str, str, str, float, str]:
    """Its name; "failure", "error", "skipped" or ""; why; seconds; what was measured."""
    limits = "; ".join(map(str, [*each.broken, *each.missing]))
    why = each.failed or each.wrong or limits or each.skipped
    cells = zip(_HEADINGS, _cells(each))
    shown = [f"{heading or 'verdict'}: {cell}" for heading, cell in cells if cell and each.record]
    elapsed_s = each.record.elapsed_s if each.record else 0.0
    return each.name, _JUNIT.get(each.verdict, "failure"), why, elapsed_s, "\n".join(shown)


def _cells(outcome: Outcome) -> list[str]:
    record = outcome.record
    if record is None:
        return [outcome.name, *[""] * (len(_HEADINGS) - 2), outcome.verdict]
    metrics, counters, dash = record.metrics, record.counters, _DASH if record.calls else ""
    percentiles = (metrics.get(f"latency_{name}_ms") for name in ("p50", "p95", "p99"))
    throughput = metrics.get("throughput_per_s")
    others = [f"{name} {measure.value:.3g}" for name, measure in metrics.items()
              if name not in _NOT_OTHER and not name.startswith("latency_p")]  # fmt: skip
    return [
        outcome.name, *(_with_interval(each) or dash for each in percentiles),
        f"{throughput.value:,.0f}" if throughput else "",
        *(f"{counters[name]:.4g}" if name in counters else "" for name in _COUNTERS),
        ", ".join(others), outcome.verdict,
    ]  # fmt: skip


def _with_interval(measure: Measure | None) -> str:
    if measure is None:
        return ""
    if measure.low is None or measure.high is None:
        return f"{measure.value:.3g}"
    # As many decimals for all three: those of the value's third digit.
    digits = 0 if measure.value <= 0 else 2 - math.floor(math.log10(measure.value))
    ends = (measure.value, measure.low, measure.high)
    value, low, high = (f"{each:.{min(max(0, digits), 4)}f}" for each in ends)
    return f"{value} ({low}{_DASH}{high})"


def _remarks(finished: Run) -> list[str]:
    lines = []
    for each in finished.outcomes:
        if each.reason:
            what = "skipped" if each.skipped else each.verdict
            lines.append(f"{each.name} {what}: {each.reason}")
        unmeasured = "a limit on what was not measured is a failure"
        lines += [f"{each.name}: {limit}: broken" for limit in each.broken]
        lines += [f"{each.name}: {limit}: {unmeasured}" for limit in each.missing]
    if any(each.refused for each in finished.outcomes):
        needs = ", ".join(f"{name.upper()} {calls_needed(q)}" for name, q in QUANTILES.items())
        lines.append(f"{_DASH}: too few calls for a 95 % interval (needed: {needs}), or below "
                     f"{CLOCK_STEPS} steps of the clock")  # fmt: skip
    means = "In brackets: 95 % intervals from order statistics. VM steps and so on: per operation."
    return [*lines, means, *finished.notes, finished.verdict]
