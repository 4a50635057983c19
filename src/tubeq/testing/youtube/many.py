"""Channels too large to be created in advance: each video is derived from its position, which its
id contains."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import overload

from tubeq.testing.youtube.models import Video
from tubeq.testing.youtube.problems import Problem

Problems = Callable[[int], "Problem | None"]
"""Maps the position of a video in its channel, 0 for the newest, to its problem."""

PREFIX_LENGTH = 6
_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
_PLACE_LENGTH = 5


class ManyVideos(Sequence[Video]):
    """The videos of a channel, newest first, created when they are accessed.

    Args:
        count: how many.
        prefix: 6 characters with which only their ids begin.
        make: creates the video of a position, with this id.
    """

    def __init__(self, count: int, prefix: str, make: Callable[[int, str], Video]) -> None:
        self._count = count
        self._prefix = prefix
        self._make = make

    def __len__(self) -> int:
        return self._count

    @overload
    def __getitem__(self, place: int) -> Video: ...

    @overload
    def __getitem__(self, place: slice) -> tuple[Video, ...]: ...

    def __getitem__(self, place: int | slice) -> Video | tuple[Video, ...]:
        if isinstance(place, slice):
            return tuple(self[each] for each in range(*place.indices(self._count)))
        if not 0 <= place < self._count:
            raise IndexError(place)
        return self._make(place, self.id_of(place))

    def id_of(self, place: int) -> str:
        """The id of the video at this position."""
        digits = ""
        for _ in range(_PLACE_LENGTH):
            place, digit = divmod(place, len(_ALPHABET))
            digits = _ALPHABET[digit] + digits
        return self._prefix + digits

    def find(self, video_id: str) -> Video | None:
        """The video with this id, or None."""
        place = 0
        for character in video_id[PREFIX_LENGTH:]:
            place = place * len(_ALPHABET) + _ALPHABET.find(character)
        known = video_id[:PREFIX_LENGTH] == self._prefix and 0 <= place < self._count
        return self[place] if known and self.id_of(place) == video_id else None
