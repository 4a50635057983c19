"""YouTube through yt-dlp. No other module imports yt_dlp, and this one only when it is used.

A call goes through these steps: take this thread's YoutubeDL, let it fetch only the pages that hold
the wanted videos, stop early when the task is to stop, and translate errors into tubeq's
(`youtube.errors`).
"""

from __future__ import annotations

import io
import math
import os
import re
import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator
from collections.abc import Set as AbstractSet
from functools import cache
from typing import Any, NamedTuple, TypeVar

from tubeq.domain.errors import (
    InvalidParameters,
    PermanentError,
    TaskCancelled,
    TransientError,
    TubeqError,
)
from tubeq.domain.handles import LONGEST_NAME
from tubeq.plugins.base import check_stop
from tubeq.plugins.ideas import published_at
from tubeq.plugins.youtube.access import Access
from tubeq.plugins.youtube.continuations import Continuations
from tubeq.plugins.youtube.errors import not_before, translate
from tubeq.plugins.youtube.identity import owned, owner_of
from tubeq.plugins.youtube.network import Connections
from tubeq.plugins.youtube.request_guard import ENCODINGS, Gate
from tubeq.plugins.youtube.request_slots import RequestSlots
from tubeq.plugins.youtube.ytdlp_version import check_version

Entry = dict[str, Any]
"""One video, in yt-dlp's field names."""


class Placed(NamedTuple):
    """An entry, and the token of its page; None for the first page."""

    entry: Entry
    page: str | None


class PageFailed(Exception):
    """A page of a listing could not be fetched.

    `error` says why, `page` is its token, as in `Placed`. `was_start` says whether it is the page
    with which the listing was to continue.
    """

    def __init__(self, error: TubeqError, pages: Continuations) -> None:
        super().__init__(str(error))
        self.error = error
        self.page = pages.current
        self.was_start = pages.is_at_start


def suspect_empty() -> TransientError:
    """yt-dlp reports no error for an unknown page layout, and does not expose the page either: a
    tab that is really empty cannot be distinguished from one that it cannot read."""
    return TransientError("the listing came back empty", code="suspect_empty")


_T = TypeVar("_T")


