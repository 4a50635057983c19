"""Proxies that refuse."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def proxy_that_says(answer: bytes) -> Iterator[int]:
    """A proxy that refuses every tunnel with this answer; its port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            while True:
                with listener.accept()[0] as connection:
                    if not connection.recv(65_536):
                        return
                    connection.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        yield listener.getsockname()[1]
        socket.create_connection(listener.getsockname()).close()
        thread.join()
