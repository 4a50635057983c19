"""The options that say how YouTube is reached, of the commands that scrape."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path
from typing import Any

from tubeq.cli.options import span_s
from tubeq.cli.parser import argument
from tubeq.domain.errors import InvalidParameters
from tubeq.settings import Settings

OPTIONS = (
    argument(
        "--proxy", metavar="URL",
        help="The proxy. Other users can see a password given here: use TUBEQ_PROXY for one. "
        "(default: HTTPS_PROXY)",
    ),
    argument(
        "--ca-file", metavar="FILE", type=Path,
        help="Certificate authorities to trust, in PEM format. (default: SSL_CERT_FILE)",
    ),
    argument(
        "--cookies-file", metavar="FILE", type=Path,
        help="Cookies in Netscape format; the file is only read. (default: none)",
    ),
    argument(
        "--socket-timeout", metavar="SPAN",
        help="Longest wait for YouTube to send anything. "
        f"(default: {Settings().socket_timeout_s:g}s)",
    ),
    argument(
        "--deadline", metavar="SPAN",
        help=f"Longest time for one scrape's requests. (default: {Settings().deadline_s:g}s)",
    ),
)  # fmt: skip


def overrides(given: Namespace) -> dict[str, Any]:
    """What OPTIONS say, as settings by their names.

    Raises:
        InvalidParameters: a span is not one, or zero.
    """
    return {
        "proxy": given.proxy,
        "ca_file": given.ca_file,
        "cookies_file": given.cookies_file,
        "socket_timeout_s": _positive_s("--socket-timeout", given.socket_timeout),
        "deadline_s": _positive_s("--deadline", given.deadline),
    }


def _positive_s(name: str, span: str | None) -> float | None:
    seconds = None if span is None else span_s(span)
    if seconds == 0:
        raise InvalidParameters(f"{name} must be longer than 0s")
    return seconds
