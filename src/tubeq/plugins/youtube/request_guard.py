"""Checks of a client's requests and answers: only YouTube is contacted, and answers are bounded.

yt-dlp follows redirects by itself, to any host and any port. So every request is checked where its
HTTP library is about to open it, redirected ones included: one to another host is refused before a
byte is sent. Answers are decompressed here, as a kilobyte may decompress to a gigabyte.

yt-dlp is not patched: the gate is passed to its two HTTP libraries through their own extension
points, a handler of urllib's opener, an adapter and a hook of `requests`.
"""

from __future__ import annotations

import io
import re
import zlib
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urljoin

from tubeq.domain.errors import PermanentError, PluginError, TransientError
from tubeq.plugins.text import plain_text

MOST_BYTES = 16 * 2**20
"""The limit for one answer, as received and decompressed. YouTube's largest pages have about 2
MiB."""

ENCODINGS = "gzip, deflate"
"""What yt-dlp requests without optional packages. YouTube then answers with gzip."""

_HOSTS = "www|m|music|consent"
_YOUTUBE = re.compile(rf"(?i:https://(?:(?:{_HOSTS})\.)?youtube\.com(?::443)?)(?:[/?#].*)?", re.S)
_CAPTCHA = re.compile(r"(?i:https?://(?:www|ipv4|ipv6)\.google\.com/sorry)[/?].*", re.S)
_REDIRECTS = (301, 302, 303, 307, 308)
_HOUR_S = 3600.0


def is_youtube(url: str) -> bool:
    """Whether a request may go there: to one of YouTube's own hosts that show pages, by https.

    Nothing is parsed: after the scheme must come exactly one of a few hosts, so that no two
    libraries can read different hosts from it.
    """
    return _YOUTUBE.fullmatch(url) is not None


class Gate:
    """The gate of one client.

    Args:
        exception: creates the exception raised within yt-dlp, of a type that it propagates at once.
    """

    def __init__(self, exception: Callable[[str], Exception]) -> None:
        self._exception = exception
        self._left = MOST_BYTES
        self.error: PluginError | None = None
        """Why something was refused since `open`: yt-dlp may go on nevertheless."""

    def open(self) -> None:
        """A call begins."""
        self.error = None

    def guard(self, handler: Any) -> bool:
        """Guard one of yt-dlp's request handlers; False where that cannot be done."""
        give = {"Urllib": self._guard_opener, "Requests": self._guard_session}.get(handler.RH_KEY)
        if give is None:
            return False
        make = handler._create_instance

        def make_guarded(*args: Any, **kwargs: Any) -> Any:
            instance = make(*args, **kwargs)
            give(instance)
            return instance

        handler._create_instance = make_guarded
        return True

    # What is refused ------------------------------------------------------------------------------

    def request(self, url: str) -> None:
        """A request is about to be made.

        Raises:
            Exception: it would go to another host; `error` says which.
        """
        self._left = MOST_BYTES
        if not is_youtube(url):
            raise self._refused(_elsewhere(url))

    def answer(self, url: str, status: int, headers: Mapping[str, str]) -> None:
        """The headers of an answer have been received.

        Raises:
            Exception: it redirects to another host, or announces more than is allowed.
        """
        length = headers.get("Content-Length") or ""
        if length.isdecimal() and int(length[:20]) > MOST_BYTES:
            raise self._refused(_too_large())
        location = headers.get("Location") or headers.get("URI")
        if status not in _REDIRECTS or not location:
            return
        try:
            target = urljoin(url, location)
        except ValueError:  # such as half an IPv6 address
            target = location
        if not is_youtube(target):
            raise self._refused(_elsewhere(target))

    def received(self, count: int) -> None:
        """Count further bytes of an answer.

        Raises:
            PluginError: it is too long.
        """
        self._left -= count
        if self._left < 0:
            self.error = self.error or _too_large()
            raise self.error

    def unpacked(self, encoding: str, data: bytes) -> bytes:
        """The body of an answer.

        Raises:
            Exception: it is too large, or in an encoding that was not asked for.
        """
        if encoding.strip().lower() not in ("gzip", "x-gzip"):
            message = "YouTube answered in an encoding that was not asked for"
            raise self._refused(TransientError(message, code="bad_response"))
        unpack = zlib.decompressobj(zlib.MAX_WBITS | 16)
        try:
            body = unpack.decompress(data, MOST_BYTES + 1)
        except zlib.error:
            message = "YouTube's answer cannot be unpacked"
            raise self._refused(TransientError(message, code="bad_response")) from None
        if len(body) > MOST_BYTES:
            raise self._refused(_too_large())
        if data and not unpack.eof:
            raise self._refused(TransientError("YouTube's answer is cut short", code="incomplete"))
        return body

    def _refused(self, error: PluginError) -> Exception:
        self.error = self.error or error
        return self._exception(str(error))

    # The two libraries ----------------------------------------------------------------------------

    def _guard_opener(self, opener: Any) -> None:
        import urllib.request  # here, as it takes 30 ms
        import urllib.response

        gate = self

        class Guard(urllib.request.BaseHandler):
            """Runs before all other handlers of an opener, for every request and every answer."""

            handler_order = 1

            def default_open(self, request: urllib.request.Request) -> None:
                gate.request(request.full_url)

            def https_response(self, request: urllib.request.Request, response: Any) -> Any:
                headers = response.headers
                gate.answer(request.full_url, response.code, headers)
                encoding = headers.get("Content-Encoding") or ""
                if not encoding:
                    return response
                body = io.BytesIO(gate.unpacked(encoding, response.read()))
                del headers["Content-Encoding"], headers["Content-Length"]
                unpacked = urllib.response.addinfourl(body, headers, response.url, response.code)
                unpacked.msg = response.msg  # type: ignore[attr-defined]
                return unpacked

        opener.add_handler(Guard())

    def _guard_session(self, session: Any) -> None:
        adapter_for = session.get_adapter

        def get_adapter(url: str) -> Any:  # called before every request, redirected or not
            self.request(url)
            return adapter_for(url)

        def hook(response: Any, **_: Any) -> None:
            self.answer(response.url, response.status_code, response.headers)
            encoding = response.headers.get("Content-Encoding") or ""
            if encoding:
                response.raw.read = self._unpacking(encoding, response.raw.read)

        session.get_adapter = get_adapter
        session.hooks["response"].append(hook)

    def _unpacking(self, encoding: str, read: Callable[..., bytes]) -> Callable[..., bytes]:
        """Instead of urllib3's `read`, which decompresses without a limit."""
        body: io.BytesIO | None = None

        def read_unpacked(amt: int | None = None, **_: Any) -> bytes:
            nonlocal body
            if body is None:
                packed = b"".join(iter(lambda: read(2**16, decode_content=False), b""))
                body = io.BytesIO(self.unpacked(encoding, packed))
            return body.read(amt)

        return read_unpacked


def _elsewhere(url: str) -> PluginError:
    if _CAPTCHA.fullmatch(url):
        message = "YouTube redirects to Google's captcha"
        return TransientError(message, retry_after_s=_HOUR_S, code="bot_check")
    # No more of the address: its path is untrusted.
    where = re.sub(r"(?<=//)[^/]*@", "***@", plain_text(url, 300), count=1)
    where = re.split(r"(?<![:/])[/?#]", where, maxsplit=1)[0][:80]
    return PermanentError(
        f"refused to follow YouTube to {where!r}: only https and youtube.com are asked",
        code="unsafe_redirect",
    )


def _too_large() -> PluginError:
    return TransientError(
        f"YouTube's answer is larger than {MOST_BYTES // 2**20} MiB", code="too_large"
    )
