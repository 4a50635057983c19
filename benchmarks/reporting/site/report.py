"""A run's report: what was measured just now, as a page of its own and as Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.judging.targets import judge
from benchmarks.records.histograms import BadHistogram
from benchmarks.records.record import RunRecord, WorkloadRecord
from benchmarks.reporting.markdown import table_lines
from benchmarks.reporting.site import chart, words
from benchmarks.reporting.site.canvas import Picture
from benchmarks.reporting.site.filling import fill, fingerprint

_COLUMNS = ("latency_p50_ms", "latency_p95_ms", "latency_p99_ms", "throughput_per_s")
_MOST_TAILS = 12


@dataclass(frozen=True)
class Report:
    """A run's report: a page, the same as Markdown, and the pictures that both show."""

    html: Path
    markdown: Path
    pictures: tuple[Path, ...]


def write_report(run: RunRecord, folder: Path) -> Report:
    """Write a run's report into a folder, over an earlier one: report.html, report.md, pictures.

    Every percentile that was refused for want of calls is left blank, never guessed.

    Raises:
        OSError: it cannot be written.
    """
    pictures = [*_pictures(run)]
    rows = [_row(record, run) for record in run.workloads]
    first = run.workloads[0] if run.workloads else None
    html = fill("report.html", folder / "report.html", run=run, first=first, rows=rows,
                columns=_COLUMNS, pictures=pictures)  # fmt: skip
    files = {folder / f"{each.name}.svg": each.file() for each in pictures}
    markdown = folder / "report.md"
    for path, text in (*files.items(), (markdown, _markdown(first, rows, pictures))):
        path.write_text(text, encoding="utf-8", newline="\n")
    return Report(html, markdown, tuple(files))


def _row(record: WorkloadRecord, run: RunRecord) -> dict[str, Any]:
    judged = [each for each in judge(record, run.limits) if not each.is_missing]
    cells = [
        (words.shown(column, own.value), words.interval(column, own.low, own.high, own.value))
        if (own := record.metrics.get(column)) else ("", "")
        for column in _COLUMNS
    ]  # fmt: skip
    others = [
        f"{words.label(metric)} {words.shown(metric, own.value)}"
        for metric, own in record.metrics.items()
        if metric not in _COLUMNS and not metric.startswith("latency_")
    ]
    broken = [f"{words.short(each.name)} beyond {words.bound(each.name, each.allowed)}"
              for each in judged if each.is_broken]  # fmt: skip
    return {"name": record.workload, "cells": cells, "others": ", ".join(others),
            "broken": broken, "met": len(judged) - len(broken)}  # fmt: skip


def _pictures(run: RunRecord) -> Iterator[Picture]:
    ends = [
        (each.workload, each.metrics["latency_p50_ms"].value, each.metrics["latency_p95_ms"].value,
         "one")
        for each in run.workloads
        if {"latency_p50_ms", "latency_p95_ms"} <= {*each.metrics}
    ]  # fmt: skip
    if ends:
        yield chart.spans(ends, "latencies", "Time of a call, ● P50 to P95",
                          "P50 to P95 of each workload")  # fmt: skip
    timed = [record for record in run.workloads if record.histogram and record.calls >= 100]
    for each in timed[:_MOST_TAILS]:
        with suppress(BadHistogram):  # the percentiles are in the table all the same
            yield chart.percentiles({each.workload: each.histogram or ""}, each.workload,
                                    f"percentiles-{words.slug(each.workload)}")  # fmt: skip


def _markdown(
    first: WorkloadRecord | None, rows: Sequence[dict[str, Any]], pictures: Sequence[Picture]
) -> str:
    lines = ["# What was measured", ""]
    if first is not None:
        dirty = " and uncommitted changes" if first.commit.dirty else ""
        when = first.measured_at[:16].replace("T", " ")
        about = f"(`{first.commit.sha[:12]}`{dirty}), {first.profile} profile, {when}"
        machine = f"{first.machine}: {_plain(fingerprint(first.environment))}"
        lines += [f"{_plain(first.commit.subject)} {about}, on {machine}.", ""]
    cells = [
        (_plain(row["name"]),
         *(f"{value} ({ends})" if ends else value or "\u2013" for value, ends in row["cells"]),
         row["others"] or " ", "; ".join(row["broken"]) or ("met" if row["met"] else " "))
        for row in rows
    ]  # fmt: skip
    columns = ("Workload", *map(words.short, _COLUMNS), "other", "limits")
    lines += [*table_lines(columns, "lrrrrll", cells, escape="\\|"), "",
              "Intervals are 95 % ones, from order statistics.", ""]  # fmt: skip
    lines += [f"![{drawn.title}]({drawn.name}.svg)" for drawn in pictures[:1]]
    return "\n".join(lines) + "\n"


def _plain(text: str) -> str:
    """Text that does not become markup."""
    escaped = text.replace("\\", "\\\\")
    for mark, instead in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ("`", "&#96;")):
        escaped = escaped.replace(mark, instead)
    return " ".join(escaped.split())
