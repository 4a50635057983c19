"""Items: what the results of many tasks say of one and the same thing, such as a video.

Every stored result is a *sighting*. `merged` says what is known after one more of them, and
`known_from` after the first: the only copy of these rules.

A sighting may know less than an earlier one (a listing has no description and rounds its counts),
so nothing that is known is replaced by nothing, nor by a coarser way of saying the same. A sighting
that is older than what is known only fills gaps.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from datetime import datetime
from enum import Enum
from typing import Any, NamedTuple

from tubeq.domain.models import Columns, Result

COUNT_EVERY_S = 3600.0
_NEVER = "9999"
"""Counts of an item that changed are kept once an hour at most: several tasks list the same video
within minutes, and a year of hourly counts is 9,000 rows an item, which a plot can still show."""


class ItemSort(str, Enum):
    """In which order items are listed, the first first; what has no such value comes last."""

    VIEWS = "views"
    SCORE = "score"
    NEWEST = "newest"
    GROWTH = "growth"
    RELEVANCE = "relevance"

    __str__ = str.__str__


class Count(NamedTuple):
    """An item's counts as they were seen at a time, UTC text."""

    at: str
    views: int | None
    likes: int | None
    comments: int | None


class _ItemColumns(NamedTuple):
    """The columns of table item, in the order in which the storages return them."""

    source_id: str
    title: str
    description: str
    channel: str | None
    channel_id: str | None
    handle: str | None
    url: str | None
    duration_s: float | None
    published_at: str | None
    extra_json: str | None
    first_seen_at: str
    score: float | None
    views: int | None
    likes: int | None
    comments: int | None
    last_seen_at: str
    times_seen: int
    counted_at: str | None
    uncounted: int
    growth: int | None = None


class Item(Columns, _ItemColumns):
    """What is known of one thing. Fields read as attributes or as columns: `item["views"]`.

    `times_seen` counts stored results, new or overwritten, as they were taken in. `growth`, where
    a listing was asked for it, is the views gained over its period. `counted_at` is when counts
    were last kept, and `uncounted` whether they have changed since.
    """

    __slots__ = ()

    @property
    def extra(self) -> dict[str, Any]:
        """What plugins knew beyond the columns."""
        return {} if self.extra_json is None else json.loads(self.extra_json)

    def as_dict(self) -> dict[str, Any]:
        """A plain dictionary for machines, `extra` decoded."""
        columns = self._asdict()
        for name in ("extra_json", "counted_at", "uncounted"):
            del columns[name]
        return {**columns, "extra": self.extra}

    @property
    def counts(self) -> Count:
        """The counts as they were last seen."""
        return Count(self.last_seen_at, self.views, self.likes, self.comments)


class ItemQuery(NamedTuple):
    """Which items are wanted.

    Args:
        search: words that must all occur in title, description or channel; one that ends in "*"
            stands for all that begin so. None for all items.
        channel: the name, handle or id of a channel; upper and lower case, and a composed and a
            decomposed letter, are the same.
        sort: the order.
        limit: at most so many.
        growth_over_s: the period of `growth`, in seconds up to now.
    """

    search: str | None = None
    channel: str | None = None
    sort: ItemSort = ItemSort.NEWEST
    limit: int = 20
    growth_over_s: float = 7 * 86_400.0


class Sighting(NamedTuple):
    """What one stored result says, at a time."""

    source_id: str
    at: str
    title: Any
    description: Any
    score: Any
    url: Any
    views: Any
    duration_s: Any
    published_at: Any
    extra_json: Any

    @classmethod
    def of(cls, result: Result, at: str) -> Sighting:
        """The sighting that a result is."""
        return cls(
            result.source_id, at, result.title, result.description, result.score, result.url,
            result.views, result.duration_s, result.published_at, result.extra_json,
        )  # fmt: skip


def known_from(seen: Sighting) -> Item:
    """What is known after the first sighting."""
    (source_id, at, title, description, score, url, views, duration_s, published_at, extra) = seen
    extra_json, told = _extra(None, extra)
    views, likes, comments = _whole(views), _whole(told.get("likes")), _whole(told.get("comments"))
    counted = views is not None or likes is not None or comments is not None
    return Item(
        source_id, _text(title) or "", _text(description) or "", _text(told.get("channel")),
        _text(told.get("channel_id")), _text(told.get("handle")), _text(url), _number(duration_s),
        _text(published_at), extra_json, at, _number(score), views, likes, comments, at, 1,
        at if counted else None, 0,
    )  # fmt: skip


