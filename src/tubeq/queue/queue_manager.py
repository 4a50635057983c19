"""QueueManager: what programs call to create tasks, to look at them and to work them."""

from __future__ import annotations

import os
import random
from collections.abc import Iterable, Mapping, Sequence
from types import TracebackType
from typing import Any

from tubeq.domain.breaker import BLOCKING_CODES
from tubeq.domain.children import ChildTask, Progress, Saved
from tubeq.domain.clock import Clock, SystemClock
from tubeq.domain.errors import IllegalTransition
from tubeq.domain.models import EncodedTask, HistoryEntry, Idea, NewTask, QueueStats, Result, Task
from tubeq.domain.numbers import MAX_BUSY_TIMEOUT_S, checked_date, checked_span, checked_whole
from tubeq.domain.policies import (
    FIRST_WAIT_S,
    NEVER_CAME,
    ClaimStrategy,
    Durability,
    RetryPolicy,
    next_wait_s,
    waits_in_a_row,
)
from tubeq.domain.states import TaskStatus
from tubeq.queue.care import Care
from tubeq.queue.validation import (
    checked_child,
    checked_idea,
    checked_ideas,
    checked_request,
    checked_status,
    checked_task,
    encoded_parameters,
    encoded_task,
)
from tubeq.queue.wakeup import SLOTS, Waker
from tubeq.storage import Storage, open_storage
from tubeq.storage.ports.tasks import ClaimRequest, Completion, Rescue, WorkerInfo


