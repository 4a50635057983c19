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
from typing import Any


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
    return _holding(json.dumps(alert_data(text)))


def alert_data(text: str) -> dict[str, Any]:
    """Data with only an error message."""
    return {"alerts": [{"alertRenderer": {"type": "ERROR", "text": {"simpleText": text}}}]}


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
    return lambda response: _headed(response, name, value, status)


def gzipped() -> Fault:
    """The same answer, compressed as YouTube does it."""
    return lambda response: _packed(response, gzip.compress(response.body), response.status)


def gzip_bomb(unpacked_mib: int = 1024) -> Fault:
    """A small answer that decompresses to one a thousand times as large."""
    body = _bomb(unpacked_mib)
    return lambda response: _packed(response, body, 200)


def _packed(response: Response, body: bytes, status: int) -> Response:
    return _headed(replace(response, body=body), "Content-Encoding", "gzip", status)


def _headed(response: Response, name: str, value: str, status: int) -> Response:
    return replace(response, status=status, headers=(*response.headers, (name, value)))


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
    return _holding("{}")


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
    return _renamed("ytInitialPlayerResponse", form="{}")


def _renamed(*names: str, form: str = '"{}"') -> Fault:
    """The same with other keys, or, in another form, other names, which are unknown."""

    def fault(response: Response) -> Response:
        body = response.body
        for name in names:
            future = f"future{name.capitalize()}"
            body = body.replace(form.format(name).encode(), form.format(future).encode())
        return replace(response, body=body)

    return fault


def _instead(bad: Response) -> Fault:
    return lambda _good: bad


def _holding(data: str) -> Fault:
    """`data`, status 200, in the shape of the good response: JSON, or inside of a page."""
    page = f"<!doctype html><script>var ytInitialData = {data};</script>"

    def fault(response: Response) -> Response:
        is_page = response.content_type.startswith("text/html")
        return replace(response, body=(page if is_page else data).encode(), status=200)

    return fault


@dataclass
class Planned:
    """See `World.fail`. The subject of a channel is its handle in lower case."""

    fault: Fault
    subject: str | None
    request: str | None
    times: int | None
    after: int

    def strikes(self, subject: str | None, request: str) -> bool:
        """Whether this request fails; it counts as one of those that may."""
        if self.subject not in (None, subject) or self.request not in (None, request):
            return False
        if self.after > 0:
            self.after -= 1
            return False
        if self.times is not None:
            self.times -= 1
        return self.times is None or self.times >= 0


class FaultPlan:
    """The faults to come. Thread-safe."""

    def __init__(self) -> None:
        self._planned: list[Planned] = []
        self._lock = threading.Lock()

    def add(self, planned: Planned) -> None:
        """See `World.fail`."""
        with self._lock:
            self._planned.append(planned)

    def clear(self) -> None:
        """Remove all faults."""
        with self._lock:
            self._planned.clear()

    def apply(self, response: Response, *, subject: str | None, request: str) -> Response:
        """The response after all faults that are due for this request."""
        with self._lock:
            due = [each for each in self._planned if each.strikes(subject, request)]
        for each in due:
            response = each.fault(response)
        return response
