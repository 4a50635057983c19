"""The lifecycle of a task. `TRANSITIONS` is its only definition: the runtime checks, the SQL CHECK
constraint, the stateful test and the diagram in ARCHITECTURE.md are all derived from it or
tested against it.
"""

from enum import Enum
from typing import NamedTuple


class TaskStatus(str, Enum):
    """The status of a task. Scheduled and retrying are not states: they are QUEUED, due later."""

    QUEUED = "QUEUED"
    CLAIMED = "CLAIMED"
    RUNNING = "RUNNING"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"

    __str__ = str.__str__


class TaskEvent(str, Enum):
    """What happened to a task: one name for each transition."""

    CREATED = "created"
    CLAIMED = "claimed"
    STARTED = "started"
    COMPLETED = "completed"
    FAILED = "failed"
    RETRIED = "retried"
    DEFERRED = "deferred"
    RELEASED = "released"
    RESCUED = "rescued"
    CANCELLED = "cancelled"
    REQUEUED = "requeued"

    __str__ = str.__str__


class Transition(NamedTuple):
    """An event leads from any of `sources` to `target`."""

    sources: frozenset[TaskStatus]
    target: TaskStatus


_S = TaskStatus
ACTIVE = frozenset({_S.CLAIMED, _S.RUNNING})
"""The states in which a worker holds the task."""
FINISHED = frozenset({_S.COMPLETED, _S.FAILED, _S.CANCELLED})
"""The states that only `requeued` leaves."""

TRANSITIONS: dict[TaskEvent, Transition] = {
    TaskEvent.CREATED: Transition(frozenset(), _S.QUEUED),
    TaskEvent.CLAIMED: Transition(frozenset({_S.QUEUED}), _S.CLAIMED),
    TaskEvent.STARTED: Transition(frozenset({_S.CLAIMED}), _S.RUNNING),
    TaskEvent.COMPLETED: Transition(ACTIVE, _S.COMPLETED),
    TaskEvent.FAILED: Transition(ACTIVE, _S.FAILED),
    TaskEvent.RETRIED: Transition(ACTIVE, _S.QUEUED),  # a failure that will be tried again
    TaskEvent.DEFERRED: Transition(ACTIVE, _S.QUEUED),  # "not yet": not counted as a failure
    TaskEvent.RELEASED: Transition(ACTIVE, _S.QUEUED),  # handed back: nothing is counted
    TaskEvent.RESCUED: Transition(ACTIVE, _S.QUEUED),  # the worker died: the lease expired
    TaskEvent.CANCELLED: Transition(ACTIVE | {_S.QUEUED}, _S.CANCELLED),
    TaskEvent.REQUEUED: Transition(FINISHED, _S.QUEUED),
}


def event_between(source: TaskStatus, target: TaskStatus) -> TaskEvent | None:
    """The event by which an administrator's "set the status" leads from one state to another.

    Returns:
        The event, or None where there is no such transition. From a state in which a worker
        holds the task, back to QUEUED is `released`: the others are the worker's.
    """
    for event, transition in TRANSITIONS.items():
        if event in (TaskEvent.RETRIED, TaskEvent.DEFERRED, TaskEvent.RESCUED):
            continue
        if source in transition.sources and target is transition.target:
            return event
    return None
