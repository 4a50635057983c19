"""The full-text index over items: FTS5, updated by every fold.

The table item_search holds no text of its own, and is made when it is first needed: a database can
be used by programs whose SQLite has no FTS5, too. Such a program leaves a note where it changes an
indexed text, and the next program that can search rebuilds the index.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import Any

from tubeq.domain.errors import StorageError, StorageReadOnly
from tubeq.domain.items import Item
from tubeq.storage.ports.items import OnProgress, search_terms
from tubeq.storage.queries import load_queries
from tubeq.storage.sqlite.file.session import Session

_SQL = load_queries("sqlite", "items")
_BATCH = 500


class ItemIndex:
    """The index of one database."""

    def __init__(self, session: Session) -> None:
        self._session = session

    @cached_property
    def is_possible(self) -> bool:
        """Whether this SQLite has FTS5."""
        return bool(self._session.read(_SQL["has_fts5"])[0][0])

    def require(self) -> None:
        """
        Raises:
            StorageError: this SQLite cannot search texts.
            StorageReadOnly: there is no index, and it cannot be created.
        """
        if not self.is_possible:
            raise StorageError(
                f"searching needs SQLite's extension FTS5, which this SQLite "
                f"({sqlite3.sqlite_version}) was built without: use a Python whose SQLite has it; "
                "everything else works"
            )
        if self._session.is_read_only and not self._exists():
            raise StorageReadOnly(
                "searching needs an index, which is made by the first search of a user who can "
                "write the database; everything else works"
            )

    def is_usable(self) -> bool:
        """Whether every item is indexed, after folding."""
        if not self._session.is_read_only:
            return self.is_possible
        _, _, noted, last_item = self._session.read(_SQL["fold_state"])[0]
        return self.is_possible and self.indexed_through(noted) == last_item

    def indexed_through(self, noted: int | None) -> int | None:
        """The last indexed item as the fold's state notes it; None where there is no index."""
        return noted if noted is not None and self._exists() else None

    def add(self, session: Session, rows: Sequence[tuple[Any, ...]]) -> None:
        """Index items, in an open transaction: their ids and what `texts` gives of each."""
        if rows and self.is_possible:
            session.executemany(_SQL["index_item"], rows)

    def reword(
        self, session: Session, changed: Iterable[tuple[int, Item, Item]], *, up_to: int
    ) -> None:
        """Index the new texts of items instead of their old ones, as far as they are indexed."""
        indexed = [each for each in changed if each[0] <= up_to]
        if indexed:
            session.executemany(_SQL["unindex_item"], [(n, *texts(old)) for n, old, _ in indexed])
            session.executemany(_SQL["index_item"], [(n, *texts(new)) for n, _, new in indexed])

    def keep_up(self, progress: OnProgress | None = None) -> None:
        """Create the index where it is missing, and index all other items."""
        if not self.is_possible:
            return
        done = 0
        while True:
            _, generation, noted, last_item = self._session.read(_SQL["fold_state"])[0]
            start = self.indexed_through(noted)
            if start is None:
                self._make_anew(generation)
            elif start < last_item:
                done += self._index_some(generation, start)
                if progress:
                    progress(done, done + last_item - start)
            else:
                return

    def _exists(self) -> bool:
        return bool(self._session.read(_SQL["is_indexed"])[0][0])

    def _make_anew(self, generation: int) -> None:
        with self._session.write(durable=False) as session:
            started = {"generation": generation, "through": 0, "indexed_through": 0}
            if session.execute(_SQL["advance"], started).rowcount == 1:
                for name in ("drop_index", "create_index", "weigh_index"):
                    session.execute(_SQL[name])

    def _index_some(self, generation: int, start: int) -> int:
        rows = self._session.read(_SQL["unindexed"], {"after": start, "limit": _BATCH})
        advance = {"generation": generation, "through": 0, "indexed_through": rows[-1][0]}
        with self._session.write(durable=False, writes=1 + len(rows) // 4) as session:
            if session.execute(_SQL["advance"], advance).rowcount != 1:
                return 0
            self.add(session, rows)
        return len(rows)


def texts(item: Item) -> tuple[str | None, ...]:
    """What is indexed of an item."""
    return item.title, item.description, item.channel, item.handle, item.channel_id


def searching(text: str) -> str:
    """A user's search text as FTS5 takes it: quoted words, all of which must occur.

    Raises:
        InvalidParameters: there is no word in it, or it is too long.
    """
    words = (_quoted(word) + ("*" if begins else "") for word, begins in search_terms(text))
    return f"{{title description channel}} : ({' AND '.join(words)})"


def of_channel(name: str) -> str | None:
    """A query that finds every item of a channel, and perhaps others; None where no query does."""
    printable = "".join(each if each.isprintable() else " " for each in name)
    if not any(map(str.isalnum, printable)):
        return None
    return f"{{channel handle channel_id}} : {_quoted(printable)}"


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'
