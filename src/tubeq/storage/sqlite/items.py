"""The catalogue of items on SQLite. The statements are in sql/items.sql.

Folding reads a batch of results and the items they belong to without a lock, computes the new
items, and writes them under the write lock if the generation is still the one it began with: every
fold raises it, and so does a transaction that deletes the newest result. Otherwise it begins again.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, NamedTuple

from tubeq.domain.clock import Clock, to_timestamp
from tubeq.domain.counts import Count, with_latest
from tubeq.domain.errors import InvalidParameters
from tubeq.domain.handles import composed, folded
from tubeq.domain.items import (
    COUNT_EVERY_S,
    Item,
    ItemQuery,
    ItemSort,
    Sighting,
    known_from,
    merged,
)
from tubeq.domain.models import Result
from tubeq.storage.ports.items import OnProgress
from tubeq.storage.queries import load_queries
from tubeq.storage.sqlite.file.session import Session
from tubeq.storage.sqlite.search_index import ItemIndex, of_channel, searching

_SQL = load_queries("sqlite", "items")
_BATCH = 1000
"""Results for each transaction. It holds the write lock for some 15 ms: fewer would write the same
pages of the indexes more often, more would make others wait too long."""
_LONG_AGO = "1970-01-01 00:00:00.000000"
_SIGHTING = slice(2, 12)
_ITEM_ID = 12
_INDEXED = [
    Item._fields.index(name) for name in ("title", "description", "channel", "handle", "channel_id")
]
_WORDS = slice(1, 6)
_SCORE = Item._fields.index("score")
_LAST_SEEN = Item._fields.index("last_seen_at")


class _State(NamedTuple):
    """How far folding has come."""

    through: int
    generation: int
    indexed_through: int | None
    last_item: int


class _Batch(NamedTuple):
    """The outcome of a batch of results: rows by the statement that writes them, in the order of
    execution, and the items whose indexed texts changed: id, before and after."""

    rows: dict[str, list[tuple[Any, ...]]]
    reworded: list[tuple[int, Item, Item]]


class SQLiteItems:
    """See ItemStore."""

    def __init__(self, session: Session, clock: Clock) -> None:
        self._session = session
        self._clock = clock
        self._index = ItemIndex(session)

    # Folding ------------------------------------------------------------------------------------

    def fold(self, progress: OnProgress | None = None) -> int:
        session = self._session
        if session.is_read_only:
            return 0
        target: int = session.read(_SQL["last_result"])[0][0]
        folded = 0
        while True:
            state = _State(*session.read(_SQL["fold_state"])[0])
            which = {"through": state.through, "limit": _BATCH}
            rows = session.read(_SQL["unfolded"], which)
            if not rows:
                break
            through = max(state.through, *(row[0] for row in rows))
            if not self._write(state, rows, through):
                continue
            folded += len(rows)
            if progress:
                progress(folded, folded + max(target - through, 0))
            if len(rows) < _BATCH and through >= target:
                break
        if session.read(_SQL["is_any_gone"])[0][0]:
            with session.write(durable=False) as writing:
                writing.execute(_SQL["forget_gone"], {"limit": _BATCH})
        self._index.keep_up(progress)
        return folded

    def count_unfolded(self) -> int:
        return int(self._session.read(_SQL["count_unfolded"])[0][0])

    def _write(self, state: _State, rows: list[tuple[Any, ...]], through: int) -> bool:
        """Write the outcome of these results; False where others have folded meanwhile."""
        batch = _worked_out(rows, state.last_item, to_timestamp(self._clock.now()))
        batch.rows["forget_again"] = [row[:2] for row in rows if row[1] is not None]
        inserted = batch.rows["insert_item"]
        indexed_through = self._index.indexed_through(state.indexed_through)
        # Where earlier items are not indexed yet, neither are these.
        follows = self._index.is_possible and indexed_through == state.last_item
        if batch.reworded and not self._index.is_possible:
            indexed_through = None
        elif follows:
            indexed_through = state.last_item + len(inserted)
        advance = {
            "through": through,
            "generation": state.generation,
            "indexed_through": indexed_through,
        }
        with self._session.write(durable=False, writes=1 + len(rows) // 4) as session:
            if session.execute(_SQL["advance"], advance).rowcount != 1:
                return False
            for name, written in batch.rows.items():
                if written:
                    session.executemany(_SQL[name], written)
            if indexed_through is not None:
                self._index.reword(session, batch.reworded, up_to=indexed_through)
                if follows:
                    texts = [(row[-1], *(row[n] for n in _INDEXED)) for row in inserted]
                    self._index.add(session, texts)
        return True

    # Looking ------------------------------------------------------------------------------------

    def list_items(self, query: ItemQuery) -> list[Item]:
        search = None if query.search is None else searching(query.search)
        if query.sort is ItemSort.RELEVANCE and search is None:
            raise InvalidParameters("only what a search found can be sorted by relevance")
        if search is not None:
            self._index.require()
        self.fold()
        now = self._clock.now()
        channel_words = None
        if query.channel is not None and self._index.is_usable():
            channel_words = of_channel(composed(query.channel))
        statement = _listing(query, search is not None, channel_words is not None)
        values = {
            "search": search,
            "channel": query.channel,
            "channel_words": channel_words,
            "spellings": json.dumps(self._spellings(query.channel, channel_words)),
            "limit": query.limit,
            "since": to_timestamp(now - query.growth_over_s),
            "counted_since": to_timestamp(now - query.growth_over_s - COUNT_EVERY_S),
        }
        found = [Item._make(row) for row in self._session.read(statement, values)]
        if query.sort is ItemSort.GROWTH:  # those without a value are the last: none is missed
            return [item for item in found if item.growth is not None]
        return found

    def _spellings(self, channel: str | None, channel_words: str | None) -> list[str]:
        """The spellings in the items of a channel's name beyond ASCII. SQLite itself knows the
        upper and lower case of ASCII only."""
        if channel is None or channel.isascii():
            return []
        names = _SQL["channel_names" if channel_words is None else "channel_names_found"]
        rows = self._session.read(names, {"channel_words": channel_words})
        return [name for (name,) in rows if folded(name) == folded(channel)]

    def get_item(self, source_id: str, growth_over_s: float = 7 * 86_400.0) -> Item | None:
        self.fold()
        since = to_timestamp(self._clock.now() - growth_over_s)
        which = {"source_id": source_id, "since": since}
        rows = self._session.read(_SQL["get_item"], which)
        return Item._make(rows[0]) if rows else None

    def counts(self, source_id: str) -> list[Count]:
        item = self.get_item(source_id)
        if item is None:
            return []
        rows = self._session.read(_SQL["counts"], {"source_id": source_id})
        return with_latest([Count._make(row) for row in rows], item.counts)

    def count_items(self) -> int:
        self.fold()
        return int(self._session.read(_SQL["count_items"])[0][0])

    def item_page(self, after: int, limit: int) -> list[tuple[int, Item]]:
        rows = self._session.read(_SQL["item_page"], {"after": after, "limit": limit})
        return [(row[0], Item._make(row[1:])) for row in rows]

    def result_page(self, after: int, limit: int) -> list[tuple[int, Result]]:
        rows = self._session.read(_SQL["result_page"], {"after": after, "limit": limit})
        return [(row[0], Result._make(row[1:])) for row in rows]

    def counts_between(self, after: int, last: int) -> list[tuple[str, Count]]:
        rows = self._session.read(_SQL["counts_between"], {"after": after, "last": last})
        return [(row[0], Count._make(row[1:])) for row in rows]


def _in_order(row: tuple[Any, ...]) -> tuple[str, int]:
    """By time, then by number, sorted here: SQLite would take longer to sort complete rows."""
    return str(row[3]), row[0]


def _worked_out(rows: Sequence[tuple[Any, ...]], last_item: int, now: str) -> _Batch:
    """What is known after these results, applied one by one in the order of their times. A time
    after `now` was written by a clock that was ahead."""
    before: dict[str, Item] = {}
    after: dict[str, Item] = {}
    ids: dict[str, int] = {}
    counted: list[tuple[Any, ...]] = []
    for row in sorted(rows, key=_in_order):
        seen = Sighting._make(row[_SIGHTING])
        source_id = seen.source_id
        if type(source_id) is not str:  # older programs stored results without a source
            continue
        if type(seen.at) is not str:  # written by another program
            seen = seen._replace(at=_LONG_AGO)
        elif seen.at > now:
            seen = seen._replace(at=now)
        known = after.get(source_id)
        if known is None and row[_ITEM_ID] is not None:
            known = before[source_id] = Item._make(row[_ITEM_ID + 1 :])
            ids[source_id] = row[_ITEM_ID]
        if known is None:
            last_item += 1
            ids[source_id] = last_item
            now_known = known_from(seen)
        else:
            now_known = merged(known, seen, now)
        after[source_id] = now_known
        if now_known.counted_at is not None and (
            known is None or now_known.counted_at != known.counted_at
        ):
            counts = now_known.counts._replace(at=now_known.counted_at)
            counted.append((ids[source_id], *counts))
    names = ("insert_item", "update_item", "update_counts", "update_seen")
    batch = _Batch({**{name: [] for name in names}, "insert_count": counted}, [])
    for source_id, item in after.items():
        _sort_in(batch, ids[source_id], before.get(source_id), item)
    return batch


def _sort_in(batch: _Batch, item_id: int, known: Item | None, item: Item) -> None:
    """Put an item into the batch of the cheapest statement that can write it."""
    if known is None:
        batch.rows["insert_item"].append((*item[:-1], item_id))
        return
    before, now = tuple(known), tuple(item)
    if before[:_SCORE] != now[:_SCORE]:
        batch.rows["update_item"].append((*now[:-1], item_id))
        if before[_WORDS] != now[_WORDS]:
            batch.reworded.append((item_id, known, item))
    elif before[_SCORE:_LAST_SEEN] != now[_SCORE:_LAST_SEEN]:
        batch.rows["update_counts"].append((*now[_SCORE:-1], item_id))
    else:
        batch.rows["update_seen"].append((*now[_LAST_SEEN:-1], item_id))


def _listing(query: ItemQuery, is_search: bool, is_channel_indexed: bool) -> str:
    """The statement for a query: assembled from named parts, none of which is user input."""
    by_relevance = query.sort is ItemSort.RELEVANCE
    if by_relevance and query.channel is None:
        return _SQL["listed_by_relevance"]
    conditions = []
    if is_search:
        conditions.append("item_search MATCH :search" if by_relevance else _SQL["found"])
    if query.channel is not None:
        spelled = "" if query.channel.isascii() else "_spelled"
        conditions.append(_SQL[f"of_channel{spelled}"])
        if is_channel_indexed:
            conditions.append(_SQL["maybe_of_channel"])
    if query.sort is ItemSort.GROWTH:
        conditions.append(_SQL["moved"])
    where = f"WHERE {' AND '.join(conditions)}" if conditions else ""
    listed = _SQL["listed_by_relevance_within" if by_relevance else "listed"]
    return f"{listed} {where} {_SQL[f'by_{query.sort}']}"
