"""How `run` shows what it measured: a table, Markdown, JSON, JUnit XML."""

from __future__ import annotations

import argparse
import json
import math
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any
from xml.etree import ElementTree as ET

from benchmarks.commands.run import Outcome, Run
from benchmarks.common.exits import ExitCode
from benchmarks.common.output import show_table, write_markdown, write_text
from benchmarks.common.project import project
from benchmarks.common.statistics import calls_needed
from benchmarks.judging.targets import read_targets
from benchmarks.records.record import (
    CLOCK_STEPS,
    QUANTILES,
    Measure,
    WorkloadRecord,
    higher_is_better,
)

_PERCENTILES = ("p50", "p95", "p99")
_COUNTERS = {"vm_steps": "VM steps", "statements": "SQL", "transactions": "commits",
             "fsyncs": "syncs"}  # fmt: skip
_HEADINGS = ("workload", "P50 ms", "P95 ms", "P99 ms", "per s", *_COUNTERS.values(), "other", "")
_TARGET_HEADINGS = ("workload", "what", "measured", "limit", "why", "")
_WORDS = ("workload", "what", "other", "why", "")
_NOT_OTHER = {"throughput_per_s", "latency_max_ms", "latency_mean_ms"}
_DASH = "\N{EN DASH}"


def show(finished: Run, options: argparse.Namespace) -> None:
    """Print the table, or JSON; write the files that were asked for."""
    if options.json:
        print(json.dumps(as_json(finished), indent=2))
    else:
        for title, headings, rows in _tables(finished, options.targets):
            show_table(title, headings, rows, left=_WORDS, styled=True)
        print(*_remarks(finished), sep="\n")
    if options.junit:
        write_text(options.junit, as_junit(finished))
    write_markdown(options.markdown, as_markdown(finished, options.targets))


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


def as_markdown(finished: Run, with_targets: bool = False) -> str:
    """Tables for a pull request, with notes below them."""
    lines = [f"### {project().name}, profile {finished.profile}: {_verdict(finished)}"]
    for _, headings, rows in _tables(finished, with_targets):
        lines += ["", f"| {' | '.join(headings)} |"]
        lines.append(f"|{'|'.join('---' if each in _WORDS else '---:' for each in headings)}|")
        for row in rows:
            cells = [cell.replace("|", "\\|").replace("\n", " ") for cell in row]
            lines.append(f"| {' | '.join(cells)} |")
    return "\n".join([*lines, "", *(f"- {line}" for line in _remarks(finished)), ""])


def as_json(finished: Run) -> dict[str, Any]:
    """Everything, as JSON values."""
    records = finished.record.workloads if finished.record else ()
    return {
        "verdict": _verdict(finished),
        "exit_code": int(finished.exit_code),
        "profile": str(finished.profile),
        "environment": dict(records[0].environment) if records else {},
        "notes": finished.notes,
        "workloads": [
            {
                "workload": each.name,
                "verdict": each.verdict,
                "reason": each.failed or each.wrong or each.skipped,
                "limits": [
                    {"name": limit.name, "allowed": limit.allowed,
                     "measured": limit.measured and limit.measured.value,
                     "broken": limit.is_broken, "missing": limit.is_missing}
                    for limit in each.judged
                ],
                "refused": _refused(each.record),
                "record": each.record and each.record.to_json(),
            }
            for each in finished.outcomes
        ],
    }  # fmt: skip


