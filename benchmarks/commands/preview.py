"""Build the site and show it on a local port, until Ctrl-C. Only this machine can reach it."""

from __future__ import annotations

import argparse
import tempfile
import webbrowser
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from benchmarks.commands import publish
from benchmarks.common.exits import ExitCode, InfrastructureError
from benchmarks.common.options import whole


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    add = parser.add_argument
    add("--port", type=whole(0, 65_535), default=0, metavar="N", help="the port (any that is free)")
    add("--open", action="store_true", help="open it in the browser")
    publish.add_sources(parser)


def run(options: argparse.Namespace) -> int:
    """Serve until Ctrl-C, which is the normal end and not a failure; the exit code."""
    with tempfile.TemporaryDirectory(prefix="lab-site-", ignore_cleanup_errors=True) as folder:
        site = Path(folder) / "site"
        publish.build(options, site)
        try:
            server = serve(site, options.port)
        except OSError as error:
            raise InfrastructureError(f"no preview: {error}") from error
        with server:
            address = f"http://127.0.0.1:{server.server_address[1]}/"
            print(f"{address}  (Ctrl-C ends it)", flush=True)
            if options.open:
                webbrowser.open(address)
            try:
                server.serve_forever()
            except KeyboardInterrupt:
                print()
    return ExitCode.PASS


def serve(site: Path, port: int = 0) -> ThreadingHTTPServer:
    """A server of that folder on the loopback interface, bound and not yet running; OSError where
    the port is taken."""
    return ThreadingHTTPServer(("127.0.0.1", port), partial(_Quiet, directory=str(site)))


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *arguments: Any) -> None:  # noqa: A002
        pass

    def end_headers(self) -> None:
        self.send_header("Cache-Control", "no-store")
        self.send_header("X-Content-Type-Options", "nosniff")
        super().end_headers()