class YouTube:
    """A way to YouTube, safe to share between threads: each gets a YoutubeDL of its own."""

    def __init__(self, access: Access) -> None:
        self._access = access
        self._clients: dict[threading.Thread, _Client] = {}
        self._lock = threading.Lock()

    def listing(self, url: str, max_results: int, oldest: float | None = None) -> list[Entry]:
        """The first videos of a channel's tab, a playlist or a search, in the order of the page.

        Args:
            url: must be one that this package built.
            max_results: no more pages are fetched than needed for that many videos.
            oldest: epoch seconds; the first video that is known to be older ends the listing.

        Raises:
            TransientError, PermanentError: with a code of `youtube_errors`, or "suspect_empty".
            TaskCancelled: the task is to stop.
        """
        return self._ask(lambda client: client.listing(url, max_results, oldest))

    def stream(self, url: str, start: str | None = None) -> Generator[Placed, None, None]:
        """The videos of a listing as its pages come in, in bounded memory; close it when enough is
        read. The deadline applies to each page, including what the caller does meanwhile.

        A page may repeat videos that moved down since the previous one, and with `start`, the first
        page comes before it.

        Args:
            url: must be one that this package built.
            start: the token of an entry: continue with its page.

        Raises:
            PageFailed: a page could not be fetched; has its token and the error.
            TaskCancelled: the task is to stop.
        """
        client = self._client()
        pages = Continuations(start)
        try:
            client.begin(self._access.deadline_s)
            yield from client.stream(url, pages, self._access.deadline_s)
            client.end()
            return
        except GeneratorExit:
            client.end()
            raise
        except TubeqError as error:
            failure: TubeqError = error
        except Exception as error:  # noqa: BLE001 - yt-dlp lets through whatever its parsers raise
            failure = translate(error, client.warnings, client.secrets)
        finally:
            client.requests.end()
            if client.met_trouble:
                self._drop_client()
        try:
            client.check_time()  # a refused request fails in many ways: report the cause
        except TaskCancelled:
            raise
        except TubeqError as error:
            failure = error
        raise PageFailed(failure, pages) from None

    def video(self, url: str) -> Entry:
        """One video, with all that its page has.

        Args:
            url: must be one that this package built.

        Raises:
            TransientError, PermanentError: with a code of `youtube_errors`.
            TaskCancelled: the task is to stop.
        """
        try:
            return self._ask(lambda client: client.video(url))
        except TransientError as error:
            if error.code != "upcoming":
                raise
            announced = error
        raise not_before(announced, self._beginning_of(url), time.time())

    def _beginning_of(self, url: str) -> float | None:
        """When an announced video begins, epoch seconds; None where its page does not say.

        It costs one more request: yt-dlp gives nothing but the error that it raises.
        """
        try:
            return self._ask(lambda client: client.beginning_of(url))
        except TaskCancelled:
            raise
        except TubeqError:
            return None

    def _ask(self, question: Callable[[_Client], _T]) -> _T:
        client = self._client()
        try:
            client.begin(self._access.deadline_s)
            answer = question(client)
            client.end()
            return answer
        except TubeqError:
            raise
        except Exception as error:  # noqa: BLE001 - yt-dlp lets through whatever its parsers raise
            failure = translate(error, client.warnings, client.secrets)
        finally:
            client.requests.end()
            if client.met_trouble:
                self._drop_client()
        # A stopped or refused request fails in many ways: report only why it was stopped.
        client.check_time()
        raise failure  # here, so without yt-dlp's error as its context: that may hold secrets

    def close(self) -> None:
        """Close the connections of every thread. Only when no call is under way."""
        with self._lock:
            clients, self._clients = self._clients, {}
        for client in clients.values():
            client.close()

    def _client(self) -> _Client:
        thread = threading.current_thread()
        with self._lock:
            for ended in [each for each in self._clients if not each.is_alive()]:
                self._clients.pop(ended).close()
            client = self._clients.get(thread)
        if client is None:
            client = self._new_client()
            with self._lock:
                self._clients[thread] = client
        return client

    def _new_client(self) -> _Client:
        try:
            cookies = self._access.cookies()
        except InvalidParameters as error:  # it was valid when the plugin was created
            raise TransientError(str(error), code="cookies_unusable") from None
        secrets = self._access.secrets(cookies)
        try:
            return _Client(self._options(cookies), self._access.ca_file, secrets)
        except TubeqError:
            raise
        except Exception as error:  # noqa: BLE001 - as above
            failure = translate(error, (), secrets)
        raise failure

    def _drop_client(self) -> None:
        with self._lock:
            client = self._clients.pop(threading.current_thread(), None)
        if client is not None:
            client.close()

    def _options(self, cookies: str | None) -> dict[str, Any]:
        options: dict[str, Any] = {
            "quiet": True,
            "noprogress": True,
            "color": "no_color",
            "http_headers": {"Accept-Encoding": ENCODINGS},
            "skip_download": True,
            "cachedir": False,
            "allowed_extractors": ["youtube.*"],  # not the generic one, and so no other host
            "extract_flat": True,
            "noplaylist": True,  # of an event with several cameras, only the requested one
            "ignoreerrors": False,
            "socket_timeout": self._access.socket_timeout_s,
            "extractor_retries": 1,
            "extractor_args": {
                # An incomplete page is an error, not the end of the list.
                "youtube": {
                    "raise_incomplete_data": ["1"],
                    # A video's page has all that is needed: nothing for playback is downloaded.
                    "player_client": ["web"],
                    "player_skip": ["js", "configs"],
                },
                "youtubetab": {"approximate_date": ["1"]},
            },
            # Videos that YouTube hides from a playlist are private or deleted.
            "compat_opts": {"no-youtube-unavailable-videos"},
        }
        if self._access.proxy is not None:
            options["proxy"] = self._access.proxy
        if cookies is not None:
            # A header is sent as Latin-1: so it holds the bytes that a browser sends. yt-dlp also
            # saves them to this.
            options["cookiefile"] = io.StringIO(cookies.encode().decode("latin-1"))
        if os.environ.get("SSL_CERT_FILE") or os.environ.get("SSL_CERT_DIR"):
            # Otherwise yt-dlp would trust only certifi, if another package has installed it.
            options["compat_opts"] |= {"no-certifi"}
        return options


