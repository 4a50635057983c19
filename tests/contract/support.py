"""The few words in which the contract is written."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tubeq.domain.errors import TubeqError
from tubeq.domain.models import EncodedTask, Task
from tubeq.domain.states import TaskEvent, TaskStatus
from tubeq.storage import Storage
from tubeq.storage.ports.tasks import ClaimRequest, Rescue

LEASE_S = 60.0
EVERYTHING = 1_000_000
NOTHING = Rescue([], [], [])


def encoded(task_type: str = "video", parameters_json: str = "{}", **columns: Any) -> EncodedTask:
    return EncodedTask(task_type, parameters_json, **columns)


def add(storage: Storage, task_type: str = "video", **columns: Any) -> str:
    """Create one task; its id."""
    return storage.create([encoded(task_type, **columns)])[0]


def request(worker_id: str = "worker-1", task_type: str = "video", **fields: Any) -> ClaimRequest:
    return ClaimRequest(task_type, worker_id, **{"lease_s": LEASE_S, **fields})


def take(storage: Storage, worker_id: str = "worker-1", **fields: Any) -> Task:
    """Claim the one task that must be there."""
    (claim,) = storage.claim(request(worker_id, **fields))
    return claim


def held(storage: Storage, *, start: bool = True, **columns: Any) -> Task:
    """A new task in a worker's hands."""
    task_id = add(storage, **columns)
    claim = take(storage, start=start, task_type=columns.get("task_type", "video"))
    assert claim.task_id == task_id
    return claim


def backlog_of(task: Task, **changes: Any) -> Task:
    """The task as any return to QUEUED leaves it."""
    unheld = dict.fromkeys(
        ("worker_id", "claimed_at", "started_at", "completed_at", "lease_expires_at")
    )
    return task._replace(status=TaskStatus.QUEUED, cancel_requested=0, **{**unheld, **changes})


def assert_lease_begins(storage: Storage, advance: Callable[[float], None], claim: Task) -> None:
    """The claim is safe for the time of a lease from now on, and is rescued then."""
    assert storage.rescue() == NOTHING
    advance(LEASE_S - 1)
    assert storage.rescue() == NOTHING
    advance(2)
    assert storage.rescue() == Rescue([claim.task_id], [], [])


def events(storage: Storage, task_id: str) -> list[TaskEvent]:
    return [entry.event for entry in storage.history(task_id)]


def dump(storage: Storage) -> dict[str, Any]:
    """All that the storage knows, to be compared with itself later."""
    tasks = storage.list_tasks(limit=EVERYTHING)
    return {
        "tasks": tasks,
        "results": storage.results(),
        "history": {task.task_id: storage.history(task.task_id) for task in tasks},
        "workers": storage.workers(),
    }


@contextmanager
def refused(storage: Storage, error: type[TubeqError]) -> Iterator[None]:
    """The verb raises `error`, and leaves everything as it was."""
    before = dump(storage)
    with pytest.raises(error):
        yield
    assert dump(storage) == before


def _ended(storage: Storage, end: Callable[[Task], object]) -> str:
    claim = held(storage)
    end(claim)
    return claim.task_id


LEAD_TO: dict[TaskStatus, Callable[[Storage], str]] = {
    TaskStatus.QUEUED: add,
    TaskStatus.CLAIMED: lambda storage: held(storage, start=False).task_id,
    TaskStatus.RUNNING: lambda storage: held(storage).task_id,
    TaskStatus.COMPLETED: lambda storage: _ended(storage, storage.complete),
    TaskStatus.FAILED: lambda storage: _ended(storage, lambda c: storage.fail(c, "e", "why")),
    TaskStatus.CANCELLED: lambda storage: _ended(storage, storage.confirm_cancel),
}
"""Makes a task of each status; its id."""
