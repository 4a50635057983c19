"""Children of tasks, and cursors, on SQLite. The statements are in sql/children.sql."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from string import Template
from typing import Any

from tubeq.domain.children import EncodedChild, Progress, Saved
from tubeq.domain.clock import Clock, to_timestamp
from tubeq.domain.models import Idea, Result, Task
from tubeq.domain.states import FINISHED, TaskStatus
from tubeq.storage.identifiers import new_ids
from tubeq.storage.queries import load_queries
from tubeq.storage.sqlite.file.session import Session
from tubeq.storage.sqlite.leaving import row_id_of
from tubeq.storage.sqlite.rows import fence, lost, result_rows, task_from

_QUEUE = load_queries("sqlite")
_SQL = {
    name: Template(text).safe_substitute(_QUEUE)
    for name, text in load_queries("sqlite", "children").items()
}
_CANCEL_BATCH = 250


class SQLiteChildren:
    """See Children. With `sync_told`, acknowledged writes are on disk when a verb returns."""

    def __init__(self, session: Session, clock: Clock, *, sync_told: bool) -> None:
        self._session = session
        self._clock = clock
        self._sync_told = sync_told

    def save(
        self,
        claim: Task,
        ideas: Sequence[Idea] = (),
        children: Sequence[EncodedChild] = (),
        cursor: str | None = None,
        *,
        when_visible: Callable[[], None] | None = None,
    ) -> Saved:
        now = self._clock.now()
        at = to_timestamp(now)
        rows = result_rows(claim.task_id, ideas, now, at)
        task_ids = new_ids(len(children), now)
        with self._session.write(
            durable=self._sync_told,
            writes=1 + (len(rows) + 2 * len(children)) // 8,
            when_visible=when_visible,
        ) as session:
            held = session.execute(_SQL["held_for_saving"], fence(claim)).fetchone()
            if held is None:
                raise lost(claim)
            if held[0]:
                return Saved(0, 0, cancelled=True)
            new_ideas = _count_new(session, claim.task_id, {idea.source_id for idea in ideas})
            session.executemany(_QUEUE["upsert_result"], rows)
            new_tasks = 0
            for child, task_id in zip(children, task_ids):
                new_tasks += _create_child(session, claim.row_id, child, task_id, at)
            if cursor is not None:
                session.execute(_SQL["save_cursor"], (claim.row_id, cursor))
            if new_ideas or new_tasks:
                session.execute(_SQL["gets_on"], fence(claim))
        return Saved(new_ideas, new_tasks)

    def cursor(self, claim: Task) -> str | None:
        rows = self._session.read(_SQL["cursor"], (claim.row_id,))
        return rows[0][0] if rows else None

    def count_ideas(self, claim: Task) -> int:
        return int(self._session.read(_SQL["count_ideas"], (claim.task_id,))[0][0])

    def progress(self, task_id: str) -> Progress:
        by_status = dict.fromkeys(map(str, TaskStatus), 0)
        errors: dict[str, int] = {}
        parent = row_id_of(self._session, task_id)
        for status, code, count in self._session.read(_SQL["progress"], (parent,)):
            by_status[status] += count
            if code is not None:
                errors[code] = count
        return Progress(by_status, errors)

    def of(self, task_id: str, *, status: TaskStatus | None = None, limit: int = 100) -> list[Task]:
        which = {"parent": row_id_of(self._session, task_id), "status": status, "limit": limit}
        return [task_from(row) for row in self._session.read(_SQL["children"], which)]

    def results(self, task_id: str, *, limit: int = 1_000_000) -> list[Result]:
        found: list[Result] = []
        parent = row_id_of(self._session, task_id)
        for (child_id,) in self._session.read(_SQL["child_task_ids"], (parent,)):
            rows = self._session.read(_SQL["child_results"], (child_id,))
            found += [Result(*row) for row in rows]
            if len(found) >= limit:
                break
        return found[:limit]

    def parents(self, task_ids: Sequence[str]) -> dict[str, str]:
        found = {}
        for task_id in task_ids:
            for (parent_id,) in self._session.read(_SQL["parent_of"], (task_id,)):
                found[task_id] = parent_id
        return found

    def with_children(self, task_ids: Sequence[str]) -> list[str]:
        read = self._session.read
        return [task_id for task_id in task_ids if read(_SQL["has_children"], (task_id,))]

    def cancel(self, task_id: str) -> int:
        parent = row_id_of(self._session, task_id)
        cancelled, after = 0, ""
        while some := self._session.read(_SQL["some_children"], (parent, after, _CANCEL_BATCH)):
            with self._session.write(durable=self._sync_told, writes=_CANCEL_BATCH // 8) as session:
                cancelled += _cancel(
                    session, [child for child, _ in some], to_timestamp(self._clock.now())
                )
            after = some[-1][1]
        return cancelled


def _count_new(session: Session, task_id: str, source_ids: set[str]) -> int:
    return sum(
        session.execute(_SQL["is_stored"], (task_id, source_id)).fetchone() is None
        for source_id in source_ids
    )


def _create_child(
    session: Session, parent: int, child: EncodedChild, task_id: str, at: str
) -> bool:
    """Create the child, unless the parent has it."""
    source_id, task = child
    if session.execute(_SQL["is_child"], (parent, source_id)).fetchone() is not None:
        return False
    row = (task_id, task.task_type, task.parameters_json, task.priority, at)
    session.execute(_QUEUE["insert_due"], row)
    session.execute(_SQL["insert_child"], (parent, source_id, task_id))
    return True


def _cancel(session: Session, row_ids: Sequence[int], at: str) -> int:
    cancelled = 0
    for row_id in row_ids:
        (status,) = session.execute(_SQL["status_of"], (row_id,)).fetchone()
        if status not in FINISHED:
            verb = "cancel_queued" if status == TaskStatus.QUEUED else "request_cancel"
            session.execute(_QUEUE[verb], {"id": row_id, "at": at})
            cancelled += 1
    return cancelled


def begin_again(session: Session, row_id: int) -> None:
    """In the open transaction: a task is requeued."""
    which: dict[str, Any] = {"id": row_id}
    session.execute(_SQL["let_go_of_finished"], which)
    session.execute(_SQL["forget_cursor"], which)
