"""Channels, playlists and videos, as the simulated YouTube knows them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tubeq.testing.youtube.problems import Problem


@dataclass(frozen=True)
class Video:
    """One video.

    Args:
        video_id: 11 characters.
        views: exact; listings round it.
        duration_s: length in seconds.
        age_days: days since publication.
        channel: the handle of its channel, in lower case.
        byline: the display name of its channel.
        problem: why it cannot be watched; None where it can.
        viewers: how many watch it live; None where it is not live.
    """

    video_id: str
    title: str
    description: str
    views: int
    duration_s: int
    age_days: int
    likes: int
    tags: tuple[str, ...]
    category: str
    channel: str
    channel_id: str
    byline: str
    problem: Problem | None = None
    viewers: int | None = None


@dataclass(frozen=True)
class Channel:
    """One channel.

    Args:
        handle: with its "@".
        channel_id: "UC" and 22 characters.
        videos, shorts, streams: newest first. Without any there is no such tab, as on YouTube.
        moved_to: handle of the channel to which requests for this one are redirected.
        alert: what the page says instead of a listing, such as "This channel does not exist."
        old_layout: pages of the older shape, which has descriptions.
        title: its display name; None for its handle without the "@".
        old_names: other names under which its pages are shown: former handles, and those of
            "/c/name", "/user/name" and "/name".
    """

    handle: str
    channel_id: str
    videos: Sequence[Video]
    shorts: tuple[Video, ...] = ()
    streams: tuple[Video, ...] = ()
    moved_to: str | None = None
    alert: str | None = None
    old_layout: bool = False
    title: str | None = None
    old_names: tuple[str, ...] = ()

    def tab(self, name: str) -> Sequence[Video]:
        """The videos under "videos", "shorts" or "streams"."""
        videos: Sequence[Video] = getattr(self, name)
        return videos


@dataclass(frozen=True)
class Playlist:
    """One playlist.

    Args:
        videos: in its order. Those that cannot be watched are hidden, or have a stand-in for a
            title where `shows_all`.
        alert: what the page says instead, such as "The playlist does not exist."
    """

    playlist_id: str
    title: str
    videos: Sequence[Video]
    alert: str | None = None
    shows_all: bool = False
