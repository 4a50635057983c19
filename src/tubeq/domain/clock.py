"""Time as a dependency that can be passed in. Epoch seconds inside, UTC text in the database.

The wall clock gives dates to people and to other hosts, and it may be wrong: set back, set forward,
a year off until the first answer of a time server. The monotonic clock never jumps, all processes
of a host share it, and it begins again with each boot: its times are stored with the boot.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from functools import lru_cache
from typing import NamedTuple, Protocol

from tubeq.domain.boot import Boot, this_boot

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
"""Times are counted from here: Windows' `fromtimestamp` ends in the year 3000."""


class Clock(Protocol):
    """A source of wall-clock time, and maybe of more: `monotonic` and `boot`, as SystemClock has
    them. Without those, leases are judged by the wall clock. Claim tokens protect writes in any
    case."""

    def now(self) -> float:
        """Seconds since 1970-01-01 UTC."""


class SystemClock:
    """The machine's clocks."""

    now = staticmethod(time.time)
    monotonic = staticmethod(time.monotonic)
    boot = staticmethod(this_boot)


class Moment(NamedTuple):
    """One reading of a clock.

    Args:
        now: epoch seconds, by the wall clock.
        uptime_s: seconds, by the monotonic clock.
        boot: the id of the boot to which uptime_s belongs; None where that is not known.
    """

    now: float
    uptime_s: float
    boot: int | None

    @property
    def offset_s(self) -> float:
        """How far the wall clock is ahead of the monotonic one: it changes when the wall clock is
        set."""
        return self.now - self.uptime_s


class LeaseClock:
    """A clock with all that leases need, built on what the given one has."""

    def __init__(self, clock: Clock) -> None:
        self.now: Callable[[], float] = clock.now
        self.monotonic: Callable[[], float] = getattr(clock, "monotonic", clock.now)
        boot: Boot | None = getattr(clock, "boot", lambda: None)()
        self.boot = None if boot is None else boot.mark

    def moment(self) -> Moment:
        """All of it, read now."""
        return Moment(self.now(), self.monotonic(), self.boot)


def to_timestamp(epoch_s: float) -> str:
    """Epoch seconds as the database's text: UTC, "YYYY-MM-DD HH:MM:SS.ffffff".

    It sorts chronologically, and SQLite's date functions, pandas and the standard library's
    TIMESTAMP converter read it.
    """
    microseconds = int(epoch_s * 1e6)
    return f"{_second_text(microseconds // 1_000_000)}.{microseconds % 1_000_000:06d}"


@lru_cache(maxsize=8)  # every write stamps a time, thousands in a second
def _second_text(epoch_s: int) -> str:
    moment = _EPOCH + timedelta(seconds=epoch_s)
    return moment.replace(tzinfo=None).isoformat(" ", "seconds")


def from_timestamp(text: str) -> datetime:
    """The aware UTC datetime of a timestamp text.

    Raises:
        ValueError: the text is not a timestamp.
    """
    return datetime.fromisoformat(text).replace(tzinfo=timezone.utc)


def as_datetime(value: str | float | None) -> datetime | None:
    """A time as an aware UTC datetime, whether it is timestamp text or epoch seconds.

    Raises:
        ValueError: it is not a time, or beyond the calendar.
    """
    if value is None:
        return None
    if isinstance(value, str):
        return from_timestamp(value)
    try:
        return _EPOCH + timedelta(seconds=value)
    except OverflowError:
        raise ValueError(f"{value!r} is beyond the calendar") from None
