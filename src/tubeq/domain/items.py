"""Items: what the results of many tasks say about the same thing, such as a video.

Every stored result is a *sighting*. `merged` gives what is known after one more of them, and
`known_from` after the first: the only copy of these rules.

A sighting may know less than an earlier one (a listing has no description and rounds its counts),
so a known value is never replaced by an empty one, nor by a less precise form of itself. A sighting
that is older than what is known only fills gaps.

Nor do placeholders count, where YouTube hides, removes or translates a value: a title such as
"[Private video]" or a count of 0 replaces nothing, nor does a listing's title or time, which
may be translated or rounded, replace that of the video's own page; and a channel's title, id
and handle go together.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from datetime import datetime
from enum import Enum
from typing import Any, NamedTuple

from tubeq.domain.counts import Count, finer_count, step_of
from tubeq.domain.models import Result, WithExtra

COUNT_EVERY_S = 3600.0
"""Counts of an item that changed are kept once an hour at most: several tasks list the same video
within minutes, and a year of hourly counts is 9,000 rows an item, which a plot can still show."""
_NEVER = "9999"


class ItemSort(str, Enum):
    """The order in which items are listed; items without the value come last."""

    VIEWS = "views"
    SCORE = "score"
    NEWEST = "newest"
    GROWTH = "growth"
    RELEVANCE = "relevance"

    __str__ = str.__str__


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
    exact: int | None
    last_seen_at: str
    times_seen: int
    counted_at: str | None
    uncounted: int
    growth: int | None = None


class Item(WithExtra, _ItemColumns):
    """What is known about one thing. Fields read as attributes or as columns: `item["views"]`.

    `times_seen` counts stored results, new or overwritten, as they were taken in. `growth`, where
    it was asked for, is the views gained over its period. `counted_at` is when counts were last
    kept, and `uncounted` whether they have changed since. `exact` is as in `Count`.
    """

    __slots__ = ()
    _internal = frozenset({"extra_json", "counted_at", "uncounted", "exact"})

    @property
    def counts(self) -> Count:
        """The counts as they were last seen."""
        return Count(self.last_seen_at, self.views, self.likes, self.comments, self.exact)


class ItemQuery(NamedTuple):
    """Which items are wanted.

    Args:
        search: words that must all occur in title, description or channel; one that ends in "*"
            matches all words with that prefix. None for all items.
        channel: the name, handle or id of a channel; upper and lower case, and a composed and a
            decomposed letter, are the same.
        sort: the order.
        limit: the most items to return.
        growth_over_s: the period of `growth`, in seconds up to now.
    """

    search: str | None = None
    channel: str | None = None
    sort: ItemSort = ItemSort.NEWEST
    limit: int = 20
    growth_over_s: float = 7 * 86_400.0


class Sighting(NamedTuple):
    """What one stored result says, with its time."""

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
    extra_json, given = _extra(None, extra)
    views, likes, comments = map(_whole, (views, given.get("likes"), given.get("comments")))
    counted = views is not None or likes is not None or comments is not None
    return Item(
        source_id, _text(title) or "", _text(description) or "", _text(given.get("channel")),
        _text(given.get("channel_id")), _text(given.get("handle")), _text(url), _number(duration_s),
        _text(published_at), extra_json, at, _number(score), views, likes, comments,
        _exact(views, extra), at, 1, at if counted else None, 0,
    )  # fmt: skip


def merged(item: Item, seen: Sighting, now: str = _NEVER) -> Item:
    """What is known after one more sighting. Where its counts are to be kept as well, `counted_at`
    is its time.

    Args:
        now: UTC text. Later times in the item come from a clock that was ahead: they make no
            sighting count as older, and no count as too early.
    """
    channel, channel_id, handle = item.channel, item.channel_id, item.handle
    description, extra_json = item.description, item.extra_json
    views, likes, comments, exact = item.views, item.likes, item.comments, item.exact
    counted_at, uncounted = item.counted_at, item.uncounted
    newer = seen.at >= item.last_seen_at or item.last_seen_at > now
    first, second = (seen, item) if newer else (item, seen)
    own_page = _is_own_page(seen.extra_json)
    if seen.extra_json is not None and seen.extra_json != extra_json:
        extra_json, given = _extra(item.extra_json, seen.extra_json, newer=newer)
        channel, channel_id, handle = (_text(given.get(name)) for name in _CHANNEL)
        likes = _finer(likes, _whole(given.get("likes")))
        comments = _finer(comments, _whole(given.get("comments")))
    if newer or views is None:
        views, exact = _finer_views(item, seen, own_page)
    if newer:
        description = _fuller(description, _text(seen.description))
        step, step_before = step_of(views or 0, exact), step_of(item.views or 0, item.exact)
        if (views, likes, comments, step) != (item.views, item.likes, item.comments, step_before):
            uncounted = 1
        # An exact count is kept at once where the last one was rounded: growth is measured from it.
        is_due = (
            counted_at is None or counted_at > now or _seconds(counted_at, seen.at) >= COUNT_EVERY_S
        )
        if uncounted and (is_due or step < step_before):
            counted_at, uncounted = seen.at, 0
    else:
        description = description or _text(seen.description) or ""
    first_seen_at = item.first_seen_at if newer else min(item.first_seen_at, seen.at)
    return Item(
        item.source_id, _title(item, seen, own_page, newer), description, channel, channel_id,
        handle, _text(first.url) or _text(second.url), _length(first.duration_s, second.duration_s),
        _published(item, _text(seen.published_at), own_page), extra_json, first_seen_at,
        _score(item, seen, newer), views, likes, comments, exact,
        seen.at if newer else item.last_seen_at, item.times_seen + 1, counted_at, uncounted,
    )  # fmt: skip


def _finer_views(item: Item, seen: Sighting, own_page: bool) -> tuple[int | None, int | None]:
    """The views, and how exact they are."""
    new = _whole(seen.views)
    views = new if own_page and new else _finer(item.views, new)
    if views == new is not None and (own_page or new != item.views):
        return views, _exact(views, seen.extra_json)
    return views, item.exact


def _finer(known: int | None, seen: int | None) -> int | None:
    """See `finer_count`; but 0 never replaces a count: YouTube says "No views" where it hides
    them."""
    return known if known and not seen else finer_count(known, seen)


ROUNDED = "views_rounded"
"""The mark of views that may be rounded: it is not a property of the item."""


def _exact(views: int | None, stated_json: Any) -> int | None:
    """See `Count`."""
    if views is None or step_of(views, 0) == 1:
        return None
    if _is_own_page(stated_json):
        return 1
    return 0 if type(stated_json) is str and f'"{ROUNDED}"' in stated_json else None


_PAGE_ONLY = ("likes", "comments", "tags", "categories")
"""Fields that only a video's own page has, not a listing."""


