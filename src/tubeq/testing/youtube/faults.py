"""What can go wrong between a scraper and YouTube. A fault turns a good response into a bad one.

world.fail(faults.http_error(429, retry_after_s=30), channel="@lighthouse", times=2)
"""

from __future__ import annotations

import gzip
import json
import struct
import threading
import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import Enum
from functools import lru_cache


class Delivery(Enum):
    """How a response's bytes reach the client."""

    WHOLE = "whole"
    TRUNCATED = "truncated"  # half of the promised bytes, then the end
    DRIPPED = "dripped"  # byte by byte, until the client gives up
    RESET = "reset"  # no byte: the connection is reset
    SILENT = "silent"  # no byte: the connection stays open
    ENDLESS = "endless"  # the body, and then more and more of it, until the client goes away


@dataclass(frozen=True)
class Response:
    """One HTTP response, and how it is delivered."""

    body: bytes
    content_type: str
    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
    delivery: Delivery = Delivery.WHOLE


Fault = Callable[[Response], Response]


def http_error(status: int, retry_after_s: float | str | None = None) -> Fault:
    """An HTTP error status, with a Retry-After header: seconds, or a date as text."""
    headers = () if retry_after_s is None else (("Retry-After", str(retry_after_s)),)
    body = json.dumps({"error": {"code": status, "message": "simulated"}}).encode()
    return _instead(Response(body, "application/json", status=status, headers=headers))


def alert(text: str) -> Fault:
    """A page, status 200, that holds nothing but an error message."""

    def fault(response: Response) -> Response:
        data = {"alerts": [{"alertRenderer": {"type": "ERROR", "text": {"simpleText": text}}}]}
        return replace(response, body=_like(response, json.dumps(data)), status=200)

    return fault


def bot_check() -> Fault:
    """The page that asks a client to prove that it is not a bot."""
    return alert("Sign in to confirm you\u2019re not a bot. This helps protect our community.")


def reset() -> Fault:
    """The connection is reset."""
    return lambda response: replace(response, delivery=Delivery.RESET)


def hang() -> Fault:
    """The server takes the request and never answers."""
    return lambda response: replace(response, delivery=Delivery.SILENT)


def slow_drip() -> Fault:
    """The answer comes at 100 bytes a second: no single read ever times out."""
    return lambda response: replace(response, delivery=Delivery.DRIPPED)


def truncated() -> Fault:
    """The connection ends in the middle of the body."""
    return lambda response: replace(response, delivery=Delivery.TRUNCATED)


def endless() -> Fault:
    """The body never ends, and is sent as fast as it is read."""
    return lambda response: replace(response, delivery=Delivery.ENDLESS)


def redirect(location: str, status: int = 302) -> Fault:
    """A redirect to this address, sent unchanged."""
    return with_header("Location", location, status=status)


def with_header(name: str, value: str, *, status: int = 200) -> Fault:
    """The same answer with one more header, such as Set-Cookie."""

    def fault(response: Response) -> Response:
        return replace(response, status=status, headers=(*response.headers, (name, value)))

    return fault


def gzipped() -> Fault:
    """The same answer, compressed as YouTube does it."""

    def fault(response: Response) -> Response:
        packed = replace(response, body=gzip.compress(response.body))
        return with_header("Content-Encoding", "gzip", status=response.status)(packed)

    return fault


def gzip_bomb(unpacked_mib: int = 1024) -> Fault:
    """A small answer that decompresses to one a thousand times as large."""
    body = _bomb(unpacked_mib)

    def fault(response: Response) -> Response:
        bomb = replace(response, body=body)
        return with_header("Content-Encoding", "gzip")(bomb)

    return fault


@lru_cache
def _bomb(unpacked_mib: int) -> bytes:
    """Valid gzip: one block, compressed once, repeated as often as needed."""
    mebibyte = b" " * 2**20
    pack = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    block = pack.compress(mebibyte) + pack.flush(zlib.Z_FULL_FLUSH)
    checksum = 0
    for _ in range(unpacked_mib):
        checksum = zlib.crc32(mebibyte, checksum)
    end = struct.pack("<II", checksum, unpacked_mib << 20 & 0xFFFFFFFF)
    return gzip.compress(b"")[:10] + block * unpacked_mib + b"\x03\x00" + end


def half_json() -> Fault:
    """Half of the body, as if it were complete."""
    return lambda response: replace(response, body=response.body[: len(response.body) // 2])


def empty_json() -> Fault:
    """`{}`, status 200."""
    return lambda response: replace(response, body=_like(response, "{}"), status=200)


def html_page() -> Fault:
    """An unrelated HTML page, status 200, whatever was requested."""
    body = b"<!doctype html><title>Please wait</title><p>We are doing maintenance.</p>"
    return _instead(Response(body, "text/html; charset=utf-8"))


def unknown_layout() -> Fault:
    """The renderers have names that no yt-dlp knows yet: its listing is empty."""
    return _renamed("richItemRenderer", "itemSectionRenderer", "continuationItemRenderer")


def no_formats() -> Fault:
    """A video's page without any format that could be downloaded, as YouTube's often is."""
    return _renamed("formats")


def no_title() -> Fault:
    """A video's page that has no title anywhere."""
    return _renamed("title")


def no_channel() -> Fault:
    """A channel's page that does not name its channel."""
    return _renamed("channelMetadataRenderer")


def no_player_response() -> Fault:
    """A video's page without the data of the video: it has to be requested separately."""
    return _renamed_variable("ytInitialPlayerResponse")


def _renamed(*names: str) -> Fault:
    """The same with other keys, which are unknown."""

    def fault(response: Response) -> Response:
        body = response.body
        for name in names:
            body = body.replace(f'"{name}"'.encode(), f'"future{name.capitalize()}"'.encode())
        return replace(response, body=body)

    return fault


def _renamed_variable(name: str) -> Fault:
    def fault(response: Response) -> Response:
        return replace(response, body=response.body.replace(name.encode(), b"future"))

    return fault


def _instead(bad: Response) -> Fault:
    return lambda _good: bad


def _like(response: Response, data: str) -> bytes:
    """`data` in the shape in which the response carries its own: JSON, or inside of a page."""
    if response.content_type.startswith("text/html"):
        return f"<!doctype html><script>var ytInitialData = {data};</script>".encode()
    return data.encode()


@dataclass
class _Planned:
    fault: Fault
    subject: str | None
    request: str | None
    remaining: int | None
    after: int


class FaultPlan:
    """The faults to come. Thread-safe."""

    def __init__(self) -> None:
        self._planned: list[_Planned] = []
        self._lock = threading.Lock()

    def add(
        self,
        fault: Fault,
        *,
        subject: str | None,
        request: str | None,
        times: int | None,
        after: int,
    ) -> None:
        """See `World.fail`. A channel is its handle in lower case."""
        with self._lock:
            self._planned.append(_Planned(fault, subject, request, times, after))

    def clear(self) -> None:
        """Remove all faults."""
        with self._lock:
            self._planned.clear()

    def apply(self, response: Response, *, subject: str | None, request: str) -> Response:
        """The response after all faults that are due for this request."""
        with self._lock:
            due = [each for each in self._planned if _is_due(each, subject, request)]
        for each in due:
            response = each.fault(response)
        return response


def _is_due(planned: _Planned, subject: str | None, request: str) -> bool:
    if planned.subject not in (None, subject) or planned.request not in (None, request):
        return False
    if planned.after > 0:
        planned.after -= 1
        return False
    if planned.remaining is None:
        return True
    planned.remaining -= 1
    return planned.remaining >= 0
