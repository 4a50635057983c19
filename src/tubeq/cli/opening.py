"""The settings of a command, and the queue that it opens."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tubeq.domain.errors import (
    InvalidParameters,
    StorageError,
    StorageFull,
    StorageReadOnly,
    TaskNotFound,
)
from tubeq.domain.policies import ClaimStrategy
from tubeq.queue.queue_manager import QueueManager
from tubeq.queue.validation import checked_path
from tubeq.settings import Settings

if TYPE_CHECKING:
    from tubeq.workers.base_worker import WorkerConfig

_SHORTEST_PART = 4
_LOOK_BACK = 1000


def read_settings(given: Namespace) -> Settings:
    """The settings; an option whose argument is named like one overrides it."""
    options = vars(given).items()
    overrides = {
        name: value for name, value in options if name in Settings._fields and value is not None
    }
    return Settings.read()._replace(**overrides)


def open_queue(settings: Settings, *, create: bool = False, reading: bool = False) -> QueueManager:
    """The queue; only a command that adds something may create the file.

    Args:
        create: whether the file may be missing.
        reading: the command only reads: a database that cannot be written is opened read-only.

    Raises:
        InvalidParameters: the path is not that of a file.
        StorageError: there is no such file, or it cannot be used.
    """
    if str(settings.db_path) == ":memory:":
        raise InvalidParameters("an in-memory queue would end with this command: name a file")
    if not create and not checked_path(settings.db_path).exists():
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
                raise error from None  # which says how to make space
            raise


def open_to_read(settings: Settings) -> QueueManager:
    """The queue, opened read-only.

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
            f"{part!r} matches several tasks, such as {alike[0]} and {alike[1]}: give more digits"
        )
    return alike[0]


def worker_config(
    settings: Settings, task_type: str | Sequence[str], strategy: ClaimStrategy = ClaimStrategy.LIFO
) -> WorkerConfig:
    """The configuration of the command line's workers: unlike the library's, they wait before a
    retry."""
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
