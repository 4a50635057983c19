"""What the reference model's subjects share: its dictionaries, their lock, and small lookups.

Tasks are immutable snapshots; a transition replaces one by a new one.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Sequence
from types import FunctionType
from typing import Any, TypeVar

from tubeq.domain.clock import Clock, to_timestamp
from tubeq.domain.errors import ClaimLost, StorageError, TaskNotFound
from tubeq.domain.models import EncodedTask, HistoryEntry, Idea, Result, Task
from tubeq.domain.states import ACTIVE, TaskEvent, TaskStatus
from tubeq.storage.encoding import as_json
from tubeq.storage.identifiers import new_ids
from tubeq.storage.memory.deadlines import Deadlines
from tubeq.storage.ports.tasks import WorkerInfo

_C = TypeVar("_C", bound=type)
_IDEA_COLUMNS = sorted(set(Idea._fields) & set(Result._fields))
_BLANK = Task._make(dict.fromkeys(Task._fields).values())._replace(
    status=TaskStatus.QUEUED, claim_token=0, cancel_requested=0, retry_count=0, crash_count=0
)


class MemoryState:
    """The data of one queue in memory."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.deadlines = Deadlines(clock)
        self.is_closed = False
        self.tasks: dict[int, Task] = {}  # by row id, and therefore in the order of creation
        self.row_ids: dict[str, int] = {}  # by task id
        self.keys: dict[str, int] = {}  # row ids by idempotency key
        self.results: dict[tuple[int, str], Result] = {}  # by row id and source id
        self.unfolded: dict[tuple[int, str], bool] = {}  # of results: whether it was overwritten
        self.history: dict[int, list[HistoryEntry]] = {}
        self.workers: dict[str, WorkerInfo] = {}
        self.last_row_id = 0
        self.lock = threading.RLock()

    def close(self) -> None:
        """Refuse every further verb."""
        with self.lock:
            self.is_closed = True

    def now_text(self) -> str:
        """The time as a timestamp."""
        return to_timestamp(self.clock.now())

    def task(self, task_id: str) -> Task:
        """
        Raises:
            TaskNotFound: there is no such task.
        """
        if task_id not in self.row_ids:
            raise TaskNotFound(task_id)
        return self.tasks[self.row_ids[task_id]]

    def held(self, claim: Task) -> Task:
        """The fence: the task that the claim still holds.

        Raises:
            ClaimLost: it is no longer held.
        """
        task, very = self.tasks.get(claim.row_id), (claim.task_id, claim.claim_token)
        if task is None or task.status not in ACTIVE or (task.task_id, task.claim_token) != very:
            raise ClaimLost(claim.task_id, claim.claim_token)
        return task

    def is_due(self, task: Task) -> bool:
        """Whether it can be claimed."""
        return task.status is TaskStatus.QUEUED and (
            task.run_after is None or task.run_after <= self.clock.now()
        )

    def create(self, new: EncodedTask, task_id: str, created_at: str) -> Task:
        """The new task, or the one that has its idempotency key."""
        if new.idempotency_key is not None and new.idempotency_key in self.keys:
            return self.tasks[self.keys[new.idempotency_key]]
        row_id = self.last_row_id = self.last_row_id + 1
        self.tasks[row_id] = _BLANK._replace(
            row_id=row_id, task_id=task_id, created_at=created_at, **new._asdict()
        )
        self.row_ids[task_id] = row_id
        if new.idempotency_key is not None:
            self.keys[new.idempotency_key] = row_id
        self.history[row_id] = [HistoryEntry(TaskEvent.CREATED, created_at, None, 0, None)]
        return self.tasks[row_id]

    def as_results(self, task_id: str, ideas: Sequence[Idea]) -> list[Result]:
        """New results of a task, stored now.

        Raises:
            InvalidParameters: one of them holds a value that JSON cannot represent.
        """
        now = self.clock.now()
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

    def put_results(self, task: Task, fresh: Sequence[Result]) -> None:
        """An idea that is stored again keeps its place, its id and the time it was first seen."""
        for new in fresh:
            key = (task.row_id, new.source_id)
            old = self.results.get(key, new)
            self.unfolded[key] = self.unfolded.get(key, False) or key in self.results
            self.results[key] = new._replace(result_id=old.result_id, created_at=old.created_at)


def verbs(owner: _C) -> _C:
    """A class decorator: each public method is a verb, one transaction under the lock of
    `self._state`; once that is closed, it raises StorageError.

    Verbs check and encode everything before their first change, so that none stops half way.
    """
    for name, method in list(vars(owner).items()):
        if isinstance(method, FunctionType) and not name.startswith("_"):
            setattr(owner, name, _locked(method))
    return owner


def _locked(method: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(method)
    def locked(subject: Any, /, *args: Any, **kwargs: Any) -> Any:
        with subject._state.lock:
            if subject._state.is_closed:
                raise StorageError("this storage is closed")
            return method(subject, *args, **kwargs)

    return locked
