"""QueueManager: what programs call to create tasks, to look at them and to work them."""

from __future__ import annotations

import os
import random
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from tubeq.domain.clock import Clock, SystemClock
from tubeq.domain.errors import StorageError
from tubeq.domain.models import HistoryEntry, Idea, NewTask, QueueStats, Result, Task
from tubeq.domain.policies import ClaimStrategy, Durability, RetryPolicy
from tubeq.domain.states import TaskStatus
from tubeq.queue.validation import checked_status, checked_task
from tubeq.queue.wakeup import SLOTS, Waker
from tubeq.storage import Storage, open_storage
from tubeq.storage.port import ClaimRequest, Completion, Rescue, WorkerInfo

if TYPE_CHECKING:
    from tubeq.storage.items_port import Progress
    from tubeq.storage.seed_import import Imported


class QueueManager:
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

    Raises:
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
    ) -> None:
        self.db_path = str(db_path)
        self._clock = clock or SystemClock()
        self.storage = storage or open_storage(
            db_path,
            durability=Durability(durability),
            busy_timeout_s=busy_timeout_s,
            clock=self._clock,
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
        task = NewTask(
            task_type,
            {} if parameters is None else parameters,
            priority,
            run_after,
            idempotency_key,
        )
        return self.create_tasks([task])[0]

    def create_tasks(self, tasks: Iterable[NewTask]) -> list[str]:
        """Create many tasks in one transaction, all or none; their ids, in order.

        Raises:
            InvalidParameters: a value is wrong; the message names it. Nothing was created.
        """
        checked = [checked_task(task) for task in tasks]
        if not checked:
            return []

        def wake() -> None:
            for task_type in {task.task_type for task in checked}:
                self._waker.wake(task_type, len(checked))

        # While the disk is still busy with it: a power cut before that is one before the call.
        return self.storage.create(checked, when_visible=wake)

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
    ) -> list[Task]:
        """Tasks, newest first. See Storage.list_tasks."""
        wanted = None if status is None else checked_status(status)
        return self.storage.list_tasks(
            status=wanted, task_type=task_type, limit=limit, before=before
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
        claimed = self.claim_tasks(task_type, worker_id, 1, strategy, lease_s)
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
        if not isinstance(strategy, ClaimStrategy):
            strategy = ClaimStrategy(strategy)
        request = ClaimRequest(task_type, worker_id, strategy, lease_s)
        return self.storage.claim(request, limit)

    def start_task(self, claim: Task) -> Task:
        """CLAIMED to RUNNING. See Storage.start."""
        return self.storage.start(claim)

    def heartbeat(self, claim: Task, lease_s: float = 60.0) -> bool:
        """Keep the claim; whether a cancel was asked for. See Storage.heartbeat."""
        return self.storage.heartbeat(claim, lease_s)

    def complete_task(
        self,
        claim: Task,
        ideas: Iterable[Idea | Mapping[str, Any]] = (),
        result: Mapping[str, Any] | None = None,
        then: ClaimRequest | None = None,
    ) -> Task | None:
        """Complete the task and claim the next: one transaction. See Storage.complete."""
        return self.storage.complete(claim, [Idea.of(idea) for idea in ideas], result, then=then)

    def complete_tasks(self, completions: Iterable[Completion]) -> list[Task]:
        """Complete many tasks with one transaction and one sync. See Storage.complete_many.

        Returns:
            The claims that were no longer held: of those nothing is written.
        """
        return self.storage.complete_many(
            [each._replace(ideas=[Idea.of(idea) for idea in each.ideas]) for each in completions]
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

    def release_task(self, claim: Task) -> Task:
        """Hand the task back unharmed. See Storage.release."""
        task = self.storage.release(claim)
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
        self.storage.store_results(task_id, [Idea.of(item)], claim)

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

    def cancel_task(self, task_id: str) -> Task:
        """Cancel a queued task, or ask the worker of a running one to end it."""
        return self.storage.cancel(task_id)

    def requeue_task(self, task_id: str) -> Task:
        """Send a finished task round again."""
        task = self.storage.requeue(task_id)
        self._waker.wake(task.task_type, 1)
        return task

    def rescue(self, worker_id: str | None = None, crash_limit: int = 3) -> Rescue:
        """Take back what dead workers held. See Storage.rescue."""
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

    # Keeping ------------------------------------------------------------------------------------

    def prune(self, older_than_s: float, limit: int | None = None) -> int:
        """Delete tasks that finished more than `older_than_s` seconds ago; how many."""
        return self.storage.prune(self._clock.now() - older_than_s, limit=limit)

    def backup(self, path: str | os.PathLike[str]) -> Path:
        """A consistent copy of the database while workers go on; checked before it is renamed
        into place.

        Raises:
            StorageError: the queue has no file, or the copy cannot be written.
        """
        backup = getattr(self.storage, "backup", None)
        if backup is None:
            raise StorageError("a queue in memory has no file to back up")
        copied: Path = backup(Path(path))
        return copied

    def import_seed(
        self, path: str | os.PathLike[str], progress: Progress | None = None
    ) -> Imported:
        """Take over the tasks and results of another file, one with the seed's tables, which is
        only read. Doing it twice adds nothing.

        Raises:
            InvalidParameters: it is the queue's own file.
            StorageError: it is none such, or the queue has no file.
        """
        import_it = getattr(self.storage, "import_seed", None)
        if import_it is None:
            raise StorageError("a queue in memory takes nothing over")
        imported: Imported = import_it(Path(path), progress)
        if imported.tasks:
            self._waker.wake(None, SLOTS)
        return imported

    def check(self) -> list[str]:
        """What is wrong with the stored data, a sentence each; empty when all is well."""
        return self.storage.check()

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