def _is_own_page(extra_json: Any) -> bool:
    """Whether it is from a video's own page, or includes such values."""
    if type(extra_json) is not str or not any(map(extra_json.__contains__, _PAGE_ONLY)):
        return False
    return _says_page(_decoded(extra_json))


def _says_page(given: Mapping[str, Any]) -> bool:
    return any(_says(given.get(name)) for name in _PAGE_ONLY)


def _title(item: Item, seen: Sighting, own_page: bool, newer: bool) -> str:
    """The better title: that of a page before a listing's, else the newer one."""
    known, new = item.title, _text(seen.title) or ""
    if not known or not new or known == new:
        return known or new
    if is_stand_in(known) != is_stand_in(new):
        return known if is_stand_in(new) else new
    known_own_page = _is_own_page(item.extra_json)
    if known_own_page != own_page:
        return known if known_own_page else new
    return new if newer else known


_STAND_IN = re.compile(
    r"\[?(private|deleted|unavailable) video\]?|video unavailable|no title"
    r"|youtube video #[0-9A-Za-z_-]{11}",
    re.IGNORECASE,
)


def is_stand_in(title: str) -> bool:
    """Whether a title is a placeholder of YouTube's or yt-dlp's for a hidden one."""
    return _STAND_IN.fullmatch(title.strip()) is not None


