"""Where tasks are stored. `open_storage` is the only place that chooses a back end.

For a database that is damaged or missing, and so cannot be opened as a queue, there are `diagnose`
and `restore`.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from tubeq.domain.policies import Durability
from tubeq.storage.ports.tasks import Storage

if TYPE_CHECKING:
    from tubeq.domain.clock import Clock
    from tubeq.storage.ports.diagnosis import Diagnosis, Engine
    from tubeq.storage.ports.items import OnProgress
    from tubeq.storage.ports.maintenance import Restored


def open_storage(
    target: str | os.PathLike[str],
    *,
    durability: Durability = Durability.BALANCED,
    busy_timeout_s: float = 30.0,
    clock: Clock | None = None,
    create: bool = True,
    read_only: bool = False,
) -> Storage:
    """Open, and create or migrate where needed, the storage that `target` names.

    Args:
        target: a path to a SQLite file, or ":memory:" for the reference model in this process. The
            path is resolved once: links and the current directory may change afterwards.
        durability: what is on disk when a call returns.
        busy_timeout_s: seconds that a write waits for other writers before it raises StorageBusy.
        clock: the source of time.
        create: whether a file that is not there is created.
        read_only: open one that cannot be written. Whatever would write raises StorageReadOnly;
            items are listed as far as results were folded before.

    Raises:
        InvalidParameters: `target` is not a path: empty, or an address such as "file:queue.db".
        StorageError: a subclass of it; the message says what is wrong with the file and what to do.
    """
    from pathlib import Path

    from tubeq.domain.clock import SystemClock

    clock = clock or SystemClock()
    if str(target) == ":memory:":
        from tubeq.storage.memory.storage import MemoryStorage

        return MemoryStorage(clock=clock)
    from tubeq.storage.database_file import require_path
    from tubeq.storage.sqlite.storage import SQLiteStorage

    require_path(target)  # as it was given: Path("") is the current folder
    return SQLiteStorage(
        Path(target),
        durability=durability,
        busy_timeout_s=busy_timeout_s,
        clock=clock,
        create=create,
        read_only=read_only,
    )


def restore(
    path: str | os.PathLike[str],
    backup: str | os.PathLike[str],
    *,
    force: bool = False,
    progress: OnProgress | None = None,
    clock: Clock | None = None,
) -> Restored:
    """Put a checked copy of a backup in the place of a database that no program has open.

    Args:
        path: the database; it may be missing or damaged.
        backup: the file that `QueueManager.backup` made; it is only read.
        force: restore even while workers run: they are asked to stop.
        progress: called periodically with the number of copied pages and their total.
        clock: the source of time.

    Raises:
        InvalidParameters: there is no such backup, or it is the database itself.
        StorageError: a subclass of it; the database is unchanged.
    """
    from pathlib import Path

    from tubeq.domain.clock import SystemClock
    from tubeq.storage.sqlite.restore import restore as restore_sqlite

    return restore_sqlite(
        Path(path), Path(backup), force=force, progress=progress, clock=clock or SystemClock()
    )


def diagnose(path: str | os.PathLike[str], *, within_s: float | None = None) -> Diagnosis:
    """What reading the database at `path` shows; nothing is created, migrated or changed.

    Args:
        within_s: stop the check for damage after this many seconds: a large file takes a while.

    Raises:
        InvalidParameters: it is not a path.
        StorageError: no database can be kept there; the message says why and what to do.
    """
    from tubeq.storage.sqlite.diagnosis import diagnose as diagnose_sqlite

    return diagnose_sqlite(path, within_s=within_s)


def engine() -> Engine:
    """The library behind file databases: its version, and whether it can be used."""
    from tubeq.storage.sqlite.diagnosis import engine as sqlite_engine

    return sqlite_engine()


__all__ = ["Storage", "diagnose", "engine", "open_storage", "restore"]
