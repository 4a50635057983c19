"""The two streams: what a command says goes to stdout, what happens meanwhile to stderr.

rich is imported when something is drawn, so that commands that only write JSON start fast.
"""

from __future__ import annotations

import io
import json
import os
import re
import sys
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal

from tubeq.domain.json_format import SCHEMA, iso_time
from tubeq.queue.csv_rows import csv_rows, csv_writer
from tubeq.workers.standard_streams import OutputLost

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

_WIDE = 10_000
"""Columns where nobody watches: a table in a pipe is never cut short."""
_TIMES = frozenset(
    {"at", "run_after", "last_heartbeat", "last_seen", "paused_until", "oldest", "newest"}
)
_GIVEN = frozenset({"parameters", "result", "extra", "types", "presets"})
_RAW_CONTROLS = re.compile("[\x7f-\x9f]")


def output() -> Console:
    """A console on stdout."""
    return _console(sys.stdout.isatty(), stderr=False)


def messages() -> Console:
    """A console on stderr."""
    return _console(sys.stderr.isatty(), stderr=True)


def _console(watched: bool, stderr: bool) -> Console:
    from rich.console import Console

    return Console(
        stderr=stderr,
        width=None if watched else _WIDE,
        highlight=False,
        markup=False,
        emoji=False,
        force_terminal=watched,  # with colors in a pipe, nothing moves there all the same
        color_system=_color_system(watched),
    )


def _color_system(watched: bool) -> Literal["auto", "standard"] | None:
    if os.environ.get("NO_COLOR"):
        return None
    return "standard" if os.environ.get("FORCE_COLOR") and not watched else "auto"


def say_error(message: str) -> None:
    """One red line on stderr."""
    from rich.text import Text

    line = Text.assemble(("error: ", "bold red"), (visible(message), "red"))
    messages().print(line, soft_wrap=True)


def say(message: str, console: Console | None = None) -> None:
    """One plain line on stderr; `console` where something moves on that one."""
    (console or messages()).print(visible(message), soft_wrap=True)


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


def safe_text(value: object, style: str = "") -> Text:
    """What came from outside, such as a title: drawn as it is, never obeyed."""
    from rich.text import Text

    return Text(visible(str(value)), style=style)


def cut_text(value: object, style: str = "") -> Text:
    """The same, on one line: cut short where there is no room."""
    text = safe_text(value, style)
    text.no_wrap, text.overflow = True, "ellipsis"
    return text


def visible(text: str) -> str:
    """The text with everything that could steer a terminal written out as an escape.

    That is control characters, line ends, lone surrogates, and the format characters that turn
    the direction of writing; a joiner inside an emoji stays.
    """
    return "".join(map(_visible, text)) if not text.isprintable() else text


def _visible(character: str) -> str:
    steers = unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp")
    turns = unicodedata.bidirectional(character) in _TURNS
    return repr(character)[1:-1] if steers or turns else character


_TURNS = frozenset({"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"})


def write_json(value: Any) -> None:
    """One JSON document on stdout, in ASCII where stdout is not UTF-8.

    The object that it is, or each object of the list that it is, says in `schema` how it is to be
    read; all times are ISO 8601.
    """
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
    """The value with its times in ISO 8601; what users and plugins gave stays as it is."""
    if name in _GIVEN:
        return value
    if isinstance(value, Mapping):
        return {each: for_machines(part, each) for each, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [for_machines(part) for part in value]
    is_time = name in _TIMES or name.endswith("_at")
    return iso_time(value) if is_time else value


def write_csv(
    columns: Sequence[str], rows: Iterable[Mapping[str, Any]], *, raw: bool = False
) -> None:
    """A table on stdout as CSV in UTF-8, as `tubeq.queue.csv_rows` tells.

    Args:
        raw: leave free text as it is, even where a spreadsheet takes it for a formula.
    """
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8", newline="")
    csv_writer(sys.stdout, columns).writerows(csv_rows(columns, rows, raw=raw))