def _score(item: Item, seen: Sighting, newer: bool) -> float | None:
    """The newer score; but one that was computed without views does not replace one with them."""
    known, new = _number(item.score), _number(seen.score)
    if not newer or (item.views and not _whole(seen.views)):
        known, new = new, known
    return known if new is None else new


def _length(first: Any, second: Any) -> float | None:
    """The first one; but 0, which means that there is no length yet, only where there is no
    other."""
    lengths = [length for length in map(_number, (first, second)) if length is not None]
    return next(filter(None, lengths), lengths[0] if lengths else None)


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
_decode = json.JSONDecoder(parse_constant=lambda _: None).decode  # NaN, which is not JSON


def _extra(
    known: str | None, seen: Any, *, newer: bool = True
) -> tuple[str | None, Mapping[str, Any]]:
    """What is known beyond the columns, as JSON and decoded: merged key by key, as the columns
    are."""
    given = _decoded(seen)
    rounded = given.pop(ROUNDED, None)
    if known is None and rounded is None and given and all(map(_says, given.values())):
        return seen, given
    before = _decoded(known)
    first, second = (before, given) if newer else (given, before)
    both = {name: each for part in (first, second) for name, each in part.items() if _says(each)}
    _settle_channel(both, newer=second, older=first)
    return (_encode(both) if both else None), both


_CHANNEL = ("channel", "channel_id", "handle")


def _settle_channel(
    both: dict[str, Any], newer: Mapping[str, Any], older: Mapping[str, Any]
) -> None:
    """Keep a channel's names consistent: a name without an id, such as the "Various Artists" of a
    listing, only fills gaps of a channel with an id, and of two ids the newer one brings its own
    names; but the id from the video's own page goes before a listing's, which may be a partner's.
    """
    older_id, newer_id = older.get("channel_id"), newer.get("channel_id")
    if not older_id or newer_id == older_id:
        return
    if not newer_id:
        both.update({name: older[name] for name in _CHANNEL if _says(older.get(name))})
        return
    is_partner = _says_page(older) and not _says_page(newer)
    source = older if is_partner else newer
    for name in _CHANNEL:
        if _says(source.get(name)):
            both[name] = source[name]
        else:
            both.pop(name, None)


def _says(value: Any) -> bool:
    """Whether a value is not empty: zero and False are values."""
    return value is not None and value != "" and value != [] and value != {}


def _decoded(text: Any) -> dict[str, Any]:
    if type(text) is not str:
        return {}
    try:
        value = _decode(text)
        if "\\u" in text:
            _encode(value).encode()  # half a character (a lone surrogate), which no database takes
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _fuller(known: str, seen: str | None) -> str:
    """The newer text, unless it is a truncated copy of the known one: searches truncate
    descriptions."""
    if not seen:
        return known
    if len(seen) < len(known):
        start = seen.rstrip(" .\u2026")
        if start != seen or known.startswith(start):
            return known
    return seen


def _published(item: Item, seen: str | None, own_page: bool) -> str | None:
    """The more precise time; but that of a page before a listing's: "today" is read as now."""
    known = item.published_at
    if known is None or seen is None or known == seen:
        return known or seen
    listed_only = not own_page and _is_own_page(item.extra_json)
    return known if listed_only else _finer_time(known, seen)


def _finer_time(known: str, seen: str) -> str:
    """The more precise time: a listing's "3 weeks ago" is precise to the day, "2 hours ago" to the
    hour. Of equally precise ones the first, which was the closest, but the last one that is
    exact."""
    known_grain, seen_grain = _grain(known), _grain(seen)
    return seen if seen_grain > known_grain or seen_grain == known_grain == _EXACT else known


_EXACT = 3


def _grain(at: str) -> int:
    hour, _, rest = at[11:19].partition(":")
    if rest != "00:00":
        return _EXACT if rest and not rest.endswith(":00") else 2 if rest else 0
    return 0 if hour == "00" else 1


def _seconds(first: str, second: str) -> float:
    """Seconds from one UTC text to the other; infinite where one is not a time."""
    try:
        return (datetime.fromisoformat(second) - datetime.fromisoformat(first)).total_seconds()
    except (ValueError, TypeError):
        return math.inf
