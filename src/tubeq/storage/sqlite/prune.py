"""Removing old tasks from SQLite while workers go on, with as little effect on them as possible.

A transaction ends after some milliseconds, however much there is to remove: the rows of a task with
many results are removed in several transactions, the task itself last. After a kill in between,
the next prune finds the task again. The statements are in sql/prune.sql.
"""

from __future__ import annotations

import json
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import NamedTuple

from tubeq.storage.ports.maintenance import PruneCount
from tubeq.storage.queries import load_queries
from tubeq.storage.sqlite.file.session import Session

_SQL = load_queries("sqlite", "prune")
_FOUND_AT_ONCE = 500
_TASKS_AT_ONCE = 25
_ROWS_AT_ONCE = 100
"""The most rows belonging to tasks that one statement removes: some 2 ms."""
_HELD_S = 0.002
"""After this time a transaction begins no further statements."""
_REST_S = 0.0005
"""The pause between two transactions: so a waiting writer comes next, instead of at the end of a
turn."""
_WRITES = 64
"""Roughly how many small writes such a transaction amounts to."""
_NO_LIMIT = 2**63 - 1

Rows = Sequence[tuple[int, str]]
"""Row ids and ids of tasks."""


def preview(session: Session, before: str, limit: int | None) -> list[PruneCount]:
    """See Maintenance.preview_prune."""
    which = {"before": before, "after": 0, "limit": _NO_LIMIT if limit is None else limit}
    return [PruneCount(*row) for row in session.read(_SQL["preview"], which)]


def prune(session: Session, before: str, limit: int | None, fold: Callable[[], object]) -> int:
    """See Maintenance.prune. `fold` takes into the catalogue of items what is not in it, and is
    called with no lock held."""
    pruned, after = 0, 0
    fold()
    while limit is None or pruned < limit:
        most = _FOUND_AT_ONCE if limit is None else min(_FOUND_AT_ONCE, limit - pruned)
        which = {"before": before, "after": after, "limit": most}
        found = session.read(_SQL["prunable"], which)
        if not found:
            break
        after = found[-1][0]
        pruned += _remove(session, found, fold)
    return pruned


class _Step(NamedTuple):
    """The outcome of a step: how many tasks it removed, whether the batch is finished, and whether
    it met results that are not folded yet."""

    removed: int = 0
    is_done: bool = False
    is_late: bool = False


def _remove(session: Session, found: Rows, fold: Callable[[], object]) -> int:
    todo = deque(found[n : n + _TASKS_AT_ONCE] for n in range(0, len(found), _TASKS_AT_ONCE))
    removed = 0
    while todo:
        with session.write(durable=False, writes=_WRITES) as writing:
            ends = time.perf_counter() + _HELD_S  # on Windows the other clock ticks each 16 ms
            while True:
                step = _step(writing, todo[0])
                removed += step.removed
                if step.is_done:
                    todo.popleft()
                if not todo or step.is_late or time.perf_counter() > ends:
                    break
        if step.is_late:
            fold()
        time.sleep(_REST_S)
    return removed


def _step(session: Session, rows: Rows) -> _Step:
    """In the open transaction: remove a bounded number of rows of these tasks, and the tasks once
    there are no more."""
    # Some may have been requeued since: their rows must stay.
    given = {"ids": json.dumps([row_id for row_id, _ in rows])}
    finished = session.execute(_SQL["still_finished"], given).fetchall()
    which = {
        "ids": json.dumps([row_id for row_id, _ in finished]),
        "tasks": json.dumps([task_id for _, task_id in finished]),
        "limit": _ROWS_AT_ONCE,
    }
    results = {"ids": json.dumps([n for (n,) in session.execute(_SQL["some_results"], which)])}
    # What was stored since the fold must be folded before it is deleted.
    if session.execute(_SQL["is_any_unfolded"], results).fetchone()[0]:
        return _Step(is_late=True)
    for name in ("delete_results", "delete_events", "delete_children"):
        values = results if name == "delete_results" else which
        if session.execute(_SQL[name], values).rowcount == _ROWS_AT_ONCE:
            return _Step()  # there may be more
    for name in ("delete_parents", "delete_cursors"):
        session.execute(_SQL[name], which)
    return _Step(session.execute(_SQL["delete_tasks"], which).rowcount, is_done=True)
