"""How fast the queue is: each figure that it is held to, beside its limit and its floor.

A group is a module of this package whose `measure(quick, folder)` yields rows. The floor is bare
SQLite, by the standard library's sqlite3: same settings, same durability, turn and turn about,
in one run. Absolute times are the machine's; the ratios carry over.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from importlib import import_module
from pathlib import Path

from benchmarks.speed.bounds import explained
from benchmarks.speed.rows import Row, as_markdown

GROUPS = {
    "claims": "one claim, by depth and strategy",
    "verbs": "enqueue, complete, whole lifecycles, bulk",
    "worker": "a worker whose plugin does nothing",
    "contention": "many processes on one file",
    "wake": "waking an idle worker in another process",
    "start_up": "imports and memory",
    "scraping": "real yt-dlp: the queue's share of a scrape, enriching, a listing",
    "ten_million": "ten million tasks created, worked and pruned",
    "long_listing": "a channel of fifty thousand videos, listed",
}
BIG = ("ten_million", "long_listing")
"""Groups of many minutes: measured only where they are named."""


def measure_all(quick: bool, big: bool = False, only: Sequence[str] = ()) -> Iterator[Row]:
    """Measure group after group, in temporary folders.

    Args:
        quick: small queues and short runs: a check of the measuring, not of the figures.
        big: also the groups of many minutes.
        only: these groups and no others.

    Raises:
        ValueError: there is no such group.
        RuntimeError: a floor or the queue did not do its work, or the disk is too small.
    """
    for name in only:
        if name not in GROUPS:
            raise ValueError(f"there is no group {name!r}: choose from {', '.join(GROUPS)}")
    chosen = list(only) or [name for name in GROUPS if big or name not in BIG]
    for name in chosen:
        # Imported when its turn comes: a process that counts syncs must import tubeq itself.
        group = import_module(f"{__name__}.{name}")
        with tempfile.TemporaryDirectory(prefix="tubeq-speed-") as folder:
            yield from map(explained, group.measure(quick, Path(folder)))


__all__ = ["BIG", "GROUPS", "Row", "as_markdown", "measure_all"]
