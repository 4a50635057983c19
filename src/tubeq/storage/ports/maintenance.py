"""What a storage promises of its maintenance: `storage.maintenance`, and what is reported of it."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple, Protocol

from tubeq.storage.ports.items import OnProgress


class PruneCount(NamedTuple):
    """What a prune would remove of one type in one status: how many tasks, between which times
    they finished (timestamps), and how many results they have."""

    task_type: str
    status: str
    tasks: int
    oldest: str
    newest: str
    results: int


class Imported(NamedTuple):
    """The result of an import.

    Args:
        tasks: imported.
        results: imported.
        known: tasks and results that were there already.
        conflicts: ids that other tasks have here; neither these tasks nor their results were
            imported.
        orphans: results of tasks that the old file does not have; not imported.
    """

    tasks: int
    results: int
    known: int
    conflicts: list[str]
    orphans: int


class Restored(NamedTuple):
    """The result of a restore.

    Args:
        tasks: how many the database has now.
        released: tasks that workers held when the backup was taken: they are queued again.
        schema_before: the backup's, before it was migrated.
        kept: where the replaced database is now; None where there was none.
        problems: what `check` finds wrong with the contents: it was so in the backup.
    """

    tasks: int
    released: int
    schema_before: int
    kept: Path | None
    problems: list[str]


class Maintenance(Protocol):
    """The verbs."""

    def prune(self, finished_before: float, *, limit: int | None = None) -> int:
        """Delete finished tasks older than that (epoch seconds), with results and history, at
        most `limit`; the number of deleted tasks. The newest task is always kept, so that row ids
        are never used again. So is a child whose parent is not finished, as the parent would create
        it once more, and a parent with an unfinished child. What the results say stays in `items`.

        Other writers wait for milliseconds at most, so the rows of one task may be deleted in
        several transactions, the task itself last: meanwhile, a task may be seen without its
        results.
        """

    def preview_prune(
        self, finished_before: float, *, limit: int | None = None
    ) -> list[PruneCount]:
        """What `prune` would delete now: a row for each type and status, in that order. It
        changes nothing."""

    def check(self) -> list[str]:
        """What is wrong with the stored data, a sentence each; empty when nothing is wrong."""

    def backup(self, path: Path) -> Path:
        """A consistent copy while workers go on; checked before it is renamed into place. An older
        file of that name is replaced.

        Raises:
            StorageError: the queue has no file, the copy cannot be written, or `path` is the
                database itself.
            StorageCorrupt: the copy did not pass its check, so the database is damaged.
        """

    def import_legacy(self, path: Path, progress: OnProgress | None = None) -> Imported:
        """Import the tasks and results of another file, one with the two tables of the original
        specification, which is only read. Rows that were imported before are not imported again.

        Raises:
            InvalidParameters: it is the queue's own file.
            StorageError: there is no such file, or none with these tables; or the queue has no
                file.
        """
