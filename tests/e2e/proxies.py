"""A server that answers every connection alike: a proxy that refuses, a trap."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress


class Answering:
    """Gives this answer, until the end of the block, and counts the connections."""

    def __init__(self, answer: bytes) -> None:
        self.connections = 0
        self._answer = answer
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._closing = False
        self._thread = threading.Thread(target=self._serve)

    def _serve(self) -> None:
        while True:
            with self._listener.accept()[0] as connection:
                if self._closing:
                    return
                self.connections += 1
                with suppress(OSError):  # it has gone again
                    connection.recv(65_536)
                    connection.sendall(self._answer)

    def __enter__(self) -> Answering:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._closing = True
        socket.create_connection(("127.0.0.1", self.port)).close()
        self._thread.join()
        self._listener.close()
