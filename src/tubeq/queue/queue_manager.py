"""QueueManager: what programs call to create, read and process tasks."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from tubeq.domain.errors import IllegalTransition
from tubeq.domain.models import EncodedTask, HistoryEntry, Idea, NewTask, QueueStats, Result, Task
from tubeq.domain.numbers import MAX_BUSY_TIMEOUT_S, checked_span, checked_whole
from tubeq.domain.policies import ClaimStrategy, Durability, RetryPolicy
from tubeq.domain.states import TaskStatus
from tubeq.queue import instrument
from tubeq.queue.deprecated import QUEUE_MANAGER, moved
from tubeq.queue.validation import (
    CheckParameters,
    checked_child,
    checked_ideas,
    checked_request,
    checked_status,
    checked_task,
    encoded_parameters,
    encoded_task,
)
from tubeq.storage.ports.tasks import ClaimRequest, Completion, Rescue, WorkerInfo

if TYPE_CHECKING:
    from tubeq.domain.children import ChildTask, Progress, Saved
    from tubeq.domain.clock import Clock
    from tubeq.storage import Storage


@moved(QUEUE_MANAGER)
@instrument.verbs()
class QueueManager:
    """The queue in one database file: all access goes through it.

    The verbs of tasks are methods; the others belong to `limits` (what workers may do at once, how
    often, and what is paused), `items` (the catalogue over all results), `maintenance` (prune,
    backup, check, import), `backlog` (what is left to be done) and `register` (of workers).

    At most one completion of a task is accepted; what it writes is written exactly once.

    Args:
        db_path: the SQLite file; created where it does not exist. ":memory:" for a queue in this
            object only.
        durability: what is on disk when a call returns: "full", "balanced" or "fast".
        busy_timeout_s: seconds that a write waits for other writers before StorageBusy.
        clock: the source of time.
        storage: an opened storage, instead of a path.
        create: whether a file that is not there is created.
        read_only: open one that cannot be written. See open_storage.
        check_parameters: such as `tubeq.plugins.registry.checker`; None checks only that parameters
            are JSON, so that tasks for workers elsewhere are accepted.

    Raises:
        InvalidParameters: the path is empty, or an address such as "file:queue.db".
        StorageError: the file cannot be used; the message says why and what to do.
    """

    def __init__(
        self,
        db_path: str | os.PathLike[str],
        *,
        durability: Durability | str = Durability.BALANCED,
        busy_timeout_s: float = 30.0,
        clock: Clock | None = None,
        storage: Storage | None = None,
        create: bool = True,
        read_only: bool = False,
        check_parameters: CheckParameters | None = None,
    ) -> None:
        import random

        from tubeq.domain.clock import SystemClock
        from tubeq.queue.backlog import QueueBacklog
        from tubeq.queue.items import QueueItems
        from tubeq.queue.limits import QueueLimits
        from tubeq.queue.maintenance import QueueMaintenance
        from tubeq.queue.register import WorkerRegister
        from tubeq.queue.wakeup import Waker
        from tubeq.storage import open_storage

        checked_span("busy_timeout_s", busy_timeout_s, most=MAX_BUSY_TIMEOUT_S)
        self.db_path = str(db_path)
        self._clock = clock or SystemClock()
        self._storage = storage or open_storage(
            db_path, durability=Durability(durability), busy_timeout_s=busy_timeout_s,
            clock=self._clock, create=create, read_only=read_only,
        )  # fmt: skip
        self._check_parameters = check_parameters
        self.is_read_only = self._storage.is_read_only  # what would write raises StorageReadOnly
        self._waker = Waker(self.db_path)
        self._chance = random.Random()
        self.limits = QueueLimits(self._storage.limits)
        self.items = QueueItems(self._storage, self._waker.db_path)
        self.maintenance = QueueMaintenance(self._storage, self._clock, self._waker)
        self.backlog = QueueBacklog(self._storage)
        self.register = WorkerRegister(self._storage)

    # Creating -----------------------------------------------------------------------------------

    def create_task(
        self,
        task_type: str,
        parameters: Mapping[str, Any] | None = None,
        priority: int = 0,
        *,
        run_after: float | None = None,
        idempotency_key: str | None = None,
    ) -> str:
        """Create one task and return its id. Arguments as in NewTask.

        Raises:
            InvalidParameters, PluginNotFound: a value is wrong; the message names it.
        """
        parameters = {} if parameters is None else parameters
        if self._check_parameters is not None:
            task_type, parameters = self._check_parameters(task_type)(parameters)
        task = encoded_task(task_type, parameters, priority, run_after, idempotency_key)
        return self._create([task])[0]

    def create_tasks(self, tasks: Iterable[NewTask | EncodedTask]) -> list[str]:
        """Create many tasks in one transaction, all or none; their ids, in order. Tasks from
        `checked_task` are not checked again.

        Raises:
            InvalidParameters, PluginNotFound: as `create_task`; nothing was created.
        """
        checked = [checked_task(task, self._check_parameters) for task in tasks]
        return self._create(checked) if checked else []

    def _create(self, tasks: list[EncodedTask]) -> list[str]:
        # While the disk is still writing it: a power cut before that is one before the call.
        return self._storage.create(tasks, when_visible=partial(self._wake, tasks))

    def _wake(self, tasks: Sequence[EncodedTask]) -> None:
        for task_type in {task.task_type for task in tasks}:
            self._waker.wake(task_type, len(tasks))

    # Looking ------------------------------------------------------------------------------------

    def get_task(self, task_id: str) -> Task:
        """The task as it is now.

        Raises:
            TaskNotFound: there is no such task.
        """
        return self._storage.get(task_id)

    def list_tasks(
        self,
        status: TaskStatus | str | None = None,
        task_type: str | None = None,
        limit: int = 100,
        before: str | None = None,
        error_code: str | None = None,
    ) -> list[Task]:
        """Tasks, newest first. See Storage.list_tasks."""
        checked_whole("limit", limit)
        wanted = None if status is None else checked_status(status)
        return self._storage.list_tasks(
            status=wanted, task_type=task_type, limit=limit, before=before, error_code=error_code
        )

    def get_task_results(
        self, task_id: str, limit: int = 1_000_000, *, of_children: bool = False
    ) -> list[Result]:
        """The task's stored ideas; with `of_children`, those of the tasks that it made.

        Raises:
            TaskNotFound: there is no such task.
        """
        results = self._storage.children.results if of_children else self._storage.results
        return results(task_id, limit=checked_whole("limit", limit))

    def list_results(self, limit: int = 1_000_000) -> list[Result]:
        """The stored ideas of all tasks, in the order in which they were first stored."""
        return self._storage.results(limit=checked_whole("limit", limit))

    def count_ideas(self, task: Task) -> int:
        """How many ideas of the task are stored."""
        return self._storage.children.count_ideas(task)

    def get_task_history(self, task_id: str) -> list[HistoryEntry]:
        """Every transition of the task, oldest first.

        Raises:
            TaskNotFound: there is no such task.
        """
        return self._storage.history(task_id)

    def stats(self) -> QueueStats:
        """Counts over the whole queue."""
        return self._storage.stats()

    # Working ------------------------------------------------------------------------------------

    def claim(self, request: ClaimRequest, limit: int = 1) -> list[Task]:
        """Claim up to `limit` tasks as the request says. See Storage.claim."""
        return self._storage.claim(checked_request(request), checked_whole("limit", limit, 1))

    def claim_next_task(
        self,
        task_type: str,
        worker_id: str,
        strategy: ClaimStrategy | str = ClaimStrategy.LIFO,
        lease_s: float = 60.0,
    ) -> Task | None:
        """Claim one task, or None when nothing is due. See Storage.claim."""
        claimed = self._storage.claim(_request(task_type, worker_id, strategy, lease_s), 1)
        return claimed[0] if claimed else None

    def claim_tasks(
        self,
        task_type: str,
        worker_id: str,
        limit: int,
        strategy: ClaimStrategy | str = ClaimStrategy.LIFO,
        lease_s: float = 60.0,
    ) -> list[Task]:
        """Claim up to `limit` tasks in one transaction; each is fenced on its own."""
        checked_whole("limit", limit, 1)
        return self._storage.claim(_request(task_type, worker_id, strategy, lease_s), limit)

    def start_task(self, claim: Task) -> Task:
        """CLAIMED to RUNNING. See Storage.start."""
        return self._storage.start(claim)

    def heartbeat(self, claim: Task, lease_s: float = 60.0) -> bool:
        """Keep the claim; whether a cancel was asked for. See Storage.heartbeat."""
        return self._storage.heartbeat(claim, checked_span("lease_s", lease_s, above_zero=True))

    def complete_task(
        self,
        claim: Task,
        ideas: Iterable[Idea | Mapping[str, Any]] = (),
        result: Mapping[str, Any] | None = None,
        then: ClaimRequest | None = None,
    ) -> Task | None:
        """Complete the task and claim the next: one transaction. See Storage.complete."""
        if then is not None:
            checked_request(then)
        return self._storage.complete(claim, checked_ideas(ideas), result, then=then)

    def complete_tasks(self, completions: Iterable[Completion]) -> list[Task]:
        """Complete many tasks with one transaction and one sync. See Storage.complete_many.

        Returns:
            The claims that were no longer held: nothing is written for these.
        """
        return self._storage.complete_many(
            [Completion(each.claim, checked_ideas(each.ideas), each.result) for each in completions]
        )

    def fail_task(
        self,
        claim: Task,
        message: str,
        *,
        code: str = "error",
        permanent: bool = False,
        retry_after_s: float | None = None,
        policy: RetryPolicy | None = None,
    ) -> Task:
        """Report a failed attempt: retried as `policy` says, never when `permanent`.

        Returns:
            The task as it is then: QUEUED, FAILED, or CANCELLED where that was asked for.

        Raises:
            ClaimLost: the claim is no longer held.
        """
        if retry_after_s is not None:
            checked_span("retry_after_s", retry_after_s)
        policy = policy or RetryPolicy()
        delay_s = None
        if not permanent:
            delay_s = policy.delay_s(claim.retry_count + 1, retry_after_s, self._chance)
        retry_at = None if delay_s is None else self._clock.now() + delay_s
        task = self._storage.fail(claim, code, message, retry_at=retry_at, counted=not permanent)
        return self._woken(task)

    def _woken(self, task: Task) -> Task:
        """The task; where it is QUEUED, wakes an idle worker, which notes when it falls due."""
        if task.status is TaskStatus.QUEUED:
            self._waker.wake(task.task_type, 1)
        return task

    def defer_task(
        self,
        claim: Task,
        message: str,
        *,
        code: str,
        retry_after_s: float | None = None,
        retry_at: float | None = None,
        got_on: bool = False,
    ) -> Task:
        """Report that it is too early for the task: it waits, and no failure is counted.

        A task that is "not yet" for the 31st time in a row fails with the code "never_came".

        Args:
            retry_after_s: for how long at least; see `domain.policies.next_wait_s`.
            retry_at: a date (epoch seconds), used as given.
            got_on: the attempt saved something new, so earlier waits no longer count.

        Returns:
            The task as it is then: QUEUED, FAILED, or CANCELLED where that was asked for.

        Raises:
            ClaimLost: the claim is no longer held.
            InvalidParameters: a number is wrong.
        """
        from tubeq.queue.deferring import defer

        task = defer(
            self._storage, self._clock, claim, message,
            code=code, retry_after_s=retry_after_s, retry_at=retry_at, got_on=got_on,
        )  # fmt: skip
        return self._woken(task)

    def release_task(
        self, claim: Task, *, after_s: float | None = None, why: str | None = None
    ) -> Task:
        """Hand the task back, due at once or after so many seconds. See Storage.release."""
        until = None if after_s is None else self._clock.now() + checked_span("after_s", after_s)
        task = self._storage.release(claim, until=until, why=why)
        if until is None:
            self._waker.wake(task.task_type, 1)
        return task

    def confirm_cancel(self, claim: Task) -> Task:
        """The worker ended a task for which a cancel was asked. See Storage.confirm_cancel."""
        return self._storage.confirm_cancel(claim)

    def store_result(
        self,
        task_id: str,
        source_id: str,
        title: str = "",
        score: float = 0.0,
        *,
        description: str = "",
        claim: Task | None = None,
        **columns: Any,
    ) -> None:
        """Store one idea of a task; a second one with the same `source_id` replaces it.

        With `claim` the write is fenced. `columns` are the other fields of Idea.

        Raises:
            TaskNotFound: there is no such task.
            ClaimLost: the claim is no longer held.
        """
        idea = {"source_id": source_id, "title": title, "score": score, "description": description}
        self._storage.store_results(task_id, checked_ideas([{**idea, **columns}]), claim)

    def save_progress(
        self,
        claim: Task,
        ideas: Iterable[Idea | Mapping[str, Any]] = (),
        tasks: Iterable[ChildTask] = (),
        cursor: Mapping[str, Any] | None = None,
    ) -> Saved:
        """Store ideas of a held task, create children of it, and remember where it is: one
        transaction, each idea and child once. See Children.save.

        Raises:
            ClaimLost: the claim is no longer held; nothing is written.
            InvalidParameters: a child or the cursor cannot be stored; nothing is written.
        """
        children = [checked_child(task) for task in tasks]
        return self._storage.children.save(
            claim,
            checked_ideas(ideas),
            children,
            None if cursor is None else encoded_parameters(cursor, "cursor"),
            when_visible=lambda: self._wake([child.task for child in children]),
        )

    def get_cursor(self, claim: Task) -> str | None:
        """Where the task is, as JSON, as it was last saved in any attempt. See Children.cursor."""
        return self._storage.children.cursor(claim)

    def children(
        self, task_id: str, status: TaskStatus | str | None = None, limit: int = 100
    ) -> list[Task]:
        """The tasks that this one made, newest first.

        Raises:
            TaskNotFound: there is no such task.
        """
        checked_whole("limit", limit)
        wanted = None if status is None else checked_status(status)
        return self._storage.children.of(task_id, status=wanted, limit=limit)

    def progress(self, task_id: str) -> Progress:
        """How many children the task has, by status and error code. Reads no other tasks.

        Raises:
            TaskNotFound: there is no such task.
        """
        return self._storage.children.progress(task_id)

    def parents_of(self, task_ids: Sequence[str]) -> dict[str, str]:
        """The ids of the parents of those of these tasks that have one."""
        return self._storage.children.parents(task_ids)

    def with_children(self, task_ids: Sequence[str]) -> list[str]:
        """Those of these tasks that have children, in the order given."""
        return self._storage.children.with_children(task_ids)

    # Steering -----------------------------------------------------------------------------------

    def update_task_status(
        self,
        task_id: str,
        status: TaskStatus | str,
        *,
        worker_id: str | None = None,
        error_message: str | None = None,
        result: Mapping[str, Any] | None = None,
    ) -> Task:
        """An administrator's unfenced transition. See Storage.set_status.

        Raises:
            TaskNotFound, IllegalTransition, InvalidParameters
        """
        wanted = checked_status(status)
        task = self._storage.set_status(
            task_id, wanted, worker_id=worker_id, error_message=error_message, result=result
        )
        return self._woken(task)

    def cancel_task(self, task_id: str, *, children: bool = True) -> Task:
        """Cancel a queued task, or ask the worker of a running one to end it.

        Args:
            children: also cancel the unfinished ones, even if the task itself is finished: a
                cancelled listing's videos are no longer wanted.

        Raises:
            TaskNotFound: there is no such task.
            IllegalTransition: it is finished, and there is no child to be cancelled.
        """
        try:
            task = self._storage.cancel(task_id)
        except IllegalTransition:
            if children and self._storage.children.cancel(task_id):
                return self._storage.get(task_id)
            raise
        if children:
            self._storage.children.cancel(task_id)
        return task

    def requeue_task(self, task_id: str) -> Task:
        """Requeue a finished task. See Storage.requeue."""
        return self._woken(self._storage.requeue(task_id))

    def rescue(self, worker_id: str | None = None, crash_limit: int = 3) -> Rescue:
        """Take back what dead workers held. See Storage.rescue."""
        checked_whole("crash_limit", crash_limit, 1)
        rescued = self._storage.rescue(worker_id=worker_id, crash_limit=crash_limit)
        if rescued.requeued:
            self._waker.wake(None, len(rescued.requeued))
        return rescued

    def workers(self) -> list[WorkerInfo]:
        """The registered workers."""
        return self._storage.workers()

    def request_stop(self, worker_id: str | None = None) -> int:
        """Ask one worker, or all, to stop after the running task; how many were asked."""
        asked = self._storage.request_stop(worker_id)
        self._waker.wake_all()  # the workers that are meant are among the waiting
        return asked

    def close(self) -> None:
        """Close the database. Closing twice is not an error."""
        self._waker.close()
        self._storage.close()

    def __enter__(self) -> QueueManager:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


def _request(
    task_type: str, worker_id: str, strategy: ClaimStrategy | str, lease_s: float
) -> ClaimRequest:
    if not isinstance(strategy, ClaimStrategy):
        strategy = ClaimStrategy(strategy)
    checked_span("lease_s", lease_s, above_zero=True)
    return ClaimRequest(task_type, worker_id, strategy, lease_s)
