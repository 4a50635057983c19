"""Watch: the background thread that keeps a claim alive, and ends the attempt that must end.

An attempt is asked to end for a `Reason`; a cooperative plugin then raises out of `check_stop()`.
One that does not is given a grace, after which the watch records the outcome itself, fenced by the
claim token, and, where the process belongs to a Runner, ends the process. Outcome first, process
second: the task always has an owner.
"""

from __future__ import annotations

import logging
import math
import threading
from collections.abc import Callable
from contextlib import suppress
from enum import Enum
from time import monotonic

from tubeq.domain.errors import (
    BUSY_OR_FULL,
    ClaimLost,
    StorageError,
    StorageReplaced,
    TaskNotFound,
)
from tubeq.domain.models import Task, TaskResult
from tubeq.queue.queue_manager import QueueManager
from tubeq.workers.config import WorkerConfig
from tubeq.workers.shared_stats import SharedStats

_TICK_S = 0.25
_IDLE_TICK_S = 1.0  # between attempts: checks are a large part of the cost of an idle worker
_SEEN_INTERVAL_S = 1.0
_LEAVE_S = 0.5  # between the recorded outcome and the end of the process: a last chance to return
_CANCELLED = "cancelled on request"
_logger = logging.getLogger("tubeq.worker")


class Reason(Enum):
    """Why an attempt is to end; the value is its error code."""

    TIMEOUT = "timeout"
    CANCELLED = "cancelled"
    STOPPED = "stopped"
    LOST = "claim_lost"


class Attempt:
    """One attempt at one task. The worker's thread runs it, the watch may end it.

    `heard` says that the plugin has seen the stop request: what it returns then may be incomplete.
    """

    __slots__ = (
        "beat_at", "claim", "end_at", "heard", "look_at", "message", "reason", "result",
        "settle_at",
    )  # fmt: skip

    def __init__(self, claim: Task, end_at: float, beat_at: float) -> None:
        self.claim = claim
        self.end_at = end_at
        self.beat_at = beat_at
        self.look_at = 0.0
        self.settle_at = math.inf
        self.reason: Reason | None = None
        self.message = ""
        self.heard = False
        self.result: TaskResult | None = None

    def stop_reason(self) -> str | None:
        """The stop hook of this attempt: why it is to end, or None."""
        if self.reason is None:
            return None
        self.heard = True
        return self.message

    def tell(self, reason: Reason, message: str, settle_at: float) -> None:
        """Ask the plugin to end; the watch settles the attempt at `settle_at` if it does not."""
        self.message, self.settle_at = message, min(settle_at, self.settle_at)
        self.reason = reason  # last: the hook looks at it first


