"""Options that commands share, and how the values of options are read."""

from __future__ import annotations

import math
import re
from datetime import datetime
from pathlib import Path

from tubeq.cli.parser import Argument, argument, flag, whole
from tubeq.domain.errors import InvalidParameters
from tubeq.domain.numbers import MAX_EPOCH_S, MAX_SPAN_S, is_number
from tubeq.settings import Settings

MOST = 1_000_000_000
"""The largest value of an option that counts things."""


def _database_path(text: str) -> Path:
    if not text:
        raise InvalidParameters("--db is empty: name a file, or leave it out for tubeq.db")
    return Path(text)


DATABASE = argument("--db", "PATH", "The database file. (default: tubeq.db)", dest="db_path",
                    type=_database_path)  # fmt: skip
JSON = flag("--json", "Print JSON and nothing else.", dest="as_json")
COMMON = (JSON, DATABASE)
RAW = flag(
    "--raw",
    "In CSV, do not put a ' before titles, descriptions and channel names that a "
    "spreadsheet could read as formulas.",
)


def limit_option(default: int | None = None) -> Argument:
    """The option --limit."""
    about = "Maximum number." if default else "Maximum number. (default: all)"
    return argument("--limit", "N", about, type=whole(1, MOST), default=default)


def span_setting(name: str, setting: str, about: str, *, above_zero: bool = False) -> Argument:
    """An option that overrides a setting in seconds; see `tubeq.settings`."""

    def read(text: str) -> float:
        seconds = span_s(text)
        if above_zero and not seconds:
            raise InvalidParameters(f"{name} must be longer than 0s")
        return seconds

    about += f" (default: {getattr(Settings(), setting):g}s)"
    return argument(name, "SPAN", about, dest=setting, type=read)


ACCESS = (
    argument("--proxy", "URL", "The proxy. Other users can see a password given here: use "
             "TUBEQ_PROXY for one. (default: HTTPS_PROXY)"),
    argument("--ca-file", "FILE",
             "Certificate authorities to trust, in PEM format. (default: SSL_CERT_FILE)",
             type=Path),
    argument("--cookies-file", "FILE",
             "Cookies in Netscape format; the file is only read. (default: none)", type=Path),
    span_setting(
        "--socket-timeout", "socket_timeout_s", "Longest wait for YouTube to send anything.",
        above_zero=True,
    ),
    span_setting(
        "--deadline", "deadline_s", "Longest time for one scrape's requests.", above_zero=True
    ),
)  # fmt: skip
"""How YouTube is reached, for commands that scrape."""

_SPAN = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h|d|w|)")
_UNITS_S = {"ms": 0.001, "": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0, "w": 604_800.0}


def span_s(text: str, *, needs_unit: bool = False) -> float:
    """Seconds from a span of time: "90", "1.5s", "5m", "2h", "7d", "4w".

    Args:
        needs_unit: refuse a bare number: its unit should not be guessed.

    Raises:
        InvalidParameters: it is not a span.
    """
    match = _SPAN.fullmatch(text.strip().lower())
    if match and needs_unit and not match[2]:
        raise InvalidParameters(
            f"{text!r:.60} has no unit: write {match[1]}d for days, {match[1]}h for hours, "
            f"{match[1]}w for weeks; also m, s"
        )
    if not match:
        raise InvalidParameters(f"{text!r:.60} is not a span of time: write 90s, 5m, 2h or 7d")
    seconds = float(match[1]) * _UNITS_S[match[2]]
    if not seconds < MAX_SPAN_S:
        raise InvalidParameters(f"{text!r:.60} is too long a span of time: at most 100000d")
    return seconds


def moment(text: str) -> float:
    """Epoch seconds from an ISO 8601 time; one without an offset is local.

    Raises:
        InvalidParameters: it is not a time.
    """
    try:
        # Python 3.10 does not read the "Z".
        written = datetime.fromisoformat(re.sub("[zZ]$", "+00:00", text.strip()))
    except ValueError:
        raise InvalidParameters(
            f"{text!r:.60} is not a time: write 2027-01-31T08:00, with +02:00 or Z if it is not "
            "local"
        ) from None
    try:
        seconds = written.timestamp()
    except (ValueError, OverflowError, OSError):  # Windows knows no local times before 1970
        seconds = math.nan
    if not is_number(seconds, most=MAX_EPOCH_S):
        raise InvalidParameters(f"{text!r:.60} is out of range: give a time from 1970 to 9999")
    return seconds


def channel_name(text: str) -> str:
    """A channel as items and limits name it: of an address or an escaped handle the name in it; any
    other text unchanged."""
    from tubeq.plugins.youtube.addresses import read

    channel = read(text).channel
    return text if channel is None else channel.path.removeprefix("channel/")
