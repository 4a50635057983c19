"""What keeps a SQLite queue in order, and the register of its workers."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tubeq.domain.clock import Clock, from_timestamp, to_timestamp
from tubeq.domain.models import QueueStats
from tubeq.domain.states import TaskStatus
from tubeq.storage.ports.tasks import OpenType, PruneCount, WorkerInfo
from tubeq.storage.queries import load_queries
from tubeq.storage.sqlite.backup import back_up
from tubeq.storage.sqlite.children import SQLiteChildren
from tubeq.storage.sqlite.file.session import Session
from tubeq.storage.sqlite.prune import preview, prune

if TYPE_CHECKING:
    from tubeq.storage.ports.items import OnProgress
    from tubeq.storage.sqlite.items import SQLiteItems
    from tubeq.storage.sqlite.legacy_import import Imported

_SQL = load_queries("sqlite")


class Housekeeping:
    """The verbs that look at, clean, check and copy the whole; a part of SQLiteStorage."""

    def __init__(self, session: Session, clock: Clock, *, sync_told: bool) -> None:
        self._session = session
        self._clock = clock
        self._sync_told = sync_told
        self.children = SQLiteChildren(session, clock, sync_told=sync_told)

    @property
    def is_read_only(self) -> bool:
        return self._session.is_read_only

    @cached_property
    def items(self) -> SQLiteItems:
        """The catalogue of items. Imported when it is used: a worker never needs it."""
        from tubeq.storage.sqlite.items import SQLiteItems

        return SQLiteItems(self._session, self._clock)

    def open_types(self) -> list[OpenType]:
        now = self._clock.now()
        return open_types_from(self._session.read(_SQL["open_types"], {"now": now}), now)

    def count_queued(self, task_type: str) -> tuple[int, int]:
        which = {"task_type": task_type, "now": self._clock.now()}
        due, scheduled = self._session.read(_SQL["count_queued"], which)[0]
        return due, scheduled

    def stats(self) -> QueueStats:
        none = dict.fromkeys(map(str, TaskStatus), 0)
        by_status = none.copy()
        by_type: defaultdict[str, dict[str, int]] = defaultdict(none.copy)
        scheduled, waiting = 0, []
        rows = self._session.read(_SQL["counts"], {"now": self._clock.now()})
        for task_type, status, count, later, oldest in rows:
            by_status[status] += count
            by_type[task_type][status] = count
            scheduled += later or 0
            waiting += [from_timestamp(oldest).timestamp()] if oldest else []
        return QueueStats(
            by_status=by_status,
            by_type=dict(by_type),
            scheduled=scheduled,
            results=self._session.read(_SQL["count_results"])[0][0],
            oldest_queued_s=max(0.0, self._clock.now() - min(waiting)) if waiting else None,
            errors=dict(self._session.read(_SQL["error_codes"])),
        )

    def prune(self, finished_before: float, *, limit: int | None = None) -> int:
        return prune(self._session, to_timestamp(finished_before), limit, self.items.fold)

    def preview_prune(
        self, finished_before: float, *, limit: int | None = None
    ) -> list[PruneCount]:
        return preview(self._session, to_timestamp(finished_before), limit)

    def check(self) -> list[str]:
        return self.damage() or self.broken_rules()

    def damage(self) -> list[str]:
        """What SQLite finds wrong with the file itself."""
        return [row[0] for row in self._session.read("PRAGMA integrity_check") if row[0] != "ok"]

    def broken_rules(self) -> list[str]:
        """Foreign keys as SQLite checks them, and the queue's own rules."""
        wrong = [
            f"row {row_id} of {table} refers to a row of {parent} that is not there"
            for table, row_id, parent, _ in self._session.read("PRAGMA foreign_key_check")
        ]
        return wrong + [row[0] for row in self._session.read(_SQL["broken_rules"])]

    def backup(self, path: Path) -> Path:
        """A consistent copy while workers go on; checked before it is renamed into place. An older
        file of that name is replaced.

        Raises:
            StorageError: the copy cannot be written, or `path` is the database itself.
            StorageCorrupt: the copy did not pass its check, so the database is damaged.
        """
        return back_up(self._session, path)

    def import_seed(self, path: Path, progress: OnProgress | None = None) -> Imported:
        """Take over tasks and results of another file: see seed_import.py."""
        from tubeq.storage.sqlite.legacy_import import import_seed

        return import_seed(self._session, path, durable=self._sync_told, progress=progress)

    # Workers ------------------------------------------------------------------------------------

    def register_worker(self, info: WorkerInfo) -> None:
        self._session.write_one(_SQL["register_worker"], info, durable=False)

    def worker_seen(self, worker_id: str) -> bool:
        seen = {"worker_id": worker_id, "now": self._clock.now()}
        rows, _ = self._session.write_one(_SQL["worker_seen"], seen, durable=False)
        return bool(rows and rows[0][0])

    def forget_worker(self, worker_id: str) -> None:
        self._session.write_one(_SQL["forget_worker"], {"worker_id": worker_id}, durable=False)

    def request_stop(self, worker_id: str | None = None) -> int:
        with self._session.write(durable=self._sync_told) as session:
            return session.execute(_SQL["request_stop"], {"worker_id": worker_id}).rowcount

    def workers(self) -> list[WorkerInfo]:
        return [
            WorkerInfo._make((*others, bool(stop)))
            for *others, stop in self._session.read(_SQL["workers"])
        ]


def open_types_from(rows: Iterable[Sequence[Any]], now: float) -> list[OpenType]:
    """What the rows of the statement `open_types` say."""
    found: dict[str, OpenType] = {}
    for key, first, coming in rows:
        task_type = key.removesuffix("~")
        known = found.get(task_type, OpenType(task_type, False, False, None))
        if first is not None:
            is_due = known.is_due or first <= now
            found[task_type] = known._replace(is_due=is_due, next_due_at=coming)
        elif key == task_type:
            found[task_type] = known._replace(is_due=True)
        else:
            found[task_type] = known._replace(is_held=True)
    return sorted(found.values())
