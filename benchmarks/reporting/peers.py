"""A comparison with other queues: for Markdown, a terminal, a page. Tables have few columns."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from benchmarks.common.project import project
from benchmarks.reporting.filling import render
from benchmarks.reporting.site import chart
from benchmarks.reporting.site.canvas import Picture
from benchmarks.reporting.words import slug

if TYPE_CHECKING:
    from rich.console import Console

Document = Mapping[str, Any]
Row = Mapping[str, Any]
Columns = Mapping[str, tuple[str, Callable[[float], str]]]
"""By heading: a figure, or "x" and a figure for its ratio to the reference; and how it is shown."""
SCHEMA = 2
DURABILITIES = {
    "normal": "no fsync at a commit; servers at their defaults",
    "full": "an fsync at every commit",
}


@dataclass(frozen=True)
class Table:
    """A table with its heading; a row is a queue's name, a note on it ("" for none), and its cells:
    figures, or words where it is prose."""

    title: str
    columns: Sequence[str]
    rows: Sequence[tuple[str, str, Sequence[str]]]
    is_prose: bool = False


def short(value: float) -> str:
    """A figure with as many digits as a reader needs."""
    return f"{value:,.0f}" if value >= 10 else f"{value:.2g}"


_COUNT, _SHARE = "{:,.0f}".format, "{:.2f}".format
_CRASH: Columns = {"Lost": ("lost", _COUNT), "Twice": ("doubly_completed", _COUNT),
                   "Again": ("worked_twice", _COUNT)}  # fmt: skip
_BY_SIZE: tuple[tuple[str, str, str, str, Columns], ...] = (
    ("Lifecycles a second, {:,} queued, {}", "verbs", "depth", "lifecycles_per_s", {
        "Single": ("lifecycles_per_s", _COUNT), "x": ("x lifecycles_per_s", _SHARE),
        "By 100": ("batch_lifecycles_per_s", _COUNT), "x ": ("x batch_lifecycles_per_s", _SHARE),
    }),
    ("{:,} processes claim and complete, {}", "contention", "processes", "", {
        "Tasks/s": ("tasks_per_s", _COUNT), "P99 ms": ("p99_ms", short),
        "Max ms": ("slowest_ms", short), "Fair": ("jain", _SHARE),
    }),
    ("One verb, P50 in µs, {:,} queued, {}", "verbs", "depth", "claim_p50_us", {
        "Put": ("put_p50_us", short), "Claim": ("claim_p50_us", short),
        "Claim P95": ("claim_p95_us", short), "Complete": ("complete_p50_us", short),
    }),
)  # fmt: skip
"""A table for each durability and size: its title, the rows' part of the document, their size, the
figure without which a row is left out, the columns."""


def tables(document: Document) -> list[Table]:
    """All tables of a run, the most telling first.

    Raises:
        ValueError: it is the record of an older version.
    """
    if document.get("schema") != SCHEMA:
        raise ValueError("an older record: measure again (python -m benchmarks peers)")
    crash = [row for row in document["crash"] if row["figures"] or row["note"]]
    kills = max((row["figures"].get("kills", 0) for row in crash), default=0)
    found = [_table(document, f"Workers killed with SIGKILL, {kills} times", crash, _CRASH)]
    for title, part, size, needed, columns in _BY_SIZE:
        groups: dict[tuple[int, str], list[Row]] = {}
        for row in document[part]:
            is_alone = (size, row[size]) == ("processes", 1)
            if not is_alone and (not needed or needed in row["figures"]):
                groups.setdefault((row[size], row["durability"]), []).append(row)
        found += [
            _table(document, title.format(number, DURABILITIES[durability]), rows, columns)
            for (number, durability), rows in groups.items()
        ]
    lacks = [(each["title"], "", [", ".join(each["lacks"])]) for each in document["queues"]
             if each["lacks"]]  # fmt: skip
    versions = [(each["title"], "", [_version(each)]) for each in document["queues"]]
    found.append(Table("What each does not do, as it is used here", ["Does not"], lacks, True))
    found.append(Table("Versions and settings", ["As measured"], versions, True))
    return [table for table in found if table.rows]


def _table(document: Document, title: str, rows: Sequence[Row], columns: Columns) -> Table:
    """The rows in the order of the queues; a figure that one lacks is a dash."""
    names = titles(document)
    found = []
    for row in sorted(rows, key=lambda row: [*names].index(row["queue"])):
        figures = {**row["figures"], **{f"x {k}": v for k, v in row.get("ratios", {}).items()}}
        cells = [shown(figures[key]) if key in figures else "\N{EN DASH}"
                 for key, shown in columns.values()]  # fmt: skip
        faults = {"done_twice": "done twice", "errors": "errors"}
        notes = [row.get("recovery"), *(f"{_COUNT(figures[key])} {text}"
                 for key, text in faults.items() if figures.get(key)), row["note"]]  # fmt: skip
        found.append((names[row["queue"]], "; ".join(filter(None, notes)), cells))
    return Table(title, [each.strip() for each in columns], found)


def _version(queue: Row) -> str:
    settings = "; ".join(f"{name}: {text}" for name, text in queue["settings"].items())
    many = f"many at once: {queue['many']}" if queue["many"] else ""
    version = queue["version"] or queue["reason"] or "not measured"
    return ". ".join(filter(None, (version, settings, many)))


def titles(document: Document) -> dict[str, str]:
    """By name, how a queue is called on a page."""
    return {each["name"]: str(each["title"]) for each in document["queues"]}


def markdown(document: Document) -> str:
    """The whole run."""
    targets = [target_line(each) for each in document.get("targets") or ()]
    return render("peers.md", document=document, tables=tables(document), targets=targets)


def show(document: Document, console: Console) -> None:
    """Print it for a person."""
    from rich.table import Table as RichTable
    from rich.text import Text

    for table in tables(document):
        shown = RichTable("", title=table.title, title_justify="left", title_style="bold")
        for column in table.columns:
            shown.add_column(column, justify="left" if table.is_prose else "right", overflow="fold")
        for name, note, cells in table.rows:
            first = f"{name}\n  {note}" if note else name
            shown.add_row(*(Text(cell) for cell in (first, *cells)))
        console.print(shown)
    for target in document.get("targets", ()):
        console.print(Text(target_line(target), style="" if target["met"] else "bold red"))


def target_line(target: Row) -> str:
    """A limit and the figure that is furthest from keeping it."""
    value = "not measured" if target["value"] is None else f"{target['value']:,.4g}"
    verdict = "met" if target["met"] else "NOT met"
    limit = f"{target['sign']} {target['limit']:g}"
    return f"{verdict}: {target['what']}: {value} ({limit}); {target['where']}"


def peers_view(document: Document) -> dict[str, Any]:
    """What the template needs of one file of results/peers.

    Raises:
        KeyError, TypeError, ValueError, AttributeError: it is not such a file.
    """
    key = slug(str(document["environment"]["machine"]))
    return {
        **{each: document[each] for each in ("environment", "quick", "interrupted")},
        "key": key, "commit": document.get("commit"), "tables": tables(document),
        "measured_at": str(document["measured_at"])[:16].replace("T", " "),
        "pictures": [*_pictures(document, f"peers-{key}")],
        "targets": [(target_line(each), each["met"]) for each in document.get("targets", ())],
    }  # fmt: skip


def _pictures(document: Document, name: str) -> Iterator[Picture]:
    """Lifecycles a second and what SIGKILL loses; from P99 to the slowest of most processes."""
    names = titles(document)
    lost = {row["queue"]: _losses(row["figures"]) for row in document["crash"] if row["figures"]}
    smallest = min((row["depth"] for row in document["verbs"]), default=0)
    speeds = _figures(document["verbs"], "depth", smallest, "lifecycles_per_s")
    order = sorted(speeds, key=lambda queue: -speeds[queue]["lifecycles_per_s"])
    rows = []
    for queue in order:
        rate, loss = speeds[queue]["lifecycles_per_s"], lost.get(queue, "not tried")
        paint = {"loses none": "better", "not tried": "muted"}.get(loss, "worse")
        rows.append((names[queue], rate, f"{_COUNT(rate)}, {loss}", paint))
    if rows:
        title = "Lifecycles a second, and tasks lost to SIGKILL"
        yield chart.bars(rows, name, title, title)
    most = max((row["processes"] for row in document["contention"]), default=0)
    tails = _figures(document["contention"], "processes", most, "p99_ms")
    ends = [(names[each], tails[each]["p99_ms"], tails[each]["slowest_ms"],
             "one" if each.startswith(project().name) else "muted")
            for each in order if each in tails]  # fmt: skip
    if ends:
        title = f"{most} processes: ● P99 to the slowest task"
        yield chart.spans(ends, f"{name}-tails", title, title.replace("● ", ""))


def _figures(rows: Sequence[Row], size: str, value: int, needed: str) -> dict[str, Any]:
    """By queue, the figures of that size without fsync, where the needed one is there."""
    return {
        row["queue"]: row["figures"]
        for row in rows
        if (row[size], row["durability"]) == (value, "normal") and row["figures"].get(needed)
    }


def _losses(figures: Mapping[str, float]) -> str:
    """What the run with SIGKILL cost a queue."""
    losses = {"lost": "loses {:,.0f}", "doubly_completed": "{:,.0f} twice"}
    found = [text.format(figures[key]) for key, text in losses.items() if figures[key]]
    return ", ".join(found) or "loses none"
