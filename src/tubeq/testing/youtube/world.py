"""What the simulated YouTube holds: channels and videos that follow from a seed, not from chance.

The same seed and handle give the same videos in every process. Ages are relative to the moment
of asking, as on YouTube.
"""

from __future__ import annotations

import base64
import hashlib
import random
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field

from tubeq.testing.youtube.faults import Fault, FaultPlan

MAX_VIDEOS = 500


@dataclass(frozen=True)
class Video:
    """One video, as a listing shows it.

    Args:
        video_id: 11 characters.
        views: exact; pages round it.
        duration_s: length in seconds.
        age_days: days since publication.
    """

    video_id: str
    title: str
    description: str
    views: int
    duration_s: int
    age_days: int


@dataclass(frozen=True)
class Channel:
    """One channel.

    Args:
        handle: with its "@".
        channel_id: "UC" and 22 characters.
        videos: newest first. A channel without any has no videos tab, as on YouTube.
        moved_to: handle of the channel that those who ask for this one are sent to.
        alert: what the page says instead of a listing, such as "This channel does not exist."
        old_layout: pages of the older shape, which has descriptions.
    """

    handle: str
    channel_id: str
    videos: tuple[Video, ...]
    moved_to: str | None = None
    alert: str | None = None
    old_layout: bool = False


@dataclass
class World:
    """Channels, and the faults to come. Safe to change while a server shows it.

    Args:
        seed: another seed, other videos.
        any_channel: a channel that was not added exists nevertheless, with `default_videos`.
        default_videos: how many videos a channel has unless it is told.
    """

    seed: int = 0
    any_channel: bool = False
    default_videos: int = 60
    faults: FaultPlan = field(default_factory=FaultPlan)
    _channels: dict[str, Channel] = field(default_factory=dict, repr=False)
    _lock: threading.RLock = field(default_factory=threading.RLock, repr=False)

    def channel(
        self,
        handle: str,
        videos: int | None = None,
        *,
        titles: Sequence[str] = (),
        moved_to: str | None = None,
        alert: str | None = None,
        old_layout: bool = False,
    ) -> Channel:
        """Add a channel, or replace the one with that handle.

        Args:
            handle: with or without its "@".
            videos: how many, 0 to 500.
            titles: of the first videos, where they matter.
            moved_to, alert, old_layout: see `Channel`.

        Raises:
            ValueError: too many videos.
        """
        count = self.default_videos if videos is None else videos
        if not 0 <= count <= MAX_VIDEOS:
            raise ValueError(f"a channel has 0 to {MAX_VIDEOS} videos, not {count}")
        handle = "@" + handle.removeprefix("@")
        made = Channel(
            handle,
            channel_id="UC" + self._identifier(handle.lower(), 22),
            videos=tuple(self._video(handle, index, titles) for index in range(count)),
            moved_to=moved_to,
            alert=alert,
            old_layout=old_layout,
        )
        return self._add(made)

    def find(self, name: str) -> Channel | None:
        """The channel with this handle (in any case), channel id, or old name; None for none."""
        with self._lock:
            found = self._channels.get(name) or self._channels.get("@" + name.lower().lstrip("@"))
            if found is None and self.any_channel and not name.startswith("UC"):
                found = self.channel(name)
            return found

    def fail(
        self,
        fault: Fault,
        *,
        channel: str | None = None,
        request: str | None = None,
        times: int | None = None,
        after: int = 0,
    ) -> None:
        """Let requests fail.

        Args:
            fault: one of `tubeq.testing.youtube.faults`.
            channel: a handle; None for any channel.
            request: a `RequestKind`; None for any request.
            times: how many requests; None for all from now on.
            after: how many matching requests still go well before.
        """
        handle = None if channel is None else "@" + channel.lower().removeprefix("@")
        self.faults.add(fault, channel=handle, request=request, times=times, after=after)

    def _add(self, channel: Channel) -> Channel:
        with self._lock:
            self._channels[channel.handle.lower()] = channel
            self._channels[channel.channel_id] = channel
        return channel

    def _identifier(self, name: str, length: int) -> str:
        digest = hashlib.sha256(f"{self.seed}/{name}".encode("utf-8", "surrogatepass")).digest()
        return base64.urlsafe_b64encode(digest).decode("ascii")[:length]

    def _video(self, handle: str, index: int, titles: Sequence[str]) -> Video:
        name = f"{handle.lower()}/{index}"
        chance = random.Random(f"{self.seed}/{name}")
        title = f"{chance.choice(_OPENINGS)} {chance.choice(_SUBJECTS)}, part {index + 1}"
        return Video(
            video_id=self._identifier(name, 11),
            title=titles[index] if index < len(titles) else title,
            description=f"{chance.choice(_OPENINGS)} a story told in ten minutes.",
            views=int(10 ** chance.uniform(2, 7)),
            duration_s=chance.randint(45, 3000),
            age_days=1 + index * 3 + chance.randint(0, 2),
        )


_OPENINGS = ("The night of", "What became of", "How we found", "Ten questions about", "Beyond")
_SUBJECTS = (
    "the lighthouse keeper",
    "a town under the lake",
    "the last tram",
    "our neighbour's orchard",
    "the island without clocks",
    "a letter from the north",
)
