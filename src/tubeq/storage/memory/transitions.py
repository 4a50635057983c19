"""How the reference model's tasks change their status; each in an open transaction."""

from __future__ import annotations

from typing import Any

from tubeq.domain import states
from tubeq.domain.errors import IllegalTransition
from tubeq.domain.models import HistoryEntry, Task
from tubeq.domain.states import ACTIVE, TaskEvent
from tubeq.storage.memory.state import MemoryState


def move(
    state: MemoryState, task: Task, event: TaskEvent, detail: str | None = None, **changes: Any
) -> Task:
    """The one place where a task changes its status; the history names the claim that the event
    belongs to, which the task itself no longer has once it is back in the queue.

    Raises:
        IllegalTransition: the event is not allowed in this status.
    """
    sources, target = states.TRANSITIONS[event]
    if task.status not in sources:
        raise IllegalTransition(task.task_id, task.status, target)
    moved = task._replace(status=target, **changes)
    holder = moved if event is TaskEvent.CLAIMED else task
    state.tasks[task.row_id] = moved
    state.history[task.row_id].append(
        HistoryEntry(event, state.now_text(), holder.worker_id, holder.claim_token, detail)
    )
    return moved


def end(
    state: MemoryState, task: Task, event: TaskEvent, detail: str | None = None, **changes: Any
) -> Task:
    """To COMPLETED, FAILED or CANCELLED."""
    completed_at = state.now_text()
    return move(
        state, task, event, detail, completed_at=completed_at, lease_expires_at=None, **changes
    )


def back(
    state: MemoryState, task: Task, event: TaskEvent, detail: str | None = None, **changes: Any
) -> Task:
    """To QUEUED: no worker holds the task, and no cancel is asked for."""
    unheld = dict.fromkeys(
        ("worker_id", "claimed_at", "started_at", "completed_at", "lease_expires_at")
    )
    return move(state, task, event, detail, cancel_requested=0, **unheld, **changes)


def claim(state: MemoryState, task: Task, worker_id: str, lease_s: float) -> Task:
    """To CLAIMED, under the next token."""
    lease = state.deadlines.hold(task, lease_s)
    lease |= {"claim_token": task.claim_token + 1, "claimed_at": state.now_text()}
    return move(state, task, TaskEvent.CLAIMED, worker_id=worker_id, **lease)


def start(state: MemoryState, task: Task) -> Task:
    """To RUNNING."""
    return move(state, task, TaskEvent.STARTED, started_at=state.now_text())


def complete(state: MemoryState, task: Task, result_json: str | None) -> Task:
    """To COMPLETED; errors of earlier attempts are cleared."""
    ended = {"result_json": result_json, "error_code": None, "error_message": None}
    return end(state, task, TaskEvent.COMPLETED, **ended)


def fail(state: MemoryState, task: Task, code: str, message: str | None, **changes: Any) -> Task:
    """To FAILED."""
    failure = {"error_code": code, "error_message": message, **changes}
    return end(state, task, TaskEvent.FAILED, message, **failure)


def release(
    state: MemoryState, task: Task, until: float | None = None, why: str | None = None
) -> Task:
    """Back to QUEUED and due at once, even where an administrator claimed it before its time."""
    if task.cancel_requested:
        return end(state, task, TaskEvent.CANCELLED)
    at_once = None if task.run_after is None else min(task.run_after, state.clock.now())
    due = at_once if until is None else until
    if due is not None and (until is not None or due != task.run_after):
        state.deadlines.delay(task)
    return back(state, task, TaskEvent.RELEASED, why, run_after=due)


def cancel(state: MemoryState, task: Task) -> Task:
    """To CANCELLED; a task that a worker holds is marked, for its worker to end it."""
    if task.status not in ACTIVE:
        return end(state, task, TaskEvent.CANCELLED)
    marked = state.tasks[task.row_id] = task._replace(cancel_requested=1)
    return marked
