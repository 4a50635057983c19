"""The reference model of the catalogue of items: sightings, one by one, in dictionaries."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from typing import Any

from tubeq.domain.clock import to_timestamp
from tubeq.domain.counts import Count, growth_of, with_latest
from tubeq.domain.errors import InvalidParameters
from tubeq.domain.handles import folded
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
from tubeq.storage.memory.state import MemoryState, verbs
from tubeq.storage.ports.items import OnProgress, search_terms

_Key = tuple[int, str]  # of a result: its task's row id, and its source id


@verbs
class MemoryItems:
    """See ItemStore."""

    def __init__(self, state: MemoryState) -> None:
        self._state = state
        self._items: dict[str, Item] = {}  # by source id, in the order in which they came
        self._counts: dict[str, list[Count]] = {}

    def fold(self, progress: OnProgress | None = None) -> int:
        results = self._state.results
        order = {key: number for number, key in enumerate(results)}
        sightings = [
            (self._time_of(key, again), order[key], Sighting.of(results[key], ""))
            for key, again in self._state.unfolded.items()
            if key in order
        ]
        self._state.unfolded.clear()
        now = self._state.now_text()
        for at, _, seen in sorted(sightings, key=lambda each: each[:2]):
            self._take_in(seen._replace(at=min(at, now)), now)
        if sightings and progress:
            progress(len(sightings), len(sightings))
        return len(sightings)

    def count_unfolded(self) -> int:
        return sum(key in self._state.results for key in self._state.unfolded)

    def _time_of(self, key: _Key, again: bool) -> str:
        """When it was stored; of an overwritten one, the last heartbeat of its task."""
        created_at = self._state.results[key].created_at
        if not again:
            return created_at
        task = self._state.tasks[key[0]]
        beat = None if task.last_heartbeat is None else to_timestamp(task.last_heartbeat)
        return max(created_at, task.completed_at or "", beat or "")

    def _take_in(self, seen: Sighting, now: str) -> None:
        known = self._items.get(seen.source_id)
        item = known_from(seen) if known is None else merged(known, seen, now)
        self._items[seen.source_id] = item
        kept = self._counts.setdefault(seen.source_id, [])
        if item.counted_at is not None and (known is None or known.counted_at != item.counted_at):
            kept.append(item.counts._replace(at=item.counted_at))

    def list_items(self, query: ItemQuery) -> list[Item]:
        words = None if query.search is None else search_terms(query.search)
        if query.sort is ItemSort.RELEVANCE and words is None:
            raise InvalidParameters("only what a search found can be sorted by relevance")
        self.fold()
        found = [self._grown(item, query.growth_over_s) for item in self._items.values()]
        if words is not None:
            found = [item for item in found if all(_has(item, *word) for word in words)]
        if query.channel is not None:
            found = [item for item in found if _is_of(item, query.channel)]
        if query.sort is ItemSort.GROWTH:
            found = [each for each in found if self._moved(each, query.growth_over_s)]
        found.sort(key=_RANKS[query.sort])
        return found[::-1][: query.limit]

    def _grown(self, item: Item, over_s: float) -> Item:
        since = to_timestamp(self._state.clock.now() - over_s)
        return item._replace(growth=growth_of(item.counts, self._counts[item.source_id], since))

    def _moved(self, item: Item, over_s: float) -> bool:
        since = to_timestamp(self._state.clock.now() - over_s - COUNT_EVERY_S)
        counted = any(each.at >= since for each in self._counts[item.source_id])
        return counted and item.times_seen > 1 and item.growth is not None

    def get_item(self, source_id: str, growth_over_s: float = 7 * 86_400.0) -> Item | None:
        self.fold()
        item = self._items.get(source_id)
        return None if item is None else self._grown(item, growth_over_s)

    def counts(self, source_id: str) -> list[Count]:
        item = self.get_item(source_id)
        return [] if item is None else with_latest(self._counts[source_id], item.counts)

    def count_items(self) -> int:
        self.fold()
        return len(self._items)

    def item_page(self, after: int, limit: int) -> list[tuple[int, Item]]:
        return list(enumerate(self._items.values(), 1))[after : after + limit]

    def result_page(self, after: int, limit: int) -> list[tuple[int, Result]]:
        return list(enumerate(self._state.results.values(), 1))[after : after + limit]

    def counts_between(self, after: int, last: int) -> list[tuple[str, Count]]:
        wanted = list(self._items)[after:last]
        return [(each, count) for each in wanted for count in self._counts[each]]


def _or_least(value: Any) -> tuple[bool, Any]:
    """A sort key: None comes before every value."""
    return (value is not None, value or 0)


_RANKS: dict[ItemSort, Callable[[Item], Any]] = {
    ItemSort.VIEWS: lambda item: _or_least(item.views),
    ItemSort.SCORE: lambda item: _or_least(item.score),
    ItemSort.NEWEST: lambda item: item.published_at or "",
    ItemSort.GROWTH: lambda item: _or_least(item.growth),
    ItemSort.RELEVANCE: lambda _: 0,  # relevance is defined by each back end
}


def _is_of(item: Item, channel: str) -> bool:
    names = (item.channel, item.channel_id, item.handle)
    return any(name is not None and folded(name) == folded(channel) for name in names)


def _has(item: Item, word: str, begins: bool) -> bool:
    """Whether the words that `word` consists of are adjacent in one of its texts."""
    wanted = _words(word)
    return any(
        _follows(_words(text or ""), wanted, begins)
        for text in (item.title, item.description, item.channel)
    )


def _follows(words: list[str], wanted: list[str], begins: bool) -> bool:
    parts = (words[n : n + len(wanted)] for n in range(len(words) - len(wanted) + 1))
    return any(
        part[:-1] == wanted[:-1]
        and (part[-1].startswith(wanted[-1]) if begins else part[-1] == wanted[-1])
        for part in parts
    )


def _words(text: str) -> list[str]:
    """Runs of letters and digits, without case and accents."""
    bare = "".join(
        each for each in unicodedata.normalize("NFKD", text) if not unicodedata.combining(each)
    )
    return re.findall(r"[^\W_]+", bare.lower())
