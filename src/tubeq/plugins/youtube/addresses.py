"""What an address, an id or a handle names on YouTube, in every form in which people copy one.

Nothing is fetched, and only the names in the text are kept: other hosts, user names, ports and
other schemes are not accepted. If it names nothing that can be scraped, the result has a
reason.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, NamedTuple
from urllib.parse import parse_qs, unquote, urlsplit

from tubeq.domain.handles import composed, is_name
from tubeq.plugins.text import bare
from tubeq.plugins.youtube.search_filters import decoded

SITE = "https://www.youtube.com"
VIDEO_ID = re.compile(r"[0-9A-Za-z_-]{11}")
_CHANNEL_ID = re.compile(r"UC[0-9A-Za-z_-]{22}")
# Lists that are visible without an account: made by users, uploads, favourites, likes, albums,
# shows, temporary ones, and of the mixes only those by YouTube's editors.
_PLAYLIST_ID = re.compile(r"(?:PL|UU|FL|LL|OLAK5uy_|EC|PU|TL|RDCLAK5uy_)[0-9A-Za-z_-]{10,60}")
_OWN_PLAYLIST_ID = re.compile(r"WL|LL|LM|HL")
_MIX_ID = re.compile(r"RD[0-9A-Za-z_-]*")
_MOST_FIELDS = 40  # the most parameters of a query; a browser's has ten
_MOST_REDIRECTS = 3

_HOSTS = frozenset(
    {f"{before}youtube.com" for before in ("", "www.", "m.", "music.", "gaming.")}
    | {"youtubekids.com", "www.youtubekids.com", "youtube.googleapis.com"}
    | {"youtube-nocookie.com", "www.youtube-nocookie.com"}
)
_SHORT_HOSTS = frozenset({"youtu.be", "www.youtu.be"})
_CONSENT_HOST = "consent.youtube.com"
_STUDIO_HOST = "studio.youtube.com"

_TABS = {"shorts": "shorts", "streams": "streams", "live": "streams"}
# Pages of a channel that list no videos of their own: they name the channel.
_CHANNELS_OWN = frozenset(
    {"videos", "featured", "home", "about", "community", "posts", "channels", "membership"}
    | {"join", "store"}
)
_ONE_VIDEO = frozenset({"shorts", "live", "embed", "v", "e", "vi"})
_WATCH = frozenset(
    {"watch", "watch_popup", "watch.php", "movie", "live_chat", "live_chat_replay", "all_comments"}
)
_LISTS = frozenset({"playlist", "view_play_list", "my_playlists", "p"})
_REDIRECTS = {
    "redirect": ("q",), "attribution_link": ("u",), "oembed": ("url",), "signin": ("next",),
    "verify_age": ("next_url",), "supported_browsers": ("next_url",),
}  # fmt: skip
_REASONS = {
    "clip": "a clip does not name its video: give the video's address",
    "hashtag": "a hashtag is not a channel: search for it, `tubeq search '#...'`",
    "source": "shorts that share a sound are not listed: give a video, or a channel",
    "feed": "a feed is made for each viewer: give a channel, a playlist, or a search",
    "post": "a post is not a video: give the channel's address",
    "watch_videos": "it names several videos: give each by itself",
}
_NO_LIST = "it names no list: list=PL..."
_OWN_PAGE = "that is a page of YouTube's own: give a channel, a playlist, a video or a search"
# From yt-dlp, and YouTube's own newer pages: a channel cannot have these names.
_RESERVED = frozenset(
    {
        "w", "clip", "movies", "shared", "trending", "explore", "feeds", "get_video_info",
        "iframe_api", "s", "storefront", "oops", "index", "account", "t", "about", "upload",
        "logout", "premium", "paid_memberships", "gaming", "music", "kids", "ads", "creators",
        "howyoutubeworks", "jobs", "new", "playables", "podcasts", "reporthistory", "select_site",
        "tv", "api", "yt", "channel", "c", "user", "browse", "results", "search", "show", "podcast",
        "subscription_center", "profile", "moderation", "ytscreeningroom", "artist", "charts",
        *_REASONS, *_REDIRECTS, *_WATCH, *_ONE_VIDEO, *_LISTS,
    }
)  # fmt: skip

_AROUND = "<>\"'`()[]{}\u201c\u201d\u2018\u2019\u00ab\u00bb\u2039\u203a\u300c\u300d\u300e\u300f"
_BEHIND = (
    ",;:!?.\u2026\u3002\u3001\uff0c\uff1b\uff1a\uff01\uff1f\uff0e\uff61\uff64"
    "\u060c\u061b\u061f\u06d4\u0964\u0965"  # Arabic, Urdu, Hindi
)
_KINDS_OF_CHANNELS = ("channel", "browse", "c", "user")
_MOST_ESCAPES = 3  # one address nested in another


class Channel(NamedTuple):
    """A channel's path, composed and not quoted ("@handle", "channel/UC...", "c/name",
    "user/name" or "name"), and the tab of the address; None where it is not certain."""

    path: str
    tab: str | None = None


@dataclass(frozen=True)
class Found:
    """What a string names: perhaps a video and the playlist that it was watched in.

    Args:
        query: the words of a search.
        also: the search's other parameters, as far as the address has them.
        why: a reason for people why it names no more than that; "" for none.
    """

    channel: Channel | None = None
    playlist: str | None = None
    video: str | None = None
    query: str | None = None
    also: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    why: str = ""


_Query = Mapping[str, list[str]]


def read(text: str) -> Found:
    """What the text names; nothing, usually with a reason, where it is not on YouTube."""
    text = bare(text)
    return _prefixed(text) or _named(_as_meant(text))


def _as_meant(text: str) -> str:
    """The text without characters that copying from prose adds around it."""
    text = text.lstrip(_AROUND).rstrip(_AROUND + _BEHIND)
    return f"@{text[1:]}" if text[:1] == "\uff20" else text  # full-width, from Japanese keyboards


def _prefixed(text: str) -> Found | None:
    """The short forms of yt-dlp and mobile systems."""
    if not text.startswith(("yt", ":yt")):
        return None
    search = re.fullmatch(r"ytsearch(date)?([0-9]{0,6}|all):(.+)", text)
    if search is not None:
        by_date, count, words = search.groups()
        also: dict[str, Any] = {"sort": "date"} if by_date else {}
        if count.isdecimal():
            also["max_results"] = int(count)
        return Found(query=words.strip(), also=also)
    if text.startswith(":yt"):
        return Found(why=_REASONS["feed"])
    user = re.fullmatch(r"ytuser:(.+)", text)
    if user is not None:
        return _of_channel(["user", user[1]])
    return None


def _named(text: str) -> Found:
    """What a name or an address refers to."""
    if re.match(r"/?(?:@|%(?:25)*40)", text):
        return _of_channel(_cut(_unquoted(text)).strip("/").split("/"))
    if _CHANNEL_ID.fullmatch(text):
        return Found(Channel(f"channel/{text}"))
    playlist = _of_list(text)
    if VIDEO_ID.fullmatch(text):
        return replace(playlist, video=text)
    if playlist.playlist or playlist.why:
        return playlist
    return _of_address(text)


def _of_list(list_id: str) -> Found:
    """By the id of a list; one of an unknown kind gets no reason."""
    list_id = list_id.removeprefix("VL")  # as on its page in YouTube Music
    if _PLAYLIST_ID.fullmatch(list_id):
        return Found(playlist=list_id)
    if _MIX_ID.fullmatch(list_id):
        return Found(why="a mix is made for each viewer, and has no end")
    if _OWN_PLAYLIST_ID.fullmatch(list_id):
        return Found(why="only its owner can see that list")
    return Found()


def _of_address(text: str, redirects: int = 0) -> Found:
    text = _completed(text)
    app = re.fullmatch(r"(?:vnd\.)?youtube:(?://)?(.+)", text, re.IGNORECASE)
    if app is not None:
        text = app[1]
        if VIDEO_ID.fullmatch(_cut(text)):
            return Found(video=_cut(text))
    address = _split(text)
    if address is None:
        return Found()
    host, segments, query, fragment = address
    if host not in _HOSTS | _SHORT_HOSTS | {_CONSENT_HOST, _STUDIO_HOST}:
        return Found(why=_other_host(host))
    if redirects > _MOST_REDIRECTS:
        return Found(why="it is redirected too often")
    if host == _CONSENT_HOST:
        return _of_target(query, ("continue",), redirects)
    if host == _STUDIO_HOST and segments[0] in ("video", "channel", "playlist"):
        segments = ["v" if segments[0] == "video" else segments[0], *segments[1:2]]
    if host in _SHORT_HOSTS:
        return _of_short(segments, query)
    if segments == [""] and fragment.startswith("/"):
        return _of_address(f"https://{host}{fragment}", redirects + 1)
    if segments[0] in _REDIRECTS:
        return _of_target(query, _REDIRECTS[segments[0]], redirects)
    return _of_page(segments, query)


def _completed(text: str) -> str:
    """The address without escapes added by other programs, and with its host where that is
    missing."""
    text = re.sub(r"\\([?=&])", r"\1", text)  # as shells escape it
    text = re.sub(r"&(?:amp;)+", "&", text)  # as pages write it
    if re.match(r"https?%(?:25)*3a", text, re.IGNORECASE) or (
        "=" not in text and "%3D" in text.upper()
    ):
        text = _unquoted(text)  # as in another address's query
    if re.match(r"/?(?:channel|c|user|shorts|live)/|/?(?:watch|playlist|results)\?", text):
        text = f"{SITE}/{text.lstrip('/')}"  # as in redirect links of YouTube's pages
    return text


def _split(text: str) -> tuple[str, list[str], _Query, str] | None:
    """An address's host, the segments of its path, its query and its fragment; None for none.

    The host is everything before the path: neither a port nor "user@" is allowed there.
    """
    if re.search(r"[\s\\]", text):
        return None
    if text.startswith("//"):
        text = f"https:{text}"
    elif not re.match("[a-z][a-z0-9+.-]*://", text, re.IGNORECASE):
        text = f"https://{text}"
    try:
        parts = urlsplit(text)
        query = parse_qs(parts.query, max_num_fields=_MOST_FIELDS)
        behind = parse_qs(parts.fragment.lstrip("!"), max_num_fields=_MOST_FIELDS)
    except ValueError:
        return None
    if parts.scheme not in ("http", "https"):
        return None
    segments = [unquote(segment) for segment in parts.path.strip("/").split("/")]
    return parts.netloc.lower(), segments, query or behind, parts.fragment


def _other_host(host: str) -> str:
    name = host.rpartition("@")[2].partition(":")[0].rstrip(".")
    if name in _HOSTS | _SHORT_HOSTS:
        return f"write {name} alone, without a user name, a port or a dot behind it"
    return "only addresses on youtube.com and youtu.be are read" if "." in host else ""


def _of_target(query: _Query, names: tuple[str, ...], redirects: int) -> Found:
    """The target of a redirect page of YouTube's."""
    for target in (value for name in names for value in query.get(name, [])[:1]):
        return _of_address(SITE + target if target.startswith("/") else target, redirects + 1)
    return Found(why="it does not say where it leads to")


