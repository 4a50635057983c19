"""Conventions of all JSON that tubeq writes for programs."""

from __future__ import annotations

from typing import Any

from tubeq.domain.clock import as_datetime

SCHEMA = "tubeq/1"
"""In every object at the top of a document or a line; the number grows when a field changes its
meaning."""


def iso_time(value: Any) -> Any:
    """A time as machines read it: ISO 8601, UTC, "2026-11-26T00:31:27.123456Z".

    Args:
        value: timestamp text, epoch seconds, or None. Any other text, from another program, is
            returned unchanged.
    """
    if value is None or isinstance(value, bool) or not isinstance(value, (str, int, float)):
        return value
    try:
        moment = as_datetime(value)
    except ValueError:
        return value
    return moment and moment.replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"
