"""Changes planted into copies of the package, so that the gate's own errors can be counted.

A plant edits the text of a copied package. It must apply: where the sources have moved on, it
raises rather than plant nothing. Slow-downs are shares of what the call itself took, by spinning,
so they are the same share on every machine.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from benchmarks.common.project import project

_MANAGER = ("queue/queue_manager.py",)
_CLAIMS = ("storage/sqlite/claims.py", "storage/sqlite_claims.py")
_STORAGE = ("storage/sqlite/storage.py", "storage/sqlite.py")
_SESSION = ("storage/sqlite/file/session.py", "storage/session.py")
_ROWS = ("storage/sqlite/rows.py", "storage/sqlite_rows.py")
_WRITE_LOCK = ("storage/sqlite/file/write_lock.py", "storage/write_lock.py")
_MODELS = ("domain/models.py",)
"""Where a module is, by the names that it has had, newest first."""
_LOOP = 4
"""Turns of an empty loop that are about 1 % of a claim's instructions."""


class PlantDoesNotApply(Exception):
    """The sources are not what the plant was written for."""


@dataclass(frozen=True)
class Plant:
    """One change.

    Args:
        name: lower case, parts joined by '-'.
        is_change: whether the gate has to find it.
        apply: edits a package folder; the number varies it.
        workloads: those that it makes slower, or leaves alone. The index of open tasks makes the
            lifecycle of one task in an empty queue slower, not quicker.
    """

    name: str
    is_change: bool
    apply: Callable[[Path, int], None]
    workloads: tuple[str, ...] = ("claim-lifo-1e3", "lifecycle")


def plant(source: Path, target: Path, change: Plant | None, number: int = 0) -> Path:
    """Copy a tree's sources and apply a change to the copy.

    Args:
        source: a tree of the repository.
        target: a folder that is made anew.
        change: None for a plain copy.
        number: varies the change, where it can be.

    Returns:
        The target.

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
    """The module by the newest of its names that there is."""
    for name in names:
        if (package / name).is_file():
            return package / name
    raise PlantDoesNotApply(f"there is no {' or '.join(names)} in {package.name}")


def _edit(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    if text.count(old) != 1:
        raise PlantDoesNotApply(f"{path.name} has {old!r} {text.count(old)} times, not once")
    path.write_text(text.replace(old, new), encoding="utf-8", newline="\n")


def _append(path: Path, needed: tuple[str, ...], text: str) -> None:
    present = path.read_text(encoding="utf-8")
    for each in needed:
        if each not in present:
            raise PlantDoesNotApply(f"{path.name} has no {each!r} any more")
    path.write_text(present + "\n\n" + text, encoding="utf-8", newline="\n")


# Changes that change nothing ----------------------------------------------------------------------


def _comment(package: Path, number: int) -> None:
    files = (_STORAGE, _CLAIMS, _MANAGER, _SESSION, _MODELS)
    path = module_path(package, files[number % len(files)])
    imports = "from __future__ import annotations\n"
    remarks = "".join(f"# A remark, the {each + 1}th of them.\n" for each in range(1 + number % 7))
    _edit(path, imports, imports + "\n" + remarks)


def _renamed_file(package: Path, number: int) -> None:
    old = module_path(package, (_ROWS, _WRITE_LOCK, _CLAIMS)[number % 3])
    new = old.with_stem(f"{old.stem}_moved")
    old.rename(new)
    dotted = [
        ".".join((package.name, *path.relative_to(package).with_suffix("").parts))
        for path in (old, new)
    ]
    for path in package.rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        moved = re.sub(rf"\b{re.escape(dotted[0])}\b", dotted[1], text)
        if moved != text:
            path.write_text(moved, encoding="utf-8", newline="\n")


def _nothing(_package: Path, _number: int) -> None:
    """The same files: what differs is the folder that they are in."""


# Changes that cost --------------------------------------------------------------------------------

_SPIN = """
import itertools as _itertools
from functools import wraps as _wraps
from time import perf_counter as _perf_counter


