"""Counts over a whole SQLite queue, and what is left to be done in it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from tubeq.domain.clock import from_timestamp
from tubeq.domain.models import QueueStats
from tubeq.domain.states import TaskStatus
from tubeq.storage.ports.tasks import OpenType
from tubeq.storage.queries import load_queries
from tubeq.storage.sqlite.file.session import Session

_SQL = load_queries("sqlite")


def stats(session: Session, now: float) -> QueueStats:
    """See Storage.stats."""
    none = dict.fromkeys(map(str, TaskStatus), 0)
    by_status = none.copy()
    by_type: defaultdict[str, dict[str, int]] = defaultdict(none.copy)
    scheduled, waiting = 0, []
    for task_type, status, count, later, oldest in session.read(_SQL["counts"], {"now": now}):
        by_status[status] += count
        by_type[task_type][status] = count
        scheduled += later or 0
        waiting += [from_timestamp(oldest).timestamp()] if oldest else []
    return QueueStats(
        by_status=by_status,
        by_type=dict(by_type),
        scheduled=scheduled,
        results=session.read(_SQL["count_results"])[0][0],
        oldest_queued_s=max(0.0, now - min(waiting)) if waiting else None,
        errors=dict(session.read(_SQL["error_codes"])),
    )


def open_types(rows: Iterable[Sequence[Any]], now: float) -> list[OpenType]:
    """What the rows of the statement `open_types` say."""
    found: dict[str, OpenType] = {}
    for key, first, coming in rows:
        task_type = key.removesuffix("~")
        known = found.get(task_type, OpenType(task_type, False, False, None))
        if first is not None:
            is_due = known.is_due or first <= now
            found[task_type] = known._replace(is_due=is_due, next_due_at=coming)
        elif key == task_type:
            found[task_type] = known._replace(is_due=True)
        else:
            found[task_type] = known._replace(is_held=True)
    return sorted(found.values())
