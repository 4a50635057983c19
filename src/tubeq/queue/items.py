"""`queue.items`: the catalogue of items, one for each source id, over the results of all tasks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tubeq.domain.numbers import checked_span
from tubeq.queue import instrument

if TYPE_CHECKING:
    import builtins
    from pathlib import Path

    from tubeq.domain.counts import Count
    from tubeq.domain.items import Item, ItemQuery
    from tubeq.queue.export import ExportFormat, What
    from tubeq.storage import Storage
    from tubeq.storage.ports.items import OnProgress


@instrument.verbs("items.")
class QueueItems:
    """Items: searched, sorted, counted over time, and exported.

    Args:
        storage: the queue's.
        db_path: the real path of its file; None for one in memory.
    """

    def __init__(self, storage: Storage, db_path: Path | None) -> None:
        self._storage = storage
        self._db_path = db_path

    def list(self, query: ItemQuery) -> builtins.list[Item]:
        """Items that were searched for, or all, sorted as the query says. See ItemQuery.

        Raises:
            InvalidParameters: the search text is not valid.
            StorageError: this SQLite cannot search texts.
        """
        return self._storage.items.list_items(query)

    def get(self, source_id: str, growth_over_s: float = 7 * 86_400.0) -> Item | None:
        """What is known of one item; None for an unknown one.

        Args:
            growth_over_s: the period of its growth, in seconds.

        Raises:
            InvalidParameters: `growth_over_s` is not a span of time.
        """
        span_s = checked_span("growth_over_s", growth_over_s)
        return self._storage.items.get_item(source_id, span_s)

    def counts(self, source_id: str) -> builtins.list[Count]:
        """The item's counts over time, oldest first; empty for an unknown one."""
        return self._storage.items.counts(source_id)

    def count(self) -> int:
        """How many items there are."""
        return self._storage.items.count_items()

    def fold(self, progress: OnProgress | None = None) -> int:
        """Fold new results into their items, as every other verb does first; how many there
        were."""
        return self._storage.items.fold(progress)

    def count_unfolded(self) -> int:
        """How many results are not folded yet: a queue that was opened read-only folds none."""
        return self._storage.items.count_unfolded()

    def export(
        self,
        path: Path | None,
        what: What,
        form: ExportFormat,
        *,
        replace: bool = False,
        raw: bool = False,
        progress: OnProgress | None = None,
    ) -> int:
        """Write all items, or all results, to a file; how many rows. See queue.export.

        Raises:
            InvalidParameters: `path` exists already, is the queue's own, or cannot be written to.
            StorageError: it cannot be read, or written.
        """
        from tubeq.domain.errors import InvalidParameters
        from tubeq.queue.export import export
        from tubeq.storage.database_file import is_file_of

        if path is not None and self._db_path is not None and is_file_of(self._db_path, path):
            raise InvalidParameters(f"{path} is the queue itself: give another name")
        return export(self._storage, path, what, form, replace=replace, raw=raw, progress=progress)
