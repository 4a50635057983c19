"""What moves on stderr while a command runs, in a terminal only. rich is imported for it alone."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tubeq.cli import console
from tubeq.cli.tables import visible

if TYPE_CHECKING:
    from rich.console import Console

Update = Callable[[str], None]


def is_watched() -> bool:
    """Whether stderr is a terminal."""
    return sys.stderr is not None and sys.stderr.isatty()


def moving_console() -> Console:
    """A rich console on stderr."""
    from rich.console import Console

    return Console(
        stderr=True,
        highlight=False,
        markup=False,
        emoji=False,
        force_terminal=is_watched(),
        color_system=None if os.environ.get("NO_COLOR") else "auto",
    )


@contextmanager
def status(words: str, *, when: bool = True) -> Iterator[Update]:
    """Show a line that moves while this block runs; nothing outside of a terminal. Yields what
    replaces its words."""
    if not when or not is_watched():
        yield lambda _words: None
        return
    from rich.text import Text

    moving = moving_console()
    console.moving.append(moving)  # messages are printed above its line
    try:
        with moving.status(words) as shown:
            yield lambda words: shown.update(
                Text(visible(words), no_wrap=True, overflow="ellipsis")
            )
    finally:
        console.moving.pop()


@contextmanager
def counter(words: str, min_total: int = 2_000) -> Iterator[Callable[[int, int], None]]:
    """Show "words: 1,000 of 5,000" while this block runs; nothing for totals below `min_total`.
    Yields what takes how many are done, and of how many."""
    with status("") as update:

        def report(done: int, of: int) -> None:
            if of >= min_total:
                update(f"{words}: {done:,} of {of:,}")

        yield report
