"""How one worker observes the limits and pauses that all workers share.

Before a task it takes slots for the task's type and channel; a task that is refused goes back to
the queue for later, with nothing counted. While the task runs, the plugin's requests take their own
slots and wait for them. The outcome of a task opens and closes the type's breaker.

Where there are neither rules nor pauses, all of this is a check of cached values.
"""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from tubeq.domain.breaker import BLOCKING_CODES, BreakerPolicy, Verdict
from tubeq.domain.errors import (
    BUSY_OR_FULL,
    InvalidParameters,
    PermanentError,
    StorageError,
    TaskCancelled,
    TransientError,
)
from tubeq.domain.limits import Grant, Holder, Refusal, jittered
from tubeq.domain.models import Task, TaskResult
from tubeq.domain.policies import NEVER_CAME
from tubeq.queue.queue_manager import QueueManager
from tubeq.workers.config import WorkerConfig
from tubeq.workers.scraping import PluginCall

POSTPONED = "postponed"
"""The error code where there was no attempt: the task was handed back before it began."""
_SLICE_S = 0.25
_BUSY_REST_S = 0.5
_LONGEST_DELAY_S = 900.0
_TELLS_NOTHING = frozenset(
    {"cancelled", "stopped", "claim_lost", "upcoming", "not_live", "processing", POSTPONED}
)
_logger = logging.getLogger("tubeq.worker")


