"""BaseWorker: claims tasks of one type and processes them, one at a time.

What a plugin does decides what becomes of its task: it returns items, they are stored with the
completion in one transaction; it raises PermanentError or InvalidParameters, the task has FAILED;
it raises anything else, the failure is counted and the task tried again, up to `max_retries`;
but a TransientError that is "not yet" (`counted` is False) is no failure: the task waits.
"""

from __future__ import annotations

import logging
import os
import socket
import threading
import time
import weakref
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from tubeq.domain.clock import to_timestamp
from tubeq.domain.errors import (
    ClaimLost,
    InvalidParameters,
    PermanentError,
    PluginError,
    StorageBusy,
    StorageError,
    StorageFull,
    TaskCancelled,
    TransientError,
)
from tubeq.domain.models import Idea, Task, TaskResult
from tubeq.domain.states import TaskStatus
from tubeq.plugins.base import running
from tubeq.queue.queue_manager import QueueManager
from tubeq.queue.wakeup import SLOTS, Waiter, Waker
from tubeq.storage.port import ClaimRequest, WorkerInfo
from tubeq.workers.board import Board
from tubeq.workers.config import WorkerConfig, new_worker_id
from tubeq.workers.keeper import AttemptKeeper
from tubeq.workers.politeness import POSTPONED, Politeness
from tubeq.workers.scraping import scraped_ideas
from tubeq.workers.watch import Attempt, Reason, Watch, lost, record_end

_SLICE_S = 0.5  # how soon an idle worker sees that its own process asks it to stop
_STORAGE_REST_S = 1.0
_CANCELLED = TaskResult(
    success=False, error_message="cancelled on request", error_code=Reason.CANCELLED.value
)
_logger = logging.getLogger("tubeq.worker")


