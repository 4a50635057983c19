"""Restoring: a backup replaces a database.

All is prepared in a copy in the database's folder, `<database>.restoring`: it is checked, migrated
and made ready. Only then is the database changed: see replace.py.

A restored database must not accept what was claimed before. Its claim tokens continue above all
that were ever issued: above those of the replaced file and of the backup, by a random step.
Neither file may contain the highest, since rows are pruned, and the replaced file may be
unreadable; and the same backup, restored twice, must not issue the same tokens twice.
"""

from __future__ import annotations

import os
import secrets
import socket
import sqlite3
import stat
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from tubeq.domain.clock import Clock
from tubeq.domain.errors import (
    ClaimLost,
    InvalidParameters,
    SchemaMismatch,
    StorageBusy,
    StorageCorrupt,
    StorageError,
)
from tubeq.domain.held_files import retried
from tubeq.domain.policies import Durability
from tubeq.domain.processes import process_exists
from tubeq.storage.database_file import real_path
from tubeq.storage.ports.maintenance import Restored
from tubeq.storage.queries import load_queries
from tubeq.storage.sqlite.diagnosis import open_read_only
from tubeq.storage.sqlite.file.connection import (
    connect_to_existing,
    require_usable_place,
    translate,
    translated,
)
from tubeq.storage.sqlite.file.foreign_log import forget_opened
from tubeq.storage.sqlite.file.lock_file import LockFile
from tubeq.storage.sqlite.file.write_lock import OPEN_BYTE
from tubeq.storage.sqlite.migrate import APPLICATION_ID, SEED_TABLES, is_current, table_names
from tubeq.storage.sqlite.replace import replace_database, sync
from tubeq.storage.sqlite.storage import SQLiteStorage

if TYPE_CHECKING:
    from tubeq.storage.ports.items import OnProgress

_SQL = load_queries("sqlite", "restore")
_SEEN_LATELY_S = 60.0
_CLAIMS = 2**24
"""More than the number of claims of any task between two restores."""
_STEPS = 2**20
_PAGES = 4096
_PATIENCE_S = 10.0
_SQLITE_OK, _SQLITE_DONE = 0, 101
_SIDE_FILES = ("", "-wal", "-shm", "-journal", "-lock")
_WHY = "the database was restored from a backup"


class _Replaced(NamedTuple):
    """What could be read of the file that is to be replaced."""

    highest_token: int
    workers: list[str]


