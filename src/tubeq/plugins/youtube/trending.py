"""Task type `youtube_trending`: a feed that YouTube removed, and a substitute for it.

The substitute is a search for what was published this week, the most viewed first. YouTube only
searches for words, so it needs a subject: `query`.
"""

from __future__ import annotations

from dataclasses import dataclass

from tubeq.domain.errors import PermanentError
from tubeq.plugins.parameter_types import Flag, Text
from tubeq.plugins.parameters import Parameters, parameter
from tubeq.plugins.youtube.listing import Listing, YouTubeListingPlugin, max_results
from tubeq.plugins.youtube.search import results_url


@dataclass(frozen=True)
class TrendingParameters(Parameters):
    """What a task takes."""

    substitute: bool = parameter(
        Flag(), "Search this week's videos, the most viewed first, instead.", default=False
    )
    query: str = parameter(Text(200), "What the substitute searches for.", default="video")
    max_results: int = max_results("")

    @property
    def url(self) -> str:
        """The address of the substitute."""
        return results_url(self.query, "views", "week", None)


class YouTubeTrendingPlugin(YouTubeListingPlugin[TrendingParameters]):
    """Fails with the explanation that the feed is gone, unless the substitute is asked for."""

    parameters = TrendingParameters

    def _listing(self, wanted: TrendingParameters) -> Listing:
        if not wanted.substitute:
            raise PermanentError(
                "YouTube removed its trending feed: give --substitute (in a task, substitute=true)"
                " for a search of this week's videos, the most viewed first",
                code="trending_removed",
            )
        return Listing(wanted.url, wanted.max_results)
