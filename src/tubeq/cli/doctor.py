"""What `tubeq doctor` finds out. It only reads: it neither creates nor migrates a database."""

from __future__ import annotations

import platform
import re
import shutil
import sqlite3
import time
from contextlib import closing
from dataclasses import fields
from importlib import metadata
from pathlib import Path
from typing import NamedTuple

from tubeq.cli.render import size
from tubeq.domain.errors import TubeqError
from tubeq.plugins.registry import plugin_types
from tubeq.plugins.youtube.ytdlp_version import installed_version, version_problem
from tubeq.queue.coverage import is_live, types_without_worker
from tubeq.settings import Settings
from tubeq.storage.database_file import SIDE_FILES, access_problem, real_path, side_file
from tubeq.storage.ports.tasks import WorkerInfo
from tubeq.storage.queries import load_queries
from tubeq.storage.sqlite.damage import damage_of, open_read_only
from tubeq.storage.sqlite.file.connection import require_usable_place
from tubeq.storage.sqlite.file.version import MINIMUM, wal_reset_bug
from tubeq.storage.sqlite.maintenance import open_types_from

_ENOUGH_FREE_BYTES = 16_000_000
_CHECK_S = 3.0


class Finding(NamedTuple):
    """One fact; `problem` where it keeps tubeq from working."""

    name: str
    fact: str
    problem: bool = False


def version_of(package: str) -> str | None:
    """The installed version of a distribution, or None."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def findings(settings: Settings) -> list[Finding]:
    """All facts, in the order in which they are worth reading."""
    python = f"{platform.python_version()} ({platform.python_implementation()})"
    ytdlp = installed_version()
    ytdlp_problem = version_problem(ytdlp)
    demo = version_of("cryptography")
    return [
        Finding("tubeq", version_of("tubeq") or "run from its source, not installed"),
        Finding("Python", f"{python} on {platform.system()} {platform.release()}"),
        _sqlite(),
        Finding("yt-dlp", ytdlp_problem or str(ytdlp), problem=ytdlp_problem is not None),
        Finding("task types", ", ".join(plugin_types()) or "none", problem=not plugin_types()),
        Finding("demo", "ready" if demo else "not installed: pip install 'tubeq[demo]'"),
        Finding("durability", str(settings.durability)),
        _settings(settings),
        *_database(settings.db_path),
    ]


def _settings(settings: Settings) -> Finding:
    """What differs from the defaults, as `tubeq.toml` names it; of a proxy only where it is."""
    default, changed = Settings(), []
    for name in (each.name for each in fields(Settings)):
        value = getattr(settings, name)
        if name in ("db_path", "durability") or value == getattr(default, name):
            continue
        if name == "proxy" and "@" in value:
            # The host is behind the last @: a password that is not quoted may hold anything.
            value = "***@" + re.split("[/?#]", value.rpartition("@")[2])[0]
        changed.append(f"{name} = {value:g}" if isinstance(value, float) else f"{name} = {value}")
    return Finding("settings", ", ".join(changed) or "all as they are by default")


def _sqlite() -> Finding:
    version = sqlite3.sqlite_version
    if sqlite3.sqlite_version_info < MINIMUM:
        return Finding("SQLite", f"{version}: too old, install a newer Python", problem=True)
    if wal_reset_bug():
        return Finding(
            "SQLite",
            f"{version}: has the WAL-reset bug (fixed in 3.51.3, 3.50.7 and 3.44.6); tubeq works "
            "around it by moving the log into the database only while it holds the write lock",
        )
    return Finding("SQLite", f"{version}: free of the WAL-reset bug")


def _database(given: Path) -> list[Finding]:
    try:
        path = real_path(given)  # what a link leads to: its folder and its side files count
        require_usable_place(path)
    except TubeqError as error:
        return [Finding("database", str(error), problem=True)]
    found = [Finding("file system", "local"), _space(path.parent)]
    if not path.exists():
        return [Finding("database", f"{path}: not made yet"), *found]
    found.insert(0, Finding("database", f"{path}: {_sizes(path)}"))
    problem = access_problem(path, path)  # what helps there helps its side files as well
    beside = () if problem else (side_file(path, suffix) for suffix in SIDE_FILES)
    problems = (problem, *(access_problem(each, path) for each in beside))
    found += [Finding("permissions", each, problem=True) for each in problems if each]
    try:
        with closing(open_read_only(path)) as file:
            (schema,) = file.execute("PRAGMA user_version").fetchone()
            workers = _workers(file)
    except sqlite3.Error as error:
        return [*found, _unreadable(error)]
    found += [*_journal_mode(path), Finding("schema", str(schema)), *workers, _contents(path)]
    return found


def _journal_mode(path: Path) -> list[Finding]:
    """None where the log's index can be neither read nor made, as on a read-only file system."""
    try:
        # A URI, so that "?" or "#" in the path means nothing; read-only, so that nothing is made.
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as file:
            return [Finding("journal mode", file.execute("PRAGMA journal_mode").fetchone()[0])]
    except sqlite3.Error:
        return []


def _unreadable(error: sqlite3.Error) -> Finding:
    advice = "give another path, or restore a backup with 'tubeq db restore BACKUP'"
    if "locked" in str(error) or "unable to open" in str(error):
        advice = "end the program that has it locked, or check its permissions"
    return Finding("contents", f"cannot be read ({error}): {advice}", problem=True)


def _space(folder: Path) -> Finding:
    free = shutil.disk_usage(folder).free
    if free < _ENOUGH_FREE_BYTES:
        return Finding(
            "free space",
            f"{size(free)}: too little, the log alone grows to some 12 MB; free some on this disk",
            problem=True,
        )
    return Finding("free space", size(free))


def _contents(path: Path) -> Finding:
    """What a check sees within a few seconds."""
    damage = damage_of(path, within_s=_CHECK_S)
    if damage is None:
        return Finding("contents", f"nothing wrong within {_CHECK_S:g} s; `tubeq db check` for all")
    if damage:
        return Finding(
            "contents",
            f"damaged ({damage[0]}): restore a backup with 'tubeq db restore BACKUP'",
            problem=True,
        )
    return Finding("contents", "sound")


def _workers(file: sqlite3.Connection) -> list[Finding]:
    """How many live workers there are, and which types are queued that none of them takes."""
    queries = load_queries("sqlite")
    now = time.time()
    try:
        rows = file.execute(queries["open_types"], {"now": now}).fetchall()
        workers = [WorkerInfo(*row) for row in file.execute(queries["workers"])]
    except sqlite3.Error:  # of an older schema, or no queue
        return []
    live = sum(is_live(each, now) for each in workers)
    unworked = types_without_worker(open_types_from(rows, now), workers)
    none = f"; none takes what is queued of {', '.join(unworked)}" if unworked else ""
    return [Finding("live workers", f"{live}{none}")]


def _sizes(path: Path) -> str:
    log = path.with_name(path.name + "-wal")
    log_size = log.stat().st_size if log.exists() else 0
    return f"{size(path.stat().st_size)}, log {size(log_size)}"