def merged(item: Item, seen: Sighting, now: str = _NEVER) -> Item:
    """What is known after one more sighting. Where its counts are to be kept as well, `counted_at`
    is its time.

    Args:
        now: UTC text. What the item bears of a later time, a clock that was ahead has written:
            that makes no sighting older, and no count too early.
    """
    channel, channel_id, handle = item.channel, item.channel_id, item.handle
    description, extra_json = item.description, item.extra_json
    views, likes, comments = item.views, item.likes, item.comments
    counted_at, uncounted = item.counted_at, item.uncounted
    newer = seen.at >= item.last_seen_at or item.last_seen_at > now
    first, second = (seen, item) if newer else (item, seen)
    if seen.extra_json is not None and seen.extra_json != extra_json:
        extra_json, told = _extra(item.extra_json, seen.extra_json, newer=newer)
        channel, channel_id, handle = (
            _text(told.get(name)) for name in ("channel", "channel_id", "handle")
        )
        likes, comments = (
            finer_count(known, _whole(told.get(name)))
            for name, known in (("likes", likes), ("comments", comments))
        )
    if newer:
        views = finer_count(views, _whole(seen.views))
        description = _fuller(description, _text(seen.description))
        if (views, likes, comments) != (item.views, item.likes, item.comments):
            uncounted = 1
        waits = (
            counted_at is not None
            and counted_at <= now
            and _seconds(counted_at, seen.at) < COUNT_EVERY_S
        )
        if uncounted and not waits:
            counted_at, uncounted = seen.at, 0
    else:
        views = _whole(seen.views) if views is None else views
        description = description or _text(seen.description) or ""
    return Item(
        item.source_id,
        _text(first.title) or _text(second.title) or "",
        description,
        channel,
        channel_id,
        handle,
        _text(first.url) or _text(second.url),
        _either(_number(first.duration_s), _number(second.duration_s)),
        _finer_time(item.published_at, _text(seen.published_at)),
        extra_json,
        item.first_seen_at if newer else min(item.first_seen_at, seen.at),
        _either(_number(first.score), _number(second.score)),
        views,
        likes,
        comments,
        seen.at if newer else item.last_seen_at,
        item.times_seen + 1,
        counted_at,
        uncounted,
    )


def finer_count(known: int | None, seen: int | None) -> int | None:
    """The newer count, unless it may be the known one again, rounded as YouTube rounds: 1,234 to
    1.2K, 12,345 to 12K, 1,234,567 to 1.2M. Whether to the nearest or down is not told, so it is
    taken for that if either leads to it."""
    if known is None or seen is None:
        return known if seen is None else seen
    if seen < 1000 or known < 1000:
        return seen
    unit = 1
    while seen // unit >= 1000:
        unit *= 1000
    if seen // unit < 10:
        unit //= 10
    return known if seen % unit == 0 and seen - unit // 2 <= known < seen + unit else seen


def growth_of(item: Item, counts: list[Count], since: str) -> int | None:
    """The views that an item gained since then, or since it was first counted, if that was later.

    Args:
        counts: its kept ones, oldest first.
        since: UTC text.
    """
    known = [each for each in counts if each.views is not None]
    before = [each for each in known if each.at <= since]
    for start in (*before[-1:], *known[:1]):
        if start.views is not None and item.views is not None:
            return item.views - start.views
    return None


def with_latest(counts: list[Count], item: Item) -> list[Count]:
    """The kept counts and, as the last ones, those that the item was last seen with."""
    latest = item.counts
    if latest[1:] == (None, None, None) or (counts and counts[-1].at >= latest.at):
        return counts
    return [*counts, latest]


def _either(first: Any, second: Any) -> Any:
    return second if first is None else first


def _text(value: Any) -> str | None:
    return value if type(value) is str and value else None


def _number(value: Any) -> float | None:
    """Any program may write into the file, and SQLite takes any type in any column."""
    kind = type(value)
    return value if (kind is float and math.isfinite(value)) or kind is int else None


def _whole(value: Any) -> int | None:
    if type(value) is int:
        return value if 0 <= value < 2**63 else None
    return int(value) if type(value) is float and 0 <= value < 2**53 else None


_encode = json.JSONEncoder(ensure_ascii=False).encode
_decode = json.JSONDecoder(parse_constant=lambda _: None).decode  # NaN, which is no JSON


def _extra(
    known: str | None, seen: Any, *, newer: bool = True
) -> tuple[str | None, Mapping[str, Any]]:
    """What is known beyond the columns, as JSON and decoded: key by key, as of the columns."""
    told = _decoded(seen)
    if known is None and told and all(map(_says, told.values())):
        return seen, told
    before = _decoded(known)
    first, second = (before, told) if newer else (told, before)
    both = {name: each for part in (first, second) for name, each in part.items() if _says(each)}
    return (_encode(both) if both else None), both


def _says(value: Any) -> bool:
    """Whether a value says anything: zero and False do."""
    return value is not None and value != "" and value != [] and value != {}


def _decoded(text: Any) -> dict[str, Any]:
    if type(text) is not str:
        return {}
    try:
        value = _decode(text)
        if "\\u" in text:
            _encode(value).encode()  # half a character, which no database takes
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _fuller(known: str, seen: str | None) -> str:
    """The newer text, unless it is the known one cut short, as searches cut descriptions."""
    if not seen:
        return known
    if len(seen) < len(known):
        start = seen.rstrip(" .\u2026")
        if start != seen or known.startswith(start):
            return known
    return seen


def _finer_time(known: str | None, seen: str | None) -> str | None:
    """The time that tells more: a listing's "3 weeks ago" is good to the day, "2 hours ago" to the
    hour. Of equally good ones the first, which was the closest, but the last one that is exact."""
    if known is None or seen is None or known == seen:
        return known or seen
    known_grain, seen_grain = _grain(known), _grain(seen)
    return seen if seen_grain > known_grain or seen_grain == known_grain == _EXACT else known


_EXACT = 3


def _grain(at: str) -> int:
    hour, _, rest = at[11:19].partition(":")
    if rest != "00:00":
        return _EXACT if rest and not rest.endswith(":00") else 2 if rest else 0
    return 0 if hour == "00" else 1


def _seconds(first: str, second: str) -> float:
    """From one UTC text to the other; endless where one is none."""
    try:
        return (datetime.fromisoformat(second) - datetime.fromisoformat(first)).total_seconds()
    except (ValueError, TypeError):
        return math.inf
