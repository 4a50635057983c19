"""BaseWorker: claims tasks of its type, or types, and processes them, one at a time.

The plugin's outcome decides that of its task: items that it returns are stored with the completion
in one transaction; after PermanentError or InvalidParameters the task is FAILED; any other error
counts as a failure, and the task is retried, up to `max_retries`; but a TransientError that is "not
yet" (`counted` is False) is not a failure: the task waits.
"""

from __future__ import annotations

import logging
import math
import os
import threading
import time
import weakref
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from typing import Any

from tubeq.domain.errors import (
    BUSY_OR_FULL,
    ClaimLost,
    InvalidParameters,
    PermanentError,
    PluginError,
    PluginNotFound,
    StorageError,
    StorageNotSynced,
    TaskCancelled,
    TransientError,
)
from tubeq.domain.models import Idea, Task, TaskResult
from tubeq.domain.numbers import MAX_EPOCH_S, is_number
from tubeq.domain.states import TaskStatus
from tubeq.plugins.base import running
from tubeq.queue import instrument
from tubeq.queue.queue_manager import QueueManager
from tubeq.queue.wakeup import SLOTS, Waiter, Waker
from tubeq.storage.ports.tasks import ClaimRequest
from tubeq.workers.config import WAIT_SCHEDULED_S, WorkerConfig, new_worker_id
from tubeq.workers.opening import opened_queue, worker_info
from tubeq.workers.outlook import Outlook
from tubeq.workers.progress_saver import ProgressSaver
from tubeq.workers.rate_limiting import POSTPONED, RateLimiting
from tubeq.workers.scraping import PluginCall
from tubeq.workers.shared_stats import SharedStats
from tubeq.workers.turns import Turns
from tubeq.workers.watch import Attempt, Reason, Watch, lost, record_end

_SLICE_S = 0.5  # how soon an idle worker sees a stop request of its own process
_STORAGE_REST_S = 1.0
_CANCELLED = TaskResult(
    success=False, error_message="cancelled on request", error_code=Reason.CANCELLED.value
)
_logger = logging.getLogger("tubeq.worker")