class QueueManager(Care):
    """The queue in one database file.

    Delivery is at least once; at most one completion of a task is accepted; what is written with
    the completion is written exactly once.

    Args:
        db_path: the SQLite file; created where it does not exist. ":memory:" for a queue that
            lives in this object only.
        durability: what is on the disk when a call returns: "full", "balanced" or "fast".
        busy_timeout_s: seconds that a write waits for other writers before StorageBusy.
        clock: the source of time.
        storage: an opened storage, instead of a path.
        create: whether a file that is not there is created.

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
    ) -> None:
        checked_span("busy_timeout_s", busy_timeout_s, most=MAX_BUSY_TIMEOUT_S)
        self.db_path = str(db_path)
        self._clock = clock or SystemClock()
        self.storage = storage or open_storage(
            db_path,
            durability=Durability(durability),
            busy_timeout_s=busy_timeout_s,
            clock=self._clock,
            create=create,
        )
        self._waker = Waker(self.db_path)
        self._chance = random.Random()

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
            InvalidParameters: a value is wrong; the message names it.
        """
        if parameters is None:
            parameters = {}
        task = encoded_task(task_type, parameters, priority, run_after, idempotency_key)
        return self._create([task])[0]

    def create_tasks(self, tasks: Iterable[NewTask]) -> list[str]:
        """Create many tasks in one transaction, all or none; their ids, in order.

        Raises:
            InvalidParameters: a value is wrong; the message names it. Nothing was created.
        """
        checked = [checked_task(task) for task in tasks]
        return self._create(checked) if checked else []

    def _create(self, tasks: list[EncodedTask]) -> list[str]:
        def wake() -> None:
            for task_type in {task.task_type for task in tasks}:
                self._waker.wake(task_type, len(tasks))

        # While the disk is still busy with it: a power cut before that is one before the call.
        return self.storage.create(tasks, when_visible=wake)

    # Looking ------------------------------------------------------------------------------------

    def get_task(self, task_id: str) -> Task:
        """The task as it is now.

        Raises:
            TaskNotFound: there is none.
        """
        return self.storage.get(task_id)

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
        return self.storage.list_tasks(
            status=wanted,
            task_type=task_type,
            limit=limit,
            before=before,
            error_code=error_code,
        )

    def get_task_results(self, task_id: str) -> list[Result]:
        """The task's stored ideas.

        Raises:
            TaskNotFound: there is none.
        """
        return self.storage.results(task_id)

    def get_task_history(self, task_id: str) -> list[HistoryEntry]:
        """Every transition of the task, oldest first.

        Raises:
            TaskNotFound: there is none.
        """
        return self.storage.history(task_id)

    def stats(self) -> QueueStats:
        """Counts over the whole queue."""
        return self.storage.stats()

    # Working ------------------------------------------------------------------------------------

    def claim_next_task(
        self,
        task_type: str,
        worker_id: str,
        strategy: ClaimStrategy | str = ClaimStrategy.LIFO,
        lease_s: float = 60.0,
    ) -> Task | None:
        """Claim one task, or None when nothing is due. See Storage.claim."""
        claimed = self._claim(task_type, worker_id, 1, strategy, lease_s)
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
        return self._claim(task_type, worker_id, limit, strategy, lease_s)

    def _claim(
        self,
        task_type: str,
        worker_id: str,
        limit: int,
        strategy: ClaimStrategy | str,
        lease_s: float,
    ) -> list[Task]:
        if not isinstance(strategy, ClaimStrategy):
            strategy = ClaimStrategy(strategy)
        checked_span("lease_s", lease_s, above_zero=True)
        request = ClaimRequest(task_type, worker_id, strategy, lease_s)
        return self.storage.claim(request, limit)

    def start_task(self, claim: Task) -> Task:
        """CLAIMED to RUNNING. See Storage.start."""
        return self.storage.start(claim)

    def heartbeat(self, claim: Task, lease_s: float = 60.0) -> bool:
        """Keep the claim; whether a cancel was asked for. See Storage.heartbeat."""
        return self.storage.heartbeat(claim, checked_span("lease_s", lease_s, above_zero=True))

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
        return self.storage.complete(claim, checked_ideas(ideas), result, then=then)

    def complete_tasks(self, completions: Iterable[Completion]) -> list[Task]:
        """Complete many tasks with one transaction and one sync. See Storage.complete_many.

        Returns:
            The claims that were no longer held: of those nothing is written.
        """
        return self.storage.complete_many(
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
        delay_s = (
            None
            if permanent
            else policy.delay_s(claim.retry_count + 1, retry_after_s, self._chance)
        )
        retry_at = None if delay_s is None else self._clock.now() + delay_s
        task = self.storage.fail(claim, code, message, retry_at=retry_at, counted=not permanent)
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

        What is told "not yet" for the 31st time in a row has FAILED, with the code "never_came".

        Args:
            retry_after_s: for how long at least; see `domain.policies.next_wait_s`.
            retry_at: a date (epoch seconds) that stands for itself.
            got_on: the attempt saved something new: what was said before does not matter any more.

        Returns:
            The task as it is then: QUEUED, FAILED, or CANCELLED where that was asked for.

        Raises:
            ClaimLost: the claim is no longer held.
            InvalidParameters: a number is none.
        """
        if retry_after_s is not None:
            checked_span("retry_after_s", retry_after_s)
        if retry_at is not None:
            checked_date("retry_at", retry_at)
        waits = 0 if got_on else waits_in_a_row(self.storage.history(claim.task_id))
        grows = code not in BLOCKING_CODES  # for these, the breaker's pauses grow
        wait_s = next_wait_s(waits, retry_after_s or FIRST_WAIT_S, grows=grows)
        if wait_s is None:
            message = f"not yet, {waits + 1} times in a row: {message}"
            return self.storage.fail(claim, NEVER_CAME, message, counted=False)
        due = self._clock.now() + wait_s if retry_at is None else retry_at
        task = self.storage.fail(
            claim, code, message, retry_at=due, counted=got_on, deferred=not got_on,
            dated=retry_at is not None,
        )  # fmt: skip
        if task.status is TaskStatus.QUEUED:
            self._waker.wake(task.task_type, 1)  # an idle worker learns when it falls due
        return task

    def release_task(
        self, claim: Task, *, after_s: float | None = None, why: str | None = None
    ) -> Task:
        """Hand the task back unharmed, due at once or after so many seconds. See
        Storage.release."""
        until = None if after_s is None else self._clock.now() + checked_span("after_s", after_s)
        task = self.storage.release(claim, until=until, why=why)
        if until is None:
            self._waker.wake(task.task_type, 1)
        return task

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
            TaskNotFound: there is none.
            ClaimLost: the claim is no longer held.
        """
        item = {
            "source_id": source_id,
            "title": title,
            "score": score,
            "description": description,
            **columns,
        }
        self.storage.store_results(task_id, [checked_idea(item)], claim)

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

        def wake() -> None:
            for task_type in {child.task.task_type for child in children}:
                self._waker.wake(task_type, len(children))

        return self.storage.children.save(
            claim,
            checked_ideas(ideas),
            children,
            None if cursor is None else encoded_parameters(cursor, "cursor"),
            when_visible=wake if children else None,
        )

    # Children -----------------------------------------------------------------------------------

    def children(
        self, task_id: str, status: TaskStatus | str | None = None, limit: int = 100
    ) -> list[Task]:
        """The tasks that this one made, newest first.

        Raises:
            TaskNotFound: there is none.
        """
        checked_whole("limit", limit)
        wanted = None if status is None else checked_status(status)
        return self.storage.children.of(task_id, status=wanted, limit=limit)

    def progress(self, task_id: str) -> Progress:
        """How many children the task has, by status and error code. Looks at no other tasks.

        Raises:
            TaskNotFound: there is none.
        """
        return self.storage.children.progress(task_id)

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
        task = self.storage.set_status(
            task_id,
            checked_status(status),
            worker_id=worker_id,
            error_message=error_message,
            result=result,
        )
        if task.status is TaskStatus.QUEUED:
            self._waker.wake(task.task_type, 1)
        return task

    def cancel_task(self, task_id: str, *, children: bool = True) -> Task:
        """Cancel a queued task, or ask the worker of a running one to end it.

        Args:
            children: cancel those that are not finished as well, also of a task that is finished
                itself: who cancels a listing wants its videos no more.

        Raises:
            TaskNotFound: there is none.
            IllegalTransition: it is finished, and there is no child to be cancelled.
        """
        try:
            task = self.storage.cancel(task_id)
        except IllegalTransition:
            if children and self.storage.children.cancel(task_id):
                return self.storage.get(task_id)
            raise
        if children:
            self.storage.children.cancel(task_id)
        return task

    def requeue_task(self, task_id: str) -> Task:
        """Send a finished task round again."""
        task = self.storage.requeue(task_id)
        self._waker.wake(task.task_type, 1)
        return task

    def rescue(self, worker_id: str | None = None, crash_limit: int = 3) -> Rescue:
        """Take back what dead workers held. See Storage.rescue."""
        checked_whole("crash_limit", crash_limit, 1)
        rescued = self.storage.rescue(worker_id=worker_id, crash_limit=crash_limit)
        if rescued.requeued:
            self._waker.wake(None, len(rescued.requeued))
        return rescued

    def workers(self) -> list[WorkerInfo]:
        """The registered workers."""
        return self.storage.workers()

    def request_stop(self, worker_id: str | None = None) -> int:
        """Ask one worker, or all, to stop after the running task; how many were asked."""
        asked = self.storage.request_stop(worker_id)
        self._waker.wake(None, SLOTS)  # whoever is meant is among the waiting
        return asked

    def close(self) -> None:
        """Let go of the database. Closing twice is no error."""
        self._waker.close()
        self.storage.close()

    def __enter__(self) -> QueueManager:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


__all__: Sequence[str] = ["QueueManager"]
