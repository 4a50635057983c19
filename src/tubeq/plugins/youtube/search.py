"""Task type `youtube_search`: the videos that YouTube finds for a query, as ideas.

One flat listing: 1 request for each 20 videos or so, plus 1 at the start. Sorting and filtering
are YouTube's own: see `search_filters`.
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlencode

from tubeq.plugins.parameter_types import Choice
from tubeq.plugins.parameters import Parameters, Preset, parameter
from tubeq.plugins.youtube.listing import Listing, YouTubeListingPlugin, enrich, max_results
from tubeq.plugins.youtube.names import QUERY, SITE
from tubeq.plugins.youtube.search_filters import DURATION, SORT, UPLOADED, encoded


@dataclass(frozen=True)
class SearchParameters(Parameters):
    """What a task takes."""

    query: str = parameter(QUERY, "The words to search for, or the address of a page of results.")
    max_results: int = max_results("")
    sort: str = parameter(Choice(tuple(SORT)), "What comes first.", default="relevance")
    uploaded: str | None = parameter(
        Choice(tuple(UPLOADED)), "Only what was published within this time.", default=None
    )
    duration: str | None = parameter(
        Choice(tuple(DURATION)),
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
    """The address of a page of results that has only videos."""
    sp = encoded(sort, uploaded, duration)
    return f"{SITE}/results?{urlencode({'search_query': query, 'sp': sp})}"


NEWEST = Preset("youtube_search", "A search, the newest first.", {"sort": "date"})
MOST_VIEWED_THIS_WEEK = Preset(
    "youtube_search",
    "A search of this week's videos, the most viewed first.",
    {"sort": "views", "uploaded": "week"},
)