@instrument.measured(_process="attempt")
class BaseWorker:
    """One worker. Not to be shared by threads, except with its own background thread.

    Args:
        config: how to work.
        queue_db_path: the database's path, as for QueueManager; or an open QueueManager, which the
            caller keeps: `close` leaves it open. A queue in memory must be passed this way.
        plugin: any object with `scrape(**parameters)`; may be replaced between tasks. With several
            types, also a mapping from each to such an object.
        queue: an open queue to use instead of `queue_db_path`.
        stats: through which a supervisor observes this worker.
        end_process: see Watch.

    Raises:
        InvalidParameters: the path is ":memory:": that would be the worker's own empty queue.
        StorageError: the database cannot be used.
    """

    def __init__(
        self,
        config: WorkerConfig,
        queue_db_path: str | os.PathLike[str] | QueueManager,
        plugin: Any,
        *,
        queue: QueueManager | None = None,
        stats: SharedStats | None = None,
        end_process: Callable[[Attempt], None] | None = None,
    ) -> None:
        self.config = config
        self.plugin = plugin
        self.worker_id = config.worker_id or new_worker_id()
        self._owns_queue = queue is None and not isinstance(queue_db_path, QueueManager)
        self.queue = queue or opened_queue(queue_db_path, config)
        self._stats = stats or SharedStats()
        self._rate_limiting = RateLimiting(config, self.queue, self.worker_id)
        self._watch = Watch(
            config, self.queue, self.worker_id, self._stats, end_process, self._rate_limiting.extend
        )
        self._end_watch = weakref.finalize(self, self._watch.close)
        self._waiter: Waiter | None = None
        self._waker = Waker(self.queue.db_path)
        self._next_sweep = 0.0
        self._is_storage_troubled = False
        self._types = config.task_types
        self._outlook = self._outlook_of(self._types, WAIT_SCHEDULED_S)
        self._claims = Turns(config, self.worker_id, self._rate_limiting.pause_s, start=False)
        self._starts = Turns(config, self.worker_id, self._rate_limiting.pause_s, start=True)
        # With several types a completion does not claim the next task: it would always be of the
        # same type.
        self._request = self._starts.only_request

    # One task -------------------------------------------------------------------------------------

    def claim_task(self) -> Task | None:
        """Claim the next task, or None when nothing is due, or what is due is paused. Several types
        take turns."""
        return self._claims.claim(self.queue)

    def process_task(self, task: Task) -> TaskResult:
        """Process a claimed task and record its outcome.

        Where the claim is no longer held, the result says `claim_lost` and nothing was written.
        Where a limit or a pause forbids it now, the task is handed back for later ("postponed").
        KeyboardInterrupt and SystemExit from the plugin hand the task back and are raised again.

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
            plugin = self.plugin if self._request is not None else self._plugin_of(claim)
            call = PluginCall(plugin, claim)
            postponed = self._rate_limiting.enter(claim, call)
            if postponed is not None:
                return postponed, None
            result, following = self._attempt(claim, call, then, stop)
        except ClaimLost as error:
            result = lost(error)
        self._stats.count(result.success)
        return result, following

    def _attempt(
        self, claim: Task, call: PluginCall, then: ClaimRequest | None, stop: threading.Event | None
    ) -> tuple[TaskResult, Task | None]:
        """Let the plugin process the task, and record the outcome."""
        following: Task | None = None
        result: TaskResult | None = None
        error: Exception | None = None
        try:
            attempt = self._watch.arm(claim)
            saver = ProgressSaver(self.queue, self._watch, attempt)
            ideas, error = self._call_plugin(call, attempt, saver)
            settled = self._watch.disarm(attempt)
            claim = attempt.claim
            if settled is not None:
                result = settled
            elif error is not None and error is saver.refusal:
                raise error  # the storage's, not the plugin's
            else:
                ends_at = None
                while result is None:
                    try:
                        if error is not None:
                            result = self._record_error(attempt, error, saver.got_on)
                        elif attempt.heard:  # it knew that it had to end: this may be incomplete
                            result = record_end(self.queue, self.config, attempt)
                        else:
                            result, following = self._complete(
                                claim, ideas, self._then(claim, then, stop), saver.has_saved
                            )
                    except BUSY_OR_FULL as trouble:
                        ends_at = self._wait_to_write(trouble, stop, ends_at)
            return result, following
        finally:
            self._rate_limiting.leave(result, error)

    def _wait_to_write(
        self, trouble: StorageError, stop: threading.Event | None, ends_at: float | None
    ) -> float:
        """Wait before the next try to write an outcome: the work is done. The tries go on until the
        claim is lost, which the write says by itself, or until a stopping worker has no time left:
        at the returned time, `ends_at` of the next call.

        Raises:
            StorageError: `trouble`, where there is no next try.
        """
        now = time.monotonic()
        ends_at = math.inf if ends_at is None else ends_at
        if stop is not None and stop.is_set():
            ends_at = min(ends_at, now + self._watch.stop_grace_s)
        if stop is None or now >= ends_at:
            raise trouble
        self._say_troubled(trouble)
        time.sleep(max(0.0, min(_STORAGE_REST_S, ends_at - now)))
        return ends_at

    def _then(
        self, claim: Task, then: ClaimRequest | None, stop: threading.Event | None
    ) -> ClaimRequest | None:
        """The request for the next task that a completion may claim."""
        if then is None or (stop is not None and stop.is_set()):
            return None
        return None if self._rate_limiting.pause_s(claim.task_type) else then

    def _plugin_of(self, claim: Task) -> Any:
        """For several types."""
        if not isinstance(self.plugin, Mapping):
            return self.plugin
        if claim.task_type not in self.plugin:
            raise PluginNotFound(f"this worker has no plugin for task type {claim.task_type!r}")
        return self.plugin[claim.task_type]

    def _call_plugin(
        self, call: PluginCall, attempt: Attempt, saver: ProgressSaver
    ) -> tuple[list[Idea], Exception | None]:
        try:
            with running(attempt.stop_reason, saver, self._rate_limiting):
                return call.ideas(), None
        except Exception as error:  # noqa: BLE001 - a plugin may raise anything
            return [], error
        except BaseException:
            if self._watch.disarm(attempt) is None:
                with suppress(ClaimLost, *BUSY_OR_FULL):  # else its lease expires
                    self.queue.release_task(attempt.claim)
            raise

    def _complete(
        self, claim: Task, ideas: list[Idea], then: ClaimRequest | None, has_saved: bool
    ) -> tuple[TaskResult, Task | None]:
        count = len(ideas)
        try:
            if has_saved:
                if ideas and self.queue.save_progress(claim, ideas).cancelled:
                    # None of its results were stored: a completion would hide that.
                    self.queue.confirm_cancel(claim)
                    return _CANCELLED, None
                count, ideas = self.queue.count_ideas(claim), []
            report = {"ideas_count": count, "worker_id": self.worker_id}
            try:
                following = self.queue.complete_task(claim, ideas, report, then)
            except StorageNotSynced as error:
                following = self._stored(error)
        except (InvalidParameters, TypeError, ValueError) as error:
            # An idea that no database can hold, such as one whose `extra` is not JSON.
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
            asked_s = error.retry_after_s if isinstance(error, TransientError) else None
            after_s = asked_s if is_number(asked_s) else None  # a plugin may ask for any value
            return self._fail(claim, str(error), error.code, final, after_s)
        _logger.warning("task %s: the plugin failed", claim.task_id, exc_info=error)
        return self._fail(claim, f"{type(error).__name__}: {error}", "unexpected")

    def _defer(self, claim: Task, error: TransientError, got_on: bool) -> TaskResult:
        # A plugin may ask for any value.
        after_s = error.retry_after_s if is_number(error.retry_after_s) else None
        at = error.retry_at if is_number(error.retry_at, most=MAX_EPOCH_S) else None
        code, message = error.code, str(error)
        try:
            task = self.queue.defer_task(
                claim, message, code=code, retry_after_s=after_s, retry_at=at, got_on=got_on
            )
            code, message = task.error_code or code, task.error_message or message
        except StorageNotSynced as trouble:
            self._stored(trouble)
        return TaskResult(success=False, error_message=message, error_code=code)

    def _fail(
        self,
        claim: Task,
        message: str,
        code: str,
        permanent: bool = False,
        retry_after_s: float | None = None,
    ) -> TaskResult:
        try:
            self.queue.fail_task(
                claim,
                message,
                code=code,
                permanent=permanent,
                retry_after_s=retry_after_s,
                policy=self.config.retry_policy,
            )
        except StorageNotSynced as error:
            self._stored(error)
        return TaskResult(success=False, error_message=message, error_code=code)

    # Many tasks -----------------------------------------------------------------------------------

    def run(
        self,
        stop: threading.Event | None = None,
        until_idle: bool = False,
        max_tasks: int | None = None,
        idle_types: Sequence[str] = (),
        wait_scheduled_s: float = WAIT_SCHEDULED_S,
    ) -> int:
        """Process tasks until asked to stop; how many attempts were made.

        Args:
            stop: ends the loop after the running task, which has `stop_grace_s` to finish and is
                handed back otherwise. A stop request through the database sets it.
            until_idle: also end when no task of its types is due, held by a worker, or due soon.
            max_tasks: also end after that many attempts.
            idle_types: further types, whose tasks may still create tasks of its types, and so keep
                it from being idle.
            wait_scheduled_s: what "soon" is: `until_idle` waits for tasks that fall due, and for
                pauses that end, within this many seconds from each check; later ones are left.

        Raises:
            StorageError: the database cannot be used any more (StorageReplaced: it is no longer
                the file that was opened); a busy or full one is waited for.
        """
        stop = stop or threading.Event()
        self._outlook = self._outlook_of({*self._types, *idle_types}, wait_scheduled_s)
        self._watch.obey(stop)
        attempts = 0
        is_registered = False
        held: Task | None = None  # claimed, and neither being processed nor recorded
        try:
            while not stop.is_set() and attempts != max_tasks:
                try:
                    if not is_registered:
                        self._register(stop)
                        is_registered = True
                        continue
                    self._keep_house()
                    if held is None:
                        held = self._claim_or_wait(stop, until_idle)
                    if held is None:
                        continue
                    attempts += 1
                    then = None if attempts == max_tasks else self._request
                    result, held = self._process(held, then, stop)
                    attempts -= result.error_code == POSTPONED
                    self._is_storage_troubled = False
                except BUSY_OR_FULL as error:
                    self._say_troubled(error)
                    stop.wait(_STORAGE_REST_S)
                    held = self._hand_back(held)
                except StorageNotSynced as error:
                    stop.wait(_STORAGE_REST_S)
                    held = self._stored(error)
        except _Idle:
            pass
        finally:
            self._leave(held)
        return attempts

    def _stored(self, error: StorageNotSynced) -> Task | None:
        """A change is stored, but perhaps not on disk: go on with the task that this worker now
        holds. After a power cut, what it completed may be done once more."""
        _logger.warning("worker %s: %s", self.worker_id, error)
        with suppress(*BUSY_OR_FULL):
            return next(iter(self.queue.register.held_by(self.worker_id)), None)
        return None

    def _say_troubled(self, error: StorageError) -> None:
        """Log it, once until a write succeeds again. By then leases have expired that could not be
        renewed: give their holders time before any worker rescues tasks."""
        respite_s = self.config.sweep_interval_s + 2 * _STORAGE_REST_S
        self._next_sweep = max(self._next_sweep, time.monotonic() + respite_s)
        if not self._is_storage_troubled:
            self._is_storage_troubled = True
            _logger.warning("worker %s waits for the database: %s", self.worker_id, error)

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
        if self.queue.register.seen(self.worker_id):
            stop.set()  # a supervisor had registered this worker, and it was asked to stop
        self.queue.register.add(worker_info(self.worker_id, self.config.type_names, os.getpid()))

    def _leave(self, held: Task | None) -> None:
        self._watch.obey(None)
        if self._waiter is not None:
            self._waiter.close()
            self._waiter = None
        self._hand_back(held)
        with suppress(StorageError):
            self.queue.register.remove(self.worker_id)

    def _keep_house(self) -> None:
        """Periodic duties: the heartbeat, and rescuing what dead workers held."""
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
        pause_s = min(map(self._rate_limiting.pause_s, self._types))
        if pause_s > 0:
            if until_idle and not self._outlook.is_work_left():
                raise _Idle
            stop.wait(min(pause_s, _SLICE_S))
            return None
        waiter = self._waiter
        if waiter is None or not waiter.is_prepared:
            claimed = self._starts.claim(self.queue)
            if claimed is not None:
                return claimed
            if waiter is None:
                waiter = self._waiter = Waiter(self.queue.db_path, *self._types)
            waiter.prepare()
        claimed = self._starts.claim(self.queue)
        if claimed is None and until_idle and not self._outlook.is_work_left():
            # The other types may start as well.
            self._waker.wake(None if len(self._outlook.task_types) > 1 else self._types[0], SLOTS)
            raise _Idle
        if claimed is None:
            until = time.monotonic() + self._patience_s()
            while not stop.is_set() and (left_s := until - time.monotonic()) > 0:
                if waiter.wait(min(left_s, _SLICE_S)):
                    return None
        if waiter.cancel() and claimed is not None:
            # The wake-up was for a task, not for this worker.
            self._waker.wake(self._types[0] if self._request else None, 1)
        return claimed

    def _patience_s(self) -> float:
        """How long to sleep without a wake-up: nothing falls due before that."""
        due = filter(None, map(self.queue.backlog.next_due_at, self._types))
        until_due_s = min(due, default=math.inf) - time.time()
        until_sweep_s = self._next_sweep - time.monotonic()
        return max(min(self.config.poll_interval, until_due_s, until_sweep_s), 0.01)

    def _outlook_of(self, task_types: Collection[str], wait_s: float) -> Outlook:
        return Outlook(self.queue.backlog, task_types, self._rate_limiting.pause_s, wait_s)

    # Ending ---------------------------------------------------------------------------------------

    @property
    def running_task_id(self) -> str | None:
        """The task that the plugin is processing, for other threads."""
        return self._watch.task_id

    def hurry(self) -> None:
        """When asked to stop: hand the running task back at once instead of after the grace."""
        self._watch.stop_grace_s = 0.0

    def close(self) -> None:
        """Close the queue, unless it was passed in. Closing twice is not an error."""
        self._end_watch()
        self._waker.close()
        if self._owns_queue:
            self.queue.close()

    def __enter__(self) -> BaseWorker:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


class _Idle(Exception):
    """Nothing is left to wait for."""


__all__ = ["BaseWorker", "WorkerConfig"]
