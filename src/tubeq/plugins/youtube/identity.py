"""Whose a video is: what YouTube's answer says of the channel, never what the user called it.

An address may be an old one, written in another case, or lead to a channel that was renamed since;
the page that comes back names the channel that it is of, whatever led to it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_NAMES = ("channel", "channel_id", "uploader_id")
"""A channel's title, id and handle, as yt-dlp names them."""


def owner_of(listing: Mapping[str, Any]) -> dict[str, str]:
    """The names of the channel whose page a listing is; empty for playlists and searches, whose
    videos are of many channels, and where the page does not say.

    Args:
        listing: what yt-dlp says of the page as a whole: of a channel's, it has the channel's id.
    """
    channel_id = listing.get("channel_id")
    if not channel_id or listing.get("id") != channel_id:
        return {}
    return {name: str(listing[name]) for name in _NAMES if listing.get(name)}


def owned(entry: dict[str, Any], owner: Mapping[str, str]) -> dict[str, Any]:
    """The entry with those of its channel's names that it lacks. What it says itself comes first:
    where that is another channel, such as the partner of a joint video, nothing is added, as the
    names of two channels make up a third one."""
    said = {name: entry[name] for name in _NAMES if entry.get(name)}
    if not owner or any(owner.get(name, value) != value for name, value in said.items()):
        return entry
    return {**entry, **owner}
