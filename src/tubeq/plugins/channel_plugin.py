"""Task type `youtube_channel`: the newest videos of a channel as ideas.

One flat listing: 1 request for each 30 videos. It holds rounded view counts and ages such as
"3 weeks ago", but no likes, tags or exact dates.
"""

from __future__ import annotations

import math
import os
import re
import time
from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import quote, unquote, urlsplit

from tubeq.domain.clock import to_timestamp
from tubeq.domain.errors import InvalidParameters
from tubeq.domain.models import Idea
from tubeq.plugins.base import check_stop
from tubeq.plugins.text import plain_text, redacted
from tubeq.plugins.youtube import Entry, YouTube

MAX_RESULTS_LIMIT = 500


class YouTubeChannelPlugin:
    """Scrapes channels. Safe to share between threads.

    Args:
        proxy: URL of a proxy; "" for none; None for what HTTPS_PROXY and NO_PROXY say.
        ca_file: PEM file of certificate authorities to trust besides the usual ones.
        socket_timeout_s: longest wait for the server to send anything.
        deadline_s: longest time for one task.

    Raises:
        InvalidParameters: one of them cannot be used.
    """

    def __init__(
        self,
        proxy: str | None = None,
        ca_file: str | os.PathLike[str] | None = None,
        *,
        socket_timeout_s: float = 10.0,
        deadline_s: float = 300.0,
    ) -> None:
        self._youtube = YouTube(proxy, ca_file, socket_timeout_s, deadline_s)

    def scrape(self, /, **parameters: Any) -> list[Idea]:
        """The channel's newest videos, newest first.

        Args:
            parameters: `channel_url`, str, required: "@handle", a channel id "UC...", or the
                address of a channel on YouTube. `max_results`, int, 1 to 500, default 50.

        Raises:
            InvalidParameters: a parameter is missing, unknown or wrong; the message names it.
            TransientError, PermanentError: see `tubeq.plugins.youtube_errors`.
            TaskCancelled: the task is to stop.
        """
        wanted = ChannelParameters.of(parameters)
        check_stop()
        entries = self._youtube.listing(wanted.url, wanted.max_results)
        now = time.time()
        return [_idea(entry, now) for entry in entries]

    def close(self) -> None:
        """Close connections. Only when no `scrape` is under way."""
        self._youtube.close()


class ChannelParameters(NamedTuple):
    """The parameters of a task, validated: `url` was built here, from nothing but the name."""

    url: str
    max_results: int

    @classmethod
    def of(cls, parameters: Mapping[str, Any]) -> ChannelParameters:
        """Validate.

        Raises:
            InvalidParameters: the message names the parameter.
        """
        unknown = sorted(map(str, parameters.keys() - {"channel_url", "max_results"}))
        if unknown:
            raise InvalidParameters(f"unknown parameters: {', '.join(unknown):.200}")
        if "channel_url" not in parameters:
            raise InvalidParameters("missing parameter: channel_url")
        max_results = parameters.get("max_results", 50)
        if type(max_results) is not int or not 1 <= max_results <= MAX_RESULTS_LIMIT:
            raise InvalidParameters(
                f"max_results must be a whole number from 1 to {MAX_RESULTS_LIMIT},"
                f" not {max_results!r:.100}"
            )
        path = _channel_path(parameters["channel_url"])
        return cls(f"https://www.youtube.com/{path}/videos", max_results)


_HOSTS = frozenset({"youtube.com", "www.youtube.com", "m.youtube.com", "music.youtube.com"})
_HANDLE = re.compile(r"@[\w.·-]{1,60}")
_CHANNEL_ID = re.compile(r"UC[0-9A-Za-z_-]{22}")
_OLD_NAME = re.compile(r"\w[\w.·-]{0,99}")
_PREFIXES = {"channel": _CHANNEL_ID, "c": _OLD_NAME, "user": _OLD_NAME}
_TABS = ("", "videos", "featured")


def _channel_path(channel_url: object) -> str:
    """The path of a channel, from any of the ways to write one.

    The worker fetches what it returns, so that nothing is passed on but a recognised name.
    """
    problem = InvalidParameters(
        "channel_url must be an @handle, a channel id, or the address of a channel (its videos)"
        f" on youtube.com, not {redacted(plain_text(repr(channel_url), 200))}"
    )
    if not isinstance(channel_url, str) or len(channel_url) > 1000:
        raise problem
    text = channel_url.strip()
    if _HANDLE.fullmatch(text):
        return quote(text, safe="@")
    if _CHANNEL_ID.fullmatch(text):
        return f"channel/{text}"
    if plain_text(text) != text or re.search(r"[\s\\]", text):
        raise problem
    try:
        parts = urlsplit(text if "://" in text else f"https://{text}")
    except ValueError:
        raise problem from None
    # The whole of netloc: neither a port nor "user@" has any business here.
    if parts.scheme not in ("http", "https") or parts.netloc.lower() not in _HOSTS:
        raise problem
    first, *others = (unquote(segment) for segment in parts.path.strip("/").split("/"))
    if _HANDLE.fullmatch(first):
        path = quote(first, safe="@")
    elif others and first in _PREFIXES and _PREFIXES[first].fullmatch(others[0]):
        path = f"{first}/{quote(others.pop(0))}"
    else:
        raise problem
    if "/".join(others) not in _TABS:
        raise problem
    return path


def score(views: int | None, age_days: float | None) -> float:
    """How well a video does: 1 to 100.

    The mean of reach, log10(1 + views) / 9, and pace, log10(1 + views a day) / 7: a thousand
    million views, or ten million a day, are 1. Where the age is unknown reach stands alone.
    """
    if not views:
        return 1.0
    reach = min(math.log10(1 + views) / 9, 1.0)
    if age_days is None:
        return max(1.0, round(100 * reach, 2))
    pace = min(math.log10(1 + views / max(age_days, 1.0)) / 7, 1.0)
    return max(1.0, round(100 * (reach + pace) / 2, 2))


def _idea(entry: Entry, now: float) -> Idea:
    """An idea from what is, in the end, a stranger's page: every value is checked."""
    views = _number(entry.get("view_count"), 2**53)
    published = _number(entry.get("timestamp"), 2**32)
    notes = {name: entry.get(name) for name in ("live_status", "availability")}
    return Idea(
        source_id=entry["id"],
        title=plain_text(str(entry.get("title") or ""), 500),
        description=plain_text(str(entry.get("description") or "")),
        score=score(
            None if views is None else int(views),
            None if published is None else (now - published) / 86_400,
        ),
        url=f"https://www.youtube.com/watch?v={entry['id']}",
        views=None if views is None else int(views),
        duration_s=_number(entry.get("duration"), 2**32),
        published_at=None if published is None else to_timestamp(published),
        extra={name: str(note) for name, note in notes.items() if note},
    )


def _number(value: object, limit: float) -> float | None:
    if isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value < limit:
        return float(value)
    return None
