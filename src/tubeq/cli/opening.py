"""The settings of a command, and the queue that it opens."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tubeq.domain.errors import (
    InvalidParameters,
    StorageError,
    StorageFull,
    StorageReadOnly,
    TaskNotFound,
)
from tubeq.domain.policies import ClaimStrategy
from tubeq.queue.queue_manager import QueueManager
from tubeq.settings import Settings
from tubeq.storage.database_file import real_path

if TYPE_CHECKING:
    from tubeq.workers.base_worker import WorkerConfig

_SHORTEST_PART = 4
_LOOK_BACK = 1000


def read_settings(db_path: Path | None = None, **overrides: Any) -> Settings:
    """The settings, overridden by what the command line says; None leaves one as it is."""
    given = {name: value for name, value in overrides.items() if value is not None}
    if db_path is not None:
        given["db_path"] = db_path
    return Settings.read()._replace(**given)


def open_queue(settings: Settings, *, create: bool = False, reading: bool = False) -> QueueManager:
    """The queue; only a command that puts something in may make a new file.

    Args:
        settings: which database, and how.
        create: whether there may be none yet.
        reading: the command only looks: where the database cannot be written, it is opened so that
            it need not be.

    Raises:
        InvalidParameters: the path names no file.
        StorageError: there is no such file, or it cannot be used.
    """
    if str(settings.db_path) == ":memory:":
        raise InvalidParameters("an in-memory queue would end with this command: name a file")
    if not create and not real_path(settings.db_path).exists():
        raise StorageError(
            f"no database at {settings.db_path}: name one with --db or TUBEQ_DB, or create "
            "one with `tubeq scrape` or `tubeq add`"
        )
    try:
        return QueueManager(
            settings.db_path,
            durability=settings.durability,
            busy_timeout_s=settings.busy_timeout_s,
            create=create,
        )
    except (StorageReadOnly, StorageFull) as error:
        if not reading:
            raise
        try:
            return open_to_read(settings)
        except StorageError:
            if isinstance(error, StorageFull):
                raise error from None  # to make space is what helps
            raise


def open_to_read(settings: Settings) -> QueueManager:
    """The queue, opened so that nothing is written.

    Raises:
        StorageError: it cannot be read.
    """
    return QueueManager(settings.db_path, busy_timeout_s=settings.busy_timeout_s, read_only=True)


def command_for(settings: Settings, words: str) -> str:
    """The command to type next, with --db only where it is needed."""
    default = settings.db_path == Settings.read().db_path
    return f"tubeq {words}" if default else f"tubeq {words} --db {quoted(settings.db_path)}"


def quoted(path: Path) -> str:
    """The path as this system's shell takes it."""
    if sys.platform == "win32":
        import subprocess

        return subprocess.list2cmdline([str(path)])
    import shlex

    return shlex.quote(str(path))


def full_task_id(queue: QueueManager, part: str) -> str:
    """The id of the one task whose id is, begins with, or ends in `part`.

    Parts are looked up among the newest 1,000 tasks.

    Raises:
        TaskNotFound: no task has it.
        InvalidParameters: several have it.
    """
    try:
        return queue.get_task(part).task_id
    except TaskNotFound:
        if len(part) < _SHORTEST_PART:
            raise
        recent = [task.task_id for task in queue.list_tasks(limit=_LOOK_BACK)]
        alike = [each for each in recent if each.startswith(part) or each.endswith(part)]
        if not alike:
            raise
    if len(alike) > 1:
        raise InvalidParameters(
            f"{part!r} matches several tasks, such as {alike[0]} and {alike[1]}: give more digits, "
            "or the last ones"
        )
    return alike[0]


def worker_config(
    settings: Settings, task_type: str | Sequence[str], strategy: ClaimStrategy = ClaimStrategy.LIFO
) -> WorkerConfig:
    """How the command line's workers work: unlike the library's, they rest before a retry."""
    from tubeq.workers.base_worker import WorkerConfig

    return WorkerConfig(
        task_type=task_type,
        max_retries=settings.max_retries,
        backoff_s=settings.backoff_s,
        lease_s=settings.lease_s,
        strategy=strategy,
        task_timeout_s=settings.task_timeout_s or None,
        breaker_pause_s=settings.breaker_pause_s,
        durability=settings.durability,
        busy_timeout_s=settings.busy_timeout_s,
    )
