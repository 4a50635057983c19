"""Listings: channels, playlists and searches, of five videos or of two hundred thousand.

A short one is fetched whole, and returned. A long one, or one whose videos are to be enriched,
streams: page by page its ideas are saved, and with them a child task for each video, which adds
what only the video's own page has. Memory stays bounded, and what was saved stays: the next
attempt requests the first page, and continues with the page at which the last one stopped.
"""

from __future__ import annotations

import math
import time
from abc import abstractmethod
from collections.abc import Iterable
from contextlib import closing
from typing import Any, NamedTuple

from tubeq.domain.models import Idea
from tubeq.plugins.ideas import idea_of, published_at
from tubeq.plugins.parameter_types import Flag, Whole
from tubeq.plugins.parameters import parameter
from tubeq.plugins.saving import ChildTask, can_save, cursor, save, saved_count
from tubeq.plugins.youtube.client import Entry, PageFailed, YouTube, suspect_empty
from tubeq.plugins.youtube.plugin import P, YouTubePlugin

MAX_RESULTS_LIMIT = 200_000
_AT_ONCE = 500
"""A listing of more videos than this is never held in memory as a whole."""
_BATCH = 300
_BATCH_S = 2.0
_ENRICHED_BY = "youtube_video"
_PASSING = frozenset(
    {
        "http_429", "server_error", "bot_check", "rate_limited", "proxy", "timeout", "connection",
        "unsafe_redirect", "too_large",
    }
)  # fmt: skip
"""Errors that are not caused by the requested page."""


def max_results(what: str) -> Any:
    """Declare `max_results`, the same for every listing."""
    return parameter(Whole(1, MAX_RESULTS_LIMIT), f"At most so many videos{what}.", default=50)


def enrich() -> Any:
    """Declare `enrich`, the same for every listing."""
    words = "Fetch every video's own page as well, a task each: likes, tags, exact dates."
    return parameter(Flag(), words, default=False)


class Listing(NamedTuple):
    """What is wanted of a listing.

    Args:
        url: must be one that this package built.
        max_results: at most so many videos.
        oldest: epoch seconds; the first video that is known to be older ends it. None for any age.
        enrich: make a task of each video.
    """

    url: str
    max_results: int
    oldest: float | None = None
    enrich: bool = False


class YouTubeListingPlugin(YouTubePlugin[P]):
    """Scrapes a listing, which a subclass defines in `_listing`."""

    def scrape_checked(self, wanted: P) -> list[Idea]:
        """Do one task. See YouTubePlugin.scrape_checked.

        Outside a worker all ideas are returned, and none is enriched.
        """
        listing = self._listing(wanted)
        if not can_save() or not (listing.enrich or listing.max_results > _AT_ONCE):
            return super().scrape_checked(wanted)
        _Streaming(self._youtube, listing).run()
        return []

    def _entries(self, youtube: YouTube, wanted: P) -> Iterable[Entry]:
        listing = self._listing(wanted)
        return youtube.listing(listing.url, listing.max_results, listing.oldest)

    @abstractmethod
    def _listing(self, wanted: P) -> Listing:
        """What is wanted.

        Raises:
            PermanentError: there is no such listing.
        """


class _Streaming:
    """One attempt at a long listing.

    The cursor is the token of the page that is not saved yet; None is the first one.
    """

    def __init__(self, youtube: YouTube, wanted: Listing) -> None:
        self._youtube = youtube
        self._wanted = wanted
        self._start: str | None = (cursor() or {}).get("page")
        self._found = saved_count()
        self._batch: dict[str, Entry] = {}  # by id: a page may repeat what moved down
        self._due = 1
        """How many videos make a save: few at first, so that attempts make progress even if each is
        cut short, then more."""
        self._saved_at = 0.0

    def run(self) -> None:
        """List until the end, or until enough is found."""
        if self._found >= self._wanted.max_results:
            return  # an earlier attempt did it all except for the completion
        if self._start is not None:
            try:
                if self._stream(self._start):
                    return
            except PageFailed as failure:
                if not failure.was_start or failure.error.code in _PASSING:
                    raise failure.error from None
            # YouTube no longer knows the page: start again from the beginning. Ideas are neither
            # stored nor counted twice.
        try:
            self._stream(None)
        except PageFailed as failure:
            raise failure.error from None

    def _stream(self, start: str | None) -> bool:
        """List from a page on; whether that page could be fetched and processed."""
        page: str | None = None
        came_there = start is None
        try:
            with closing(self._youtube.stream(self._wanted.url, start)) as entries:
                for placed in entries:
                    if placed.page != page:
                        page = placed.page
                        waited_s = time.monotonic() - self._saved_at
                        if len(self._batch) >= self._due or waited_s >= _BATCH_S:
                            self._save(page or start)  # all that was before this page
                    came_there = came_there or page is not None
                    if self._take(placed.entry, page or start):
                        return True
        except PageFailed as failure:
            if not failure.was_start:
                self._save(failure.page or start)
            raise
        if came_there:
            self._save(page)
            if not self._found:
                raise suspect_empty()
        return came_there

    def _take(self, entry: Entry, page: str | None) -> bool:
        """Whether that was the last wanted video."""
        oldest = self._wanted.oldest
        if oldest is not None and (published_at(entry) or math.inf) < oldest:
            self._save(page)
            return True
        self._batch.setdefault(entry["id"], entry)
        if self._found + len(self._batch) >= self._wanted.max_results or not self._saved_at:
            self._save(page)  # the very first video at once: a user may be waiting for it
        return self._found >= self._wanted.max_results

    def _save(self, page: str | None) -> None:
        now = time.time()
        ideas = [idea_of(entry, now) for entry in self._batch.values()]
        tasks = [
            ChildTask(idea.source_id, _ENRICHED_BY, {"video": idea.source_id}) for idea in ideas
        ]
        saved = save(ideas, tasks if self._wanted.enrich else (), {"page": page})
        self._found += saved.new_ideas
        self._batch.clear()
        self._due = min(2 * self._due, _BATCH)
        self._saved_at = time.monotonic()
