"""What YouTube's plugins have in common: settings, checked parameters, a client."""

from __future__ import annotations

import os
import time
from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import Any, Generic, TypeVar

from tubeq.domain.models import Idea
from tubeq.plugins.base import check_stop
from tubeq.plugins.ideas import idea_of
from tubeq.plugins.parameters import Parameters
from tubeq.plugins.youtube.access import Access
from tubeq.plugins.youtube.client import Entry, YouTube
from tubeq.plugins.youtube.ytdlp_version import check_version, installed_version

P = TypeVar("P", bound=Parameters)


class YouTubePlugin(ABC, Generic[P]):
    """Scrapes one kind of page. Safe to share between threads.

    A subclass names its `parameters`, and fetches in `_entries` what they ask for.

    Args: how YouTube is reached; see Access, also for the meaning of None.

    Raises:
        InvalidParameters: one of them cannot be used.
        PluginError: yt-dlp is missing, or too old to be safe with untrusted pages.
    """

    parameters: type[P]

    def __init__(
        self,
        proxy: str | None = None,
        ca_file: str | os.PathLike[str] | None = None,
        *,
        cookies_file: str | os.PathLike[str] | None = None,
        socket_timeout_s: float | None = None,
        deadline_s: float | None = None,
    ) -> None:
        check_version(installed_version())
        access = Access.of(proxy, ca_file, cookies_file, socket_timeout_s, deadline_s)
        self._youtube = YouTube(access)

    def scrape(self, /, **parameters: Any) -> list[Idea]:
        """Do one task.

        Args:
            parameters: what `self.parameters` declares, not yet checked.

        Raises:
            InvalidParameters: a parameter is missing, unknown or wrong; the message names it.
            TransientError, PermanentError, TaskCancelled: as `scrape_checked`.
        """
        return self.scrape_checked(self.parameters.of(parameters))

    def scrape_checked(self, wanted: P) -> list[Idea]:
        """Do one task whose parameters are already checked: what a worker calls.

        Raises:
            TransientError, PermanentError: see `tubeq.plugins.youtube.errors`.
            TaskCancelled: the task is to stop.
        """
        check_stop()
        entries = self._entries(self._youtube, wanted)
        now = time.time()
        return [idea_of(entry, now) for entry in entries]

    def close(self) -> None:
        """Close connections. Only when no `scrape` is under way."""
        self._youtube.close()

    @abstractmethod
    def _entries(self, youtube: YouTube, wanted: P) -> Iterable[Entry]:
        """Fetch what is wanted."""
