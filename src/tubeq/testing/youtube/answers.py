"""The parts of every page of the simulated YouTube: requests, answers, and YouTube's texts."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Sequence
from enum import Enum
from typing import Any, NamedTuple

from tubeq.testing.youtube.faults import Response
from tubeq.testing.youtube.models import Video

Json = dict[str, Any]


class RequestKind(str, Enum):
    """What a client asked for."""

    PAGE = "page"  # the HTML page of a channel or playlist: the first videos
    CONTINUATION = "continuation"  # the next videos
    RESOLVE = "resolve"  # what is behind this URL?
    BROWSE = "browse"  # the same as PAGE, as JSON
    HOME = "home"  # YouTube's own page
    SEARCH = "search"  # the first results
    WATCH = "watch"  # the HTML page of a video
    PLAYER = "player"  # of that, the data of the video, as JSON
    NEXT = "next"  # the rest of it, as JSON
    UNKNOWN = "unknown"  # not simulated

    __str__ = str.__str__


class Answer(NamedTuple):
    """A response, what it answers, and which handle (in lower case), playlist, video or query it
    is about."""

    kind: RequestKind
    subject: str | None
    response: Response


_NOT_FOUND = {"error": {"code": 404, "message": "Requested entity was not found."}}


def no_page(kind: RequestKind) -> Answer:
    """The answer for a missing page."""
    return Answer(kind, None, html_response("Not found", 404))


def no_data(kind: RequestKind) -> Answer:
    """The answer for missing data."""
    return Answer(kind, None, json_response(_NOT_FOUND, 404))


def page(**variables: Json) -> Response:
    """An HTML page that passes these variables to its scripts."""
    scripts = []
    for name, value in variables.items():
        # Within a script element "<" would end the script too early: hostile titles hold
        # "</script>".
        data = json.dumps(value).replace("<", "\\u003c")
        scripts.append(f"<script>var {name} = {data};</script>")
    return html_response("<script>ytcfg.set({});</script>" + "".join(scripts))


def html_response(content: str, status: int = 200) -> Response:
    """An HTML page."""
    text = f"<!doctype html><html><body>{content}</body></html>".encode()
    return Response(text, "text/html; charset=utf-8", status=status)


def json_response(data: Json, status: int = 200) -> Response:
    """A JSON document."""
    return Response(json.dumps(data).encode(), "application/json; charset=utf-8", status=status)


def continuation(*what: str | int) -> Json:
    """The item by which a client asks for what comes next."""
    token = base64.urlsafe_b64encode(json.dumps(what).encode()).decode()
    endpoint = {"continuationCommand": {"token": token}}
    return {"continuationItemRenderer": {"continuationEndpoint": endpoint}}


def continued(token: str) -> list[Any]:
    """The argument that was given to `continuation`.

    Raises:
        ValueError: the token is not one of ours.
    """
    what = json.loads(base64.urlsafe_b64decode(token + "=="))
    if not isinstance(what, list) or not what:
        raise ValueError("no token")
    return what


def paged(
    videos: Sequence[Video], offset: int, size: int, shape: Callable[[Video], Json], *what: Any
) -> list[Json]:
    """One page of a listing, and the item for the next where there is one: see `continuation`."""
    end = offset + size
    items = [shape(video) for video in videos[offset:end]]
    return [*items, continuation(*what, end)] if end < len(videos) else items


def appended(subject: str, items: list[Json], by: str = "onResponseReceivedActions") -> Answer:
    """The answer to a request for what comes next."""
    action = {"appendContinuationItemsAction": {"continuationItems": items}}
    return Answer(RequestKind.CONTINUATION, subject, json_response({by: [action]}))


def text(words: str) -> Json:
    """Text as YouTube wraps it."""
    return {"runs": [{"text": words}]}


def byline(name: str, channel_id: str, handle: str) -> Json:
    """A channel's name, as a link to it."""
    endpoint = {"browseId": channel_id, "canonicalBaseUrl": f"/{handle}"}
    return {"runs": [{"text": name, "navigationEndpoint": {"browseEndpoint": endpoint}}]}


def rounded_views(views: int, of: str = "views") -> str:
    """ "1.2M views"."""
    for size, letter in ((1_000_000_000, "B"), (1_000_000, "M"), (1_000, "K")):
        if views >= size:
            return f"{views / size:.1f}".removesuffix(".0") + f"{letter} {of}"
    return f"{views or 'No'} {of}"


def age(days: int) -> str:
    """ "3 weeks ago"."""
    for length, unit in ((365, "year"), (30, "month"), (7, "week")):
        if days >= length:
            count = days // length
            return f"{count} {unit}{'s' if count > 1 else ''} ago"
    return f"{days} day{'s' if days > 1 else ''} ago"


def clock(seconds: int) -> str:
    """ "1:02:03"."""
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"
