"""The simulated YouTube's sockets: a proxy on the loopback interface that answers by itself.

A client asks it for a tunnel (CONNECT) to www.youtube.com, and finds at the end of the tunnel a
server with a certificate of that name. No other host can be reached through it.
"""

from __future__ import annotations

import contextlib
import select
import socket
import socketserver
import struct
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import urlsplit

from tubeq.testing.youtube.answers import RequestKind
from tubeq.testing.youtube.certificates import HOSTS, Certificates, certificates
from tubeq.testing.youtube.faults import Delivery, Response
from tubeq.testing.youtube.pages import answer
from tubeq.testing.youtube.world import World


class SimulatedYouTube:
    """Serves a world until it is closed. Listens from the beginning; use it in a `with` block.

    `unexpected_hosts` are other hosts that a client tried to reach through it; `cookies` are the
    Cookie headers of all requests, in their order, "" where there was none.

    Args:
        world: its contents; by default an empty one in which any channel exists.
        latency_s: added to every response.
        port: 0 for any free one.

    Raises:
        ImportError: `cryptography` is not installed.
        OSError: the port is taken.
    """

    def __init__(
        self, world: World | None = None, *, latency_s: float = 0.0, port: int = 0
    ) -> None:
        self.world = World(any_channel=True) if world is None else world
        self.latency_s = latency_s
        self.unexpected_hosts: set[str] = set()
        self.cookies: list[str] = []
        self._certificates = certificates()
        self._requests: Counter[tuple[RequestKind, str | None]] = Counter()
        self._under_way: set[socket.socket] = set()
        self._most_at_once = 0
        self._lock = threading.Lock()
        self._server = _Server(("127.0.0.1", port), self)
        self._thread = threading.Thread(
            # Closing waits for the next poll.
            target=lambda: self._server.serve_forever(poll_interval=0.02),
            name="simulated-youtube",
            daemon=True,
        )
        self._thread.start()

    @property
    def proxy_url(self) -> str:
        """For a client's proxy setting."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    @property
    def ca_file(self) -> str:
        """For a client's trust setting: a PEM file, which exists as long as this process."""
        return str(self._certificates.ca_file)

    @property
    def environment(self) -> dict[str, str]:
        """Environment variables that send another process here, and nowhere else."""
        proxies = {f"{scheme}_PROXY": self.proxy_url for scheme in ("HTTP", "HTTPS", "ALL")}
        variables = {**proxies, "NO_PROXY": ""}
        lower = {name.lower(): value for name, value in variables.items()}  # has precedence
        return {**variables, **lower, "SSL_CERT_FILE": self.ca_file}

    def requests(
        self,
        kind: RequestKind | None = None,
        channel: str | None = None,
        subject: str | None = None,
    ) -> int:
        """How many requests there were.

        Args:
            kind: None for any.
            channel: a handle; None for any.
            subject: the id of a playlist or a video, or a query; None for any.
        """
        if channel is not None:
            subject = channel.lower()
        with self._lock:
            return sum(
                count
                for (each_kind, each_subject), count in self._requests.items()
                if kind in (None, each_kind) and subject in (None, each_subject)
            )

    @property
    def most_at_once(self) -> int:
        """How many requests were being answered at the same time, at most: from their arrival to
        the moment before the answer is sent. Those whose client had gone away do not count."""
        with self._lock:
            return self._most_at_once

    def close(self) -> None:
        """Stop listening and cut every connection. May be called twice."""
        self._server.stopping.set()
        self._server.shutdown()
        self._server.server_close()
        self._server.cut_connections()
        self._thread.join()

    def __enter__(self) -> SimulatedYouTube:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def _respond(self, method: str, path: str, body: bytes) -> Response:
        kind, subject, response = answer(self.world, method, path, body)
        with self._lock:
            self._requests[kind, subject] += 1
        if self.latency_s:
            self._server.stopping.wait(self.latency_s)
        return self.world.faults.apply(response, subject=subject, request=kind)

    @contextlib.contextmanager
    def _counting(self, connection: socket.socket) -> Iterator[None]:
        with self._lock:
            self._under_way.add(connection)
            self._most_at_once = max(self._most_at_once, sum(map(_is_there, self._under_way)))
        try:
            yield
        finally:
            with self._lock:
                self._under_way.discard(connection)

    def _note_unexpected(self, host: str) -> None:
        with self._lock:
            self.unexpected_hosts.add(host)


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = sys.platform != "win32"  # there it lets other processes take the port
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], youtube: SimulatedYouTube) -> None:
        self.youtube = youtube
        self.tls: Certificates = youtube._certificates
        self.stopping = threading.Event()
        self.connections: set[socket.socket] = set()
        self.connections_lock = threading.Lock()
        super().__init__(address, _Connection)

    def cut_connections(self) -> None:
        with self.connections_lock:
            for connection in self.connections:
                with contextlib.suppress(OSError):
                    # Not TLS's own shutdown: its thread may be in the middle of a read.
                    socket.socket.shutdown(connection, socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that disconnects is not an error; anything else is a bug here."""
        if not self.stopping.is_set() and not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)


class _Connection(BaseHTTPRequestHandler):
    """One client's connection: first the proxy's, after CONNECT the tunnel's."""

    protocol_version = "HTTP/1.1"
    server: _Server
    connection: socket.socket
    in_tunnel = False

    def setup(self) -> None:
        self._track(self.request)
        super().setup()
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def finish(self) -> None:
        with self.server.connections_lock:
            self.server.connections.discard(self.connection)
        for each in (self.wfile, self.rfile, self.connection):
            with contextlib.suppress(OSError):
                each.close()

    def handle_one_request(self) -> None:
        if hasattr(socket, "TCP_QUICKACK"):  # saves 40 ms where a request comes in two packets
            self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
        super().handle_one_request()

    def do_CONNECT(self) -> None:
        host, _, port = self.path.rpartition(":")
        if self.in_tunnel or host not in HOSTS or port != "443":
            self._refuse(host)
            return
        self.wfile.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        plain = self.connection
        with self.server.connections_lock:
            self.server.connections.discard(plain)
        tunnel = self.server.tls.context.wrap_socket(
            plain, server_side=True, do_handshake_on_connect=False
        )
        self._track(tunnel)
        self.connection = tunnel
        tunnel.do_handshake()
        self.rfile, self.wfile = tunnel.makefile("rb"), tunnel.makefile("wb")
        self.in_tunnel = True
        self.close_connection = False

    def do_GET(self) -> None:
        self._answer(b"")

    def do_POST(self) -> None:
        self._answer(self.rfile.read(int(self.headers.get("Content-Length") or 0)))

    def _answer(self, body: bytes) -> None:
        if not self.in_tunnel:
            self._refuse(urlsplit(self.path).hostname or self.path)
            return
        youtube = self.server.youtube
        youtube.cookies.append(self.headers.get("Cookie") or "")
        with youtube._counting(self.connection):
            response = youtube._respond(self.command, self.path, body)
        self._deliver(response)

    def _deliver(self, response: Response) -> None:
        self.close_connection = self.close_connection or response.delivery is not Delivery.WHOLE
        if response.delivery is Delivery.RESET:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
            return
        if response.delivery is Delivery.SILENT:
            self.server.stopping.wait()
            return
        self.send_response(response.status)
        self.send_header("Content-Type", response.content_type)
        if response.delivery is not Delivery.ENDLESS:
            self.send_header("Content-Length", str(len(response.body)))
        for name, value in response.headers:
            self.send_header(name, value)
        self.end_headers()
        if response.delivery is Delivery.DRIPPED:
            for byte in response.body:
                self.wfile.write(bytes([byte]))
                self.wfile.flush()
                if self.server.stopping.wait(_DRIP_INTERVAL_S):
                    return
        elif response.delivery is Delivery.TRUNCATED:
            self.wfile.write(response.body[: len(response.body) // 2])
        else:
            self.wfile.write(response.body)
        while response.delivery is Delivery.ENDLESS and not self.server.stopping.is_set():
            self.wfile.write(_MORE)

    def _refuse(self, host: str) -> None:
        self.server.youtube._note_unexpected(host)
        self.close_connection = True
        self.send_response(403)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _track(self, connection: socket.socket) -> None:
        with self.server.connections_lock:
            self.server.connections.add(connection)

    def log_message(self, *args: object) -> None:
        """No logging: requests can be counted."""


def _is_there(connection: socket.socket) -> bool:
    """Whether the client has not ended the connection, as that of a killed process is at once."""
    try:
        readable = select.select([connection], [], [], 0)[0]
        # Not TLS's own recv: that would consume data.
        return not readable or socket.socket.recv(connection, 1, socket.MSG_PEEK) != b""
    except (OSError, ValueError):
        return False


_DRIP_INTERVAL_S = 0.01
_MORE = b" " * 2**16
_RESET_ON_CLOSE = struct.pack("HH" if sys.platform == "win32" else "ii", 1, 0)
