"""YouTube's own shapes, as far as yt-dlp reads them: from a request to a response.

A new kind of page is a kind of request, a row in `_GET` or `_POST`, and a function.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from enum import Enum
from typing import Any, NamedTuple
from urllib.parse import unquote, urlsplit

from tubeq.testing.youtube.faults import Response
from tubeq.testing.youtube.world import Channel, Video, World

Json = dict[str, Any]
PAGE_SIZE = 30


class RequestKind(str, Enum):
    """What a client asked for."""

    PAGE = "page"  # the HTML page of a channel: the first videos
    CONTINUATION = "continuation"  # the next videos
    RESOLVE = "resolve"  # what is behind this URL?
    BROWSE = "browse"  # the same as PAGE, as JSON
    UNKNOWN = "unknown"  # nothing that is simulated

    __str__ = str.__str__


class Answer(NamedTuple):
    """A response, what it answers, and which channel's handle (in lower case) it is about."""

    kind: RequestKind
    channel: str | None
    response: Response


def answer(world: World, method: str, path: str, body: bytes) -> Answer:
    """What YouTube says.

    Args:
        path: with its query.
        body: of a POST: JSON.
    """
    segments = [unquote(each) for each in urlsplit(path).path.strip("/").split("/")]
    if method == "GET":
        return _channel_page(world, segments)
    page = _POST.get("/".join(segments))
    try:
        if page is not None:
            return page(world, dict(json.loads(body)))
    except (TypeError, ValueError):  # no JSON object, or a token that is none of ours
        pass
    return Answer(RequestKind.UNKNOWN, None, _json_response(_NOT_FOUND, 404))


def _channel_page(world: World, segments: list[str]) -> Answer:
    if not segments[0].startswith("@") and segments[0] not in ("channel", "c", "user"):
        return Answer(RequestKind.UNKNOWN, None, _html_response("Not found", 404))
    channel = _find(world, segments)
    if channel is None:
        return Answer(RequestKind.PAGE, None, _html_response("Not found", 404))
    # Within a script element "<" would end the script too early: hostile titles hold "</script>".
    data = json.dumps(_channel_data(channel)).replace("<", "\\u003c")
    script = f"<script>ytcfg.set({{}});</script><script>var ytInitialData = {data};</script>"
    return Answer(RequestKind.PAGE, channel.handle.lower(), _html_response(script))


def _resolve(world: World, query: Json) -> Answer:
    segments = [
        unquote(each) for each in urlsplit(str(query.get("url"))).path.strip("/").split("/")
    ]
    channel = _find(world, segments)
    if channel is None:
        return Answer(RequestKind.RESOLVE, None, _json_response(_NOT_FOUND, 404))
    endpoint = {"browseEndpoint": {"browseId": channel.channel_id, "params": "videos"}}
    data = {"endpoint": endpoint}
    return Answer(RequestKind.RESOLVE, channel.handle.lower(), _json_response(data))


def _browse(world: World, query: Json) -> Answer:
    if "continuation" in query:
        return _continuation(world, str(query["continuation"]))
    channel = world.find(str(query.get("browseId")))
    if channel is None:
        return Answer(RequestKind.BROWSE, None, _json_response(_NOT_FOUND, 404))
    data = _channel_data(channel)
    return Answer(RequestKind.BROWSE, channel.handle.lower(), _json_response(data))


def _continuation(world: World, token: str) -> Answer:
    channel_id, _, offset = base64.urlsafe_b64decode(token + "==").decode("ascii").partition(" ")
    channel = world.find(channel_id)
    if channel is None:
        return Answer(RequestKind.CONTINUATION, None, _json_response(_NOT_FOUND, 404))
    items = _items(channel, int(offset))
    action = {"appendContinuationItemsAction": {"continuationItems": items}}
    data = {"onResponseReceivedActions": [action]}
    return Answer(RequestKind.CONTINUATION, channel.handle.lower(), _json_response(data))


_POST: dict[str, Callable[[World, Json], Answer]] = {
    "youtubei/v1/browse": _browse,
    "youtubei/v1/navigation/resolve_url": _resolve,
}
_NOT_FOUND = {"error": {"code": 404, "message": "Requested entity was not found."}}


def _find(world: World, segments: list[str]) -> Channel | None:
    return world.find(segments[0] if segments[0].startswith("@") else "/".join(segments[1:2]))


# --- shapes --------------------------------------------------------------------------------------


