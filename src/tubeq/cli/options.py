"""What commands have in common: their shared options, and the queue that these open."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tubeq.domain.errors import (
    InvalidParameters,
    StorageError,
    StorageFull,
    StorageReadOnly,
    TaskNotFound,
)
from tubeq.domain.numbers import MAX_EPOCH_S, MAX_SPAN_S, is_number
from tubeq.domain.policies import ClaimStrategy
from tubeq.queue.queue_manager import QueueManager
from tubeq.settings import Settings
from tubeq.storage.database_file import real_path

if TYPE_CHECKING:
    from tubeq.workers.base_worker import WorkerConfig

EXIT_WORK_FAILED = 1
EXIT_BAD_INPUT = 2
EXIT_INTERRUPTED = 130


def database_path(text: str) -> Path:
    """The value of --db.

    Raises:
        InvalidParameters: it is empty, as an unset variable of a script is.
    """
    if not text:
        raise InvalidParameters("--db is empty: name a file, or leave it out for tubeq.db")
    return Path(text)


DatabaseOption = Annotated[
    Path | None,
    typer.Option(
        "--db",
        metavar="PATH",
        parser=database_path,
        help="The database file. (default: tubeq.db)",
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON and nothing else.")]
RawOption = Annotated[
    bool,
    typer.Option(
        "--raw",
        help="In CSV, put no ' before titles, descriptions and channels' names that a spreadsheet "
        "could take for formulas.",
    ),
]

_SPAN = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h|d|w|)")
_UNITS_S = {"ms": 0.001, "": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0, "w": 604_800.0}
MOST = 1_000_000_000
"""The largest number that an option takes which counts things."""
_SHORTEST_PART = 4
_LOOK_BACK = 1000


def read_settings(db_path: Path | None = None, **overrides: Any) -> Settings:
    """The settings, with what the command line says over them; None says nothing."""
    given = {name: value for name, value in overrides.items() if value is not None}
    if db_path is not None:
        given["db_path"] = db_path
    return replace(Settings.read(), **given)


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
        raise InvalidParameters("a queue in memory would end with this command: name a file")
    if not create and not real_path(settings.db_path).exists():
        raise StorageError(
            f"there is no database {settings.db_path}: name one with --db or TUBEQ_DB; "
            "`tubeq scrape` and `tubeq add` make a new one"
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
        return subprocess.list2cmdline([str(path)])
    return shlex.quote(str(path))


def span_s(text: str, *, needs_unit: bool = False) -> float:
    """Seconds from a span of time: "90", "1.5s", "5m", "2h", "7d", "4w".

    Args:
        text: what the user wrote.
        needs_unit: refuse a bare number: what it means is not to be guessed.

    Raises:
        InvalidParameters: it is none.
    """
    match = _SPAN.fullmatch(text.strip().lower())
    if match and needs_unit and not match[2]:
        raise InvalidParameters(
            f"{text!r:.60} of what? name the unit: {match[1]}d are days, {match[1]}h hours, "
            f"{match[1]}w weeks; also m, s"
        )
    if not match:
        raise InvalidParameters(f"{text!r:.60} is no span of time: write 90s, 5m, 2h or 7d")
    seconds = float(match[1]) * _UNITS_S[match[2]]
    if not seconds < MAX_SPAN_S:
        raise InvalidParameters(f"{text!r:.60} is too long a span of time: at most 100000d")
    return seconds


def moment(text: str) -> float:
    """Epoch seconds from an ISO 8601 time; one without an offset is local.

    Raises:
        InvalidParameters: it is none.
    """
    try:
        # Python 3.10 does not read the "Z".
        seconds = datetime.fromisoformat(re.sub("[zZ]$", "+00:00", text.strip())).timestamp()
    except (ValueError, OverflowError, OSError):
        raise InvalidParameters(
            f"{text!r:.60} is no time: write 2027-01-31T08:00, with +02:00 or Z where it is not "
            "local"
        ) from None
    if not is_number(seconds, most=MAX_EPOCH_S):
        raise InvalidParameters(f"{text!r:.60} is too far away: name a time from 1970 to 9999")
    return seconds


def channel_name(text: str) -> str:
    """A channel as items and limits name it: an address, or an escaped handle, stands for the name
    in it; any other text for itself."""
    from tubeq.plugins.youtube.addresses import read

    channel = read(text).channel
    return text if channel is None else channel.path.removeprefix("channel/")


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
            f"{part!r} stands for several tasks, such as {alike[0]} and {alike[1]}: "
            "the last digits of an id tell it apart"
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
