"""The request guard as a handler for openers of urllib: see `request_guard`."""

from __future__ import annotations

import io
import urllib.request
import urllib.response
from typing import Any, Protocol


class Guard(Protocol):
    """The part of `request_guard.Gate` used here; that module imports this one on first use."""

    def request(self, url: str) -> None: ...
    def answer(self, url: str, status: int, headers: Any) -> None: ...
    def unpacked(self, encoding: str, body: bytes) -> bytes: ...


class UrllibGate(urllib.request.BaseHandler):
    """Runs before all other handlers of an opener, for every request and every answer."""

    handler_order = 1

    def __init__(self, gate: Guard) -> None:
        self._gate = gate

    def default_open(self, request: urllib.request.Request) -> None:
        self._gate.request(request.full_url)

    def https_response(self, request: urllib.request.Request, response: Any) -> Any:
        headers = response.headers
        self._gate.answer(request.full_url, response.code, headers)
        encoding = headers.get("Content-Encoding") or ""
        if not encoding:
            return response
        body = io.BytesIO(self._gate.unpacked(encoding, response.read()))
        del headers["Content-Encoding"], headers["Content-Length"]
        unpacked = urllib.response.addinfourl(body, headers, response.url, response.code)
        unpacked.msg = response.msg  # type: ignore[attr-defined]
        return unpacked
