"""The contents of the simulated YouTube: channels, playlists and videos derived from a seed.

The same seed and name give the same videos in every process. Ages are relative to the moment
of asking, as on YouTube.
"""

from __future__ import annotations

import base64
import hashlib
import random
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from tubeq.testing.youtube.faults import Fault, FaultPlan, Planned
from tubeq.testing.youtube.many import PREFIX_LENGTH, ManyVideos, Problems
from tubeq.testing.youtube.models import Channel, Playlist, Video
from tubeq.testing.youtube.problems import Problem

MAX_VIDEOS = 500


@dataclass
class World:
    """Channels, playlists, videos and planned faults. Safe to change while a server serves it.

    Args:
        seed: another seed, other videos.
        any_channel: whether channels that were not added exist too, with `default_videos`.
        default_videos: how many videos a channel, a playlist or a query has unless given.
    """

    seed: int = 0
    any_channel: bool = False
    default_videos: int = 60
    faults: FaultPlan = field(default_factory=FaultPlan)
    _channels: dict[str, Channel] = field(default_factory=dict, repr=False)
    _playlists: dict[str, Playlist] = field(default_factory=dict, repr=False)
    _queries: dict[str, tuple[Video, ...]] = field(default_factory=dict, repr=False)
    _videos: dict[str, Video] = field(default_factory=dict, repr=False)
    _many: dict[str, ManyVideos] = field(default_factory=dict, repr=False)
    _lock: threading.RLock = field(default_factory=threading.RLock, repr=False)

    def channel(
        self,
        handle: str,
        videos: int | None = None,
        *,
        shorts: int = 0,
        streams: int = 0,
        titles: Sequence[str] = (),
        moved_to: str | None = None,
        alert: str | None = None,
        old_layout: bool = False,
        title: str | None = None,
        old_names: Sequence[str] = (),
    ) -> Channel:
        """Add a channel, or replace the one with that handle.

        Args:
            handle: with or without its "@".
            videos, shorts, streams: how many, 0 to 500.
            titles: of the first videos, where they matter.
            moved_to, alert, old_layout, title, old_names: see `Channel`.

        Raises:
            ValueError: too many videos.
        """
        handle = "@" + handle.removeprefix("@")
        made = Channel(
            handle,
            channel_id=self._channel_id(handle),
            videos=self._made(handle, videos, handle, titles, title),
            shorts=self._made(f"{handle}/shorts", shorts, handle, (), title),
            streams=self._made(f"{handle}/streams", streams, handle, (), title),
            moved_to=moved_to,
            alert=alert,
            old_layout=old_layout,
            title=title,
            old_names=tuple(old_names),
        )
        return self._add(made)

    def big_channel(self, handle: str, videos: int, *, problem: Problems | None = None) -> Channel:
        """Add a channel of any size: its videos are created when they are accessed.

        Args:
            handle: with or without its "@".
            videos: how many, up to a thousand million.
            problem: which of its videos cannot be watched, by position; None for none.
        """
        handle = "@" + handle.removeprefix("@")
        prefix = self._identifier(f"{handle.lower()}/many", PREFIX_LENGTH)

        def make(place: int, video_id: str) -> Video:
            return replace(
                self._video(handle, place, handle),
                video_id=video_id,
                age_days=1 + place // 10,
                problem=None if problem is None else problem(place),
            )

        many = ManyVideos(videos, prefix, make)
        with self._lock:
            self._many[prefix] = many
        return self._add(Channel(handle, self._channel_id(handle), videos=many))

    def find(self, name: str) -> Channel | None:
        """The channel with this handle (in any case), channel id, or old name, or None."""
        with self._lock:
            found = self._channels.get(name) or self._channels.get("@" + name.lower().lstrip("@"))
            if found is None and self.any_channel and not name.startswith("UC"):
                found = self.channel(name)
            if found is None or isinstance(found.videos, ManyVideos):
                return found
            # A video may have changed since.
            videos = tuple(self._videos[v.video_id] for v in found.videos)
            return found if videos == found.videos else replace(found, videos=videos)

    def find_old_name(self, name: str) -> Channel | None:
        """The channel that once had this name, so that "/name" leads to it, or None."""
        with self._lock:
            found = self._channels.get("@" + name.lower())
        old_names = () if found is None else map(str.lower, found.old_names)
        return found if name.lower() in old_names else None

    def playlist(
        self,
        playlist_id: str,
        videos: int | None = None,
        *,
        titles: Sequence[str] = (),
        alert: str | None = None,
        shows_all: bool = False,
    ) -> Playlist:
        """Add a playlist, or replace the one with that id.

        Args:
            playlist_id: "PL" and at least 10 more characters.
            videos: how many, 0 to 500.
            titles: of the first videos, where they matter.
            alert, shows_all: see `Playlist`.

        Raises:
            ValueError: too many videos.
        """
        made = self._made(playlist_id, videos, _ANYONE, titles)
        playlist = Playlist(playlist_id, f"Playlist {playlist_id}", made, alert, shows_all)
        with self._lock:
            self._playlists[playlist_id] = playlist
        return playlist

    def find_playlist(self, playlist_id: str) -> Playlist | None:
        """The playlist with this id, which may be a channel's uploads, or None."""
        with self._lock:
            found = self._playlists.get(playlist_id)
            channel = self._channels.get(f"UC{playlist_id[2:]}")
            if found is None and channel is not None and playlist_id.startswith("UU"):
                found = Playlist(playlist_id, "Uploads", channel.videos)
            if found is None:
                return None
            # A video may have a problem by now.
            return replace(found, videos=tuple(self._videos[v.video_id] for v in found.videos))

    def query(
        self, words: str, videos: int | None = None, *, titles: Sequence[str] = ()
    ) -> tuple[Video, ...]:
        """What a search for these words finds, 0 to 500 videos, instead of `default_videos`.

        Raises:
            ValueError: too many videos.
        """
        made = self._made(f"?{words}", videos, _ANYONE, titles)
        with self._lock:
            self._queries[words] = made
        return made

    def find_videos(self, words: str) -> tuple[Video, ...]:
        """What a search finds, unordered and unfiltered."""
        with self._lock:
            return self._queries[words] if words in self._queries else self.query(words)

    def video(
        self,
        video_id: str,
        *,
        title: str | None = None,
        description: str | None = None,
        problem: Problem | None = None,
        viewers: int | None = None,
    ) -> Video:
        """Add a video, or change one that is there.

        Args:
            video_id: 11 characters.
            title, description: where they matter.
            problem: one of `tubeq.testing.youtube.problems`.
            viewers: see `Video`.
        """
        with self._lock:
            video = self._videos.get(video_id) or self._video(video_id, 0, _ANYONE)
            self._videos[video_id] = replace(
                video,
                video_id=video_id,
                title=video.title if title is None else title,
                description=video.description if description is None else description,
                problem=problem,
                viewers=viewers,
            )
            return self._videos[video_id]

    def find_video(self, video_id: str) -> Video | None:
        """The video with this id, wherever it is, or None."""
        with self._lock:
            found, many = self._videos.get(video_id), self._many.get(video_id[:PREFIX_LENGTH])
        return found if many is None or found is not None else many.find(video_id)

    def fail(
        self,
        fault: Fault,
        *,
        channel: str | None = None,
        subject: str | None = None,
        request: str | None = None,
        times: int | None = None,
        after: int = 0,
    ) -> None:
        """Let requests fail.

        Args:
            fault: one of `tubeq.testing.youtube.faults`.
            channel: a handle; None for any channel.
            subject: the id of a playlist or a video, or a query; None for any.
            request: a `RequestKind`; None for any request.
            times: how many requests; None for all from now on.
            after: how many matching requests still succeed before.
        """
        if channel is not None:
            subject = "@" + channel.lower().removeprefix("@")
        self.faults.add(Planned(fault, subject, request, times, after))

    def _add(self, channel: Channel) -> Channel:
        with self._lock:
            self._channels[channel.handle.lower()] = channel
            self._channels[channel.channel_id] = channel
            for name in channel.old_names:
                self._channels["@" + name.lower().removeprefix("@")] = channel
        return channel

    def _identifier(self, name: str, length: int) -> str:
        digest = hashlib.sha256(f"{self.seed}/{name}".encode("utf-8", "surrogatepass")).digest()
        return base64.urlsafe_b64encode(digest).decode("ascii")[:length]

    def _channel_id(self, handle: str) -> str:
        return "UC" + self._identifier(handle.lower(), 22)

    def _made(
        self,
        name: str,
        count: int | None,
        handle: str,
        titles: Sequence[str] = (),
        byline: str | None = None,
    ) -> tuple[Video, ...]:
        """New videos of a channel. With its display name as `byline`, they show both unchanged.

        Raises:
            ValueError: too many.
        """
        count = self.default_videos if count is None else count
        if not 0 <= count <= MAX_VIDEOS:
            raise ValueError(f"there are 0 to {MAX_VIDEOS} videos, not {count}")
        made = [self._video(name, index, handle) for index in range(count)]
        for index, title in enumerate(titles[:count]):
            made[index] = replace(made[index], title=title)
        if byline is not None:
            made = [replace(video, channel=handle, byline=byline) for video in made]
        with self._lock:
            self._videos.update((video.video_id, video) for video in made)
        return tuple(made)

    def _video(self, where: str, index: int, handle: str) -> Video:
        name = f"{where.lower()}/{index}"
        chance = random.Random(f"{self.seed}/{name}")
        opening, subject = chance.choice(_OPENINGS), chance.choice(_SUBJECTS)
        description = f"{chance.choice(_OPENINGS)} a story in ten minutes."
        views = int(10 ** chance.uniform(2, 7))
        return Video(
            video_id=self._identifier(name, 11),
            title=f"{opening} {subject}, part {index + 1}",
            description=description,
            views=views,
            duration_s=chance.randint(45, 3000),
            age_days=1 + index * 3 + chance.randint(0, 2),
            likes=int(views * chance.uniform(0.01, 0.08)),
            tags=tuple(subject.split()),
            category="Entertainment",
            channel=handle.lower(),
            channel_id=self._channel_id(handle),
            byline=handle.lower().removeprefix("@"),
        )


_ANYONE = "@someone"
_OPENINGS = ("The night of", "What became of", "How we found", "Ten questions about", "Beyond")
_SUBJECTS = (
    "the lighthouse",
    "a town under the lake",
    "the last tram",
    "our neighbour's orchard",
    "the island without clocks",
    "a letter from the north",
)
