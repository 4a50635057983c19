"""How held tasks leave their workers on SQLite: finished, or back to the queue."""

from __future__ import annotations

from tubeq.domain.clock import to_timestamp
from tubeq.domain.errors import TaskNotFound
from tubeq.domain.models import Task
from tubeq.domain.states import TRANSITIONS, TaskEvent, TaskStatus
from tubeq.storage.ports.tasks import Rescue
from tubeq.storage.queries import load_queries
from tubeq.storage.sqlite.file.session import Session
from tubeq.storage.sqlite.rows import fence, lost, task_from

_SQL = load_queries("sqlite")


def row_id_of(session: Session, task_id: str) -> int:
    """The task's row id, outside a transaction.

    Raises:
        TaskNotFound: there is no such task.
    """
    rows = session.read(_SQL["row_id_of"], (task_id,))
    if not rows:
        raise TaskNotFound(task_id)
    return int(rows[0][0])


def find(session: Session, task_id: str) -> Task:
    """The task, in the open transaction.

    Raises:
        TaskNotFound: there is no such task.
    """
    row = session.execute(_SQL["get_task"], (task_id,)).fetchone()
    if row is None:
        raise TaskNotFound(task_id)
    return task_from(row)


def reread(session: Session, task: Task) -> Task:
    """The task as the open transaction has it now."""
    return task_from(session.execute(_SQL["get_row"], (task.row_id,)).fetchone())


def held(session: Session, claim: Task) -> Task:
    """The fence: the task that the claim still holds.

    Raises:
        ClaimLost: it is no longer held.
    """
    row = session.execute(_SQL["get_row"], (claim.row_id,)).fetchone()
    task = None if row is None else task_from(row)
    if task is None or fence(task) != fence(claim) or task.lease_expires_at is None:
        raise lost(claim)
    return task


def leave(
    session: Session,
    task: Task,
    event: TaskEvent,
    now: float,
    *,
    code: str | None = None,
    message: str | None = None,
    run_after: float | None = None,
    dated: bool = False,
    counted: bool = False,
    crashed: bool = False,
) -> Task:
    """End the claim of a held task, by `event`: the task is finished, or back in the queue. A
    cancel that was asked for takes precedence over going back."""
    returning = TRANSITIONS[event].target is TaskStatus.QUEUED
    if returning and task.cancel_requested:
        event, returning = TaskEvent.CANCELLED, False
    changes = {**fence(task), "at": to_timestamp(now), "code": code, "message": message}
    changes |= {"counted": counted, "crashed": crashed}
    if returning:
        session.execute(_SQL["archive_attempt"], changes)
        session.execute(
            _SQL["archive_event"], {**changes, "event": event, "worker_id": task.worker_id}
        )
        due = task.run_after if run_after is None else run_after
        if due is not None and run_after is None and event is TaskEvent.RELEASED:
            due = min(due, now)
        later = due is not None and due > now
        is_given = dated or (due == task.run_after and run_after is None)
        delay = {"run_after": due, "scheduled": later, "set_at": None if is_given else now}
        session.execute(_SQL["return_to_queue"], {**changes, **delay})
    else:
        status = TaskStatus.FAILED if event is TaskEvent.FAILED else TaskStatus.CANCELLED
        session.execute(_SQL["finish"], {**changes, "status": status})
    return reread(session, task)


def take_back(session: Session, task: Task, crash_limit: int, now: float, rescued: Rescue) -> None:
    """Decide about a task whose worker died; `rescued` gets its id."""
    crashes = task.crash_count + 1
    event, code = TaskEvent.RESCUED, "crashed"
    message = f"worker {task.worker_id} died or its lease expired (crash {crashes})"
    if crashes >= crash_limit and not task.cancel_requested:
        event, code = TaskEvent.FAILED, "dead_letter"
        message = f"killed its worker {crashes} times"
    left = leave(session, task, event, now, code=code, message=message, crashed=True)
    ids = {TaskStatus.FAILED: rescued.dead, TaskStatus.QUEUED: rescued.requeued}
    ids.get(left.status, rescued.cancelled).append(task.task_id)
