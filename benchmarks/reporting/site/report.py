"""A run's report: what was measured just now, as a page of its own and as Markdown."""

from __future__ import annotations

from typing import Any

from benchmarks.records.record import RunRecord, WorkloadRecord
from benchmarks.reporting import plots
from benchmarks.reporting.site import build, words
from benchmarks.reporting.site.rows import Row, row_of
from benchmarks.reporting.site.svg import Picture

_COLUMNS = ("latency_p50_ms", "latency_p95_ms", "latency_p99_ms", "throughput_per_s")
_MOST_TAILS = 12


def report(run: RunRecord) -> tuple[str, str, list[Picture]]:
    """The page, the Markdown (which shows the pictures as files), and the pictures.

    Every percentile that was refused for want of calls is left blank, never guessed.
    """
    pictures = _pictures(run)
    rows = {
        record.workload: {
            metric: row_of(metric, [record], run.limits.get(record.workload, {}))
            for metric in record.metrics
        }
        for record in run.workloads
    }
    others = {
        record.workload: [
            row
            for metric, row in rows[record.workload].items()
            if metric not in _COLUMNS and not metric.startswith("latency_")
        ]
        for record in run.workloads
    }
    environment = build.templates()
    first = run.workloads[0] if run.workloads else None
    html = environment.get_template("report.html").render(
        run=run,
        first=first,
        rows=rows,
        others=others,
        columns=_COLUMNS,
        pictures=pictures,
        style=(build.HERE / "assets" / "style.css").read_text("utf-8"),
    )
    return html, _markdown(first, rows, others, pictures), pictures


def _pictures(run: RunRecord) -> list[Picture]:
    pictures = []
    if any("latency_p50_ms" in record.metrics for record in run.workloads):
        pictures.append(plots.run_latencies(run.workloads, run.limits, "latencies"))
    timed = [record for record in run.workloads if record.histogram and record.calls >= 100]
    for record in timed[:_MOST_TAILS]:
        name = f"percentiles-{words.slug(record.workload)}"
        pictures.append(plots.percentiles([record], [record.workload], name))
    return pictures


def _markdown(
    first: WorkloadRecord | None,
    rows: dict[str, dict[str, Row]],
    others: dict[str, list[Row]],
    pictures: list[Picture],
) -> str:
    lines = ["# What was measured", ""]
    if first is not None:
        commit = (
            f"`{first.commit.sha[:12]}`{' and uncommitted changes' if first.commit.dirty else ''}"
        )
        when = first.measured_at[:16].replace("T", " ")
        machine = f"{first.machine}: {_cell(build.fingerprint(first.environment))}"
        told = f"({commit}), {first.profile} profile, {when}, on {machine}."
        lines += [f"{_cell(first.commit.subject)} {told}", ""]
    lines += [
        f"| Workload | {' | '.join(words.short(column) for column in _COLUMNS)} | other | limits |",
        "|---|---:|---:|---:|---:|---|---|",
    ]
    for workload, found in rows.items():
        cells: list[str] = [f"{_cell(workload)}"]
        for column in _COLUMNS:
            row = found.get(column)
            cells.append(_value(row) if row else "\u2013")
        cells.append(", ".join(f"{row.label} {row.value}" for row in others[workload]) or " ")
        limited = [row for row in found.values() if row.within is not None]
        broken = [
            f"{words.short(row.metric)} beyond {row.limit}" for row in limited if not row.within
        ]
        cells.append("; ".join(broken) or ("met" if limited else " "))
        lines.append(f"| {' | '.join(cells)} |")
    lines += ["", "Intervals are 95 % ones, from order statistics.", ""]
    lines += [f"![{drawn.title}]({drawn.name}.svg)" for drawn in pictures[:1]]
    return "\n".join(lines) + "\n"


def _value(row: Row) -> str:
    return f"{row.value} ({row.interval})" if row.interval else row.value


def _cell(text: Any) -> str:
    """Text that neither ends a table's cell nor becomes markup."""
    escaped = str(text).replace("\\", "\\\\").replace("|", "\\|")
    for mark, instead in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ("`", "&#96;")):
        escaped = escaped.replace(mark, instead)
    return " ".join(escaped.split())
