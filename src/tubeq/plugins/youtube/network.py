"""The network as yt-dlp is to use it: checked settings, and TLS with a deadline."""

from __future__ import annotations

import math
import os
import socket
import ssl
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar
from urllib.parse import urlsplit

from tubeq.domain.errors import InvalidParameters, TubeqError
from tubeq.plugins.text import plain_text

_PROXY_SCHEMES = frozenset({"http", "https", "socks4", "socks4a", "socks5", "socks5h"})


def check_ca_file(ca_file: str | os.PathLike[str]) -> None:
    """
    Raises:
        InvalidParameters: it is not a file of certificate authorities.
    """
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(ca_file)
    except (OSError, ValueError) as error:
        raise InvalidParameters(f"ca_file cannot be used: {error}") from None


def check_proxy(proxy: str | None) -> None:
    """
    Raises:
        InvalidParameters: it is not a proxy's URL. The value is not repeated, as it may contain a
            password.
    """
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


_T = TypeVar("_T")
_SLICE_S = 0.2  # how soon a wait for the server notices that the client is to stop


class Connections:
    """The TLS connections of one client.

    Args:
        check_time: raises a TubeqError when the client is to stop; called before every read, and
            while it waits.
        received: called with the number of bytes received so far; raises a TubeqError when these
            are too many.
        ca_file: certificate authorities to trust besides the usual ones.
    """

    def __init__(
        self,
        check_time: Callable[[], None],
        received: Callable[[int], None],
        ca_file: str | os.PathLike[str] | None,
    ) -> None:
        self._check_time = check_time
        self._received = received
        self._ca_file = ca_file
        self._open: set[ssl.SSLSocket] = set()

    def of(self, make_context: Callable[..., ssl.SSLContext]) -> Callable[..., ssl.SSLContext]:
        """A factory of TLS contexts with these connections, from a factory of ordinary contexts."""
        connections = self

        class Connection(ssl.SSLSocket):
            def do_handshake(self, block: bool = False) -> None:
                connections._open = {each for each in connections._open if _is_open(each)}
                connections._open.add(self)
                shake = super().do_handshake
                connections._patiently(self, lambda: shake(block))

            def recv_into(self, *args: Any, **kwargs: Any) -> int:
                read = super().recv_into
                count = connections._patiently(self, lambda: read(*args, **kwargs))
                _as_broken(lambda: connections._received(count))
                return count

        def make(*args: Any, **kwargs: Any) -> ssl.SSLContext:
            context = make_context(*args, **kwargs)
            context.sslsocket_class = Connection
            if self._ca_file is not None:
                context.load_verify_locations(self._ca_file)
            return context

        return make

    def close(self) -> None:
        """Close the connections that were left to the garbage collector."""
        for connection in filter(_is_open, self._open):
            socket.close(connection.detach())

    def _patiently(self, connection: ssl.SSLSocket, wait: Callable[[], _T]) -> _T:
        """Wait for the server as long as the connection's timeout says, in slices: between these
        the client may be asked to stop. That is checked before the first slice as well, which ends
        an answer that trickles slowly enough never to time out."""
        timeout_s = connection.gettimeout()
        give_up_at = math.inf if timeout_s is None else time.monotonic() + timeout_s
        try:
            while True:
                _as_broken(self._check_time)
                left_s = give_up_at - time.monotonic()
                connection.settimeout(max(min(_SLICE_S, left_s), 0.001))
                try:
                    return wait()
                except TimeoutError:  # both can be resumed
                    if time.monotonic() >= give_up_at:
                        raise
        finally:
            with suppress(OSError):
                connection.settimeout(timeout_s)


def _as_broken(check: Callable[[], None]) -> None:
    """Make a failed check look like a broken connection, which every HTTP library propagates: when
    the retry is logged, the logger raises the cause."""
    try:
        check()
    except TubeqError as error:
        raise ConnectionAbortedError(str(error)) from None


def _is_open(connection: ssl.SSLSocket) -> bool:
    return connection.fileno() != -1
