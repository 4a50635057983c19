"""`queue.maintenance`: prune, back up, check and import."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tubeq.domain.numbers import checked_span, checked_whole
from tubeq.queue import instrument

if TYPE_CHECKING:
    import os
    from pathlib import Path

    from tubeq.domain.clock import Clock
    from tubeq.queue.wakeup import Waker
    from tubeq.storage import Storage
    from tubeq.storage.ports.items import OnProgress
    from tubeq.storage.ports.maintenance import Imported, PruneCount


@instrument.verbs("maintenance.")
class QueueMaintenance:
    """Pruning, backups, checks and imports."""

    def __init__(self, storage: Storage, clock: Clock, waker: Waker) -> None:
        self._storage = storage
        self._clock = clock
        self._waker = waker

    def prune(self, older_than_s: float, limit: int | None = None) -> int:
        """Delete tasks that finished more than `older_than_s` seconds ago, at most `limit`; how
        many. See Maintenance.prune.

        Raises:
            InvalidParameters: a number is wrong.
        """
        before = self._before(older_than_s, limit)
        return self._storage.maintenance.prune(before, limit=limit)

    def preview_prune(self, older_than_s: float, limit: int | None = None) -> list[PruneCount]:
        """What such a prune would delete now: a row for each type and status. Nothing changes."""
        before = self._before(older_than_s, limit)
        return self._storage.maintenance.preview_prune(before, limit=limit)

    def _before(self, older_than_s: float, limit: int | None) -> float:
        checked_span("older_than_s", older_than_s)
        if limit is not None:
            checked_whole("limit", limit)
        return max(self._clock.now() - older_than_s, 0.0)

    def backup(self, path: str | os.PathLike[str]) -> Path:
        """A consistent copy of the database while workers go on; checked before it is renamed
        into place.

        Raises:
            StorageError: the queue has no file, or the copy cannot be written.
        """
        from pathlib import Path

        return self._storage.maintenance.backup(Path(path))

    def import_legacy(
        self, path: str | os.PathLike[str], progress: OnProgress | None = None
    ) -> Imported:
        """Import the tasks and results of another file, one with the two tables of the original
        specification, which is only read. Doing it twice adds nothing.

        Raises:
            InvalidParameters: it is the queue's own file.
            StorageError: it is not such a file, or the queue has no file.
        """
        from pathlib import Path

        imported = self._storage.maintenance.import_legacy(Path(path), progress)
        if imported.tasks:
            self._waker.wake_all()
        return imported

    def check(self) -> list[str]:
        """What is wrong with the stored data, a sentence each; empty when nothing is wrong."""
        return self._storage.maintenance.check()
