"""The care of a queue: what limits its workers, and what keeps its database small and safe."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from tubeq.domain.breaker import Breaker
from tubeq.domain.clock import Clock
from tubeq.domain.errors import StorageError
from tubeq.domain.limits import LimitRule, Permit, checked_key
from tubeq.domain.numbers import checked_span, checked_whole
from tubeq.queue.wakeup import SLOTS, Waker
from tubeq.storage import Storage

if TYPE_CHECKING:
    from tubeq.storage.ports.items import OnProgress
    from tubeq.storage.ports.tasks import PruneCount
    from tubeq.storage.sqlite.legacy_import import Imported


class Care:
    """The part of QueueManager that nobody needs to create or to work tasks."""

    storage: Storage
    _clock: Clock
    _waker: Waker

    # Politeness ---------------------------------------------------------------------------------

    def set_limit(
        self,
        key: str,
        concurrency: int | None = None,
        per_s: float | None = None,
        burst: int = 1,
    ) -> LimitRule:
        """Limit what workers do at once, and how often; instead of what limited the key before.

        Args:
            key: "host:NAME", "channel:@HANDLE" or "type:TASK_TYPE", or a prefix that ends in `*`.
            concurrency, per_s, burst: see LimitRule.

        Raises:
            InvalidParameters: a value is wrong; the message says what would be right.
        """
        rule = LimitRule(key, concurrency, per_s, burst)
        self.storage.limits.set_rule(rule)
        return rule

    def remove_limit(self, key: str) -> bool:
        """Limit it no more; whether it was limited by that very key."""
        return self.storage.limits.remove_rule(checked_key(key, prefix=True))

    def limit_rules(self) -> list[LimitRule]:
        """The limits, by key."""
        return self.storage.limits.rules()

    def permits(self) -> list[Permit]:
        """Who holds what of the limits now."""
        return self.storage.limits.permits()

    def pauses(self) -> list[Breaker]:
        """What is paused, or tried again after a pause: see domain.breaker."""
        return self.storage.limits.breakers()

    def resume(self, key: str) -> bool:
        """End the pause of that key at once; whether there was one."""
        return self.storage.limits.resume(checked_key(key))

    # Keeping ------------------------------------------------------------------------------------

    def prune(self, older_than_s: float, limit: int | None = None) -> int:
        """Delete tasks that finished more than `older_than_s` seconds ago; how many."""
        return self.storage.prune(self._prune_before(older_than_s, limit), limit=limit)

    def preview_prune(self, older_than_s: float, limit: int | None = None) -> list[PruneCount]:
        """What such a prune would delete now: a row for each type and status. Nothing changes."""
        return self.storage.preview_prune(self._prune_before(older_than_s, limit), limit=limit)

    def _prune_before(self, older_than_s: float, limit: int | None) -> float:
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
        backup = getattr(self.storage, "backup", None)
        if backup is None:
            raise StorageError("a queue in memory has no file to back up")
        copied: Path = backup(Path(path))
        return copied

    def import_seed(
        self, path: str | os.PathLike[str], progress: OnProgress | None = None
    ) -> Imported:
        """Take over the tasks and results of another file, one with the seed's tables, which is
        only read. Doing it twice adds nothing.

        Raises:
            InvalidParameters: it is the queue's own file.
            StorageError: it is none such, or the queue has no file.
        """
        import_it = getattr(self.storage, "import_seed", None)
        if import_it is None:
            raise StorageError("a queue in memory takes nothing over")
        imported: Imported = import_it(Path(path), progress)
        if imported.tasks:
            self._waker.wake(None, SLOTS)
        return imported

    def check(self) -> list[str]:
        """What is wrong with the stored data, a sentence each; empty when all is well."""
        return self.storage.check()
