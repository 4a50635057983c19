"""The position of a client in a listing, and how to begin in the middle.

yt-dlp supports neither. But YouTube's pages are a chain: each but the first is requested with a
token from the page before it. So the token of the last request says which page is being read. To
begin at a page, the first page is requested, which yt-dlp needs, and the token of the wanted page
is put into the first request for a further one: two requests, at any position.
"""

from __future__ import annotations

import json
from typing import Any


class Continuations:
    """The pages of one listing. `look` is called with every request before it is sent.

    Args:
        start: the token of the page to fetch after the first; None for the second.
    """

    def __init__(self, start: str | None = None) -> None:
        self.current: str | None = None
        """The token of the page that was asked for last; None for the first page."""
        self._start = start
        self._second: str | None = None

    @property
    def is_at_start(self) -> bool:
        """Whether the page that was asked for last is the one to begin with."""
        return self._start is not None and self.current == self._start

    def look(self, request: Any) -> None:
        """Record which page is requested; request the start instead of the second page."""
        data = getattr(request, "data", None)
        if not isinstance(data, bytes) or b'"continuation"' not in data:
            return
        try:
            body = json.loads(data)
        except ValueError:
            return
        token = body.get("continuation") if isinstance(body, dict) else None
        if not isinstance(token, str):
            return
        # A request that failed is sent again.
        if self._start is not None and self._second in (None, token):
            self._second = token
            token = body["continuation"] = self._start
            request.data = json.dumps(body).encode()
        self.current = token