class Watch:
    """Watches the attempts of one worker. Its thread starts with the first one.

    Arming and disarming cost about a microsecond: the thread polls, and is never notified.

    Args:
        config: leases, timeouts, graces.
        queue: where heartbeats and outcomes go.
        worker_id: the worker whose heartbeats are sent.
        stats: where the supervisor reads this worker's deadlines.
        end_process: ends this process after a forced outcome; without it the attempt's thread is
            left behind, unable to write.
        on_beat: called after each heartbeat of a claim, from the watch's thread.
    """

    def __init__(
        self,
        config: WorkerConfig,
        queue: QueueManager,
        worker_id: str,
        stats: SharedStats,
        end_process: Callable[[Attempt], None] | None = None,
        on_beat: Callable[[Task], None] | None = None,
    ) -> None:
        self._config = config
        self._queue = queue
        self._on_beat = on_beat
        self._worker_id = worker_id
        self._stats = stats
        self._end_process = end_process
        self._attempt: Attempt | None = None
        self._lock = threading.Lock()  # its holder decides how the attempt ends
        self._thread: threading.Thread | None = None
        self._closed = threading.Event()
        self._stop: threading.Event | None = None
        self._stop_seen_at: float | None = None
        self._next_seen = 0.0
        self._is_troubled = False  # an error at the last check is logged once
        self.stop_grace_s = config.stop_grace_s
        # Short enough to see an attempt before its first deadline.
        timeout_s = config.task_timeout_s or math.inf
        soonest_s = min(config.beat_interval_s / 2, timeout_s / 2)
        self._tick_s, self._idle_tick_s = min(_TICK_S, soonest_s), min(_IDLE_TICK_S, soonest_s)

    # The worker's thread --------------------------------------------------------------------------

    def arm(self, claim: Task) -> Attempt:
        """Begin to watch a claim."""
        now = monotonic()
        config = self._config
        timeout_s = config.task_timeout_s
        end_at = math.inf if timeout_s is None else now + timeout_s
        attempt = Attempt(claim, end_at, now + config.beat_interval_s)
        attempt.look_at = now + _SEEN_INTERVAL_S  # nothing is read for a short task
        self._stats.ends_by = end_at + config.stop_grace_s + _LEAVE_S
        self._stats.alive_until = now + config.lease_s
        self._attempt = attempt
        if self._thread is None:
            self._thread = threading.Thread(target=self._watch, name="tubeq-watch", daemon=True)
            self._thread.start()
        return attempt

    def grant_time(self, attempt: Attempt) -> None:
        """The attempt makes progress: its time limit begins again."""
        if self._config.task_timeout_s is not None and attempt.reason is None:
            attempt.end_at = monotonic() + self._config.task_timeout_s
            self._stats.ends_by = attempt.end_at + self._config.stop_grace_s + _LEAVE_S

    def disarm(self, attempt: Attempt) -> TaskResult | None:
        """The plugin returned. The outcome that the watch recorded meanwhile, or None: the worker
        decides."""
        with self._lock:
            self._attempt = None
            self._stats.alive_until = 0.0
            return attempt.result

    def obey(self, stop: threading.Event | None) -> None:
        """From now on `stop` asks this worker to stop, and a stop request through the database
        sets it. None ends that, and the watch of a running attempt."""
        self._attempt = None
        self._stop_seen_at = None
        self._next_seen = 0.0
        self._stop = stop

    @property
    def task_id(self) -> str | None:
        """The task of the attempt that is being watched."""
        attempt = self._attempt
        return None if attempt is None else attempt.claim.task_id

    @property
    def is_obeying(self) -> bool:
        """Whether the worker may be asked to stop."""
        return self._stop is not None

    def see(self) -> None:
        """Send a heartbeat and check for a stop request, at most once a second."""
        now = monotonic()
        stop = self._stop
        if stop is not None and now >= self._next_seen:
            self._next_seen = now + _SEEN_INTERVAL_S
            if self._queue.register.seen(self._worker_id):
                stop.set()

    def close(self) -> None:
        """End the thread."""
        self._closed.set()

    # The watch's own thread -----------------------------------------------------------------------

    def _watch(self) -> None:
        while not self._closed.wait(self._pause_s()):
            attempt = self._attempt
            if attempt is None:
                continue
            try:
                self._look(attempt)
            except Exception as error:  # noqa: BLE001 - a busy database must not end the watch
                if not self._is_troubled:
                    _logger.warning("watching task %s: %s", attempt.claim.task_id, error)
                self._is_troubled = True
            else:
                self._is_troubled = False

    def _pause_s(self) -> float:
        attempt = self._attempt
        if attempt is None:
            return self._idle_tick_s
        due = min(attempt.end_at, attempt.beat_at, attempt.settle_at)
        return min(self._tick_s, max(due - monotonic(), 0.005))

    def _look(self, attempt: Attempt) -> None:
        now = monotonic()
        if now >= min(attempt.beat_at, attempt.settle_at, attempt.look_at, self._next_seen):
            # The check may have to wait for a busy database: the supervisor must not mistake that
            # for a process that hangs.
            self._promise(attempt, now + self._config.busy_timeout_s)
        if attempt.result is None:
            self._judge(attempt, now)
            try:
                if now >= attempt.beat_at and attempt.reason is not Reason.LOST:
                    self._beat(attempt, now)
                elif now >= attempt.look_at and attempt.reason is None:
                    self._look_for_cancel(attempt, now)
                self.see()
            except StorageReplaced as error:  # the claim is lost with the file
                attempt.tell(Reason.LOST, str(error), now + self._config.stop_grace_s)
        if now >= attempt.settle_at:
            self._settle(attempt)
        self._promise(attempt, monotonic())

    def _promise(self, attempt: Attempt, now: float) -> None:
        """Inform the supervisor that the watch checks again within a lease from `now`."""
        if self._attempt is attempt:
            self._stats.alive_until = now + self._config.lease_s

    def _judge(self, attempt: Attempt, now: float) -> None:
        if attempt.reason is None and now >= attempt.end_at:
            message = f"timed out after {self._config.task_timeout_s:g} s"
            attempt.tell(Reason.TIMEOUT, message, now + self._config.stop_grace_s)
        if self._stop is None or not self._stop.is_set():
            return
        self._stop_seen_at = self._stop_seen_at or now
        if now >= self._stop_seen_at + self.stop_grace_s:
            if attempt.reason is None:
                attempt.tell(Reason.STOPPED, "handed back: the worker is stopping", now)
            attempt.settle_at = min(attempt.settle_at, now)

    def _beat(self, attempt: Attempt, now: float) -> None:
        settle_at = now + self._config.stop_grace_s
        try:
            cancel = self._queue.heartbeat(attempt.claim, self._config.lease_s)
        except ClaimLost as error:
            if self._attempt is attempt:
                attempt.tell(Reason.LOST, str(error), settle_at)
            return
        attempt.beat_at = now + self._config.beat_interval_s
        if cancel and attempt.reason is None:
            attempt.tell(Reason.CANCELLED, _CANCELLED, settle_at)
        if self._on_beat is not None:
            self._on_beat(attempt.claim)

    def _look_for_cancel(self, attempt: Attempt, now: float) -> None:
        """Between heartbeats, which are far apart with a long lease: a caller waits for the end."""
        attempt.look_at = now + _SEEN_INTERVAL_S
        claim = attempt.claim
        with suppress(TaskNotFound):  # the next heartbeat says what that means
            task = self._queue.get_task(claim.task_id)
            if task.cancel_requested and task.claim_token == claim.claim_token:
                attempt.tell(Reason.CANCELLED, _CANCELLED, now + self._config.stop_grace_s)

    def _settle(self, attempt: Attempt) -> None:
        """Record the outcome for which the attempt was asked to end; a little later, end the
        process."""
        with self._lock:
            if self._attempt is not attempt:
                return  # the plugin returned in time
            if attempt.result is None:
                attempt.result = self._recorded(attempt)
                attempt.settle_at = monotonic() + _LEAVE_S
                _logger.warning(
                    "task %s ended by force: %s", attempt.claim.task_id, attempt.message
                )
            elif self._end_process is not None:
                self._end_process(attempt)  # does not return, and so never releases the lock
            else:
                attempt.settle_at = math.inf

    def _recorded(self, attempt: Attempt) -> TaskResult:
        try:
            return record_end(self._queue, self._config, attempt)
        except BUSY_OR_FULL:
            raise  # tried again at the next check
        except (ClaimLost, StorageError) as error:
            # The process ends all the same; rescue then finds what is still held.
            return lost(error)


def record_end(queue: QueueManager, config: WorkerConfig, attempt: Attempt) -> TaskResult:
    """Write the outcome for which the attempt was asked to end.

    Raises:
        ClaimLost: the claim is no longer held: nothing was written.
    """
    claim, reason, message = attempt.claim, attempt.reason, attempt.message
    if reason is None or reason is Reason.LOST:
        raise ClaimLost(claim.task_id, claim.claim_token)
    if reason is Reason.TIMEOUT:
        queue.fail_task(claim, message, code=reason.value, policy=config.retry_policy)
    elif reason is Reason.CANCELLED:
        queue.confirm_cancel(claim)
    else:
        queue.release_task(claim)
    return TaskResult(success=False, error_message=message, error_code=reason.value)


def lost(error: ClaimLost | StorageError) -> TaskResult:
    """The result of an attempt whose outcome was refused."""
    return TaskResult(
        success=False,
        error_message=str(error),
        error_code=error.code,
        claim_lost=isinstance(error, ClaimLost),
    )