def _of_short(segments: list[str], query: _Query) -> Found:
    if len(segments) != 1 or segments == ["watch"]:
        return Found(why="write youtu.be/ and the video's id alone")
    return _of_watched(segments, query)


def _of_page(segments: list[str], query: _Query) -> Found:
    first, *others = [segments[0].lower(), *segments[1:]]
    if segments == [""] and not query:
        return Found(why=_OWN_PAGE)
    if first in _WATCH or first == "":
        return _of_watched(others or query.get("v", []), query, "v" in query or bool(others))
    old = first == "course" and "list" in query  # without an id, it is a channel's name
    if first in _LISTS or old or (first == "embed" and others in ([], ["videoseries"])):
        lists = query.get("list") or query.get("p") or (others if first in _LISTS else [])
        return _of_watched([], {"list": lists}) if lists else Found(why=_NO_LIST)
    if first == "embed" and others == ["live_stream"]:
        return _of_channel(["channel", *query.get("channel", [""]), "live"])
    if first in _ONE_VIDEO and others:
        return _of_watched(others, query)
    if first in ("results", "search"):
        words = _single(query, "search_query") or _single(query, "q")
        also = decoded(_single(query, "sp") or "")
        return Found(query=words, also=also) if words else Found(why="it holds no search_query=")
    if first == "browse" and others and others[0].startswith("VL"):
        return _of_list(others[0])
    if first == "browse" and others and others[0].startswith("MPREb"):
        return Found(why="an album's page: give its playlist instead (list=OLAK5uy_...)")
    if (first, *others[:1]) == ("feed", "trending"):
        return Found(why="YouTube removed that feed: see `tubeq trending`")
    if first in ("feeds", "profile"):
        return _of_news(query)
    return _of_channel(segments)


