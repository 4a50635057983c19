"""Task type `youtube_video`: all that a video's own page has, as one idea.

1 request for each video. To what a listing has it adds the exact count of views, the date, likes,
tags, the category and the whole description.
"""

from __future__ import annotations

from dataclasses import dataclass

from tubeq.plugins.parameters import Parameters, parameter
from tubeq.plugins.youtube.client import Entry, YouTube
from tubeq.plugins.youtube.names import SITE, VIDEO
from tubeq.plugins.youtube.plugin import YouTubePlugin


@dataclass(frozen=True)
class VideoParameters(Parameters):
    """What a task takes; `video` is read as the video's id."""

    video: str = parameter(VIDEO, "The video's id, or its address.")

    @property
    def url(self) -> str:
        """The video's address."""
        return f"{SITE}/watch?v={self.video}"


class YouTubeVideoPlugin(YouTubePlugin[VideoParameters]):
    """Scrapes single videos."""

    parameters = VideoParameters

    def _entries(self, youtube: YouTube, wanted: VideoParameters) -> list[Entry]:
        return [youtube.video(wanted.url)]
