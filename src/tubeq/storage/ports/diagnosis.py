"""What can be found out about a database, and the engine under it, without opening a queue."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from tubeq.storage.ports.tasks import OpenType, WorkerInfo


class Engine(NamedTuple):
    """The library that stores the data.

    Args:
        version: as it reports it.
        is_supported: whether it has what the queue needs.
        has_wal_reset_bug: whether it has the bug https://sqlite.org/wal.html#walresetbug.
    """

    version: str
    is_supported: bool
    has_wal_reset_bug: bool


class Diagnosis(NamedTuple):
    """What reading a database shows, however damaged it is.

    Args:
        path: the file that the given path leads to, every link resolved.
        exists: whether there is a file at all; without one the other fields are empty.
        access_problems: why this user cannot read and write it and its side files, with what helps.
        sizes: of the file and of its write-ahead log, in bytes.
        unreadable: why it cannot be read, in the engine's words; None where it can.
        is_locked: it cannot be read because another program has it locked, or for its permissions.
        schema: the version number of its schema.
        journal_mode: None where the log's index can be neither read nor made.
        open_types: the types of tasks that are not finished.
        workers: the registered workers; None in a schema that has no such table.
        damage: what the engine finds wrong, at most ten lines; empty where nothing is wrong, None
            where the time ran out before anything was found.
    """

    path: Path
    exists: bool = True
    access_problems: tuple[str, ...] = ()
    sizes: tuple[int, int] = (0, 0)
    unreadable: str | None = None
    is_locked: bool = False
    schema: int | None = None
    journal_mode: str | None = None
    open_types: tuple[OpenType, ...] = ()
    workers: tuple[WorkerInfo, ...] | None = None
    damage: tuple[str, ...] | None = None
