"""Time, as a thing that can be handed in. Epoch seconds inside, UTC text in the database."""

from __future__ import annotations

import time
from datetime import datetime, timezone
from functools import lru_cache
from typing import Protocol


class Clock(Protocol):
    """A source of wall-clock time. Leases tolerate its jumps: tokens decide, never clocks."""

    def now(self) -> float:
        """Seconds since 1970-01-01 UTC."""
        ...


class SystemClock:
    """The machine's clock."""

    now = staticmethod(time.time)


def to_timestamp(epoch_s: float) -> str:
    """Epoch seconds as the database's text: UTC, "YYYY-MM-DD HH:MM:SS.ffffff".

    It sorts as it reads, and SQLite's date functions, pandas and the standard library's
    TIMESTAMP converter read it.
    """
    microseconds = int(epoch_s * 1e6)
    return f"{_second_text(microseconds // 1_000_000)}.{microseconds % 1_000_000:06d}"


@lru_cache(maxsize=8)  # every write stamps a time, thousands in a second
def _second_text(epoch_s: int) -> str:
    moment = datetime.fromtimestamp(epoch_s, timezone.utc)
    return moment.replace(tzinfo=None).isoformat(" ", "seconds")


def from_timestamp(text: str) -> datetime:
    """The aware UTC datetime of a timestamp text.

    Raises:
        ValueError: the text is no timestamp.
    """
    return datetime.fromisoformat(text).replace(tzinfo=timezone.utc)


def as_datetime(value: str | float | None) -> datetime | None:
    """A time as an aware UTC datetime, whether it is timestamp text or epoch seconds.

    Raises:
        ValueError: it is no time, or one beyond the calendar.
    """
    if value is None:
        return None
    if isinstance(value, str):
        return from_timestamp(value)
    try:
        return datetime.fromtimestamp(value, timezone.utc)
    except (OverflowError, OSError):
        raise ValueError(f"{value!r} is beyond the calendar") from None
