"""A run in tables: Markdown for a file or a comment, the same lines for the terminal."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any

from benchmarks.contenders.base import BATCH
from benchmarks.judging.rows import Row, as_markdown
from benchmarks.peers.ahead import lacks, lead_table

if TYPE_CHECKING:
    from rich.console import Console

Document = Mapping[str, Any]
_TABLES = {
    "normal": "WAL, synchronous NORMAL (no fsync a commit); servers at their defaults",
    "full": "WAL, synchronous FULL (an fsync a commit)",
}


@dataclass(frozen=True)
class Table:
    """A table with its heading; the first column names the candidate."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]


def tables(document: Document) -> list[Table]:
    """All tables of a run but the targets'."""
    titles = {each["name"]: each["title"] for each in document["candidates"]}
    found = []
    for name, words in _TABLES.items():
        for depth in dict.fromkeys(
            row["depth"] for row in document["latency"] if row["table"] == name
        ):
            rows = [
                [titles[row["candidate"]], *_latency_cells(row)]
                for row in document["latency"]
                if row["table"] == name and row["depth"] == depth
            ]
            found.append(Table(f"One process, {depth:,} queued; {words}", _LATENCY, rows))
        if batches := _batch_table(document, name, titles):
            found.append(batches)
        rows = [
            [titles[row["candidate"]], *_contention_cells(row)]
            for row in _by_processes(document, name)
        ]
        if rows:
            found.append(Table(f"Claiming at once; {words}", _CONTENTION, rows))
    if document["crash"]:
        rows = [[titles[row["candidate"]], *_crash_cells(row)] for row in document["crash"]]
        found.append(Table("Workers killed with SIGKILL", _CRASH, rows))
    if document["candidates"]:
        rows = [[each["title"], ", ".join(lacks(each))] for each in document["candidates"]]
        found.append(Table("What each does not do, as it is used here", _LACKS, rows))
        rows = [
            [each["title"], each["version"] or each["reason"] or "not measured", _settings(each)]
            for each in document["candidates"]
        ]
        found.append(Table("What was measured", _VERSIONS, rows))
    leads = lead_table(document)
    if leads["rows"]:
        rows = [[row["title"], *row["cells"], row["price"]] for row in leads["rows"]]
        found.append(Table(_AHEAD, ("", *leads["figures"], "it"), rows))
    return found


def _batch_table(document: Document, table: str, titles: Mapping[str, str]) -> Table | None:
    """Whole lifecycles in batches: a line a candidate, each depth in columns of its own."""
    found: dict[str, dict[int, Mapping[str, Any]]] = {}
    for row in document["latency"]:
        if row["table"] == table and "batch_lifecycles_per_s" in row["figures"]:
            found.setdefault(row["candidate"], {})[row["depth"]] = row
    if not found:
        return None
    depths = sorted({depth for rows in found.values() for depth in rows})
    used = {each["name"]: each.get("many", "") for each in document["candidates"]}
    columns = ["", *chain(*((f"{depth:,} queued, per s", "µs a task", "x") for depth in depths))]
    rows = []
    for name, by_depth in found.items():
        cells = chain(*(_batch_cells(by_depth.get(depth)) for depth in depths))
        rows.append([titles[name], *cells, used[name] or "one at a time: it has nothing for many"])
    title = f"Whole lifecycles, in batches of {BATCH}; {_TABLES[table]}"
    return Table(title, (*columns, "by"), rows)


def _batch_cells(row: Mapping[str, Any] | None) -> list[str]:
    if row is None:
        return ["", "", ""]
    figures = row["figures"]
    name = "batch_lifecycles_per_s"
    return [_number(figures, name), _pair(figures, "batch"), _times(row["ratios"], name)]


def markdown(document: Document) -> str:
    """The whole run."""
    heading = (
        f"# tubeq beside other queues\n\n{document['measured_at'][:16].replace('T', ' ')} UTC on "
        f"{document['environment']['cpu']}, {document['environment']['cores']} cores. "
        "µs unless said: P50 / P95, medians of interleaved rounds; x is the ratio to the floor "
        "of the same round."
    )
    parts = [heading]
    for table in tables(document):
        lines = [f"## {table.title}", "", _line(table.columns), "|---" * len(table.columns) + "|"]
        parts.append("\n".join([*lines, *(_line(row) for row in table.rows)]))
    if document["ahead"]:
        parts.append("\n".join(f"- {sentence}" for sentence in document["ahead"]))
    if document["targets"]:
        rows = [Row.from_json(each) for each in document["targets"]]
        parts.append(f"## Figures beside their targets\n\n{as_markdown(rows)}")
    return "\n\n".join(parts) + "\n"