def restore(
    path: Path,
    backup: Path,
    *,
    force: bool = False,
    clock: Clock,
    progress: OnProgress | None = None,
) -> Restored:
    """See tubeq.storage.restore. If the backup has a log (`-wal`), its contents are included. What
    workers of the replaced file still write goes to the file that is kept.

    Raises:
        InvalidParameters: there is no such backup, or it is the database itself.
        StorageBusy: workers live, or others have the database open.
        SchemaMismatch: the backup is newer than this program, or of another one.
        StorageCorrupt: the backup is damaged.
        StorageError: another subclass of it. With any error, the database is unchanged.
    """
    path = real_path(path)
    _require_places(path, backup)
    replaced = _look_at(path, clock.now())
    if replaced.workers and not force:
        some = ", ".join(replaced.workers[:3]) + (", ..." if len(replaced.workers) > 3 else "")
        raise StorageBusy(
            f"{path} has live workers ({some}): end them with 'tubeq stop', or give --force"
        )
    copy = path.with_name(f"{path.name}.restoring")
    with _only_one(path) as locks, _scratch(copy):
        with translated(path):
            os.close(os.open(copy, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        with _said_of(copy, backup, path):
            schema = _copy(backup, copy, progress)
            restored = _make_ready(copy, replaced.highest_token, clock)
        _take_after(copy, path)
        if replaced.workers:
            _ask_to_stop(path)
        kept = replace_database(path, copy, force=force)
        forget_opened(locks, path)
        return restored._replace(schema_before=schema, kept=kept)


# The two files --------------------------------------------------------------------------------


def _require_places(path: Path, backup: Path) -> None:
    require_usable_place(path)
    if not backup.is_file():
        raise InvalidParameters(f"{backup} is not a file: name a backup")
    if path.exists() and backup.samefile(path):
        raise InvalidParameters(f"{backup} is the database itself: name a backup of it")


def _look_at(path: Path, now: float) -> _Replaced:
    """What the file that is replaced holds, as far as it can be read.

    Raises:
        SchemaMismatch: it belongs to another program.
        StorageBusy: it cannot be read because of others' locks.
    """
    highest, workers = 0, []
    if not path.exists():
        return _Replaced(0, [])
    try:
        with closing(open_read_only(path)) as file:
            if not _is_ours(file) and table_names(file):
                raise SchemaMismatch(
                    f"{path} belongs to another program (it has the tables "
                    f"{', '.join(sorted(table_names(file)))}): give another path with --db"
                )
            workers = [
                worker_id
                for worker_id, host, pid, last_seen in file.execute(_SQL["registered_workers"])
                if now - last_seen < _SEEN_LATELY_S
                and (host != socket.gethostname() or process_exists(pid))
            ]
            (highest,) = file.execute(_SQL["highest_token"]).fetchone()
    except sqlite3.Error as error:
        meaning = translate(error, path)
        if isinstance(meaning, StorageBusy):
            raise meaning from error
        # Damaged, or of an early schema: the step above the backup's own tokens has to suffice.
    return _Replaced(highest, workers)


def _is_ours(file: sqlite3.Connection) -> bool:
    application: int = file.execute(_SQL["application_id"]).fetchone()[0]
    return application == APPLICATION_ID or table_names(file) >= SEED_TABLES


@contextmanager
def _only_one(path: Path) -> Iterator[LockFile]:
    """Keeps other restores away, and processes that would make or migrate the database."""
    with (
        translated(path),
        closing(LockFile(Path(f"{path}-lock"), path if path.exists() else None)) as locks,
    ):
        deadline = time.monotonic() + _PATIENCE_S
        while not locks.try_lock(OPEN_BYTE):
            if time.monotonic() > deadline:
                raise StorageBusy(f"{path} is being restored or migrated by another process")
            time.sleep(0.05)
        yield locks


@contextmanager
def _scratch(copy: Path) -> Iterator[None]:
    """Remove the copy: one that an earlier, killed restore left, and this one."""
    remove = [Path(f"{copy}{end}") for end in _SIDE_FILES]
    try:
        with translated(copy):
            for each in remove:
                retried(partial(each.unlink, missing_ok=True), each)
        yield
    finally:
        for each in remove:
            with suppress(OSError):
                each.unlink(missing_ok=True)


# The copy -----------------------------------------------------------------------------------------


@contextmanager
def _said_of(copy: Path, backup: Path, path: Path) -> Iterator[None]:
    """Report errors of the copy as errors of the backup, or of the disk that it is on."""
    try:
        with translated(backup):
            yield
    except StorageCorrupt as error:
        raise _damaged(backup, error.__cause__ or error) from error
    except SchemaMismatch as error:
        raise SchemaMismatch(str(error).replace(str(copy), str(backup))) from error
    except StorageError as error:
        text = str(error).replace(str(copy), str(path))
        raise type(error)(f"{text}; nothing was changed") from error


def _damaged(backup: Path, what: object) -> StorageCorrupt:
    return StorageCorrupt(
        f"{backup} is not a backup, or damaged ({what}): restore another one; nothing was changed"
    )


def _copy(backup: Path, copy: Path, progress: OnProgress | None) -> int:
    """Copy the backup, with the contents of its log; its schema's version."""
    stuck_since: float | None = None

    def tell(status: int, remaining: int, total: int) -> None:
        nonlocal stuck_since
        if status in (_SQLITE_OK, _SQLITE_DONE):
            stuck_since = None
        elif stuck_since is None:
            stuck_since = time.monotonic()
        elif time.monotonic() - stuck_since > _PATIENCE_S:
            raise StorageBusy(f"{backup} is locked by another program: end that first")
        if progress:
            progress(total - remaining, total)

    with ExitStack() as files:
        source = files.enter_context(closing(open_read_only(backup)))
        if not _is_ours(source):
            raise SchemaMismatch(f"{backup} holds no tasks of tubeq: it is not a backup")
        schema: int = source.execute("PRAGMA user_version").fetchone()[0]
        is_current(source, backup)
        target = files.enter_context(closing(sqlite3.connect(copy)))
        source.backup(target, pages=_PAGES, progress=tell, sleep=0.05)
    return schema


def _make_ready(copy: Path, highest_token: int, clock: Clock) -> Restored:
    """Check and migrate the copy, and end all claims, slots and workers in it."""
    with closing(SQLiteStorage(copy, durability=Durability.FAST, clock=clock)) as storage:
        damage = storage.maintenance.damage()
        if damage:
            raise StorageCorrupt(damage[0])
        released = 0
        for (task_id,) in storage._session.read(_SQL["held"]):
            with suppress(ClaimLost):  # a row without a lease has no holder: `check` names it
                storage.release(storage.get(task_id), why=_WHY)
                released += 1
        with storage._session.write(durable=False) as session:
            (own,) = session.execute(_SQL["highest_token"]).fetchone()
            step = _CLAIMS * (1 + secrets.randbelow(_STEPS))
            token = max(own, highest_token) + step
            session.execute(_SQL["raise_tokens"], {"token": token})
            for name in ("forget_workers", "forget_slots", "forget_probes"):
                session.execute(_SQL[name])
        (tasks,) = storage._session.read(_SQL["count_tasks"])[0]
        return Restored(tasks, released, 0, None, storage.maintenance.broken_rules())


def _take_after(copy: Path, path: Path) -> None:
    """Give the copy the mode, owner and group of the file that it replaces, and sync it."""
    with translated(path):
        if Path(f"{copy}-wal").exists():
            raise StorageError(f"{copy} is open in another program: end that first")
        if path.exists() and sys.platform != "win32":
            like = path.stat()
            with suppress(PermissionError):
                os.chown(copy, -1, like.st_gid)
                os.chown(copy, like.st_uid, -1)
            if copy.stat().st_gid == like.st_gid:  # else its mode would admit another group
                copy.chmod(stat.S_IMODE(like.st_mode))
        sync(copy, os.O_RDWR)


def _ask_to_stop(path: Path) -> None:
    """Ask the workers of the file that is about to be replaced to end."""
    with suppress(sqlite3.Error), closing(connect_to_existing(path, "mode=rw", 2.0)) as file:
        file.execute(_SQL["request_stop"])
