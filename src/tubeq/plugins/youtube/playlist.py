"""Task type `youtube_playlist`: the videos of a playlist as ideas, in its order.

One flat listing: 1 request for each 100 videos. Private and deleted videos are left out.
"""

from __future__ import annotations

from dataclasses import dataclass

from tubeq.plugins.parameters import Parameters, parameter
from tubeq.plugins.youtube.listing import Listing, YouTubeListingPlugin, enrich, max_results
from tubeq.plugins.youtube.names import PLAYLIST, SITE


@dataclass(frozen=True)
class PlaylistParameters(Parameters):
    """What a task takes; `playlist` is read as the playlist's id."""

    playlist: str = parameter(PLAYLIST, "The playlist's id (PL...), or its address.")
    max_results: int = max_results(", in the playlist's order")
    enrich: bool = enrich()

    @property
    def url(self) -> str:
        """The playlist's address."""
        return f"{SITE}/playlist?list={self.playlist}"


class YouTubePlaylistPlugin(YouTubeListingPlugin[PlaylistParameters]):
    """Scrapes playlists."""

    parameters = PlaylistParameters

    def _listing(self, wanted: PlaylistParameters) -> Listing:
        return Listing(wanted.url, wanted.max_results, enrich=wanted.enrich)
