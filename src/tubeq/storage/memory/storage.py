"""The reference model: every promise of the port in plain dictionaries under one lock.

Made to be obviously correct, not fast: the contract suite and the stateful test compare the other
back ends with it, the lab uses it as the reference, and ":memory:" queues are kept in it.
"""

from __future__ import annotations

import heapq
import random
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from tubeq.domain import states
from tubeq.domain.clock import Clock, from_timestamp, to_timestamp
from tubeq.domain.errors import ClaimLost, IllegalTransition
from tubeq.domain.models import EncodedTask, HistoryEntry, Idea, QueueStats, Result, Task
from tubeq.domain.policies import ClaimStrategy
from tubeq.domain.states import ACTIVE, FINISHED, TaskEvent, TaskStatus
from tubeq.storage.encoding import as_json, reported
from tubeq.storage.identifiers import new_ids
from tubeq.storage.memory import transitions
from tubeq.storage.memory.children import MemoryChildren
from tubeq.storage.memory.items import MemoryItems
from tubeq.storage.memory.limits import MemoryLimits
from tubeq.storage.memory.maintenance import MemoryMaintenance
from tubeq.storage.memory.state import MemoryState, verbs
from tubeq.storage.ports.tasks import ClaimRequest, Completion, OpenType, Rescue, WorkerInfo