class _Client:
    """One YoutubeDL, for one thread. It must never be shared: concurrent calls return None.

    It is kept from one call to the next, as reading the system's certificates takes longer than a
    small listing, and as it holds connections and cookies. After an error it is dropped: its
    cookies may be flagged as a bot's, its connections broken.

    It is yt-dlp's logger as well, and so is called before every request: an opportunity to stop.
    """

    def __init__(
        self,
        options: dict[str, Any],
        ca_file: str | os.PathLike[str] | None,
        secrets: AbstractSet[str],
    ) -> None:
        import yt_dlp
        from yt_dlp.networking.exceptions import RequestError

        check_version(yt_dlp.version.__version__)
        self.secrets = secrets
        self.warnings: deque[str] = deque(maxlen=50)  # yt-dlp reports some causes only there
        self.met_trouble = False
        self._deadline = math.inf
        self._gate = Gate(RequestError)
        self._connections = Connections(self.check_time, self._gate.received, ca_file)
        self.pages = Continuations()
        self.requests = RequestSlots(check_stop, self._put_off)
        self._ydl = _downloader(yt_dlp.YoutubeDL)({**options, "logger": self})
        self._ydl.send = self.send
        handlers = self._ydl._request_director.handlers
        for name, handler in list(handlers.items()):
            if self._gate.guard(handler):
                handler._make_sslcontext = self._connections.of(handler._make_sslcontext)
            else:  # such as the one for web sockets: an unguarded handler is not used
                handlers.pop(name).close()

    def begin(self, deadline_s: float) -> None:
        """A call begins. Until its `end` it counts as failed."""
        self._deadline = time.monotonic() + deadline_s
        self._gate.open()
        self.warnings.clear()
        self.met_trouble = True
        self.pages = Continuations()

    def end(self) -> None:
        """The call succeeded; refusals that yt-dlp ignored on the way still count as errors.

        Raises:
            PluginError: something was refused, which yt-dlp ignored.
        """
        if self._gate.error is not None:
            raise self._gate.error
        self.met_trouble = not all(map(_ABOUT_PLAYING.search, self.warnings))

    def listing(self, url: str, max_results: int, oldest: float | None) -> list[Entry]:
        found: dict[str, Entry] = {}  # by id: a page may repeat what moved down meanwhile
        older = False
        for entry in self._entries(url):
            self.check_time()
            if not _VIDEO_ID.fullmatch(str(entry.get("id"))):
                continue
            older = oldest is not None and (published_at(entry) or math.inf) < oldest
            if not older:
                found.setdefault(entry["id"], entry)
            if older or len(found) == max_results:
                break
        if not found and not older:
            raise suspect_empty()
        return list(found.values())

    def stream(self, url: str, pages: Continuations, deadline_s: float) -> Iterator[Placed]:
        self.pages = pages
        page = None
        for entry in self._entries(url):
            if pages.current != page:
                page = pages.current
                self._deadline = time.monotonic() + deadline_s
            self.check_time()
            if _VIDEO_ID.fullmatch(str(entry.get("id"))):
                yield Placed(entry, page)

    def video(self, url: str) -> Entry:
        # Unprocessed: processing would fail without playable formats, which do not matter here.
        # Whether a video can be watched at all is checked before.
        video: Entry | None = self._ydl.extract_info(url, download=False, process=False)
        if video and video.get("_type") == "url":
            raise PermanentError(
                "only its trailer can be seen: it must be paid", code="members_only"
            )
        if not video or not video.get("title"):
            raise TransientError("YouTube said nothing about the video", code="bad_response")
        return video

    def beginning_of(self, url: str) -> float | None:
        self._ydl.params["ignore_no_formats_error"] = True
        try:
            found = self._ydl.extract_info(url, download=False, process=False) or {}
        finally:
            self._ydl.params["ignore_no_formats_error"] = False
        begins_at = found.get("release_timestamp")
        return float(begins_at) if isinstance(begins_at, (int, float)) else None

    def check_time(self) -> None:
        """Return while the call may go on.

        Raises:
            TaskCancelled: the task is to stop.
            TransientError: the deadline has passed.
            PluginError: something was refused.
        """
        check_stop()
        if self._gate.error is not None:
            raise self._gate.error
        if time.monotonic() > self._deadline:
            raise TransientError("YouTube took longer than the deadline", code="timeout")

    def _put_off(self, seconds: float) -> None:
        """A wait for a slot does not count as YouTube's time."""
        self._deadline += seconds

    def close(self) -> None:
        self._ydl.close()
        self._connections.close()  # yt-dlp leaves responses of failed requests open

    def send(self, urlopen: Callable[[Any], Any], request: Any) -> Any:
        """Send a request of yt-dlp's: with a slot, and for the wanted page."""
        self.pages.look(request)
        return self.requests.send(urlopen, request)

    def debug(self, _message: str) -> None:
        self.check_time()

    info = debug

    def warning(self, message: str) -> None:
        self.warnings.append(message)

    def error(self, _message: str) -> None:
        """Does nothing: what is logged here is raised as well."""

    def _entries(self, url: str) -> Iterator[Entry]:
        result = self._ydl.extract_info(url, download=False, process=False)
        if result and result.get("_type") == "url":  # a channel that redirects to a regional one
            result = self._ydl.extract_info(
                result["url"], ie_key="YoutubeTab", download=False, process=False
            )
        if not result or result.get("entries") is None:
            raise TransientError("YouTube answered with something else", code="bad_response")
        owner = owner_of(result)
        return (owned(entry, owner) for entry in result["entries"])


@cache
def _downloader(base: Any) -> Any:
    """YoutubeDL, whose requests go through `send`, and whose extractors read whole handles."""

    class Downloader(base):  # type: ignore[misc]
        send: Callable[[Callable[[Any], Any], Any], Any]

        def get_info_extractor(self, ie_key: str) -> Any:
            extractor = super().get_info_extractor(ie_key)
            extractor._YT_HANDLE_RE = _HANDLE
            return extractor

        def urlopen(self, req: Any) -> Any:
            return self.send(super().urlopen, req)

    return Downloader


_VIDEO_ID = re.compile(r"[0-9A-Za-z_-]{11}")
_HANDLE = rf"@[^\s/?#]{{1,{LONGEST_NAME}}}"
"""Instead of yt-dlp's own pattern, which ends at a combining mark and so truncates Thai and Hindi
handles."""
_ABOUT_PLAYING = re.compile(r"formats|JavaScript|PO Token|challenge solving", re.IGNORECASE)
"""Warnings of yt-dlp that concern only a video's formats."""
