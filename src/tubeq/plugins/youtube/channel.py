"""Task type `youtube_channel`: the newest videos, shorts or streams of a channel as ideas.

One flat listing: 1 request for each 30 videos, and 1 more where an attempt continues an earlier
one's. It has rounded view counts and ages such as
"3 weeks ago", but no likes, tags or exact dates; of shorts, neither ages nor lengths.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timezone
from typing import Any
from urllib.parse import unquote

from tubeq.domain.errors import InvalidParameters
from tubeq.domain.handles import folded
from tubeq.plugins.parameter_types import Choice, Day, Whole
from tubeq.plugins.parameters import Parameters, Preset, parameter
from tubeq.plugins.youtube.listing import Listing, YouTubeListingPlugin, enrich, max_results
from tubeq.plugins.youtube.names import CHANNEL, SITE

_DAY_S = 86_400


@dataclass(frozen=True)
class ChannelParameters(Parameters):
    """What a task takes; `channel_url` is read as the channel's path."""

    channel_url: str = parameter(CHANNEL, "@handle, channel id, or the page's address.")
    max_results: int = max_results(", newest first")
    tab: str = parameter(
        Choice(("videos", "shorts", "streams")), "Which of the channel's tabs.", default="videos"
    )
    since: date | None = parameter(
        Day(), "Nothing older than this day, as far as the listing gives ages.", default=None
    )
    max_age_days: int | None = parameter(
        Whole(1, 36_500), "Nothing older than so many days, likewise.", default=None
    )
    enrich: bool = enrich()

    def check_together(self) -> None:
        """
        Raises:
            InvalidParameters: both ages are given, or an age for shorts.
        """
        if self.since is not None and self.max_age_days is not None:
            raise InvalidParameters("give since or max_age_days, not both")
        if self.tab == "shorts" and (self.since is not None or self.max_age_days is not None):
            name = "max_age_days" if self.since is None else "since"
            raise InvalidParameters(
                f"{name} goes with the tabs videos and streams: the listing of shorts has no ages"
            )

    @property
    def url(self) -> str:
        """The tab's address."""
        return f"{SITE}/{self.channel_url}/{self.tab}"

    @property
    def limit_key(self) -> str:
        """The channel's limit key: "channel:@handle", "channel:UC...", "channel:c/name"."""
        path = unquote(self.channel_url.removeprefix("channel/"))
        return f"channel:{folded(path) if path.startswith('@') else path}"

    def oldest(self, now: float) -> float | None:
        """The epoch second before which videos are too old; None for any age. It is the start of a
        day, since listings are no more precise for most videos."""
        if self.since is not None:
            return datetime.combine(self.since, datetime.min.time(), timezone.utc).timestamp()
        return None if self.max_age_days is None else (now // _DAY_S - self.max_age_days) * _DAY_S


class YouTubeChannelPlugin(YouTubeListingPlugin[ChannelParameters]):
    """Scrapes channels, newest first. Videos that are announced count as newest."""

    parameters = ChannelParameters

    def limit_keys(self, parameters: Mapping[str, Any] | ChannelParameters) -> list[str]:
        """The channel's videos, in whichever form its name was written.

        Raises:
            InvalidParameters: as `scrape`.
        """
        return [self.parameters.of(parameters).limit_key]

    def _listing(self, wanted: ChannelParameters) -> Listing:
        oldest = wanted.oldest(time.time())
        return Listing(wanted.url, wanted.max_results, oldest, wanted.enrich)


SHORTS = Preset("youtube_channel", "A channel's newest shorts.", {"tab": "shorts"})
THIS_MONTH = Preset(
    "youtube_channel", "What a channel published in the last 30 days.", {"max_age_days": 30}
)
