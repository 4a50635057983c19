"""Ideas as the reference model keeps them."""

from __future__ import annotations

from collections.abc import Sequence

from tubeq.domain.clock import to_timestamp
from tubeq.domain.models import Idea, Result
from tubeq.storage.encoding import as_json
from tubeq.storage.identifiers import new_ids

_IDEA_COLUMNS = sorted(set(Idea._fields) & set(Result._fields))


def as_results(task_id: str, ideas: Sequence[Idea], now: float) -> list[Result]:
    """New results of a task.

    Raises:
        InvalidParameters: one of them holds a value that JSON cannot represent.
    """
    return [
        Result(
            result_id=result_id,
            task_id=task_id,
            created_at=to_timestamp(now),
            extra_json=as_json(idea.extra or None),
            **{name: getattr(idea, name) for name in _IDEA_COLUMNS},
        )
        for idea, result_id in zip(ideas, new_ids(len(ideas), now), strict=True)
    ]
