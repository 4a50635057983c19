"""A comparison with other queues in tables of a few columns: for Markdown, a terminal, a page."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console

Document = Mapping[str, Any]
SCHEMA = 2
DURABILITIES = {
    "normal": "no fsync at a commit; servers at their defaults",
    "full": "an fsync at every commit",
}
_NONE = "\u2013"


@dataclass(frozen=True)
class Table:
    """A table with its heading; the first column names the queue.

    Args:
        rows: cells as text.
        notes: a line under the name of a row, by its number.
        is_prose: whether cells are words rather than figures.
    """

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    notes: Mapping[int, str]
    is_prose: bool = False


def tables(document: Document) -> list[Table]:
    """All tables of a run, the most telling first.

    Raises:
        ValueError: it is the record of an older version.
    """
    if document.get("schema") != SCHEMA:
        raise ValueError("an older record: measure again (python -m benchmarks peers)")
    return [
        table
        for table in (
            _crash(document),
            *_lifecycles(document),
            *_contention(document),
            *_verbs(document),
            _lacks(document),
            _versions(document),
        )
        if table.rows
    ]


def titles(document: Document) -> dict[str, str]:
    """By name, how a queue is called on a page."""
    return {each["name"]: str(each["title"]) for each in document["queues"]}


def _crash(document: Document) -> Table:
    rows = [row for row in document["crash"] if row["figures"] or row["note"]]
    kills = max((row["figures"].get("kills", 0) for row in rows), default=0)
    columns = {"Lost": "lost", "Twice": "doubly_completed", "Again": "worked_twice"}
    return _table(
        document, f"Workers killed with SIGKILL, {kills} times", rows,
        {name: _reader(key, count) for name, key in columns.items()},
        lambda row: "; ".join(filter(None, (row["recovery"], row["note"]))),
    )  # fmt: skip


def _lifecycles(document: Document) -> Iterator[Table]:
    """One at a time and in batches, with the ratio to the reference of the same round."""
    for durability, depth in _sizes(document["verbs"], "depth"):
        rows = _rows(document["verbs"], durability, "depth", depth)
        yield _table(
            document,
            f"Lifecycles a second, {depth:,} queued, {DURABILITIES[durability]}",
            [row for row in rows if "lifecycles_per_s" in row["figures"]],
            {
                "Single": lambda row: _figure(row, "lifecycles_per_s", count),
                "x": lambda row: _ratio(row, "lifecycles_per_s"),
                "By 100": lambda row: _figure(row, "batch_lifecycles_per_s", count),
                "x ": lambda row: _ratio(row, "batch_lifecycles_per_s"),
            },
            lambda row: row["note"],
        )


def _contention(document: Document) -> Iterator[Table]:
    for durability, processes in _sizes(document["contention"], "processes"):
        if processes > 1:
            yield _table(
                document,
                f"{processes} processes claim and complete, {DURABILITIES[durability]}",
                _rows(document["contention"], durability, "processes", processes),
                {
                    "Tasks/s": lambda row: _figure(row, "tasks_per_s", count),
                    "P99 ms": lambda row: _figure(row, "p99_ms", short),
                    "Max ms": lambda row: _figure(row, "slowest_ms", short),
                    "Fair": lambda row: _figure(row, "jain", "{:.2f}".format),
                },
                _faults,
            )


def _faults(row: Mapping[str, Any]) -> str:
    figures = row["figures"]
    kinds = {"done_twice": "done twice", "errors": "errors"}
    faults = [f"{count(figures[each])} {kinds[each]}" for each in kinds if figures.get(each)]
    return "; ".join([*faults, *([row["note"]] if row["note"] else [])])


def _verbs(document: Document) -> Iterator[Table]:
    for durability, depth in _sizes(document["verbs"], "depth"):
        rows = _rows(document["verbs"], durability, "depth", depth)
        names = {
            "Put": "put_p50", "Claim": "claim_p50", "Claim P95": "claim_p95",
            "Complete": "complete_p50",
        }  # fmt: skip
        yield _table(
            document,
            f"One verb, P50 in µs, {depth:,} queued, {DURABILITIES[durability]}",
            [row for row in rows if "claim_p50_us" in row["figures"]],
            {name: _reader(f"{key}_us", short) for name, key in names.items()},
            lambda _: "",
        )


def _lacks(document: Document) -> Table:
    rows = [(each["title"], ", ".join(each["lacks"])) for each in document["queues"]]
    return Table(
        "What each does not do, as it is used here", ("", "Does not"),
        [row for row in rows if row[1]], {}, is_prose=True,
    )  # fmt: skip


def _versions(document: Document) -> Table:
    rows = []
    for each in document["queues"]:
        settings = "; ".join(f"{name}: {text}" for name, text in each["settings"].items())
        version = each["version"] or each["reason"] or "not measured"
        many = f"many at once: {each['many']}" if each["many"] else ""
        rows.append((each["title"], ". ".join(filter(None, (version, settings, many)))))
    return Table("Versions and settings", ("", "As measured"), rows, {}, is_prose=True)


def markdown(document: Document) -> str:
    """The whole run."""
    environment = document["environment"]
    heading = (
        f"# Compared with other queues\n\n{document['measured_at'][:16].replace('T', ' ')} UTC on "
        f"{environment['cpu']}, {environment['cores']} cores. Medians of interleaved rounds; x is "
        "the ratio to bare SQLite (the reference) in the same round."
    )
    parts = [heading]
    for table in tables(document):
        columns = [each.strip() for each in table.columns]
        lines = [f"## {table.title}", "", _line(columns), "|---" * len(columns) + "|"]
        for number, (name, *cells) in enumerate(table.rows):
            note = f" ({table.notes[number]})" if number in table.notes else ""
            lines.append(_line([name + note, *cells]))
        parts.append("\n".join(lines))
    if document.get("targets"):
        lines = ["## Targets", "", *(f"- {target_line(each)}" for each in document["targets"])]
        parts.append("\n".join(lines))
    return "\n\n".join(parts) + "\n"


def show(document: Document, console: Console) -> None:
    """Print it for a person."""
    from rich.table import Table as RichTable
    from rich.text import Text

    for table in tables(document):
        shown = RichTable(title=table.title, title_justify="left", title_style="bold")
        for number, column in enumerate(table.columns):
            side = "left" if number == 0 or table.is_prose else "right"
            shown.add_column(column, justify=side, overflow="fold")  # type: ignore[arg-type]
        for number, (name, *cells) in enumerate(table.rows):
            note = f"\n  {table.notes[number]}" if number in table.notes else ""
            shown.add_row(*(Text(cell) for cell in (name + note, *cells)))
        console.print(shown)
    for target in document.get("targets", ()):
        console.print(Text(target_line(target), style="" if target["met"] else "bold red"))


def target_line(target: Mapping[str, Any]) -> str:
    """A limit and the figure that is furthest from keeping it."""
    value = "not measured" if target["value"] is None else f"{target['value']:,.4g}"
    verdict = "met" if target["met"] else "NOT met"
    limit = f"{target['sign']} {target['limit']:g}"
    return f"{verdict}: {target['what']}: {value} ({limit}); {target['where']}"


def count(value: float) -> str:
    """A whole number."""
    return f"{value:,.0f}"


def short(value: float) -> str:
    """A figure with as many digits as a reader needs."""
    return f"{value:,.0f}" if value >= 10 else f"{value:.2g}"


def _table(
    document: Document,
    title: str,
    rows: Sequence[Mapping[str, Any]],
    columns: Mapping[str, Callable[[Any], str]],
    note: Callable[[Any], str],
) -> Table:
    """A line a row, in the order of the queues."""
    names = titles(document)
    order = list(names)
    rows = sorted(rows, key=lambda row: order.index(row["queue"]))
    cells = [[names[row["queue"]], *(cell(row) for cell in columns.values())] for row in rows]
    notes = {number: text for number, row in enumerate(rows) if (text := note(row))}
    return Table(title, ("", *columns), cells, notes)


def _sizes(rows: Sequence[Mapping[str, Any]], size: str) -> list[tuple[str, int]]:
    return list(dict.fromkeys((row["durability"], row[size]) for row in rows))


def _rows(
    rows: Sequence[Mapping[str, Any]], durability: str, size: str, value: int
) -> list[Mapping[str, Any]]:
    return [row for row in rows if row["durability"] == durability and row[size] == value]


def _figure(row: Mapping[str, Any], name: str, text: Callable[[float], str]) -> str:
    return text(row["figures"][name]) if name in row["figures"] else _NONE


def _reader(name: str, text: Callable[[float], str]) -> Callable[[Any], str]:
    return lambda row: _figure(row, name, text)


def _ratio(row: Mapping[str, Any], name: str) -> str:
    return f"{row['ratios'][name]:.2f}" if name in row["ratios"] else _NONE


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |"
