"""Between the models and the rows of SQLite."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from tubeq.domain.errors import ClaimLost
from tubeq.domain.models import Idea, Task
from tubeq.domain.states import TaskStatus
from tubeq.storage.encoding import as_json, reported
from tubeq.storage.identifiers import new_ids

_STATUSES = {status.value: status for status in TaskStatus}


def task_from(row: Sequence[Any]) -> Task:
    return Task._make((*row[:4], _STATUSES[row[4]], *row[5:]))


def fence(claim: Task) -> dict[str, Any]:
    return {"id": claim.row_id, "token": claim.claim_token, "task_id": claim.task_id}


def completion(
    claim: Task, at: str, result: Mapping[str, Any] | None, ideas: Sequence[Idea] = ()
) -> tuple[Any, ...]:
    """The parameters of the statement that completes a task."""
    return at, as_json(reported(result, ideas)), claim.row_id, claim.claim_token, claim.task_id


def lost(claim: Task) -> ClaimLost:
    return ClaimLost(claim.task_id, claim.claim_token)


def result_rows(task_id: str, ideas: Sequence[Idea], now: float, at: str) -> list[tuple[Any, ...]]:
    return [
        (result_id, task_id, idea.source_id, idea.title, idea.description,
         idea.score if math.isfinite(idea.score) else None, idea.url, idea.views,
         idea.duration_s, idea.published_at, as_json(idea.extra or None), at)
        for result_id, idea in zip(new_ids(len(ideas), now), ideas)
    ]  # fmt: skip
