"""`tubeq doctor`: what tubeq runs on here, and whether the database can be used."""

from __future__ import annotations

import platform
import re
import shutil
import time
from argparse import Namespace
from importlib import metadata
from pathlib import Path
from typing import NamedTuple

from tubeq.cli.console import answer
from tubeq.cli.exit_codes import EXIT_BAD_INPUT
from tubeq.cli.opening import read_settings
from tubeq.cli.options import COMMON
from tubeq.cli.parser import command
from tubeq.cli.tables import Sheet, safe
from tubeq.cli.words import size
from tubeq.domain.errors import TubeqError
from tubeq.plugins.registry import plugin_types
from tubeq.plugins.youtube.ytdlp_version import installed_version, version_problem
from tubeq.queue.coverage import is_live, types_without_worker
from tubeq.settings import Settings
from tubeq.storage import diagnose, engine
from tubeq.storage.ports.diagnosis import Diagnosis
from tubeq.storage.ports.tasks import WorkerInfo

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
    types = plugin_types()
    demo = version_of("cryptography")
    return [
        Finding("tubeq", version_of("tubeq") or "run from source, not installed"),
        Finding("Python", f"{python} on {platform.system()} {platform.release()}"),
        _sqlite(),
        Finding("yt-dlp", ytdlp_problem or str(ytdlp), ytdlp_problem is not None),
        Finding("task types", ", ".join(types) or "none", not types),
        Finding("demo", "ready" if demo else "not installed: pip install 'tubeq[demo]'"),
        Finding("durability", str(settings.durability)),
        _settings(settings),
        *_database(settings.db_path),
    ]


def _settings(settings: Settings) -> Finding:
    """What differs from the defaults, as `tubeq.toml` names it; of a proxy only its address."""
    changed = []
    for name, value, default in zip(Settings._fields, settings, Settings()):
        if name in ("db_path", "durability") or value == default:
            continue
        shown = f"{value:g}" if isinstance(value, float) else str(value)
        if name == "proxy" and "@" in shown:
            # The host is behind the last @: a password that is not quoted may hold anything.
            shown = "***@" + re.split("[/?#]", shown.rpartition("@")[2])[0]
        changed.append(f"{name} = {shown}")
    return Finding("settings", ", ".join(changed) or "all defaults")


def _sqlite() -> Finding:
    found = engine()
    if not found.is_supported:
        return Finding("SQLite", f"{found.version}: too old, install a newer Python", problem=True)
    bug = "without the WAL-reset bug"
    if found.has_wal_reset_bug:
        bug = (
            "has the WAL-reset bug (fixed in 3.51.3, 3.50.7 and 3.44.6); tubeq avoids it by "
            "checkpointing only while it holds the write lock"
        )
    return Finding("SQLite", f"{found.version}: {bug}")


def _database(path: Path) -> list[Finding]:
    try:
        diagnosis = diagnose(path, within_s=_CHECK_S)
    except TubeqError as error:
        return [Finding("database", str(error), problem=True)]
    file, log = map(size, diagnosis.sizes)
    state = f"{file}, log {log}" if diagnosis.exists else "not created yet"
    found = [
        Finding("database", f"{diagnosis.path}: {state}"),
        Finding("file system", "local"),
        _space(diagnosis.path.parent),
        *(Finding("permissions", each, problem=True) for each in diagnosis.access_problems),
    ]
    if diagnosis.journal_mode is not None:
        found.append(Finding("journal mode", diagnosis.journal_mode))
    if diagnosis.schema is not None:
        found.append(Finding("schema", str(diagnosis.schema)))
    if diagnosis.workers is not None:
        found.append(_live_workers(diagnosis, diagnosis.workers))
    return [*found, _contents(diagnosis)] if diagnosis.exists else found


def _space(folder: Path) -> Finding:
    free = shutil.disk_usage(folder).free
    if free >= _ENOUGH_FREE_BYTES:
        return Finding("free space", size(free))
    advice = "too little, as the log grows to about 12 MB; free some on this disk"
    return Finding("free space", f"{size(free)}: {advice}", problem=True)


def _live_workers(diagnosis: Diagnosis, workers: tuple[WorkerInfo, ...]) -> Finding:
    """How many live workers there are, and which types are queued that none of them takes."""
    now = time.time()
    live = sum(is_live(each, now) for each in workers)
    unworked = types_without_worker(diagnosis.open_types, workers)
    none = f"; none takes the queued tasks of {', '.join(unworked)}" if unworked else ""
    return Finding("live workers", f"{live}{none}")


def _contents(diagnosis: Diagnosis) -> Finding:
    """What a check finds within a few seconds."""
    restore = "restore a backup with 'tubeq db restore BACKUP'"
    if diagnosis.unreadable is not None:
        advice = f"give another path, or {restore}"
        if diagnosis.is_locked:
            advice = "end the program that locks it, or check its permissions"
        problem = f"cannot be read ({diagnosis.unreadable}): {advice}"
    elif diagnosis.damage:
        problem = f"damaged ({diagnosis.damage[0]}): {restore}"
    else:
        partly = f" within {_CHECK_S:g} s; `tubeq db check` checks everything"
        return Finding("contents", f"no problems found{partly if diagnosis.damage is None else ''}")
    return Finding("contents", problem, problem=True)


@command(*COMMON)
def doctor(given: Namespace) -> None:
    """Report the environment, and any problems.

    It only reads: it neither creates nor migrates a database.
    """
    found = findings(read_settings(given))
    facts = [(each.name, safe(each.fact, "red" if each.problem else "")) for each in found]
    answer(given, found, Sheet(facts))
    if any(finding.problem for finding in found):
        raise SystemExit(EXIT_BAD_INPUT)