class BaseWorker:
    """One worker. Not to be shared by threads; its own background thread is.

    Args:
        config: how to work.
        queue_db_path: the database, as for QueueManager.
        plugin: any object with `scrape(**parameters)`; may be replaced between tasks.
        queue: an open queue to use instead of opening one; it stays open at `close`.
        board: where a supervisor looks at this worker.
        end_process: see Watch.

    Raises:
        StorageError: the database cannot be used.
    """

    def __init__(
        self,
        config: WorkerConfig,
        queue_db_path: str | os.PathLike[str],
        plugin: Any,
        *,
        queue: QueueManager | None = None,
        board: Board | None = None,
        end_process: Callable[[Attempt], None] | None = None,
    ) -> None:
        self.config = config
        self.plugin = plugin
        self.worker_id = config.worker_id or new_worker_id()
        self.queue = queue or QueueManager(queue_db_path, durability=config.durability)
        self._owns_queue = queue is None
        self._board = board or Board()
        self._politeness = Politeness(config, self.queue, self.worker_id)
        self._watch = Watch(
            config, self.queue, self.worker_id, self._board, end_process, self._politeness.extend
        )
        self._end_watch = weakref.finalize(self, self._watch.close)
        self._waiter: Waiter | None = None
        self._waker = Waker(self.queue.db_path)
        self._next_sweep = 0.0
        self._idle_types: list[str] = []
        self._request = ClaimRequest(
            config.task_type, self.worker_id, config.strategy, config.lease_s, start=True
        )

    # One task -------------------------------------------------------------------------------------

    def claim_task(self) -> Task | None:
        """Claim the next task, or None when nothing is due, or the type is paused."""
        config = self.config
        if self._politeness.pause_s():
            return None
        return self.queue.claim_next_task(
            config.task_type, self.worker_id, config.strategy, config.lease_s
        )

    def process_task(self, task: Task) -> TaskResult:
        """Do a claimed task and write down what became of it.

        Where the claim is no longer held, the result says `claim_lost` and nothing was written.
        Where a limit or a pause forbids it now, the task is handed back for later ("postponed").
        KeyboardInterrupt and SystemExit out of the plugin hand the task back and pass through.

        Raises:
            StorageError: the outcome could not be written; the lease will expire.
        """
        return self._process(task)[0]

    def _process(
        self, task: Task, then: ClaimRequest | None = None, stop: threading.Event | None = None
    ) -> tuple[TaskResult, Task | None]:
        """The result of one attempt, and the task that `then` claimed along with completing it,
        unless `stop` was set meanwhile."""
        following: Task | None = None
        try:
            claim = self.queue.start_task(task) if task.status is TaskStatus.CLAIMED else task
            postponed = self._politeness.enter(claim, self.plugin)
            if postponed is not None:
                return postponed, None
            result, following = self._attempt(claim, then, stop)
        except ClaimLost as error:
            result = lost(error)
        self._board.count(result.success)
        return result, following

    def _attempt(
        self, claim: Task, then: ClaimRequest | None, stop: threading.Event | None
    ) -> tuple[TaskResult, Task | None]:
        """Let the plugin do the task, and write down what became of it."""
        following: Task | None = None
        result: TaskResult | None = None
        error: Exception | None = None
        try:
            attempt = self._watch.arm(claim)
            keeper = AttemptKeeper(self.queue, self._watch, attempt)
            ideas, error = self._call_plugin(attempt, keeper)
            settled = self._watch.disarm(attempt)
            claim = attempt.claim
            if settled is not None:
                result = settled
            elif error is not None and error is keeper.refusal:
                raise error  # the storage's, not the plugin's
            elif error is not None:
                result = self._record_error(attempt, error, keeper.got_on)
            elif attempt.heard:  # what it returned may be a part: it knew that it had to end
                result = record_end(self.queue, self.config, attempt)
            else:
                stopping = stop is not None and stop.is_set()
                then = None if stopping or self._politeness.pause_s() else then
                result, following = self._complete(claim, ideas, then, keeper.has_saved)
            return result, following
        finally:
            self._politeness.leave(result, error)

    def _call_plugin(
        self, attempt: Attempt, keeper: AttemptKeeper
    ) -> tuple[list[Idea], Exception | None]:
        try:
            with running(attempt.stop_reason, keeper, self._politeness):
                return scraped_ideas(self.plugin, attempt.claim), None
        except Exception as error:  # noqa: BLE001 - a plugin may raise anything
            return [], error
        except BaseException:
            if self._watch.disarm(attempt) is None:
                with suppress(ClaimLost):
                    self.queue.release_task(attempt.claim)
            raise

    def _complete(
        self, claim: Task, ideas: list[Idea], then: ClaimRequest | None, has_saved: bool
    ) -> tuple[TaskResult, Task | None]:
        count = len(ideas)
        try:
            if has_saved:
                if ideas and self.queue.save_progress(claim, ideas).cancelled:
                    # Nothing of it was stored: a completion would hide that.
                    self.queue.storage.confirm_cancel(claim)
                    return _CANCELLED, None
                count, ideas = self.queue.storage.children.count_ideas(claim), []
            report = {"ideas_count": count, "worker_id": self.worker_id}
            following = self.queue.complete_task(claim, ideas, report, then)
        except (InvalidParameters, TypeError, ValueError) as error:
            # An idea that no database can hold, such as one whose `extra` is no JSON.
            message = f"the plugin's items cannot be stored: {error}"
            return self._fail(claim, message, InvalidParameters.code, permanent=True), None
        return TaskResult(success=True, ideas_count=count), following

    def _record_error(self, attempt: Attempt, error: Exception, got_on: bool) -> TaskResult:
        final = isinstance(error, (PermanentError, InvalidParameters))
        if attempt.reason is not None and (not final or isinstance(error, TaskCancelled)):
            return record_end(self.queue, self.config, attempt)
        claim = attempt.claim
        if isinstance(error, (PluginError, InvalidParameters)):
            if isinstance(error, TransientError) and not error.counted:
                return self._defer(claim, error, got_on)
            after_s = error.retry_after_s if isinstance(error, TransientError) else None
            return self._fail(claim, str(error), error.code, final, after_s)
        _logger.warning("task %s: the plugin failed", claim.task_id, exc_info=error)
        return self._fail(claim, f"{type(error).__name__}: {error}", "unexpected")

    def _defer(self, claim: Task, error: TransientError, got_on: bool) -> TaskResult:
        task = self.queue.defer_task(
            claim,
            str(error),
            code=error.code,
            retry_after_s=error.retry_after_s,
            retry_at=error.retry_at,
            got_on=got_on,
        )
        code, message = task.error_code, task.error_message
        return TaskResult(success=False, error_message=message, error_code=code)

    def _fail(
        self,
        claim: Task,
        message: str,
        code: str,
        permanent: bool = False,
        retry_after_s: float | None = None,
    ) -> TaskResult:
        self.queue.fail_task(
            claim,
            message,
            code=code,
            permanent=permanent,
            retry_after_s=retry_after_s,
            policy=self.config.retry_policy,
        )
        return TaskResult(success=False, error_message=message, error_code=code)

    # Many tasks -----------------------------------------------------------------------------------

    def run(
        self,
        stop: threading.Event | None = None,
        until_idle: bool = False,
        max_tasks: int | None = None,
        idle_types: Sequence[str] = (),
    ) -> int:
        """Process tasks until asked to stop; how many attempts were made.

        Args:
            stop: ends the loop after the running task, which has `stop_grace_s` to finish and is
                handed back otherwise. A stop request through the database sets it.
            until_idle: also end when no task of the type is queued, scheduled or held by anybody.
            max_tasks: also end after that many attempts.
            idle_types: types whose tasks may yet create tasks of this one, and so keep it from
                being idle.

        Raises:
            StorageError: the database cannot be used any more; a busy or full one is waited for.
        """
        stop = stop or threading.Event()
        self._idle_types = [each for each in idle_types if each != self.config.task_type]
        self._register(stop)
        self._watch.obey(stop)
        attempts = 0
        held: Task | None = None  # claimed, and neither being processed nor written down
        try:
            while not stop.is_set() and attempts != max_tasks:
                try:
                    self._keep_house()
                    if held is None:
                        held = self._claim_or_wait(stop, until_idle)
                    if held is None:
                        continue
                    attempts += 1
                    then = None if attempts == max_tasks else self._request
                    result, held = self._process(held, then, stop)
                    attempts -= result.error_code == POSTPONED
                except (StorageBusy, StorageFull) as error:
                    _logger.warning("worker %s waits for the database: %s", self.worker_id, error)
                    stop.wait(_STORAGE_REST_S)
                    held = self._hand_back(held)
        except _Idle:
            pass
        finally:
            self._leave(held)
        return attempts

    def _hand_back(self, held: Task | None) -> Task | None:
        """Release a task; it is returned where the database does not take even that."""
        try:
            if held is not None:
                self.queue.release_task(held)
        except ClaimLost:
            pass
        except StorageError:
            return held
        return None

    def _register(self, stop: threading.Event) -> None:
        if self.queue.storage.worker_seen(self.worker_id):
            stop.set()  # a supervisor had registered this worker, and somebody asked it to stop
        self.queue.storage.register_worker(
            worker_info(self.worker_id, self.config.task_type, os.getpid())
        )

    def _leave(self, held: Task | None) -> None:
        self._watch.obey(None)
        if self._waiter is not None:
            self._waiter.close()
            self._waiter = None
        self._hand_back(held)
        with suppress(StorageError):
            self.queue.storage.forget_worker(self.worker_id)

    def _keep_house(self) -> None:
        """What is due now and then: a sign of life, and rescuing what dead workers held."""
        self._watch.see()
        now = time.monotonic()
        if now >= self._next_sweep:
            self._next_sweep = now + self.config.sweep_interval_s
            self.queue.rescue(crash_limit=self.config.crash_limit)

    def _claim_or_wait(self, stop: threading.Event, until_idle: bool) -> Task | None:
        """Claim, or wait for a reason to try again.

        Raises:
            _Idle: there is nothing left to wait for.
        """
        pause_s = self._politeness.pause_s()
        if pause_s > 0:
            if until_idle and not self._is_work_left():
                raise _Idle
            stop.wait(min(pause_s, _SLICE_S))
            return None
        waiter = self._waiter
        if waiter is None or not waiter.is_prepared:
            claimed = self.queue.storage.claim(self._request)
            if claimed:
                return claimed[0]
            if waiter is None:
                waiter = self._waiter = Waiter(self.queue.db_path, self.config.task_type)
            waiter.prepare()
        claimed = self.queue.storage.claim(self._request)
        if not claimed and until_idle and not self._is_work_left():
            # The others may go as well.
            self._waker.wake(None if self._idle_types else self.config.task_type, SLOTS)
            raise _Idle
        if not claimed:
            until = time.monotonic() + self._patience_s()
            while not stop.is_set() and (left_s := until - time.monotonic()) > 0:
                if waiter.wait(min(left_s, _SLICE_S)):
                    return None
        if waiter.cancel() and claimed:
            self._waker.wake(self.config.task_type, 1)  # it was for a task, not for this worker
        return claimed[0] if claimed else None

    def _patience_s(self) -> float:
        """How long to sleep if nobody wakes this worker: nothing falls due before that."""
        due_at = self.queue.storage.next_due_at(self.config.task_type)
        until_due_s = self.config.poll_interval if due_at is None else due_at - time.time()
        until_sweep_s = self._next_sweep - time.monotonic()
        return max(min(self.config.poll_interval, until_due_s, until_sweep_s), 0.01)

    def _is_work_left(self) -> bool:
        # Its own type last: what the others' last task created is there before that one is over.
        types = [*self._idle_types, self.config.task_type]
        return any(map(self.queue.storage.has_open_tasks, types))

    # Ending ---------------------------------------------------------------------------------------

    def hurry(self) -> None:
        """When asked to stop: hand the running task back at once instead of after the grace."""
        self._watch.stop_grace_s = 0.0

    def close(self) -> None:
        """Let go of the queue, unless it was handed in. Closing twice is no error."""
        self._end_watch()
        self._waker.close()
        if self._owns_queue:
            self.queue.close()

    def __enter__(self) -> BaseWorker:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


def worker_info(worker_id: str, task_type: str, pid: int) -> WorkerInfo:
    """What is registered of a worker that begins now, on this machine."""
    now = time.time()
    return WorkerInfo(
        worker_id, task_type, socket.gethostname(), pid, to_timestamp(now), now, False
    )


class _Idle(Exception):
    """No task of the type is left."""


__all__ = ["BaseWorker", "WorkerConfig"]
