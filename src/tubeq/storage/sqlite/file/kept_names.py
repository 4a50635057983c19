"""The names under which `restore` keeps a database that it replaced."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count, takewhile
from pathlib import Path


def kept_names(path: Path) -> Iterator[Path]:
    """An endless sequence of names."""
    first = path.with_name(f"{path.name}.before-restore")
    yield first
    for number in count(2):
        yield first.with_name(f"{first.name}-{number}")


def count_own_links(path: Path) -> int:
    """How many of these names lead to the database itself: one where a restore was killed between
    two steps. No process has it open under that name, so unlike other hard links it does no
    harm."""
    names = takewhile(Path.exists, kept_names(path))
    return sum(kept.samefile(path) for kept in names)
