"""The reference model: every promise of the port in plain dictionaries under one lock.

Made to be obviously right, not quick: the contract suite and the stateful test hold the other back
ends against it, the lab takes it as the floor, and ":memory:" queues live in it. Tasks are
immutable snapshots; a transition puts a new one in the old one's place.
"""

from __future__ import annotations

import heapq
import random
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from tubeq.domain import states
from tubeq.domain.clock import Clock, to_timestamp
from tubeq.domain.errors import ClaimLost, IllegalTransition, TaskNotFound
from tubeq.domain.models import EncodedTask, HistoryEntry, Idea, QueueStats, Result, Task
from tubeq.domain.policies import ClaimStrategy
from tubeq.domain.states import ACTIVE, TaskEvent, TaskStatus
from tubeq.storage.encoding import as_json, reported
from tubeq.storage.identifiers import new_ids
from tubeq.storage.memory import backlog as memory_backlog
from tubeq.storage.memory.children import MemoryChildren
from tubeq.storage.memory.deadlines import Deadlines
from tubeq.storage.memory.items import MemoryItems
from tubeq.storage.memory.limits import MemoryLimits
from tubeq.storage.memory.prune import preview, prune
from tubeq.storage.memory.results import as_results
from tubeq.storage.memory.statistics import stats_of
from tubeq.storage.memory.verb import verb
from tubeq.storage.ports.tasks import ClaimRequest, Completion, PruneCount, Rescue, WorkerInfo

_BLANK = Task._make(dict.fromkeys(Task._fields).values())._replace(
    status=TaskStatus.QUEUED, claim_token=0, cancel_requested=0, retry_count=0, crash_count=0
)


