"""YouTube through yt-dlp. No other module imports yt_dlp, and this one only when it is used.

A listing goes through these steps: take this thread's YoutubeDL, let it fetch the pages that hold
the wanted videos and no more, stop early when the task is to stop, and translate whatever went
wrong into tubeq's errors (`youtube_errors`).
"""

from __future__ import annotations

import math
import os
import re
import socket
import ssl
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import unquote, urlsplit

from tubeq.domain.errors import InvalidParameters, TransientError, TubeqError
from tubeq.plugins.base import check_stop
from tubeq.plugins.text import plain_text
from tubeq.plugins.youtube_errors import translate

Entry = dict[str, Any]
"""One video of a listing, in yt-dlp's field names."""

_PROXY_SCHEMES = frozenset({"http", "https", "socks4", "socks4a", "socks5", "socks5h"})


class YouTube:
    """A way to YouTube, safe to share between threads: each gets a YoutubeDL of its own.

    Args:
        proxy: URL of a proxy; "" for none; None for what HTTPS_PROXY and NO_PROXY say.
        ca_file: PEM file of certificate authorities to trust besides the usual ones. The usual
            ones are what SSL_CERT_FILE names, or else what yt-dlp's own command would trust.
        socket_timeout_s: longest wait for a server to connect, or to send anything.
        deadline_s: longest time for one listing, all its requests together.

    Raises:
        InvalidParameters: `proxy` is no proxy URL, `ca_file` no file, a time not positive.
    """

    def __init__(
        self,
        proxy: str | None = None,
        ca_file: str | os.PathLike[str] | None = None,
        socket_timeout_s: float = 10.0,
        deadline_s: float = 300.0,
    ) -> None:
        _check_proxy(proxy)
        if ca_file is not None:
            _check_ca_file(ca_file)
        if socket_timeout_s <= 0 or deadline_s <= 0:
            raise InvalidParameters("socket_timeout_s and deadline_s must be positive")
        self._proxy = proxy
        self._ca_file = ca_file
        self._socket_timeout_s = socket_timeout_s
        self._deadline_s = deadline_s
        self._clients: dict[threading.Thread, _Client] = {}
        self._lock = threading.Lock()

    def listing(self, url: str, max_results: int) -> list[Entry]:
        """The first videos of a channel's tab or a playlist, in the order of the page.

        Args:
            url: must be one that this package built.
            max_results: pages beyond those that hold as many videos are not fetched.

        Raises:
            TransientError, PermanentError: with a code of `youtube_errors`, or "suspect_empty".
            TaskCancelled: the task is to stop.
        """
        client = self._client()
        try:
            return client.listing(url, max_results, self._deadline_s)
        except TubeqError:
            raise
        except Exception as error:  # noqa: BLE001 - yt-dlp lets through whatever its parsers raise
            failure = translate(error, client.warnings, client.secrets())
        finally:
            if client.met_trouble:
                self._drop_client()
        client.check_time()  # a stopped request fails in many ways: only the stop is news
        raise failure  # here, where yt-dlp's error is no context of it: that may hold secrets

    def close(self) -> None:
        """Close the connections of every thread. Only when no listing is under way."""
        with self._lock:
            clients, self._clients = self._clients, {}
        for client in clients.values():
            client.close()

    def _client(self) -> _Client:
        thread = threading.current_thread()
        with self._lock:
            for ended in [each for each in self._clients if not each.is_alive()]:
                self._clients.pop(ended).close()
            if thread not in self._clients:
                self._clients[thread] = _Client(self._options(), self._ca_file)
            return self._clients[thread]

    def _drop_client(self) -> None:
        with self._lock:
            client = self._clients.pop(threading.current_thread(), None)
        if client is not None:
            client.close()

    def _options(self) -> dict[str, Any]:
        options: dict[str, Any] = {
            "quiet": True,
            "noprogress": True,
            "color": "no_color",
            "skip_download": True,
            "cachedir": False,
            "allowed_extractors": ["youtube.*"],  # shuts out the generic one, and so any other host
            "extract_flat": True,
            "ignoreerrors": False,
            "socket_timeout": self._socket_timeout_s,
            "extractor_retries": 1,
            "extractor_args": {
                # A page that came in part is an error, not the end of the list.
                "youtube": {"player_client": ["web"], "raise_incomplete_data": ["1"]},
                "youtubetab": {"approximate_date": ["1"]},
            },
        }
        if self._proxy is not None:
            options["proxy"] = self._proxy
        if os.environ.get("SSL_CERT_FILE") or os.environ.get("SSL_CERT_DIR"):
            # Otherwise yt-dlp trusts certifi alone, should some other package have installed it.
            options["compat_opts"] = {"no-certifi"}
        return options