def _channel_data(channel: Channel) -> Json:
    if channel.alert is not None:
        error = {"type": "ERROR", "text": {"simpleText": channel.alert}}
        return {"alerts": [{"alertRenderer": error}]}
    if channel.moved_to is not None:
        there = {"commandMetadata": {"webCommandMetadata": {"url": f"/{channel.moved_to}"}}}
        return {"onResponseReceivedActions": [{"navigateAction": {"endpoint": there}}]}
    name = channel.handle.removeprefix("@")
    # Without videos there is no such tab: who asks for it is shown the home tab.
    tabs = [_tab(channel, "Home", "featured", None if channel.videos else [])]
    if channel.videos:
        tabs.append(_tab(channel, "Videos", "videos", _items(channel, 0)))
    return {
        "contents": {"twoColumnBrowseResultsRenderer": {"tabs": tabs}},
        "metadata": {
            "channelMetadataRenderer": {
                "title": name,
                "externalId": channel.channel_id,
                "vanityChannelUrl": f"http://www.youtube.com/{channel.handle}",
            }
        },
        "header": {"pageHeaderRenderer": {"pageTitle": name}},
    }


def _tab(channel: Channel, title: str, name: str, items: list[Json] | None) -> Json:
    """A tab; the selected one is the one with items."""
    url = f"/{channel.handle}/{name}"
    tab: Json = {
        "title": title,
        "endpoint": {"commandMetadata": {"webCommandMetadata": {"url": url}}},
    }
    if items is not None:
        tab |= {"selected": True, "content": {"richGridRenderer": {"contents": items}}}
    return {"tabRenderer": tab}


def _items(channel: Channel, offset: int) -> list[Json]:
    """One page of videos, and the token for the next where there is one."""
    shape = _video_renderer if channel.old_layout else _lockup
    end = offset + PAGE_SIZE
    items: list[Json] = [
        {"richItemRenderer": {"content": shape(video)}} for video in channel.videos[offset:end]
    ]
    if end < len(channel.videos):
        token = base64.urlsafe_b64encode(f"{channel.channel_id} {end}".encode()).decode()
        endpoint = {"continuationCommand": {"token": token}}
        items.append({"continuationItemRenderer": {"continuationEndpoint": endpoint}})
    return items


def _lockup(video: Video) -> Json:
    parts = [
        {"text": {"content": _views(video.views)}},
        {"text": {"content": _age(video.age_days)}, "accessibilityLabel": _age(video.age_days)},
    ]
    badge = {"thumbnailBadgeViewModel": {"text": _duration(video.duration_s)}}
    overlay = {"thumbnailBottomOverlayViewModel": {"badges": [badge]}}
    rows = {"contentMetadataViewModel": {"metadataRows": [{"metadataParts": parts}]}}
    return {
        "lockupViewModel": {
            "contentId": video.video_id,
            "contentType": "LOCKUP_CONTENT_TYPE_VIDEO",
            "contentImage": {"thumbnailViewModel": {"overlays": [overlay]}},
            "metadata": {
                "lockupMetadataViewModel": {"title": {"content": video.title}, "metadata": rows}
            },
        }
    }


def _video_renderer(video: Video) -> Json:
    return {
        "videoRenderer": {
            "videoId": video.video_id,
            "title": {"runs": [{"text": video.title}]},
            "descriptionSnippet": {"runs": [{"text": video.description}]},
            "lengthText": {"simpleText": _duration(video.duration_s)},
            "viewCountText": {"simpleText": f"{video.views:,} views"},
            "publishedTimeText": {"simpleText": _age(video.age_days)},
        }
    }


def _views(views: int) -> str:
    for size, letter in ((1_000_000_000, "B"), (1_000_000, "M"), (1_000, "K")):
        if views >= size:
            return f"{views / size:.1f}".removesuffix(".0") + f"{letter} views"
    return f"{views or 'No'} views"


def _age(days: int) -> str:
    for length, unit in ((365, "year"), (30, "month"), (7, "week")):
        if days >= length:
            count = days // length
            return f"{count} {unit}{'s' if count > 1 else ''} ago"
    return f"{days} day{'s' if days > 1 else ''} ago"


def _duration(seconds: int) -> str:
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"


def _html_response(content: str, status: int = 200) -> Response:
    page = f"<!doctype html><html><body>{content}</body></html>".encode()
    return Response(page, "text/html; charset=utf-8", status=status)


def _json_response(data: Json, status: int = 200) -> Response:
    return Response(json.dumps(data).encode(), "application/json; charset=utf-8", status=status)
