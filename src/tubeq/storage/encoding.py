"""JSON as the storages keep it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from tubeq.domain.errors import InvalidParameters
from tubeq.domain.models import Idea

_encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False).encode


def as_json(value: Mapping[str, Any] | None) -> str | None:
    """A JSON object as text; None stays None.

    Raises:
        InvalidParameters: it holds what JSON cannot.
    """
    try:
        if value is None:
            return None
        return _encode(dict(value))
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidParameters(f"a result is no JSON object: {error}") from None


def reported(result: Mapping[str, Any] | None, ideas: Sequence[Idea]) -> Mapping[str, Any] | None:
    """What a completion keeps as its result: where none is given, how many ideas there were."""
    if result is None and ideas:
        return {"ideas_count": len({idea.source_id for idea in ideas})}
    return result