def _slowed(call, share, every):
    turns = _itertools.count(1)

    @_wraps(call)
    def slowed(*args, **kwargs):
        if next(turns) % every:
            return call(*args, **kwargs)
        began = _perf_counter()
        answer = call(*args, **kwargs)
        took = _perf_counter() - began
        until = began + took * (1 + share)
        while _perf_counter() < until:
            pass
        return answer

    return slowed


for _verb in ("create_task", "claim_next_task", "start_task", "complete_task"):
    setattr(QueueManager, _verb, _slowed(getattr(QueueManager, _verb), {share}, {every}))
"""


def _slowed(share: float, every: int) -> Callable[[Path, int], None]:
    """Every so many-th call of the verbs takes longer by that share of itself."""

    def apply(package: Path, _number: int) -> None:
        verbs = ("create_task", "claim_next_task", "start_task", "complete_task")
        needed = tuple(f"    def {verb}(" for verb in verbs)
        text = _SPIN.replace("{share}", str(share)).replace("{every}", str(every))
        _append(module_path(package, _MANAGER), ("class QueueManager(", *needed), text)

    return apply


def _dropped_index(package: Path, _number: int) -> None:
    statement = (
        "CREATE INDEX task_queue_open ON task_queue (queue_key) WHERE queue_key IS NOT NULL;"
    )
    sql = package / "storage" / "sql" / "sqlite"
    for path in (sql / "schema.sql", sql / "migrations" / "0001_initial.sql"):
        _edit(path, statement, "")


def _extra_commit(package: Path, _number: int) -> None:
    text = """
_claim = SQLiteStorage.claim


def _claim_and_commit(self, request, limit=1):
    claimed = _claim(self, request, limit)
    for task in claimed:
        with self._session.write(durable=False) as session:
            session.execute(
                "UPDATE task_queue SET last_heartbeat = ? + 0.001 WHERE id = ?",
                (task.last_heartbeat, task.row_id),
            )
    return claimed


SQLiteStorage.claim = _claim_and_commit
"""
    needed = (
        "class SQLiteStorage",
        "    def claim(self, request: ClaimRequest, limit: int = 1)",
        "self._session.write(durable=",
    )
    _append(module_path(package, _STORAGE), needed, text)


def _extra_query(package: Path, _number: int) -> None:
    text = """
_claim = Claimer.claim_at_once


def _claim_and_look(self, session, request, *, durable):
    claimed = _claim(self, session, request, durable=durable)
    if claimed is not None:
        session.read(_SQL["get_task"], (claimed.task_id,))
    return claimed


Claimer.claim_at_once = _claim_and_look
"""
    needed = (
        "class Claimer:",
        "    def claim_at_once(\n        self, session: Session, request: ClaimRequest, *, durable",
        '_SQL = load_queries("sqlite")',
    )
    _append(module_path(package, _CLAIMS), needed, text)


def _more_instructions(package: Path, _number: int) -> None:
    line = "        request = ClaimRequest(task_type, worker_id, strategy, lease_s)\n"
    loop = f"        for _ in range({_LOOP}):\n            pass\n"
    _edit(module_path(package, _MANAGER), line, loop + line)


NO_CHANGE = (
    Plant("comment-only", False, _comment),
    Plant("renamed-file", False, _renamed_file),
    Plant("other-directory", False, _nothing),
)
PLANTED = (
    Plant("uniform-10-percent", True, _slowed(0.10, 1)),
    Plant("tail-1-in-12-doubled", True, _slowed(1.0, 12)),
    Plant("throughput-pause-1-in-50", True, _slowed(5.0, 50)),
    Plant("index-dropped", True, _dropped_index, ("claim-lifo-1e3",)),
    Plant("extra-commit-a-claim", True, _extra_commit),
    Plant("extra-query-a-claim", True, _extra_query),
)
INSTRUCTIONS = Plant("instructions-1-percent", True, _more_instructions, ("claim-lifo-1e3",))
"""About 1 % more instructions a claim: too little for a clock."""
PLANTS: Mapping[str, Plant] = {each.name: each for each in (*NO_CHANGE, *PLANTED, INSTRUCTIONS)}
