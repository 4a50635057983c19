"""YouTube's names as parameters: of channels, playlists, videos and searches.

What a reader returns is built here, from a name that it recognised: an address from a user is never
fetched. A name of another kind is refused with the command that takes it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from tubeq.domain.handles import composed, is_name
from tubeq.plugins.parameter_types import Implied, Name, Refused, Text
from tubeq.plugins.text import bare
from tubeq.plugins.youtube.addresses import SITE, Found, read

__all__ = ["CHANNEL", "PLAYLIST", "QUERY", "SITE", "VIDEO"]

_LIKE_AN_ADDRESS = re.compile(
    r"[<(\"']*(?:ytsearch[a-z0-9]*:.|(?P<whole>(?:https?:)?//)?(?:\w+\.)?"
    r"youtu(?:be(?:kids|-nocookie)?\.com|\.be)(?:[/?#]|$))",
    re.IGNORECASE,
)


def _channel(text: str) -> Any:
    channel = read(text).channel
    if channel is None:
        raise _refusal(read(text), text)
    path = quote(channel.path, safe="@/")
    return path if channel.tab is None else Implied(path, {"tab": channel.tab})


def _playlist(text: str) -> str:
    found = read(text)
    if found.playlist is None:
        raise _refusal(found)
    return found.playlist


def _video(text: str) -> str:
    found = read(text)
    if found.video is None:
        raise _refusal(found)
    return found.video


def _refusal(found: Found, text: str = "") -> Refused:
    """Why it is refused: the reader's reason, and the command that takes what the text does name.

    Args:
        text: what may have been meant for a handle.
    """
    commands = {
        "a channel, which `tubeq scrape` takes": found.channel,
        "a playlist, which `tubeq playlist` takes": found.playlist,
        "a video, which `tubeq video` takes": found.video,
        "a search, which `tubeq search` takes": found.query,
    }
    named = " and ".join(words for words, value in commands.items() if value is not None)
    reasons = [found.why, f"that is {named}" if named else ""]
    if not any(reasons) and is_name(text) and composed(text).isprintable():
        reasons.append(f"a handle begins with @: @{composed(text):.60}")
    return Refused("; ".join(filter(None, reasons)))


@dataclass(frozen=True)
class _Query(Text):
    """The words of a search, or the address of a page of results, which also says how to sort."""

    def read(self, value: Any) -> Any:
        if not isinstance(value, str) or not (match := _LIKE_AN_ADDRESS.match(bare(value))):
            return super().read(value)
        text = Name("", "", str).read(value)  # an address may be longer than its words
        found = read(text)
        if found.query is not None:
            return Implied(super().read(found.query), found.also)
        if match["whole"] or found.channel or found.playlist or found.video:
            raise _refusal(found)
        return super().read(value)


CHANNEL = Name(
    "an @handle, a channel id, or the address of a channel on youtube.com", "CHANNEL", _channel
)
"""Read as a channel's path: "@handle", "channel/UC...", "c/name", "user/name" or "name", quoted.
An address of one of its tabs implies the parameter `tab`."""

PLAYLIST = Name(
    "the id of a playlist (PL...), or the address of one on youtube.com", "PLAYLIST", _playlist
)
"""Read as a playlist's id."""

VIDEO = Name(
    "the id of a video (11 characters), or the address of one on youtube.com or youtu.be",
    "VIDEO",
    _video,
)
"""Read as a video's id."""

QUERY = _Query(200)
"""Read as the words of a search. An address implies `sort`, `uploaded`, `duration` and
`max_results` as far as it says them."""