def as_junit(finished: Run) -> str:
    """JUnit XML: a test case a workload."""
    kinds = {"failed": "error", "skipped": "skipped", "passed": "", "measured": ""}
    of = {each.name: kinds.get(each.verdict, "failure") for each in finished.outcomes}
    count = Counter(of.values())
    suite = ET.Element(
        "testsuite", name=f"benchmarks.{finished.profile}", tests=str(len(of)),
        failures=str(count["failure"]), errors=str(count["error"]), skipped=str(count["skipped"]),
    )  # fmt: skip
    for each in finished.outcomes:
        elapsed = f"{each.record.elapsed_s if each.record else 0.0:.3f}"
        case = ET.SubElement(
            suite, "testcase", classname="benchmarks.run", name=each.name, time=elapsed
        )
        if of[each.name]:
            limits = "; ".join(map(str, [*each.broken, *each.missing]))
            reason = each.failed or each.wrong or limits or each.skipped
            ET.SubElement(case, of[each.name], message=reason)
        if each.record:
            cells = zip(_HEADINGS, _cells(each))
            text = "\n".join(f"{heading or 'verdict'}: {cell}" for heading, cell in cells if cell)
            ET.SubElement(case, "system-out").text = text
    ET.indent(suite)
    # By hand: ElementTree would declare the encoding of the locale, and the file is UTF-8.
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{ET.tostring(suite, encoding="unicode")}\n'


def _verdict(finished: Run) -> str:
    if finished.is_interrupted:
        return "interrupted"
    if finished.exit_code == ExitCode.REGRESSION:
        is_broken = any(each.wrong or each.broken for each in finished.outcomes)
        return "a limit is broken" if is_broken else "a limit is on what was not measured"
    return "passed" if finished.exit_code == ExitCode.PASS else "failed"


def _cells(outcome: Outcome) -> list[str]:
    record = outcome.record
    if record is None:
        return [outcome.name, *[""] * (len(_HEADINGS) - 2), outcome.verdict]
    metrics, counters = record.metrics, record.counters
    percentiles = (_with_interval(metrics.get(f"latency_{name}_ms")) for name in _PERCENTILES)
    throughput = metrics.get("throughput_per_s")
    others = [
        f"{name} {measure.value:.3g}"
        for name, measure in metrics.items()
        if name not in _NOT_OTHER and not name.startswith("latency_p")
    ]
    return [
        outcome.name,
        *(each or (_DASH if record.calls else "") for each in percentiles),
        f"{throughput.value:,.0f}" if throughput else "",
        *(f"{counters[name]:.4g}" if name in counters else "" for name in _COUNTERS),
        ", ".join(others),
        outcome.verdict,
    ]


def _with_interval(measure: Measure | None) -> str:
    if measure is None:
        return ""
    if measure.low is None or measure.high is None:
        return f"{measure.value:.3g}"
    # As many decimals for all three: those of the value's third digit.
    digits = 0 if measure.value <= 0 else 2 - math.floor(math.log10(measure.value))
    decimals = min(max(0, digits), 4)
    return (
        f"{measure.value:.{decimals}f} "
        f"({measure.low:.{decimals}f}{_DASH}{measure.high:.{decimals}f})"
    )


def _refused(record: WorkloadRecord | None) -> dict[str, str]:
    """Percentiles that were not given, and why."""
    if record is None or not record.calls:
        return {}
    return {
        name: f"needs {needed} calls, not {record.calls}"
        if record.calls < needed
        else f"below {CLOCK_STEPS} steps of the clock"
        for name, needed in ((name, calls_needed(each)) for name, each in QUANTILES.items())
        if f"latency_{name}_ms" not in record.metrics
    }


def _remarks(finished: Run) -> list[str]:
    lines = []
    for each in finished.outcomes:
        reason = each.failed or each.wrong or each.skipped
        if reason:
            lines.append(f"{each.name} {'skipped' if each.skipped else each.verdict}: {reason}")
        lines += [f"{each.name}: {limit}: broken" for limit in each.broken]
        unmeasured = "a limit on what was not measured is a failure"
        lines += [f"{each.name}: {limit}: {unmeasured}" for limit in each.missing]
    if any(_refused(each.record) for each in finished.outcomes):
        needs = ", ".join(f"{name.upper()} {calls_needed(q)}" for name, q in QUANTILES.items())
        lines.append(
            f"{_DASH}: too few calls for a 95 % interval (needed: {needs}), or below "
            f"{CLOCK_STEPS} steps of the clock"
        )
    lines.append(
        "In brackets: 95 % intervals from order statistics. VM steps and so on: per operation."
    )
    return [*lines, *finished.notes, _verdict(finished)]
