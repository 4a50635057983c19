"""Task type `youtube_search`: the videos that YouTube finds for a query, as ideas.

One flat listing: 1 request for each 20 videos or so, and 1 to begin with. Sorting and filtering
are YouTube's own, by the parameter `sp` of the address of a page of results.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from urllib.parse import quote, urlencode

from tubeq.plugins.kinds import Choice, Text
from tubeq.plugins.listing import Listing, YouTubeListingPlugin, enrich, max_results
from tubeq.plugins.names import SITE
from tubeq.plugins.parameters import Parameters, Preset, parameter

# YouTube's numbers. In `sp` they are a message of protocol buffers, in base64.
_SORT = {"relevance": 0, "rating": 1, "date": 2, "views": 3}
_UPLOADED = {"hour": 1, "today": 2, "week": 3, "month": 4, "year": 5}
_DURATION = {"short": 1, "long": 2, "medium": 3}
_ONLY_VIDEOS = 1


@dataclass(frozen=True)
class SearchParameters(Parameters):
    """What a task may be told."""

    query: str = parameter(Text(200), "The words to search for.")
    max_results: int = max_results("")
    sort: str = parameter(Choice(tuple(_SORT)), "What comes first.", default="relevance")
    uploaded: str | None = parameter(
        Choice(tuple(_UPLOADED)), "Only what was published within this time.", default=None
    )
    duration: str | None = parameter(
        Choice(tuple(_DURATION)),
        "Only what is short (under 4 minutes), medium (4 to 20) or long.",
        default=None,
    )
    enrich: bool = enrich()

    @property
    def url(self) -> str:
        """The address of the page of results."""
        return results_url(self.query, self.sort, self.uploaded, self.duration)


class YouTubeSearchPlugin(YouTubeListingPlugin[SearchParameters]):
    """Searches."""

    parameters = SearchParameters

    def _listing(self, wanted: SearchParameters) -> Listing:
        return Listing(wanted.url, wanted.max_results, enrich=wanted.enrich)


def results_url(query: str, sort: str, uploaded: str | None, duration: str | None) -> str:
    """The address of a page of results that holds nothing but videos."""
    filters = _field(2, _ONLY_VIDEOS)
    if uploaded is not None:
        filters = _field(1, _UPLOADED[uploaded]) + filters
    if duration is not None:
        filters += _field(3, _DURATION[duration])
    order = _field(1, _SORT[sort]) if _SORT[sort] else b""
    message = order + bytes([2 << 3 | 2, len(filters)]) + filters
    # Escaped twice, as in a browser's address: YouTube's own parameter holds "%3D".
    sp = quote(base64.urlsafe_b64encode(message))
    return f"{SITE}/results?{urlencode({'search_query': query, 'sp': sp})}"


def _field(number: int, value: int) -> bytes:
    """A numbered field with a small whole number."""
    return bytes([number << 3, value])


NEWEST = Preset("youtube_search", "A search, the newest first.", {"sort": "date"})
MOST_VIEWED_THIS_WEEK = Preset(
    "youtube_search",
    "A search of this week's videos, the most viewed first.",
    {"sort": "views", "uploaded": "week"},
)
