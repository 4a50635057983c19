"""Changes planted into copies of the package, so that the gate's own errors can be counted.

A plant edits the text of a copied package. It must apply: where the sources have changed, it raises
an error rather than plant nothing. Slow-downs are a share of the time of the call itself, by
spinning, so the share is the same on every machine.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

from benchmarks.common.project import project
from benchmarks.proving.proof import template_of

_MANAGER = ("queue/queue_manager.py",)
_CLAIMS = ("storage/sqlite/claims.py", "storage/sqlite_claims.py")
_STORAGE = ("storage/sqlite/storage.py", "storage/sqlite.py")
_SESSION = ("storage/sqlite/file/session.py", "storage/session.py")
_ROWS = ("storage/sqlite/rows.py", "storage/sqlite_rows.py")
_WRITE_LOCK = ("storage/sqlite/file/write_lock.py", "storage/write_lock.py")
_ERRORS = ("domain/errors.py",)
_SCHEMA = ("storage/sqlite/sql/schema.sql", "storage/sql/sqlite/schema.sql")
_INITIAL = tuple(f"{Path(name).parent.as_posix()}/migrations/0001_initial.sql" for name in _SCHEMA)
"""Paths of modules, by all names that they have had, newest first."""
Apply = Callable[[Path, int], None]
"""Edits a package folder; the number varies the change, where possible."""


class PlantDoesNotApply(Exception):
    """The sources are not what the plant was written for."""


class Plant(NamedTuple):
    """A change, whether the gate must find it, and the workloads that it is measured with."""

    name: str
    is_change: bool
    apply: Apply
    workloads: tuple[str, ...] = ("claim-lifo-1e3", "lifecycle")


def plant(source: Path, target: Path, change: Plant | None, number: int = 0) -> Path:
    """Copy a repository's sources to `target`, replacing its contents; apply a change to them.

    Raises:
        PlantDoesNotApply: it does not fit the sources.
    """
    shutil.rmtree(target, ignore_errors=True)
    ignored = shutil.ignore_patterns("__pycache__", "*.pyc")
    sources = Path(project().source).parts[0]
    shutil.copytree(source / sources, target / sources, ignore=ignored)
    for each in ("pyproject.toml", "README.md", "LICENSE"):
        if (source / each).exists():
            shutil.copy2(source / each, target)
    if change is not None:
        change.apply(target / project().source, number)
    return target


def module_path(package: Path, names: tuple[str, ...]) -> Path:
    """The path of the module, by the newest of its names that exists."""
    for name in names:
        if (package / name).is_file():
            return package / name
    raise PlantDoesNotApply(f"there is no {' or '.join(names)} in {package.name}")


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8", newline="\n")


def _edit(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    if text.count(old) != 1:
        raise PlantDoesNotApply(f"{path.name} has {old!r} {text.count(old)} times, not once")
    _write(path, text.replace(old, new))


def _edited(old: str, new: str, *modules: tuple[str, ...]) -> Apply:
    """Replaces a string that occurs once in each of the modules."""

    def apply(package: Path, _number: int) -> None:
        for names in modules:
            _edit(module_path(package, names), old, new)

    return apply


def _appended(names: tuple[str, ...], template: str, *needed: str, **filled: object) -> Apply:
    """Appends the code of a template to a module that has what the code needs."""
    added = template_of(template).format(**filled)

    def apply(package: Path, _number: int) -> None:
        path = module_path(package, names)
        text = path.read_text(encoding="utf-8")
        for each in needed:
            if each not in text:
                raise PlantDoesNotApply(f"{path.name} has no {each!r} any more")
        _write(path, f"{text}\n\n\n{added}")

    return apply


# Changes that change nothing ----------------------------------------------------------------------


def _comment(package: Path, number: int) -> None:
    files = (_STORAGE, _CLAIMS, _MANAGER, _SESSION, _ERRORS)
    imports = "from __future__ import annotations\n"
    remarks = "".join(f"# A remark, the {each + 1}th of them.\n" for each in range(1 + number % 7))
    _edit(module_path(package, files[number % len(files)]), imports, f"{imports}\n{remarks}")


def _renamed_file(package: Path, number: int) -> None:
    old = module_path(package, (_ROWS, _WRITE_LOCK, _CLAIMS)[number % 3])
    new = old.rename(old.with_stem(f"{old.stem}_moved"))
    before, after = (
        ".".join((package.name, *path.relative_to(package).with_suffix("").parts))
        for path in (old, new)
    )
    for path in package.rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        _write(path, re.sub(rf"\b{re.escape(before)}\b", after, text))


# Changes that cost --------------------------------------------------------------------------------

_VERBS = ("create_task", "claim_next_task", "start_task", "complete_task")


def _slowed(share: float, every: int) -> Apply:
    """Every n-th call of the verbs takes longer by that share of its time."""
    needed = ("class QueueManager", *(f"    def {verb}(" for verb in _VERBS))
    return _appended(_MANAGER, "slowed", *needed, share=share, every=every, verbs=_VERBS)


_INDEX = "CREATE INDEX task_queue_open ON task_queue (queue_key) WHERE queue_key IS NOT NULL;"
_CLAIM = '    checked_span("lease_s", lease_s, above_zero=True)\n    return ClaimRequest('
_LOOP = "    for _ in range(4):\n        pass\n"
NO_CHANGE = (
    Plant("comment-only", False, _comment),
    Plant("renamed-file", False, _renamed_file),
    Plant("other-directory", False, lambda _package, _number: None),
)
PLANTED = (
    Plant("uniform-10-percent", True, _slowed(0.10, 1)),
    Plant("tail-1-in-12-doubled", True, _slowed(1.0, 12)),
    Plant("throughput-pause-1-in-50", True, _slowed(5.0, 50)),
    # It makes the lifecycle of one task in an empty queue slower, not quicker.
    Plant("index-dropped", True, _edited(_INDEX, "", _SCHEMA, _INITIAL), ("claim-lifo-1e3",)),
    Plant("extra-commit-a-claim", True, _appended(
        _STORAGE, "extra_commit", "class SQLiteStorage", "self._session.write(durable=",
        "    def claim(self, request: ClaimRequest, limit: int = 1)",
    )),
    Plant("extra-query-a-claim", True, _appended(
        _CLAIMS, "extra_query", "class Claimer:", '_SQL = load_queries("sqlite")',
        "    def claim_at_once(\n        self, session: Session, request",
    )),
)  # fmt: skip
INSTRUCTIONS = Plant("instructions-1-percent", True,
                     _edited(_CLAIM, _LOOP + _CLAIM, _MANAGER), ("claim-lifo-1e3",))  # fmt: skip
"""About 1 % more instructions a claim: too little for a clock."""
PLANTS: Mapping[str, Plant] = {each.name: each for each in (*NO_CHANGE, *PLANTED, INSTRUCTIONS)}
