"""From a request to a response: which page answers which request.

A new kind of page is a kind of request, a row in `_get` or `_CALLS`, and a module with the shapes
that yt-dlp reads.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from urllib.parse import parse_qs, unquote, urlsplit

from tubeq.testing.youtube import channel_pages, playlist_pages, search_pages, watch_pages
from tubeq.testing.youtube.answers import (
    Answer,
    Json,
    RequestKind,
    continued,
    no_data,
    no_page,
    page,
)
from tubeq.testing.youtube.world import World


def answer(world: World, method: str, path: str, body: bytes) -> Answer:
    """YouTube's response.

    Args:
        path: with its query.
        body: of a POST: JSON.
    """
    address = urlsplit(path)
    if method == "GET":
        return _get(world, _segments(address.path), parse_qs(address.query))
    call = _CALLS.get(address.path)
    try:
        if call is not None:
            return call(world, dict(json.loads(body)))
    except (TypeError, ValueError, LookupError):  # not a JSON object, or not one of our tokens
        pass
    return no_data(RequestKind.UNKNOWN)


def _get(world: World, segments: list[str], query: dict[str, list[str]]) -> Answer:
    if segments == [""]:
        return Answer(RequestKind.HOME, None, page())
    if segments == ["playlist"]:
        return playlist_pages.page_of(world, query.get("list", [""])[0])
    if segments == ["watch"]:
        return watch_pages.page_of(world, query.get("v", [""])[0])
    if segments[0].startswith("@") or segments[0] in ("channel", "c", "user"):
        return channel_pages.page_of(world, segments)
    if world.find_old_name(segments[0]) is not None:
        return channel_pages.page_of(world, ["c", *segments])
    if segments[1:] in (["videos"], ["shorts"], ["streams"]):  # of the oldest form: /name
        return channel_pages.page_of(world, segments)
    return no_page(RequestKind.UNKNOWN)


def _resolve(world: World, query: Json) -> Answer:
    address = urlsplit(str(query.get("url")))
    segments = _segments(address.path)
    if segments == ["playlist"]:
        return playlist_pages.resolved(world, parse_qs(address.query).get("list", [""])[0])
    return channel_pages.resolved(world, segments)


def _browse(world: World, query: Json) -> Answer:
    if "continuation" in query:
        what, *details = continued(str(query["continuation"]))
        return _NEXT[what](world, *details)
    browse_id = str(query.get("browseId"))
    if browse_id.startswith("VL"):
        return playlist_pages.data_of(world, browse_id[2:])
    return channel_pages.data_of(world, browse_id, str(query.get("params")))


def _segments(path: str) -> list[str]:
    return [unquote(each) for each in path.strip("/").split("/")]


_NEXT: dict[str, Callable[..., Answer]] = {
    "channel": channel_pages.next_of,
    "playlist": playlist_pages.next_of,
}
_CALLS: dict[str, Callable[[World, Json], Answer]] = {
    "/youtubei/v1/browse": _browse,
    "/youtubei/v1/navigation/resolve_url": _resolve,
    "/youtubei/v1/search": search_pages.results,
    "/youtubei/v1/player": watch_pages.player,
    "/youtubei/v1/next": watch_pages.rest,
}
