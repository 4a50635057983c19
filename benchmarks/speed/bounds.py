"""What bounds a figure that does not meet its limit, in words, for the tables.

A row that was not met bears the first text whose pattern fits "table: what" (as of file names, so
"*" stands for anything); a row that was met bears none.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from fnmatch import fnmatchcase

from benchmarks.speed.rows import Row

BOUNDS: Mapping[str, str] = {
    "claim: *weighted_random*": "one claim in 64 looks up 128 neighbours for those that follow",
    "claim: *priority*": (
        "tasks of one priority lie far apart: each claim reads and logs pages of its own"
    ),
    "contention: *saturated, tubeq": (
        "every 5 ms the lock is handed on, for two switches of processes and a cold page cache; "
        "longer turns would make the slowest wait longer"
    ),
    "contention: *1 ms of work, tubeq": (
        "the fsync and the last step of a checkpoint hold writers up for 1 to 10 ms"
    ),
    "contention: *full, tubeq": (
        "a claim waits for an fsync that begins after it, so for up to two; 2 cores, one disk"
    ),
    "wake-up: *": (
        "a sleeping machine's cold caches: storing a task takes ten times as long as in a row, and "
        "so does claiming it; the least that a wake-up takes stands in the last row"
    ),
    "scraping: * enriched, *": "yt-dlp's CPU time a video, and its import in each process; 2 cores",
    "scraping: 50 videos of a channel, *": (
        "two syncs of the disk, of the creation and of the completion; and where other work has "
        "the cores, the noise of the scrapes themselves"
    ),
    "listing: first idea *": "the import of yt-dlp and of its extractor, and the first page",
    "lifecycle: *": "what Python does around the statements",
    "bulk: *": "what Python does around the statements, and the checkpoints in between",
    "verb: *": "what Python does around the statement",
}


def explained(row: Row, bounds: Mapping[str, str] = BOUNDS) -> Row:
    """The row, with what bounds it where it was not met and says nothing itself."""
    if row.met or row.note:
        return row
    for pattern, text in bounds.items():
        if fnmatchcase(f"{row.table}: {row.what}", pattern):
            return replace(row, note=text)
    return row
