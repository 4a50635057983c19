"""Slots around the requests of one HTTP client, such as a YoutubeDL."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from time import monotonic
from typing import Any
from urllib.parse import urlsplit

from tubeq.plugins.base import slot


class RequestSlots:
    """Takes a slot for the host of each request before it is sent, and holds it until the answer is
    read or closed; at the latest until the next request, or `end`.

    The client makes one request at a time. A request with its redirects counts as one.

    Args:
        check_stop: raises when the client is to stop; called while waiting for a slot.
        waited: called with the seconds of each wait, which do not count as the server's.
    """

    def __init__(
        self, check_stop: Callable[[], None], waited: Callable[[float], None] = lambda _: None
    ) -> None:
        self._check_stop = check_stop
        self._waited = waited
        self._held = ExitStack()

    def send(self, urlopen: Callable[[Any], Any], request: Any) -> Any:
        """The answer of `urlopen` to the request; it has a `close`."""
        self.end()
        held = self._held = ExitStack()
        host = urlsplit(getattr(request, "url", request)).hostname or ""
        began = monotonic()
        held.enter_context(slot(f"host:{host}", check=self._check_stop))
        self._waited(monotonic() - began)
        answer = urlopen(request)
        close = answer.close

        def close_and_give_back() -> None:
            # For this request only: an unread answer is closed when it is garbage-collected.
            try:
                close()
            finally:
                held.close()

        answer.close = close_and_give_back
        return answer

    def end(self) -> None:
        """The call is over, and so is its last request."""
        self._held.close()
