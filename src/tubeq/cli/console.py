"""The two streams: a command's output goes to stdout, messages about its progress to stderr."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Any, Protocol

from tubeq.cli.tables import Cell, Line, Page, painted, visible
from tubeq.workers.standard_streams import OutputLost

if TYPE_CHECKING:
    from argparse import Namespace

    from rich.console import Console

_TIMES = frozenset(
    {"at", "run_after", "last_heartbeat", "last_seen", "paused_until", "oldest", "newest"}
)
_GIVEN = frozenset({"parameters", "result", "extra", "types", "presets"})
_RAW_CONTROLS = re.compile("[\x7f-\x9f]")

moving: list[Console] = []
"""The consoles on which something moves, last one last: messages are printed above that."""


class Drawable(Protocol):
    """What can be drawn, such as a table."""

    def lines(self, page: Page) -> Iterable[str]:
        """Its lines, safe to print."""
        ...


def page_of(stream: IO[str]) -> Page:
    """What is printed on: in a pipe nothing is cut short."""
    watched = stream.isatty()
    unicode = (getattr(stream, "encoding", None) or "").lower().startswith("utf")
    return Page(terminal_width(stream) if watched else None, _is_colored(watched), unicode)


def terminal_width(stream: IO[str]) -> int:
    """The columns of a terminal; 80 where that cannot be known."""
    columns = os.environ.get("COLUMNS", "")
    if columns.isdecimal() and int(columns):
        return int(columns)
    try:
        return os.get_terminal_size(stream.fileno()).columns or 80
    except (OSError, ValueError):
        return 80


def _is_colored(watched: bool) -> bool:
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR"):
        return True
    colored = watched and os.environ.get("TERM") not in ("dumb", "unknown")
    if colored and sys.platform == "win32":
        os.system("")  # noqa: S605, S607 - makes the Windows console obey escape sequences
    return colored


def draw(*drawn: Drawable | str, stream: IO[str] | None = None) -> None:
    """Print tables, lines and the like, on stdout unless `stream` says otherwise."""
    stream = stream or sys.stdout
    page = page_of(stream)
    for each in drawn:
        lines = (Line(each) if isinstance(each, str) else each).lines(page)
        stream.write("".join(f"{line}\n" for line in lines))


def answer(
    given: Namespace, value: Any, *shown: Drawable | str, none: str = "", note: str = ""
) -> None:
    """Print what a command found or did: as JSON with --json, else for readers.

    Args:
        value: for JSON; see `write_json`.
        shown: tables and lines, on stdout.
        none: a message instead of these, for a value that is empty.
        note: a message after these.
    """
    if given.as_json:
        write_json(value)
    elif none and not value:
        say(none)
    else:
        draw(*shown)
        if note:
            say(note)


def say_error(message: str) -> None:
    """Print one red line on stderr."""
    _message(Cell("error: ", "bold red"), Cell(visible(message), "red"))


def say(message: str) -> None:
    """Print one line on stderr."""
    _message(Cell(visible(message)))


def _message(*parts: Cell) -> None:
    if moving:
        from rich.text import Text

        moving[-1].print(Text.assemble(*parts), soft_wrap=True)
    elif sys.stderr is not None:
        page = page_of(sys.stderr)
        sys.stderr.write("".join(painted(text, style, page) for text, style in parts) + "\n")
        sys.stderr.flush()


@contextmanager
def reporting(done: str) -> Iterator[None]:
    """Print what was done; where standard output is lost, `done` says it on stderr."""
    try:
        yield
        sys.stdout.flush()
    except OutputLost as lost:
        if not isinstance(lost.reason, BrokenPipeError):
            say(done)
        raise


def write_json(value: Any) -> None:
    """One JSON document on stdout, in ASCII where stdout is not UTF-8. `schema` in its object, or
    in each object of its list, is the version of the format; see `for_machines`."""
    import json

    from tubeq.domain.json_format import SCHEMA

    value = for_machines(value)
    if isinstance(value, dict):
        value = {"schema": SCHEMA, **value}
    elif isinstance(value, list):
        value = [{"schema": SCHEMA, **each} if isinstance(each, dict) else each for each in value]
    encoding = (getattr(sys.stdout, "encoding", None) or "").lower()
    text = json.dumps(value, indent=2, ensure_ascii=not encoding.startswith("utf"))
    # JSON lets C1 controls through, and some terminals obey them.
    sys.stdout.write(_RAW_CONTROLS.sub(lambda match: f"\\u{ord(match[0]):04x}", text) + "\n")


def for_machines(value: Any, name: str = "") -> Any:
    """The value with its times in ISO 8601, and records as objects; what users and plugins gave
    stays as it is."""
    from tubeq.domain.json_format import iso_time

    if name in _GIVEN:
        return value
    as_object = getattr(value, "as_dict", None) or getattr(value, "_asdict", None)
    if as_object is not None:
        value = as_object()
    if isinstance(value, Mapping):
        return {each: for_machines(part, each) for each, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [for_machines(part) for part in value]
    is_time = name in _TIMES or name.endswith("_at")
    return iso_time(value) if is_time else value


def write_csv(
    columns: Sequence[str], rows: Iterable[Mapping[str, Any]], *, raw: bool = False
) -> None:
    """Print rows on stdout as CSV in UTF-8; see `tubeq.queue.csv_rows`."""
    import io

    from tubeq.queue.csv_rows import csv_rows, csv_writer

    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8", newline="")
    csv_writer(sys.stdout, columns).writerows(csv_rows(columns, rows, raw=raw))
