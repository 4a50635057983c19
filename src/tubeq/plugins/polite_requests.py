"""Permits around the requests of one HTTP client, such as a YoutubeDL."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from typing import Any
from urllib.parse import urlsplit

from tubeq.plugins.base import permit


class PoliteRequests:
    """Takes a permit for the host of each request before it is sent, and holds it until the answer
    was read, or closed; at the latest until the next request, or `end`.

    The client makes one request at a time. Where a server redirects, all of that counts as one.

    Args:
        check_time: raises when the client is to stop; called while waiting for a permit.
    """

    def __init__(self, check_time: Callable[[], None]) -> None:
        self._check_time = check_time
        self._held = ExitStack()

    def send(self, urlopen: Callable[[Any], Any], request: Any) -> Any:
        """What `urlopen` answers to the request; the answer has a `close`."""
        self.end()
        held = self._held = ExitStack()
        host = urlsplit(getattr(request, "url", request)).hostname or ""
        held.enter_context(permit(f"host:{host}", check=self._check_time))
        answer = urlopen(request)
        close = answer.close

        def close_and_give_back() -> None:
            # Of this request: an answer that nobody read is closed when it is forgotten.
            try:
                close()
            finally:
                held.close()

        answer.close = close_and_give_back
        return answer

    def end(self) -> None:
        """The call is over, in whatever way: so is its last request."""
        self._held.close()
