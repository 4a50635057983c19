"""Numbers, spans and sizes in words."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from tubeq.domain.clock import from_timestamp


def age(seconds: float) -> str:
    """A span of time: "42s", "7m", "3h", "12d"; the future as "in 5m"."""
    if seconds <= -0.5:
        return f"in {age(-seconds)}"
    for unit, length, limit in (("s", 1, 120), ("m", 60, 120), ("h", 3600, 48)):
        if round(seconds / length) < limit:
            return f"{max(round(seconds / length), 0)}{unit}"
    return f"{round(seconds / 86_400)}d"


def since(timestamp: str, now: float) -> str:
    """How long before `now` a database timestamp was."""
    return age(now - from_timestamp(timestamp).timestamp())


def counted(count: int, noun: str) -> str:
    """A number and its noun: "1 task", "1,200 tasks"."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def size(byte_count: int) -> str:
    """A file size: "512 B", "1.4 MB"."""
    if byte_count < 1000:
        return f"{byte_count} B"
    value = float(byte_count)
    for unit in ("kB", "MB", "GB"):
        value /= 1000
        if value < 999.5:
            return f"{value:.1f} {unit}"
    return f"{value / 1000:.1f} TB"


def clock_length(seconds: float | None) -> str:
    """The length of a video: "12:34", "1:02:03"; "" where it is not known."""
    if seconds is None:
        return ""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def one_decimal(value: float | None) -> str:
    """A number, such as a score, with one decimal; "" for None."""
    return "" if value is None else f"{value:.1f}"


def short_json(value: Any) -> str:
    """A value as JSON, but strings without quotes."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def in_short(parameters: Mapping[str, Any]) -> str:
    """Parameters in one line: "query=tea max_results=5"."""
    return " ".join(f"{name}={short_json(value)}" for name, value in parameters.items())
