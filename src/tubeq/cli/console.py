"""The two streams: what a command says goes to stdout, what happens meanwhile to stderr.

rich is imported when something is drawn, so that commands that only write JSON start fast.
"""

from __future__ import annotations

import io
import json
import re
import sys
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from tubeq.queue.csv_rows import csv_rows, csv_writer

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

_WIDE = 10_000
"""Columns where nobody watches: a table in a pipe is never cut short."""
_RAW_CONTROLS = re.compile("[\x7f-\x9f]")


def prepare_streams() -> None:
    """Make sure that no character can crash a command: a Windows pipe may be cp1252."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def output() -> Console:
    """A console on stdout."""
    return _console(sys.stdout.isatty(), stderr=False)


def messages() -> Console:
    """A console on stderr."""
    return _console(sys.stderr.isatty(), stderr=True)


def _console(watched: bool, stderr: bool) -> Console:
    from rich.console import Console

    width = None if watched else _WIDE
    return Console(stderr=stderr, width=width, highlight=False, markup=False, emoji=False)


def say_error(message: str) -> None:
    """One red line on stderr."""
    from rich.text import Text

    line = Text.assemble(("error: ", "bold red"), (visible(message), "red"))
    messages().print(line, soft_wrap=True)


def say(message: str, console: Console | None = None) -> None:
    """One plain line on stderr; `console` where something moves on that one."""
    (console or messages()).print(visible(message), soft_wrap=True)


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
    """One JSON document on stdout, in ASCII where stdout is not UTF-8."""
    encoding = (getattr(sys.stdout, "encoding", None) or "").lower()
    text = json.dumps(value, indent=2, ensure_ascii=not encoding.startswith("utf"))
    # JSON lets C1 controls through, and some terminals obey them.
    sys.stdout.write(_RAW_CONTROLS.sub(lambda match: f"\\u{ord(match[0]):04x}", text) + "\n")
    sys.stdout.flush()


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
    sys.stdout.flush()
