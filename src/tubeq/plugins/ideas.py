"""Converts what yt-dlp found to ideas."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any

from tubeq.domain.clock import to_timestamp
from tubeq.domain.counts import step_of
from tubeq.domain.handles import composed
from tubeq.domain.items import ROUNDED, is_stand_in
from tubeq.domain.models import Idea
from tubeq.plugins.scoring import VideoFacts, score
from tubeq.plugins.text import plain_text

_TEXTS = {
    "channel": "channel",
    "channel_id": "channel_id",
    "handle": "uploader_id",
    "live_status": "live_status",
    "availability": "availability",
}
_COUNTS = {"likes": "like_count", "comments": "comment_count"}
_LISTS = ("tags", "categories")
_MOST_IN_LIST = 100


def idea_of(entry: Mapping[str, Any], now: float) -> Idea:
    """An idea from an untrusted page: every value is checked.

    `extra` holds what the page said: channel, channel_id, handle, live_status, availability,
    likes, comments, tags, categories; and, for a listing, that its views may be rounded. YouTube's
    placeholders for missing values are left out: see `tubeq.domain.items`.

    Args:
        entry: a video in yt-dlp's field names, of a listing or of its own page.
        now: epoch seconds, for its age.

    Raises:
        PermanentError: it cannot be scored.
    """
    is_listed = "formats" not in entry
    is_upcoming = entry.get("live_status") == "is_upcoming"
    # For a live video, a listing counts the viewers who watch it, or wait for it.
    counts_viewers = is_upcoming or (is_listed and entry.get("live_status") == "is_live")
    views = None if counts_viewers else _whole(entry.get("view_count"))
    if is_listed and views == 0:  # "No views" also appears where views are hidden
        views = None
    published = None if is_upcoming else published_at(entry)
    extra = _extra(entry)
    if is_listed and views is not None and step_of(views, 0) > 1:
        extra[ROUNDED] = True
    age_days = None if published is None else (now - published) / 86_400
    return Idea(
        source_id=entry["id"],
        title=_title(entry),
        description=plain_text(str(entry.get("description") or "")),
        score=score(VideoFacts(views, age_days, extra.get("likes"), extra.get("comments"))),
        url=f"https://www.youtube.com/watch?v={entry['id']}",
        views=views,
        duration_s=_number(entry.get("duration"), 2**32) or None,
        published_at=None if published is None else to_timestamp(published),
        extra=extra,
    )


def _title(entry: Mapping[str, Any]) -> str:
    """The title; None for a placeholder such as "[Private video]", in any language: then nothing
    else is given either."""
    title = plain_text(str(entry.get("title") or ""), 500)
    is_bare = not any(entry.get(name) for name in ("view_count", "duration", "channel_id"))
    return "" if is_bare and (is_stand_in(title) or re.fullmatch(r"\[.*\]", title)) else title


def published_at(entry: Mapping[str, Any]) -> float | None:
    """When a video was published, in epoch seconds: to the second, to the day, or by an age such as
    "3 weeks ago", whatever the page has; None where it has nothing."""
    moment = _number(entry.get("timestamp"), 2**32)
    day = entry.get("upload_date")
    if moment is None and isinstance(day, str) and re.fullmatch(r"[0-9]{8}", day):
        try:
            return datetime.strptime(day, "%Y%m%d").replace(tzinfo=timezone.utc).timestamp()
        except ValueError:
            return None
    return moment


def _extra(entry: Mapping[str, Any]) -> dict[str, Any]:
    extra: dict[str, Any] = {}
    for name, field in _TEXTS.items():
        extra[name] = composed(plain_text(str(entry.get(field) or ""), 200)) or None
    for name, field in _COUNTS.items():
        extra[name] = _whole(entry.get(field))
    for name in _LISTS:
        if isinstance(values := entry.get(name), (list, tuple)):
            texts = (plain_text(str(each), 200) for each in values[:_MOST_IN_LIST])
            extra[name] = list(filter(None, texts)) or None
    return {name: value for name, value in extra.items() if value is not None}


def _whole(value: object) -> int | None:
    number = _number(value, 2**53)
    return None if number is None else int(number)


def _number(value: object, limit: float) -> float | None:
    if isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value < limit:
        return float(value)
    return None