def _of_news(query: _Query) -> Found:
    """What an RSS feed, or an old page about a user, refers to."""
    if query.get("playlist_id"):
        return _of_watched([], {"list": query["playlist_id"]})
    for kind, name in (("channel", "channel_id"), ("user", "user")):
        if value := _single(query, name):
            return _of_channel([kind, value])
    return Found(why=_OWN_PAGE)


def _of_watched(videos: list[str], query: _Query, has_video: bool = True) -> Found:
    """A video, the list in which it is watched, or both."""
    lists = {_cut(each) for each in query.get("list", [])}
    if len(lists) > 1:
        return Found(why="it names two lists: give one")
    found = _of_list(lists.pop()) if lists else Found()
    if not has_video or not videos:
        if found == Found():
            why = "it names no video: the shell ends an address at its first &, so put it in quotes"
            return Found(why="lists of that kind are not known" if query.get("list") else why)
        return found
    ids = {_cut(each) for each in videos}
    if len(ids) > 1:
        return replace(found, why="it names two videos: give one")
    video_id = ids.pop()
    if not VIDEO_ID.fullmatch(video_id):
        return replace(found, why=f"a video's id has 11 characters, not {len(video_id)}")
    return replace(found, video=video_id)


def _of_channel(segments: list[str]) -> Found:
    first, *others = segments
    if first.lower() in _KINDS_OF_CHANNELS:
        name, *others = others or [""]
        kind = "channel" if first.lower() == "browse" else first.lower()
    else:
        name, kind = first, "channel" if _CHANNEL_ID.fullmatch(first) else ""
    name = composed(_cut(_unquoted(name)))
    is_id = kind == "channel"
    known = _CHANNEL_ID.fullmatch if is_id else _is_channel_name
    if not kind and name.lower() in _RESERVED:
        return Found(why=_REASONS.get(name.lower(), _OWN_PAGE))
    if not known(name) or (kind and name.startswith("@")):
        wanted = "UC and 22 more characters" if is_id else "letters, digits, and . _ - ·"
        return Found(why=f"{'a channel id is' if is_id else 'a channel is called by'} {wanted}")
    page = "/".join(others).lower()
    if page and page not in _TABS and page not in _CHANNELS_OWN:
        return Found(
            why="give the channel's address alone: its videos, shorts and streams are read"
        )
    return Found(Channel(f"{kind}/{name}" if kind else name, _TABS.get(page)))


def _is_channel_name(name: str) -> bool:
    return is_name(name.removeprefix("@"))


def _single(query: _Query, name: str) -> str | None:
    """A value that occurs once in a query: of two, browsers and servers take different ones."""
    values = set(query.get(name, []))
    return values.pop().strip() if len(values) == 1 else None


def _cut(value: str) -> str:
    """An id without parameters that were appended with a second "?", or with "&"."""
    return re.split("[?&#]", value)[0].rstrip("/")


def _unquoted(text: str) -> str:
    """Without escapes, also nested ones: no name contains a "%"."""
    for _ in range(_MOST_ESCAPES):
        text = unquote(text)
    return text