class MemoryStorage:
    """A queue that lives in this object, for the threads of one process.

    Args:
        clock: the source of time.
    """

    def __init__(self, *, clock: Clock) -> None:
        self._clock = clock
        self._deadlines = Deadlines(clock)
        self._lock = threading.RLock()
        self._closed = self.is_read_only = False
        self._chance = random.Random()
        self._tasks: dict[int, Task] = {}  # by row id, and therefore in the order of creation
        self._row_ids: dict[str, int] = {}  # by task id
        self._keys: dict[str, int] = {}  # row ids by idempotency key
        self._results: dict[tuple[int, str], Result] = {}  # by row id and source id
        self._history: dict[int, list[HistoryEntry]] = {}
        self._workers: dict[str, WorkerInfo] = {}
        self._last_row_id = 0
        self.limits = MemoryLimits(self, clock)
        self.children = MemoryChildren(self)
        self.items = MemoryItems(self)

    # Creating and looking -----------------------------------------------------------------------

    @verb
    def create(
        self, tasks: Sequence[EncodedTask], *, when_visible: Callable[[], None] | None = None
    ) -> list[str]:
        now = self._clock.now()
        task_ids = [
            self._create_one(task, task_id, to_timestamp(now))
            for task, task_id in zip(tuple(tasks), new_ids(len(tasks), now), strict=True)
        ]
        if when_visible:
            when_visible()
        return task_ids

    def _create_one(self, new: EncodedTask, task_id: str, created_at: str) -> str:
        if new.idempotency_key is not None and new.idempotency_key in self._keys:
            return self._tasks[self._keys[new.idempotency_key]].task_id
        row_id = self._last_row_id = self._last_row_id + 1
        self._tasks[row_id] = _BLANK._replace(
            row_id=row_id, task_id=task_id, created_at=created_at, **new._asdict()
        )
        self._row_ids[task_id] = row_id
        if new.idempotency_key is not None:
            self._keys[new.idempotency_key] = row_id
        self._history[row_id] = [HistoryEntry(TaskEvent.CREATED, created_at, None, 0, None)]
        return task_id

    @verb
    def get(self, task_id: str) -> Task:
        return self._task(task_id)

    def _task(self, task_id: str) -> Task:
        if task_id not in self._row_ids:
            raise TaskNotFound(task_id)
        return self._tasks[self._row_ids[task_id]]

    @verb
    def list_tasks(
        self,
        *,
        status: TaskStatus | None = None,
        task_type: str | None = None,
        limit: int = 100,
        before: str | None = None,
        error_code: str | None = None,
    ) -> list[Task]:
        end = self._last_row_id + 1 if before is None else self._task(before).row_id
        return [
            task
            for task in reversed(self._tasks.values())
            if task.row_id < end
            and status in (None, task.status)
            and task_type in (None, task.task_type)
            and error_code in (None, task.error_code)
        ][:limit]

    # Transitions --------------------------------------------------------------------------------

    def _move(
        self, task: Task, event: TaskEvent, detail: str | None = None, **changes: Any
    ) -> Task:
        """The one place where a task changes its status; the history names the claim that the
        event belongs to, and that is gone from the task once it is back in the queue."""
        sources, target = states.TRANSITIONS[event]
        if task.status not in sources:
            raise IllegalTransition(task.task_id, task.status, target)
        moved = task._replace(status=target, **changes)
        holder = moved if event is TaskEvent.CLAIMED else task
        self._tasks[task.row_id] = moved
        self._history[task.row_id].append(
            HistoryEntry(event, self._now_text(), holder.worker_id, holder.claim_token, detail)
        )
        return moved

    def _end(self, task: Task, event: TaskEvent, detail: str | None = None, **changes: Any) -> Task:
        """To COMPLETED, FAILED or CANCELLED."""
        completed_at = self._now_text()
        return self._move(
            task, event, detail, completed_at=completed_at, lease_expires_at=None, **changes
        )

    def _back(
        self, task: Task, event: TaskEvent, detail: str | None = None, **changes: Any
    ) -> Task:
        """To QUEUED: nobody holds the task and nothing is asked of it."""
        unheld = dict.fromkeys(
            ("worker_id", "claimed_at", "started_at", "completed_at", "lease_expires_at")
        )
        return self._move(task, event, detail, cancel_requested=0, **unheld, **changes)

    def _now_text(self) -> str:
        return to_timestamp(self._clock.now())

    def _held(self, claim: Task) -> Task:
        """The fence: the task that the claim still holds."""
        task, very = self._tasks.get(claim.row_id), (claim.task_id, claim.claim_token)
        if task is None or task.status not in ACTIVE or (task.task_id, task.claim_token) != very:
            raise ClaimLost(claim.task_id, claim.claim_token)
        return task

    # Claiming -----------------------------------------------------------------------------------

    @verb
    def claim(self, request: ClaimRequest, limit: int = 1) -> list[Task]:
        return self._claim(request, limit)

    def _claim(self, request: ClaimRequest, limit: int) -> list[Task]:
        self._tasks |= self._deadlines.restart(self._tasks)
        mine = (task for task in self._tasks.values() if task.task_type == request.task_type)
        chosen = self._chosen(filter(self._is_due, mine), request.strategy, limit)
        claimed = [self._take(task, request.worker_id, request.lease_s) for task in chosen]
        return [self._start(task) for task in claimed] if request.start else claimed

    def _is_due(self, task: Task) -> bool:
        return task.status is TaskStatus.QUEUED and (
            task.run_after is None or task.run_after <= self._clock.now()
        )

    def _chosen(self, due: Iterable[Task], strategy: ClaimStrategy, limit: int) -> list[Task]:
        ranks: dict[ClaimStrategy, Callable[[Task], Any]] = {
            ClaimStrategy.LIFO: lambda task: task.row_id,
            ClaimStrategy.FIFO: lambda task: -task.row_id,
            ClaimStrategy.PRIORITY: lambda task: (task.priority, -task.row_id),
            ClaimStrategy.WEIGHTED_RANDOM: self._drawn_rank,
        }
        return heapq.nlargest(limit, due, key=ranks[strategy])

    def _drawn_rank(self, task: Task) -> float:
        """Efraimidis and Spirakis: the largest of u ** (1 / weight) is a weighted draw."""
        weight = 1 + task.priority if task.priority >= 0 else 1 / (1 - task.priority)
        return float(self._chance.random() ** (1 / weight))

    def _take(self, task: Task, worker_id: str, lease_s: float) -> Task:
        lease = self._deadlines.hold(task, lease_s)
        lease |= {"claim_token": task.claim_token + 1, "claimed_at": self._now_text()}
        return self._move(task, TaskEvent.CLAIMED, worker_id=worker_id, **lease)

    @verb
    def start(self, claim: Task) -> Task:
        return self._start(self._held(claim))

    def _start(self, task: Task) -> Task:
        return self._move(task, TaskEvent.STARTED, started_at=self._now_text())

    @verb
    def heartbeat(self, claim: Task, lease_s: float) -> bool:
        task = self._held(claim)
        self._tasks[task.row_id] = task._replace(**self._deadlines.hold(task, lease_s))
        return bool(task.cancel_requested)

    # Ending a claim -----------------------------------------------------------------------------

    @verb
    def complete(
        self,
        claim: Task,
        ideas: Sequence[Idea] = (),
        result: Mapping[str, Any] | None = None,
        *,
        then: ClaimRequest | None = None,
    ) -> Task | None:
        task = self._held(claim)
        result_json = as_json(reported(result, ideas))
        self._put_results(task, as_results(task.task_id, ideas, self._clock.now()))
        self._complete(task, result_json)
        claimed = [] if then is None else self._claim(then, 1)
        return claimed[0] if claimed else None

    @verb
    def complete_many(self, completions: Sequence[Completion]) -> list[Task]:
        encoded = [as_json(reported(each.result, each.ideas)) for each in completions]
        results = [
            as_results(each.claim.task_id, each.ideas, self._clock.now()) for each in completions
        ]
        lost = []
        for each, result_json, fresh in zip(completions, encoded, results):
            try:
                task = self._held(each.claim)
            except ClaimLost:
                lost.append(each.claim)
            else:
                self._put_results(task, fresh)
                self._complete(task, result_json)
        return lost

    def _complete(self, task: Task, result_json: str | None) -> Task:
        ended = {"result_json": result_json, "error_code": None, "error_message": None}
        return self._end(task, TaskEvent.COMPLETED, **ended)

    @verb
    def fail(
        self,
        claim: Task,
        code: str,
        message: str,
        *,
        retry_at: float | None = None,
        counted: bool = True,
        deferred: bool = False,
        dated: bool = False,
    ) -> Task:
        task = self._held(claim)
        failure: dict[str, Any] = {"error_code": code, "error_message": message}
        failure["retry_count"] = task.retry_count + counted
        if retry_at is None:
            return self._end(task, TaskEvent.FAILED, message, **failure)
        if task.cancel_requested:
            return self._end(task, TaskEvent.CANCELLED, **failure)
        self._deadlines.delay(task, dated=dated)
        event = TaskEvent.DEFERRED if deferred else TaskEvent.RETRIED
        return self._back(task, event, message, run_after=retry_at, **failure)

    def _fail(self, task: Task, code: str, message: str | None, **changes: Any) -> Task:
        failure = {"error_code": code, "error_message": message, **changes}
        return self._end(task, TaskEvent.FAILED, message, **failure)

    @verb
    def release(self, claim: Task, *, until: float | None = None, why: str | None = None) -> Task:
        return self._release(self._held(claim), until, why)

    def _release(self, task: Task, until: float | None = None, why: str | None = None) -> Task:
        """Back, and due at once, even where an administrator took it before its time."""
        if task.cancel_requested:
            return self._end(task, TaskEvent.CANCELLED)
        at_once = None if task.run_after is None else min(task.run_after, self._clock.now())
        due = at_once if until is None else until
        if due is not None and (until is not None or due != task.run_after):
            self._deadlines.delay(task)
        return self._back(task, TaskEvent.RELEASED, why, run_after=due)

    @verb
    def confirm_cancel(self, claim: Task) -> Task:
        return self._end(self._held(claim), TaskEvent.CANCELLED)

    @verb
    def rescue(self, *, worker_id: str | None = None, crash_limit: int = 3) -> Rescue:
        self._tasks |= self._deadlines.restart(self._tasks)
        rescue = Rescue([], [], [])
        for task in self._all_held():
            if task.worker_id == worker_id or (
                worker_id is None and self._deadlines.has_ended(task)
            ):
                self._take_back(task, crash_limit, rescue)
        if worker_id is not None:
            self.limits.free(worker_id)
        return rescue

    def _take_back(self, task: Task, crash_limit: int, rescue: Rescue) -> None:
        crashes = task.crash_count + 1
        message = f"worker {task.worker_id} died or its lease expired (crash {crashes})"
        crash: dict[str, Any] = {"crash_count": crashes, "error_code": "crashed"}
        crash["error_message"] = message
        if task.cancel_requested:
            self._end(task, TaskEvent.CANCELLED, **crash)
            rescue.cancelled.append(task.task_id)
        elif crashes >= crash_limit:
            message = f"killed its worker {crashes} times"
            self._fail(task, "dead_letter", message, crash_count=crashes)
            rescue.dead.append(task.task_id)
        else:
            self._back(task, TaskEvent.RESCUED, message, **crash)
            rescue.requeued.append(task.task_id)

    # Steering -----------------------------------------------------------------------------------

    @verb
    def cancel(self, task_id: str) -> Task:
        task = self._task(task_id)
        if task.status in ACTIVE:
            marked = task._replace(cancel_requested=1)
            self._tasks[task.row_id] = marked
            return marked
        return self._end(task, TaskEvent.CANCELLED)

    @verb
    def requeue(self, task_id: str) -> Task:
        return self._requeue(self._task(task_id))

    def _requeue(self, task: Task) -> Task:
        cleared = dict.fromkeys(("error_code", "error_message", "result_json", "run_after"))
        back = self._back(task, TaskEvent.REQUEUED, retry_count=0, crash_count=0, **cleared)
        self._deadlines.forget(task)
        self.children.begin_anew(task)  # once it is known not to be refused
        return back

    @verb
    def set_status(
        self,
        task_id: str,
        status: TaskStatus,
        *,
        worker_id: str | None = None,
        error_message: str | None = None,
        result: Mapping[str, Any] | None = None,
        lease_s: float = 60.0,
    ) -> Task:
        task = self._task(task_id)
        event = states.event_between(task.status, status)
        if event is None:
            raise IllegalTransition(task_id, task.status, status)
        apply: dict[TaskEvent, Callable[[], Task]] = {
            TaskEvent.CLAIMED: lambda: self._take(task, worker_id or "admin", lease_s),
            TaskEvent.STARTED: lambda: self._start(task),
            TaskEvent.COMPLETED: lambda: self._complete(task, as_json(result)),
            TaskEvent.FAILED: lambda: self._fail(task, "error", error_message),
            TaskEvent.CANCELLED: lambda: self._end(task, TaskEvent.CANCELLED),
            TaskEvent.RELEASED: lambda: self._release(task),
            TaskEvent.REQUEUED: lambda: self._requeue(task),
        }
        return apply[event]()

    # Results and history ------------------------------------------------------------------------

    @verb
    def store_results(self, task_id: str, ideas: Sequence[Idea], claim: Task | None = None) -> None:
        task = self._task(task_id)
        if claim is not None and self._held(claim).row_id != task.row_id:
            raise ClaimLost(task_id, claim.claim_token)
        self._put_results(task, as_results(task.task_id, ideas, self._clock.now()))

    def _put_results(self, task: Task, fresh: list[Result]) -> None:
        """An idea that is stored again keeps its place, its id and the time it was first seen."""
        for new in fresh:
            key = (task.row_id, new.source_id)
            old = self._results.get(key, new)
            self.items.note(key, again=key in self._results)
            self._results[key] = new._replace(result_id=old.result_id, created_at=old.created_at)

    @verb
    def results(self, task_id: str | None = None, *, limit: int = 1_000_000) -> list[Result]:
        wanted = None if task_id is None else self._task(task_id).row_id
        stored = self._results.items()
        return [result for (row_id, _), result in stored if wanted in (None, row_id)][:limit]

    @verb
    def history(self, task_id: str) -> list[HistoryEntry]:
        return list(self._history[self._task(task_id).row_id])

    # Keeping ------------------------------------------------------------------------------------

    @verb
    def held_by(self, worker_id: str) -> list[Task]:
        return [task for task in self._all_held() if task.worker_id == worker_id]

    def _all_held(self) -> list[Task]:
        return [task for task in self._tasks.values() if task.status in ACTIVE]

    has_open_tasks = memory_backlog.has_open_tasks
    open_types = memory_backlog.open_types
    count_queued = memory_backlog.count_queued

    @verb
    def next_due_at(self, task_type: str) -> float | None:
        mine = [task for task in self._scheduled() if task.task_type == task_type]
        return min((task.run_after for task in mine if task.run_after), default=None)

    def _scheduled(self) -> list[Task]:
        return [
            task
            for task in self._tasks.values()
            if task.status is TaskStatus.QUEUED and not self._is_due(task)
        ]

    @verb
    def stats(self) -> QueueStats:
        return stats_of(self._tasks.values(), len(self._results), self._clock.now())

    @verb
    def prune(self, finished_before: float, *, limit: int | None = None) -> int:
        return prune(self, finished_before, limit)

    @verb
    def preview_prune(
        self, finished_before: float, *, limit: int | None = None
    ) -> list[PruneCount]:
        return preview(self, finished_before, limit)

    @verb
    def register_worker(self, info: WorkerInfo) -> None:
        self._workers[info.worker_id] = info

    @verb
    def worker_seen(self, worker_id: str) -> bool:
        if worker_id not in self._workers:
            return False
        seen = self._workers[worker_id]._replace(last_seen=self._clock.now())
        self._workers[worker_id] = seen
        return seen.stop_requested

    @verb
    def forget_worker(self, worker_id: str) -> None:
        self._workers.pop(worker_id, None)

    @verb
    def request_stop(self, worker_id: str | None = None) -> int:
        asked = [info for info in self._workers.values() if worker_id in (None, info.worker_id)]
        self._workers |= {info.worker_id: info._replace(stop_requested=True) for info in asked}
        return len(asked)

    @verb
    def workers(self) -> list[WorkerInfo]:
        return [self._workers[worker_id] for worker_id in sorted(self._workers)]

    @verb
    def check(self) -> list[str]:
        return []  # nothing but these verbs ever touches the dictionaries

    def close(self) -> None:
        with self._lock:
            self._closed = True