class _Client:
    """One YoutubeDL, for one thread. It must never be shared: concurrent calls return None.

    It is kept from one listing to the next, as reading the system's certificates takes longer
    than a small listing, and as it holds connections and cookies. After trouble it is dropped:
    the cookies may be those of a suspect, the connections broken.

    It is yt-dlp's logger as well, and so is called before every request: a good moment to stop.
    """

    def __init__(self, options: dict[str, Any], ca_file: str | os.PathLike[str] | None) -> None:
        import yt_dlp

        self.warnings: deque[str] = deque(maxlen=50)  # yt-dlp mentions some causes only there
        self.met_trouble = False
        self._deadline = math.inf
        self._connections: set[ssl.SSLSocket] = set()
        self._ydl = yt_dlp.YoutubeDL({**options, "logger": self})
        for handler in self._ydl._request_director.handlers.values():
            handler._make_sslcontext = self._supervised(handler._make_sslcontext, ca_file)

    def listing(self, url: str, max_results: int, deadline_s: float) -> list[Entry]:
        self._deadline = time.monotonic() + deadline_s
        self.warnings.clear()
        self.met_trouble = True
        found: dict[str, Entry] = {}  # by id: a page may repeat what moved down since the last
        for entry in self._entries(url):
            self.check_time()
            if _VIDEO_ID.fullmatch(str(entry.get("id"))):
                found.setdefault(entry["id"], entry)
            if len(found) == max_results:
                break
        if not found:
            # yt-dlp says nothing where it does not know a page's layout, and does not show the
            # page either: a tab that is truly empty cannot be told from one that it cannot read.
            raise TransientError("the listing came back empty", code="suspect_empty")
        self.met_trouble = bool(self.warnings)
        return list(found.values())

    def check_time(self) -> None:
        """Return while the listing may go on.

        Raises:
            TaskCancelled: the task is to stop.
            TransientError: the deadline has passed.
        """
        check_stop()
        if time.monotonic() > self._deadline:
            raise TransientError("the listing took longer than its deadline", code="timeout")

    def secrets(self) -> set[str]:
        """What must not be seen in messages: the passwords of proxies, as written and as meant."""
        found: set[str] = set()
        for proxy in self._ydl.proxies.values():
            userinfo, at, _ = str(proxy).rpartition("//")[2].rpartition("@")
            found |= {userinfo, userinfo.partition(":")[2]} if at else set()
        return {form for each in found if each for form in (each, unquote(each))}

    def close(self) -> None:
        self._ydl.close()
        # yt-dlp leaves the connections of failed requests to the garbage collector.
        for connection in filter(_is_open, self._connections):
            socket.close(connection.detach())

    def debug(self, _message: str) -> None:
        self.check_time()

    info = debug

    def warning(self, message: str) -> None:
        self.warnings.append(message)

    def error(self, _message: str) -> None:
        """Nothing: what is logged here is raised as well."""

    def _entries(self, url: str) -> Iterator[Entry]:
        result = self._ydl.extract_info(url, download=False, process=False)
        if result and result.get("_type") == "url":  # a channel that moved to a regional one
            result = self._ydl.extract_info(
                result["url"], ie_key="YoutubeTab", download=False, process=False
            )
        if not result or result.get("entries") is None:
            raise TransientError("YouTube answered with something else", code="bad_response")
        return iter(result["entries"])

    def _supervised(
        self,
        make_context: Callable[..., ssl.SSLContext],
        ca_file: str | os.PathLike[str] | None,
    ) -> Callable[..., ssl.SSLContext]:
        client = self

        class Connection(ssl.SSLSocket):
            def do_handshake(self, block: bool = False) -> None:
                client._connections = {each for each in client._connections if _is_open(each)}
                client._connections.add(self)
                super().do_handshake(block)

            def recv_into(self, *args: Any, **kwargs: Any) -> int:
                """Ends an answer that drips slowly enough never to time out."""
                try:
                    client.check_time()
                except TubeqError as error:
                    # As a broken connection, which every HTTP library passes on: the retry's
                    # first word to the log raises the cause.
                    raise ConnectionAbortedError(str(error)) from None
                return super().recv_into(*args, **kwargs)

        def make(*args: Any, **kwargs: Any) -> ssl.SSLContext:
            context = make_context(*args, **kwargs)
            context.sslsocket_class = Connection
            if ca_file is not None:
                context.load_verify_locations(ca_file)
            return context

        return make


def _is_open(connection: ssl.SSLSocket) -> bool:
    return connection.fileno() != -1


_VIDEO_ID = re.compile(r"[0-9A-Za-z_-]{11}")


def _check_ca_file(ca_file: str | os.PathLike[str]) -> None:
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(ca_file)
    except (OSError, ValueError) as error:
        raise InvalidParameters(f"ca_file cannot be used: {error}") from None


def _check_proxy(proxy: str | None) -> None:
    """InvalidParameters, which does not repeat the value: it may hold a password."""
    if not proxy:
        return
    try:
        parts = urlsplit(proxy)
        valid = parts.scheme in _PROXY_SCHEMES and parts.hostname and parts.port != 0
    except ValueError:
        valid = False
    if not valid or plain_text(proxy) != proxy:
        schemes = ", ".join(sorted(_PROXY_SCHEMES))
        raise InvalidParameters(f"proxy must be scheme://[user:password@]host:port, with {schemes}")