@verbs
class MemoryStorage:
    """A queue kept in this object, for the threads of one process."""

    is_read_only = False

    def __init__(self, *, clock: Clock) -> None:
        self._state = MemoryState(clock)
        self._chance = random.Random()
        self.limits = MemoryLimits(self._state)
        self.children = MemoryChildren(self._state)
        self.items = MemoryItems(self._state)
        self.maintenance = MemoryMaintenance(self._state, self.children, self.items)
        self.close = self._state.close  # no verb: closing twice is not an error

    # Creating and looking -----------------------------------------------------------------------

    def create(
        self, tasks: Sequence[EncodedTask], *, when_visible: Callable[[], None] | None = None
    ) -> list[str]:
        now = self._state.clock.now()
        created = [
            self._state.create(task, task_id, to_timestamp(now))
            for task, task_id in zip(tuple(tasks), new_ids(len(tasks), now), strict=True)
        ]
        if when_visible:
            when_visible()
        return [task.task_id for task in created]

    def get(self, task_id: str) -> Task:
        return self._state.task(task_id)

    def list_tasks(
        self,
        *,
        status: TaskStatus | None = None,
        task_type: str | None = None,
        limit: int = 100,
        before: str | None = None,
        error_code: str | None = None,
    ) -> list[Task]:
        end = self._state.last_row_id + 1 if before is None else self._state.task(before).row_id
        return [
            task
            for task in reversed(self._state.tasks.values())
            if task.row_id < end
            and status in (None, task.status)
            and task_type in (None, task.task_type)
            and error_code in (None, task.error_code)
        ][:limit]

    # Claiming -----------------------------------------------------------------------------------

    def claim(self, request: ClaimRequest, limit: int = 1) -> list[Task]:
        return self._claim(request, limit)

    def _claim(self, request: ClaimRequest, limit: int) -> list[Task]:
        self._state.tasks |= self._state.deadlines.restart(self._state.tasks)
        mine = (task for task in self._state.tasks.values() if task.task_type == request.task_type)
        chosen = self._chosen(filter(self._state.is_due, mine), request.strategy, limit)
        holder = request.worker_id, request.lease_s
        claimed = [transitions.claim(self._state, task, *holder) for task in chosen]
        if request.start:
            return [transitions.start(self._state, task) for task in claimed]
        return claimed

    def _chosen(self, due: Iterable[Task], strategy: ClaimStrategy, limit: int) -> list[Task]:
        ranks: dict[ClaimStrategy, Callable[[Task], Any]] = {
            ClaimStrategy.LIFO: lambda task: task.row_id,
            ClaimStrategy.FIFO: lambda task: -task.row_id,
            ClaimStrategy.PRIORITY: lambda task: (task.priority, -task.row_id),
            ClaimStrategy.WEIGHTED_RANDOM: self._drawn_rank,
        }
        return heapq.nlargest(limit, due, key=ranks[strategy])

    def _drawn_rank(self, task: Task) -> float:
        """Efraimidis and Spirakis: the row with the largest u ** (1 / weight) is a weighted
        draw."""
        weight = 1 + task.priority if task.priority >= 0 else 1 / (1 - task.priority)
        return float(self._chance.random() ** (1 / weight))

    def start(self, claim: Task) -> Task:
        return transitions.start(self._state, self._state.held(claim))

    def heartbeat(self, claim: Task, lease_s: float) -> bool:
        task = self._state.held(claim)
        self._state.tasks[task.row_id] = task._replace(**self._state.deadlines.hold(task, lease_s))
        return bool(task.cancel_requested)

    # Ending a claim -----------------------------------------------------------------------------

    def complete(
        self,
        claim: Task,
        ideas: Sequence[Idea] = (),
        result: Mapping[str, Any] | None = None,
        *,
        then: ClaimRequest | None = None,
    ) -> Task | None:
        task = self._state.held(claim)
        result_json = as_json(reported(result, ideas))
        self._state.put_results(task, self._state.as_results(task.task_id, ideas))
        transitions.complete(self._state, task, result_json)
        claimed = [] if then is None else self._claim(then, 1)
        return claimed[0] if claimed else None

    def complete_many(self, completions: Sequence[Completion]) -> list[Task]:
        encoded = [as_json(reported(each.result, each.ideas)) for each in completions]
        results = [self._state.as_results(each.claim.task_id, each.ideas) for each in completions]
        lost = []
        for each, result_json, fresh in zip(completions, encoded, results):
            try:
                task = self._state.held(each.claim)
            except ClaimLost:
                lost.append(each.claim)
            else:
                self._state.put_results(task, fresh)
                transitions.complete(self._state, task, result_json)
        return lost

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
        task = self._state.held(claim)
        failure: dict[str, Any] = {"error_code": code, "error_message": message}
        failure["retry_count"] = task.retry_count + counted
        if retry_at is None:
            return transitions.end(self._state, task, TaskEvent.FAILED, message, **failure)
        if task.cancel_requested:
            return transitions.end(self._state, task, TaskEvent.CANCELLED, **failure)
        self._state.deadlines.delay(task, dated=dated)
        event = TaskEvent.DEFERRED if deferred else TaskEvent.RETRIED
        return transitions.back(self._state, task, event, message, run_after=retry_at, **failure)

    def release(self, claim: Task, *, until: float | None = None, why: str | None = None) -> Task:
        return transitions.release(self._state, self._state.held(claim), until, why)

    def confirm_cancel(self, claim: Task) -> Task:
        return transitions.end(self._state, self._state.held(claim), TaskEvent.CANCELLED)

    def rescue(self, *, worker_id: str | None = None, crash_limit: int = 3) -> Rescue:
        self._state.tasks |= self._state.deadlines.restart(self._state.tasks)
        rescue = Rescue([], [], [])
        for task in self._all_held():
            if task.worker_id == worker_id or (
                worker_id is None and self._state.deadlines.has_ended(task)
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
            transitions.end(self._state, task, TaskEvent.CANCELLED, **crash)
            rescue.cancelled.append(task.task_id)
        elif crashes >= crash_limit:
            message = f"killed its worker {crashes} times"
            transitions.fail(self._state, task, "dead_letter", message, crash_count=crashes)
            rescue.dead.append(task.task_id)
        else:
            transitions.back(self._state, task, TaskEvent.RESCUED, message, **crash)
            rescue.requeued.append(task.task_id)

    # Steering -----------------------------------------------------------------------------------

    def cancel(self, task_id: str) -> Task:
        return transitions.cancel(self._state, self._state.task(task_id))

    def requeue(self, task_id: str) -> Task:
        return self._requeue(self._state.task(task_id))

    def _requeue(self, task: Task) -> Task:
        cleared = dict.fromkeys(("error_code", "error_message", "result_json", "run_after"))
        back = transitions.back(
            self._state, task, TaskEvent.REQUEUED, retry_count=0, crash_count=0, **cleared
        )
        self._state.deadlines.forget(task)
        self.children.begin_again(task)  # once it is known not to be refused
        return back

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
        task = self._state.task(task_id)
        event = states.event_between(task.status, status)
        if event is None:
            raise IllegalTransition(task_id, task.status, status)
        apply: dict[TaskEvent, Callable[[], Task]] = {
            TaskEvent.CLAIMED: lambda: transitions.claim(
                self._state, task, worker_id or "admin", lease_s
            ),
            TaskEvent.STARTED: lambda: transitions.start(self._state, task),
            TaskEvent.COMPLETED: lambda: transitions.complete(self._state, task, as_json(result)),
            TaskEvent.FAILED: lambda: transitions.fail(self._state, task, "error", error_message),
            TaskEvent.CANCELLED: lambda: transitions.end(self._state, task, TaskEvent.CANCELLED),
            TaskEvent.RELEASED: lambda: transitions.release(self._state, task),
            TaskEvent.REQUEUED: lambda: self._requeue(task),
        }
        return apply[event]()

    # Results and history ------------------------------------------------------------------------

    def store_results(self, task_id: str, ideas: Sequence[Idea], claim: Task | None = None) -> None:
        task = self._state.task(task_id)
        if claim is not None and self._state.held(claim).row_id != task.row_id:
            raise ClaimLost(task_id, claim.claim_token)
        self._state.put_results(task, self._state.as_results(task.task_id, ideas))

    def results(self, task_id: str | None = None, *, limit: int = 1_000_000) -> list[Result]:
        wanted = None if task_id is None else self._state.task(task_id).row_id
        stored = self._state.results.items()
        return [result for (row_id, _), result in stored if wanted in (None, row_id)][:limit]

    def history(self, task_id: str) -> list[HistoryEntry]:
        return list(self._state.history[self._state.task(task_id).row_id])

    # Keeping ------------------------------------------------------------------------------------

    def held_by(self, worker_id: str) -> list[Task]:
        return [task for task in self._all_held() if task.worker_id == worker_id]

    def _all_held(self) -> list[Task]:
        return [task for task in self._state.tasks.values() if task.status in ACTIVE]

    def has_open_tasks(self, task_type: str) -> bool:
        return any(each.task_type == task_type for each in self._unfinished())

    def open_types(self) -> list[OpenType]:
        return [
            OpenType(
                task_type,
                any(map(self._state.is_due, tasks)),
                any(task.status in ACTIVE for task in tasks),
                self.next_due_at(task_type),
            )
            for task_type, tasks in _by_type(self._unfinished())
        ]

    def _unfinished(self) -> list[Task]:
        return [task for task in self._state.tasks.values() if task.status not in FINISHED]

    def count_queued(self, task_type: str) -> tuple[int, int]:
        mine = [task for task in self._unfinished() if task.task_type == task_type]
        return sum(map(self._state.is_due, mine)), len(self._scheduled(task_type))

    def next_due_at(self, task_type: str) -> float | None:
        due = [task.run_after for task in self._scheduled(task_type)]
        return min(filter(None, due), default=None)

    def _scheduled(self, task_type: str) -> list[Task]:
        """The queued tasks of that type that are not due yet."""
        return [
            task
            for task in self._state.tasks.values()
            if task.task_type == task_type
            and task.status is TaskStatus.QUEUED
            and not self._state.is_due(task)
        ]

    def stats(self) -> QueueStats:
        now, tasks = self._state.clock.now(), self._state.tasks.values()
        queued = [task for task in tasks if task.status is TaskStatus.QUEUED]
        due = list(filter(self._state.is_due, queued))
        failed = [task for task in tasks if task.status is TaskStatus.FAILED]
        return QueueStats(
            by_status=_counted(tasks),
            by_type={task_type: _counted(same) for task_type, same in _by_type(tasks)},
            scheduled=len(queued) - len(due),
            results=len(self._state.results),
            oldest_queued_s=max((_waited_s(task, now) for task in due), default=None),
            errors=Counter(task.error_code for task in failed if task.error_code is not None),
        )

    def register_worker(self, info: WorkerInfo) -> None:
        self._state.workers[info.worker_id] = info

    def worker_seen(self, worker_id: str) -> bool:
        if worker_id not in self._state.workers:
            return False
        seen = self._state.workers[worker_id]._replace(last_seen=self._state.clock.now())
        self._state.workers[worker_id] = seen
        return seen.stop_requested

    def forget_worker(self, worker_id: str) -> None:
        self._state.workers.pop(worker_id, None)

    def request_stop(self, worker_id: str | None = None) -> int:
        asked = [
            info for info in self._state.workers.values() if worker_id in (None, info.worker_id)
        ]
        self._state.workers |= {
            info.worker_id: info._replace(stop_requested=True) for info in asked
        }
        return len(asked)

    def workers(self) -> list[WorkerInfo]:
        return [self._state.workers[worker_id] for worker_id in sorted(self._state.workers)]


def _by_type(tasks: Iterable[Task]) -> list[tuple[str, list[Task]]]:
    alike: defaultdict[str, list[Task]] = defaultdict(list)
    for task in tasks:
        alike[task.task_type].append(task)
    return sorted(alike.items())


def _waited_s(task: Task, now: float) -> float:
    due_since = max(from_timestamp(task.created_at).timestamp(), task.run_after or 0.0)
    return max(now - due_since, 0.0)


def _counted(tasks: Iterable[Task]) -> dict[str, int]:
    counts = Counter(task.status for task in tasks)
    return {status.value: counts[status] for status in TaskStatus}