class RateLimiting:
    """The limits of one worker. The worker's thread calls it; its watch calls `extend`.

    It is the `Limiter` of the plugin's requests.

    Args:
        config: the task type, the lease and the pauses.
        queue: where the limits are.
        worker_id: the holder of what is taken.
    """

    def __init__(self, config: WorkerConfig, queue: QueueManager, worker_id: str) -> None:
        self._queue = queue
        self._limits = queue.limits
        self._lease_s = config.lease_s
        self._policy = BreakerPolicy(config.breaker_pause_s, config.breaker_pause_max_s)
        self._worker_id = worker_id
        self._claim: Task | None = None
        self._grant = Grant()
        self._is_probe = False
        self._rests: dict[str, float] = {}  # by type: until when a limit allows no task of it
        self._next_try_at: dict[str, float] = {}  # by key: of the last refused task
        self._chance = random.Random()

    def pause_s(self, task_type: str) -> float:
        """For how long no task of the type should be claimed; usually 0."""
        paused_s = self._limits.pause_s(f"type:{task_type}")
        if not self._rests:
            return paused_s
        return max(paused_s, self._rests.get(task_type, 0.0) - time.monotonic(), 0.0)

    @property
    def _holder(self) -> Holder:
        """The holder of slots: this worker, for the task that it entered last."""
        return Holder(self._worker_id) if self._claim is None else self._holder_of(self._claim)

    def _holder_of(self, claim: Task) -> Holder:
        return Holder(self._worker_id, claim.row_id, claim.claim_token)

    # Around a task --------------------------------------------------------------------------------

    def enter(self, claim: Task, call: PluginCall) -> TaskResult | None:
        """Take what the task needs before it begins. None: it may begin, and `leave` must follow.

        Otherwise it was handed back to the queue, and the result says why.

        Raises:
            ClaimLost: the claim is no longer held.
            StorageError: the database cannot be used.
        """
        self._claim = claim
        if self._limits.is_idle():
            return None
        type_key = f"type:{claim.task_type}"
        admission = self._limits.admit(type_key, self._holder, self._lease_s)
        if admission.wait_s > 0:
            return self._hand_back(claim, f"{type_key} is paused", None)
        self._is_probe = admission.probe
        try:
            keys = (type_key, *call.limit_keys())
            taken = self._limits.take(keys, self._holder, self._lease_s)
            if isinstance(taken, Refusal):
                return self._refuse(claim, taken)
        except BaseException:
            self.leave(None, None)
            raise
        self._grant = taken
        for key in keys:
            self._next_try_at.pop(key, None)
        return None

    def _refuse(self, claim: Task, refusal: Refusal) -> TaskResult:
        """Each task that the same key refuses comes back after the one before it: otherwise a
        thousand tasks of one channel would all come back at once, again and again."""
        key, now = refusal.key, time.monotonic()
        self._next_try_at[key] = max(self._next_try_at.get(key, now), now) + refusal.retry_after_s
        delay_s = jittered(min(self._next_try_at[key] - now, _LONGEST_DELAY_S), self._chance)
        if key == f"type:{claim.task_type}":  # all other tasks would be refused, too
            self._rests[claim.task_type] = now + jittered(refusal.retry_after_s, self._chance)
        self.leave(None, None)
        return self._hand_back(claim, f"limit for {key}: {refusal.why}", delay_s)

    def _hand_back(self, claim: Task, why: str, delay_s: float | None) -> TaskResult:
        if delay_s is not None:
            why = f"{why}; again in {delay_s:.1f} s"
        self._queue.release_task(claim, after_s=delay_s, why=why)
        return TaskResult(success=False, error_message=why, error_code=POSTPONED)

    def leave(self, result: TaskResult | None, error: Exception | None) -> None:
        """The task has ended: release its slots, and report what its outcome says about the site.

        Args:
            result: its outcome; None where it has none.
            error: what the plugin raised.
        """
        holds_nothing = not self._is_probe and not self._grant.slot_ids
        if holds_nothing and result is not None and result.success:
            return  # the usual case, so handle it fast
        grant, self._grant = self._grant, Grant()
        was_probe, self._is_probe = self._is_probe, False
        verdict = _verdict(result, error)
        self._release(grant)
        if was_probe or verdict is Verdict.BLOCKED:
            code = (result and result.error_code) or ""
            type_key = f"type:{self._claim.task_type}" if self._claim else ""
            try:
                self._limits.report(type_key, self._holder, verdict, code, self._policy)
            except StorageError as trouble:
                _logger.warning("%s does not learn of %r: %s", type_key, code, trouble)

    def _release(self, grant: Grant) -> None:
        try:
            if grant.slot_ids:
                self._limits.release(grant)
        except StorageError as trouble:
            _logger.warning("slots end with their lease: %s", trouble)

    def extend(self, claim: Task) -> None:
        """The claim's heartbeat: extends its slots."""
        if not self._limits.is_idle():
            self._limits.extend(self._holder_of(claim), self._lease_s)

    # Around a request -----------------------------------------------------------------------------

    @contextmanager
    def slot(self, keys: Sequence[str], check: Callable[[], None]) -> Iterator[None]:
        """Hold slots for the keys inside the block; wait for them before it.

        Args:
            check: called at least four times a second while waiting; what it raises ends the wait.
        """
        if self._limits.is_idle():
            yield
            return
        grant = self._granted(keys, check)
        try:
            yield
        finally:
            self._release(grant)

    def _granted(self, keys: Sequence[str], check: Callable[[], None]) -> Grant:
        while True:
            check()
            try:
                taken = self._limits.take(keys, self._holder, self._lease_s)
            except BUSY_OR_FULL:  # not the task's fault
                wait_s = _BUSY_REST_S
            else:
                if isinstance(taken, Grant):
                    return taken
                wait_s = taken.retry_after_s
            until = time.monotonic() + jittered(wait_s, self._chance)
            while (left_s := until - time.monotonic()) > 0:
                time.sleep(min(left_s, _SLICE_S))
                check()


def _verdict(result: TaskResult | None, error: Exception | None) -> Verdict:
    if result is None or result.claim_lost:
        return Verdict.SILENT
    code = result.error_code
    if code == NEVER_CAME and isinstance(error, TransientError):
        code = error.code  # what was logged already
    if code in _TELLS_NOTHING:
        return Verdict.SILENT
    if result.success:
        return Verdict.SUCCEEDED
    if code in BLOCKING_CODES:
        return Verdict.BLOCKED
    permanent = isinstance(error, (PermanentError, InvalidParameters, TaskCancelled))
    return Verdict.SILENT if permanent else Verdict.FAILED