def show(document: Document, console: Console) -> None:
    """Print it for a person."""
    from rich.table import Table as RichTable
    from rich.text import Text

    for table in tables(document):
        shown = RichTable(title=table.title, title_justify="left", title_style="bold")
        for number, column in enumerate(table.columns):
            is_text = number == 0 or table.columns in (_VERSIONS, _LACKS) or column in _TEXTS
            shown.add_column(column, justify="left" if is_text else "right", overflow="fold")
        for row in table.rows:
            shown.add_row(*(Text(cell) for cell in row))
        console.print(shown)
    for sentence in document["ahead"]:
        console.print(Text(f"• {sentence}"))
    for target in map(Row.from_json, document["targets"]):
        if target.limits:
            console.print(Text(_target_line(target), style="" if target.met else "bold red"))


_LATENCY = ("", "put", "x", "claim", "P99", "x P50 / P95", "complete", "x", "lifecycle",
            "per s", "x", "")  # fmt: skip
_CONTENTION = ("", "processes", "claims/s", "P50", "P99", "slowest ms", "Jain", "double", "errors",
               "")  # fmt: skip
_CRASH = ("", "kills", "tasks", "lost", "completed twice", "worked twice", "errors", "recovery",
          "")  # fmt: skip
_TEXTS = ("", "recovery", "by", "it")
_LACKS = ("", "does not")
_VERSIONS = ("", "versions", "settings")
_AHEAD = "Where a peer is ahead: by at most how much, in how many of the sizes and durabilities"


def _latency_cells(row: Mapping[str, Any]) -> list[str]:
    figures, ratio = row["figures"], row["ratios"]
    claims = [_times(ratio, "claim_p50"), _times(ratio, "claim_p95")]
    return [
        _pair(figures, "put"),
        _times(ratio, "put_p50"),
        _pair(figures, "claim"),
        _number(figures, "claim_p99_us"),
        " / ".join(claims) if all(claims) else "",
        _pair(figures, "complete"),
        _times(ratio, "complete_p50"),
        _pair(figures, "lifecycle"),
        _number(figures, "lifecycles_per_s"),
        _times(ratio, "lifecycles_per_s"),
        row["note"],
    ]


def _contention_cells(row: Mapping[str, Any]) -> list[str]:
    figures = row["figures"]
    return [
        str(row["processes"]),
        *(_number(figures, name) for name in ("claims_per_s", "claim_p50_us", "claim_p99_us")),
        _number(figures, "slowest_ms", _short),
        _number(figures, "jain", lambda value: f"{value:.2f}"),
        _number(figures, "double_claims"),
        _number(figures, "errors"),
        row["note"],
    ]


def _crash_cells(row: Mapping[str, Any]) -> list[str]:
    counted = ("kills", "tasks", "lost", "doubly_completed", "worked_twice", "errors")
    return [*(_number(row["figures"], name) for name in counted), row["recovery"], row["note"]]


def _by_processes(document: Document, table: str) -> list[Mapping[str, Any]]:
    order = [each["name"] for each in document["candidates"]]
    rows = [row for row in document["contention"] if row["table"] == table]
    return sorted(rows, key=lambda row: (row["processes"], order.index(row["candidate"])))


def _settings(candidate: Mapping[str, Any]) -> str:
    return "; ".join(f"{name}: {text}" for name, text in candidate["settings"].items())


def _target_line(row: Row) -> str:
    told = []
    for name, limit in row.limits.items():
        sign = "≥" if name in row.at_least else "≤"
        value = row.figures.get(name)
        shown = "not measured" if value is None else f"{value:,.4g}"
        told.append(f"{name} {shown} ({sign} {limit:g})")
    verdict = "met" if row.met else "NOT met"
    note = f" [{row.note}]" if row.note else ""
    return f"{verdict:8}{row.table}, {row.what}: {'; '.join(told)}{note}"


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |"


def _pair(figures: Mapping[str, float], verb: str) -> str:
    if f"{verb}_p50_us" not in figures:
        return ""
    return f"{_short(figures[f'{verb}_p50_us'])} / {_short(figures[f'{verb}_p95_us'])}"


def _times(ratio: Mapping[str, float], name: str) -> str:
    return f"{ratio[name]:.2f}" if name in ratio else ""


def _number(
    figures: Mapping[str, float], name: str, text: Callable[[float], str] = lambda v: f"{v:,.0f}"
) -> str:
    return text(figures[name]) if name in figures else ""


def _short(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 else f"{value:.1f}"
