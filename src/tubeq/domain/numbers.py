"""Validation of numbers: what is not a number, or beyond what a database and a clock can hold, is
refused. Each check returns the value, or raises InvalidParameters, whose message calls it `name`
and says what would be right.
"""

from __future__ import annotations

from tubeq.domain.errors import InvalidParameters

MAX_SPAN_S = 1e10
"""The longest span of time, in seconds: 317 years."""
MAX_BUSY_TIMEOUT_S = 1e6
"""SQLite counts a busy timeout in milliseconds, in 31 bits."""
MAX_EPOCH_S = 253_402_300_799.0
"""The end of the year 9999, the last that a datetime can represent."""
MAX_WHOLE = 2**63 - 1
"""The largest integer that SQLite stores exactly."""


def is_number(value: object, least: float = 0.0, most: float = MAX_SPAN_S) -> bool:
    """Whether it is an int or a float from `least` to `most`. A bool is not a number; NaN is not in
    any range."""
    is_one = isinstance(value, (int, float)) and not isinstance(value, bool)
    return is_one and least <= value <= most  # type: ignore[operator]


def checked_whole(name: str, value: object, least: int = 0, most: int = MAX_WHOLE) -> int:
    """A whole number from `least` to `most`, both included."""
    if isinstance(value, int) and not isinstance(value, bool) and least <= value <= most:
        return value
    end = "" if most == MAX_WHOLE else f", at most {most}"
    raise InvalidParameters(
        f"{name} must be a whole number from {least} up{end}, not {shown(value)}"
    )


def checked_span(
    name: str, value: object, *, above_zero: bool = False, most: float = MAX_SPAN_S
) -> float:
    """A span of time from 0 up, in seconds, at most `most`; with `above_zero`, 0 is refused."""
    if type(value) is float and 0.0 < value <= most:  # on the path of every claim
        return value
    if is_number(value, 0.0, most) and (value or not above_zero):
        return value  # type: ignore[return-value]
    right = f"a number of seconds {'above 0' if above_zero else 'from 0 up'}, at most {most:.0f}"
    from datetime import timedelta

    hint = ": write its total_seconds()" if isinstance(value, timedelta) else ""
    raise InvalidParameters(f"{name} must be {right}, not {shown(value)}{hint}")


def checked_date(name: str, value: object) -> float:
    """A point in time, in epoch seconds."""
    if is_number(value, 0.0, MAX_EPOCH_S):
        return value  # type: ignore[return-value]
    from datetime import datetime

    hint = ": write its timestamp()" if isinstance(value, datetime) else ""
    raise InvalidParameters(
        f"{name} must be epoch seconds, such as time.time() + 60, at most those of the year 9999, "
        f"not {shown(value)}{hint}"
    )


def shown(value: object, length: int = 60) -> str:
    """A value as messages show it. (Python refuses to write ints of more than 4300 digits.)"""
    try:
        return repr(value)[:length]
    except ValueError:
        return "a number of thousands of digits"
