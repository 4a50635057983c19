"""What bounds a figure that does not meet its limit, in words, for the tables.

A row that was not met bears the first text whose pattern fits "table: what" (as of file names, so
"*" stands for anything), behind whatever it says itself; a row that was met bears none.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from fnmatch import fnmatchcase

from benchmarks.speed.rows import Row

_IN_TURN = (
    "every 5 ms the lock is handed on, for two switches of processes and a cold page cache; "
    "longer turns would make the slowest wait longer"
)
BOUNDS: Mapping[str, str] = {
    "claim: *weighted_random*": (
        "one claim in 64 looks up 128 neighbours for those that follow, and these lie on some 20 "
        "pages, each read and logged anew"
    ),
    "claim: *priority*": (
        "tasks of one priority lie far apart: each claim reads and logs pages of its own"
    ),
    "claim by depth: *": (
        "the depths are measured minutes apart here, on a machine that is not as quick in every "
        "minute; the table of claims below measures them turn and turn about"
    ),
    "claim: *": "what Python does around the statement, about a fifth of it",
    "contention: *saturated, tubeq": _IN_TURN,
    "saturated, beside peers: *": _IN_TURN,
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
    "whole lifecycle: *": (
        "it logs twice as many pages as the floor (an id, a token, a lease, a history, a result); "
        "half as much again as the best peer does is about what three bare transactions of the "
        "smallest table do from Python"
    ),
    "whole lifecycle, in batches of 100: *": (
        "a result and a fenced completion for each task, which the best peer does not write, and "
        "what Python does for each"
    ),
    "lifecycle: *": "what Python does around the statements",
    "worker: *": (
        "what Python does around the two transactions; the floor, two bare ones on the same "
        "tables, stands beside it"
    ),
    "start-up: *": "the standard library's modules that it needs, and its own many small classes",
    "bulk: *": "what Python does around the statements, and the checkpoints in between",
    "verb: *": "what Python does around the statement",
}


def explained(row: Row, bounds: Mapping[str, str] = BOUNDS) -> Row:
    """The row, with what bounds it where it was not met."""
    if row.met:
        return row
    for pattern, text in bounds.items():
        if fnmatchcase(f"{row.table}: {row.what}", pattern):
            return replace(row, note="; ".join(filter(None, (row.note, text))))
    return row
