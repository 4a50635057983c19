"""Results of searches, page by page, sorted and filtered by `sp` as YouTube does it."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import unquote

from tubeq.testing.youtube import answers
from tubeq.testing.youtube.answers import Answer, Json, RequestKind, age, byline, clock, text
from tubeq.testing.youtube.models import Video
from tubeq.testing.youtube.world import World

PAGE_SIZE = 20
_DAYS = {1: 0, 2: 1, 3: 7, 4: 31, 5: 366}  # an hour, a day, a week, a month, a year
_LENGTHS_S = {1: (0, 240), 2: (1200, 10**9), 3: (240, 1200)}  # short, long, medium
_RATING, _DATE, _VIEWS = 1, 2, 3


def results(world: World, query: Json) -> Answer:
    """The first results, or the next ones."""
    words = str(query["query"])
    found = _chosen(world.find_videos(words), str(query.get("params") or ""))
    if "continuation" in query:
        _what, offset = answers.continued(str(query["continuation"]))
        return answers.appended(words, _contents(found, offset), by="onResponseReceivedCommands")
    sections = {"sectionListRenderer": {"contents": _contents(found, 0)}}
    data = {"contents": {"twoColumnSearchResultsRenderer": {"primaryContents": sections}}}
    return Answer(RequestKind.SEARCH, words, answers.json_response(data))


def _chosen(videos: Sequence[Video], params: str) -> list[Video]:
    """The videos that pass the filters, in the order that is asked for.

    Raises:
        ValueError: `params` cannot be read.
    """
    fields = _fields(base64.urlsafe_b64decode(unquote(params)))
    filters = _fields(fields.get(2, b""))
    longest_ago = _DAYS.get(filters.get(1, 0), 10**9)
    least_s, most_s = _LENGTHS_S.get(filters.get(3, 0), (0, 10**9))
    chosen = [
        video
        for video in videos
        if video.age_days <= longest_ago and least_s <= video.duration_s < most_s
    ]
    orders: dict[int, Callable[[Video], Any]] = {
        _RATING: lambda video: -video.likes / (video.views + 1),
        _DATE: lambda video: video.age_days,
        _VIEWS: lambda video: -video.views,
    }
    return sorted(chosen, key=orders.get(fields.get(1, 0), _relevance))


def _relevance(video: Video) -> Any:
    """An arbitrary order, different from the others."""
    return hashlib.sha256(video.video_id.encode()).digest()


def _fields(message: bytes) -> dict[int, Any]:
    """A protocol buffer message whose numbers and lengths are below 128."""
    fields: dict[int, Any] = {}
    rest = list(message)
    while rest:
        number, kind = divmod(rest.pop(0), 8)
        value = rest.pop(0)
        if kind == 2:
            fields[number], rest = bytes(rest[:value]), rest[value:]
        elif kind == 0:
            fields[number] = value
        else:
            raise ValueError("no filters")
    return fields


def _contents(videos: Sequence[Video], offset: int) -> list[Json]:
    items = answers.paged(videos, offset, PAGE_SIZE, _renderer, "search")
    following = [items.pop()] if offset + PAGE_SIZE < len(videos) else []
    if not items:
        items = [{"backgroundPromoRenderer": {"title": text("No results found")}}]
    return [{"itemSectionRenderer": {"contents": items}}, *following]


def _renderer(video: Video) -> Json:
    return {
        "videoRenderer": {
            "videoId": video.video_id,
            "title": text(video.title),
            "detailedMetadataSnippets": [{"snippetText": text(video.description)}],
            "lengthText": {"simpleText": clock(video.duration_s)},
            "viewCountText": {"simpleText": f"{video.views:,} views"},
            "publishedTimeText": {"simpleText": age(video.age_days)},
            "ownerText": text(video.byline),
            "shortBylineText": byline(video.byline, video.channel_id, video.channel),
        }
    }
