"""A run's report: what was measured just now, as a page of its own and as Markdown."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from benchmarks.judging.targets import judge
from benchmarks.records.histograms import BadHistogram
from benchmarks.records.record import RunRecord, WorkloadRecord
from benchmarks.reporting.site import chart, words
from benchmarks.reporting.site.filling import ASSETS, fingerprint, templates
from benchmarks.reporting.site.svg import Picture

_COLUMNS = ("latency_p50_ms", "latency_p95_ms", "latency_p99_ms", "throughput_per_s")
_MOST_TAILS = 12


def report(run: RunRecord) -> tuple[str, str, list[Picture]]:
    """The page, the Markdown (which shows the pictures as files), and the pictures.

    Every percentile that was refused for want of calls is left blank, never guessed.
    """
    pictures = _pictures(run)
    rows = [_row(record, run) for record in run.workloads]
    first = run.workloads[0] if run.workloads else None
    html = templates().get_template("report.html").render(
        run=run, first=first, rows=rows, columns=_COLUMNS, pictures=pictures,
        style=(ASSETS / "style.css").read_text("utf-8"),
    )  # fmt: skip
    return html, _markdown(first, rows, pictures), pictures


def _row(record: WorkloadRecord, run: RunRecord) -> dict[str, Any]:
    judged = [each for each in judge(record, run.limits) if not each.is_missing]
    cells = []
    for column in _COLUMNS:
        own = record.metrics.get(column)
        cells.append(
            ("", "") if own is None else (words.shown(column, own.value),
                words.interval(column, own.low, own.high, own.value))
        )  # fmt: skip
    return {
        "name": record.workload,
        "cells": cells,
        "others": ", ".join(
            f"{words.label(metric)} {words.shown(metric, own.value)}"
            for metric, own in record.metrics.items()
            if metric not in _COLUMNS and not metric.startswith("latency_")
        ),
        "broken": [
            f"{words.short(each.name)} beyond {words.bound(each.name, each.allowed)}"
            for each in judged
            if each.is_broken
        ],
        "met": sum(not each.is_broken for each in judged),
    }


def _pictures(run: RunRecord) -> list[Picture]:
    ends = [
        (each.workload, each.metrics["latency_p50_ms"].value, each.metrics["latency_p95_ms"].value)
        for each in run.workloads
        if {"latency_p50_ms", "latency_p95_ms"} <= {*each.metrics}
    ]
    pictures = [chart.latencies(ends, "latencies")] if ends else []
    timed = [record for record in run.workloads if record.histogram and record.calls >= 100]
    for each in timed[:_MOST_TAILS]:
        with suppress(BadHistogram):  # the percentiles are in the table all the same
            named = {each.workload: each.histogram or ""}
            name = f"percentiles-{words.slug(each.workload)}"
            pictures.append(chart.percentiles(named, each.workload, name))
    return pictures


def _markdown(
    first: WorkloadRecord | None, rows: list[dict[str, Any]], pictures: list[Picture]
) -> str:
    lines = ["# What was measured", ""]
    if first is not None:
        dirty = " and uncommitted changes" if first.commit.dirty else ""
        when = first.measured_at[:16].replace("T", " ")
        machine = f"{first.machine}: {_cell(fingerprint(first.environment))}"
        told = f"(`{first.commit.sha[:12]}`{dirty}), {first.profile} profile, {when}, on {machine}."
        lines += [f"{_cell(first.commit.subject)} {told}", ""]
    lines += [
        f"| Workload | {' | '.join(words.short(column) for column in _COLUMNS)} | other | limits |",
        "|---|---:|---:|---:|---:|---|---|",
    ]
    for row in rows:
        cells = [f"{value} ({ends})" if ends else value or "\u2013" for value, ends in row["cells"]]
        limits = "; ".join(row["broken"]) or ("met" if row["met"] else " ")
        lines.append(
            f"| {' | '.join([_cell(row['name']), *cells, row['others'] or ' ', limits])} |"
        )
    lines += ["", "Intervals are 95 % ones, from order statistics.", ""]
    lines += [f"![{drawn.title}]({drawn.name}.svg)" for drawn in pictures[:1]]
    return "\n".join(lines) + "\n"


def _cell(text: Any) -> str:
    """Text that neither ends a table's cell nor becomes markup."""
    escaped = str(text).replace("\\", "\\\\").replace("|", "\\|")
    for mark, instead in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ("`", "&#96;")):
        escaped = escaped.replace(mark, instead)
    return " ".join(escaped.split())
