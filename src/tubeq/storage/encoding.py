"""JSON as the storages keep it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from tubeq.domain.errors import InvalidParameters


def as_json(value: Mapping[str, Any] | None) -> str | None:
    """A JSON object as text; None stays None.

    Raises:
        InvalidParameters: it holds what JSON cannot.
    """
    try:
        if value is None:
            return None
        return json.dumps(dict(value), ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidParameters(f"a result is no JSON object: {error}") from None
