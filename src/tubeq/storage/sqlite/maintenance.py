"""Pruning, checks, backups and imports of a SQLite queue. See Maintenance."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tubeq.domain.clock import to_timestamp
from tubeq.storage.ports.items import OnProgress
from tubeq.storage.ports.maintenance import Imported, PruneCount
from tubeq.storage.queries import load_queries
from tubeq.storage.sqlite.backup import back_up
from tubeq.storage.sqlite.file.session import Session
from tubeq.storage.sqlite.legacy_import import import_legacy
from tubeq.storage.sqlite.prune import preview, prune

_SQL = load_queries("sqlite")


class SQLiteMaintenance:
    """See Maintenance. `fold` takes into the catalogue of items what is not in it; with `durable`,
    what was imported is on disk when the call returns."""

    def __init__(self, session: Session, fold: Callable[[], object], *, durable: bool) -> None:
        self._session = session
        self._fold = fold
        self._durable = durable

    def prune(self, finished_before: float, *, limit: int | None = None) -> int:
        return prune(self._session, to_timestamp(finished_before), limit, self._fold)

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
            f"row {row_id} of {table} refers to a missing row of {parent}"
            for table, row_id, parent, _ in self._session.read("PRAGMA foreign_key_check")
        ]
        return wrong + [row[0] for row in self._session.read(_SQL["broken_rules"])]

    def backup(self, path: Path) -> Path:
        return back_up(self._session, path)

    def import_legacy(self, path: Path, progress: OnProgress | None = None) -> Imported:
        return import_legacy(self._session, path, durable=self._durable, progress=progress)
