"""The channel of a video: as YouTube's answer names it, never as the user wrote it.

An address may be an old one, written in another case, or lead to a channel that was renamed since;
the page itself names its channel, whichever address led to it.
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
        listing: yt-dlp's data about the page as a whole: for a channel's page, it has the channel's
            id.
    """
    channel_id = listing.get("channel_id")
    if not channel_id or listing.get("id") != channel_id:
        return {}
    return {name: str(listing[name]) for name in _NAMES if listing.get(name)}


def owned(entry: dict[str, Any], owner: Mapping[str, str]) -> dict[str, Any]:
    """The entry, completed with its channel's names. Its own values take precedence: where they
    name another channel, such as the partner of a joint video, nothing is added, as the names of
    two channels must not be mixed."""
    said = {name: entry[name] for name in _NAMES if entry.get(name)}
    if not owner or any(owner.get(name, value) != value for name, value in said.items()):
        return entry
    return {**entry, **owner}
