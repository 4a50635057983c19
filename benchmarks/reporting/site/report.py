"""A run's report: what was measured just now, as a page of its own and as Markdown."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.judging.targets import judge
from benchmarks.records.histograms import BadHistogram
from benchmarks.records.record import RunRecord, WorkloadRecord
from benchmarks.reporting import words
from benchmarks.reporting.filling import fill
from benchmarks.reporting.site import chart
from benchmarks.reporting.site.canvas import Picture

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
    values = {
        "run": run, "first": run.workloads[0] if run.workloads else None, "columns": _COLUMNS,
        "rows": [_row(record, run) for record in run.workloads], "pictures": pictures,
    }  # fmt: skip
    html = fill("report.html", folder / "report.html", **values)
    markdown = fill("report.md", folder / "report.md", **values)
    files = {folder / f"{each.name}.svg": each.file() for each in pictures}
    for path, svg in files.items():
        path.write_text(svg, encoding="utf-8", newline="\n")
    return Report(html, markdown, tuple(files))


def _row(record: WorkloadRecord, run: RunRecord) -> dict[str, Any]:
    judged = [each for each in judge(record, run.limits) if not each.is_missing]
    values = {name: words.shown(name, own.value) for name, own in record.metrics.items()}
    ends = {name: words.interval(name, own.low, own.high, own.value)
            for name, own in record.metrics.items()}  # fmt: skip
    cells = [(values.get(column, ""), ends.get(column, "")) for column in _COLUMNS]
    others = [f"{words.label(name)} {value}" for name, value in values.items()
              if name not in _COLUMNS and not name.startswith("latency_")]  # fmt: skip
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
