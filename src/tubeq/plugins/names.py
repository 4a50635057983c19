"""YouTube's names: of channels, playlists and videos, in every way in which people write them.

What a reader returns was made here, from a name that it recognised: no user's address is ever
fetched. Other hosts, other schemes, ports, user names and other pages are refused.
"""

from __future__ import annotations

import re
from collections.abc import Set as AbstractSet
from urllib.parse import parse_qs, quote, unquote, urlsplit

from tubeq.plugins.kinds import Name, Refused

SITE = "https://www.youtube.com"
_HOSTS = frozenset({"youtube.com", "www.youtube.com", "m.youtube.com", "music.youtube.com"})
_SHORT_HOST = "youtu.be"
_HANDLE = re.compile(r"@[\w.·-]{1,60}")
_CHANNEL_ID = re.compile(r"UC[0-9A-Za-z_-]{22}")
_OLD_NAME = re.compile(r"\w[\w.·-]{0,99}")
_VIDEO_ID = re.compile(r"[0-9A-Za-z_-]{11}")
# Of those that one can see without an account: made by people, uploads, favourites, albums, shows.
_PLAYLIST_ID = re.compile(r"(?:PL|UU|FL|OLAK5uy_|EC|PU)[0-9A-Za-z_-]{10,60}")
_OWN_PLAYLIST_ID = re.compile(r"WL|LL|LM|HL")
_MIX_ID = re.compile(r"RD[0-9A-Za-z_-]*")
_PREFIXES = {"channel": _CHANNEL_ID, "c": _OLD_NAME, "user": _OLD_NAME}
_FIRST_TABS = ("", "videos", "featured")
_OTHER_TABS = ("shorts", "streams")
_VIDEO_PREFIXES = ("shorts", "live", "embed", "v", "e")


def _channel(text: str) -> str:
    if _HANDLE.fullmatch(text):
        return quote(text, safe="@")
    if _CHANNEL_ID.fullmatch(text):
        return f"channel/{text}"
    first, *others = _address(text, _HOSTS)[1]
    if _HANDLE.fullmatch(first):
        path = quote(first, safe="@")
    elif others and first in _PREFIXES and _PREFIXES[first].fullmatch(others[0]):
        path = f"{first}/{quote(others.pop(0))}"
    else:
        raise Refused
    if "/".join(others) in _OTHER_TABS:
        raise Refused(f"the channel's address alone, and tab={others[0]} beside it")
    if "/".join(others) not in _FIRST_TABS:
        raise Refused
    return path


def _playlist(text: str) -> str:
    if re.fullmatch(r"[0-9A-Za-z_-]+", text):
        playlist_id = text
    else:
        _host, segments, query = _address(text, _HOSTS)
        if segments not in (["playlist"], ["watch"]):
            raise Refused
        playlist_id = _single(query, "list")
    if _MIX_ID.fullmatch(playlist_id):
        raise Refused("a mix is made for each viewer, and has no end")
    if _OWN_PLAYLIST_ID.fullmatch(playlist_id):
        raise Refused("only its owner can see it")
    if not _PLAYLIST_ID.fullmatch(playlist_id):
        raise Refused
    return playlist_id


def _video(text: str) -> str:
    if _VIDEO_ID.fullmatch(text):
        return text
    host, segments, query = _address(text, {*_HOSTS, _SHORT_HOST})
    if host == _SHORT_HOST:
        video_id = "/".join(segments)
    elif segments == ["watch"]:
        video_id = _single(query, "v")
    elif len(segments) == 2 and segments[0] in _VIDEO_PREFIXES:
        video_id = segments[1]
    else:
        raise Refused
    if not _VIDEO_ID.fullmatch(video_id):
        raise Refused
    return video_id


CHANNEL = Name(
    "an @handle, a channel id, or the address of a channel (its videos) on youtube.com",
    "CHANNEL",
    _channel,
)
"""Read as a channel's path: "@handle", "channel/UC...", "c/name" or "user/name", quoted."""

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


def _address(text: str, hosts: AbstractSet[str]) -> tuple[str, list[str], dict[str, list[str]]]:
    """The host, the path's segments and the query of an address on one of these hosts.

    Raises:
        Refused: it is none.
    """
    if re.search(r"[\s\\]", text):
        raise Refused
    try:
        parts = urlsplit(text if "://" in text else f"https://{text}")
        query = parse_qs(parts.query, max_num_fields=20)
    except ValueError:
        raise Refused from None
    # The whole of netloc: neither a port nor "user@" has any business here.
    host = parts.netloc.lower()
    if parts.scheme not in ("http", "https") or host not in hosts:
        raise Refused
    return host, [unquote(segment) for segment in parts.path.strip("/").split("/")], query


def _single(query: dict[str, list[str]], name: str) -> str:
    """A value of a query that is there once: of two, browsers and servers take different ones."""
    values = query.get(name, [])
    if len(values) != 1:
        raise Refused
    return values[0]
