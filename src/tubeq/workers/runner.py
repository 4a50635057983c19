"""Runner: N workers as processes, supervised. No worker can lose a task, or keep one for ever.

The supervisor starts workers, starts a successor for one that died, takes back at once what the
dead one held, and ends one that can no longer end its own attempt. It processes no task itself.
"""

from __future__ import annotations

import contextlib
import itertools
import logging
import os
import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from multiprocessing import connection

from tubeq.domain.errors import (
    BUSY_OR_FULL,
    ClaimLost,
    PluginError,
    PluginNotFound,
    StorageError,
    StorageReplaced,
)
from tubeq.domain.models import Task
from tubeq.queue.queue_manager import QueueManager
from tubeq.queue.validation import checked_path
from tubeq.queue.wakeup import SLOTS, Waker
from tubeq.workers.config import RunnerConfig, new_worker_id
from tubeq.workers.idling import Idling
from tubeq.workers.opening import opened_queue, worker_info
from tubeq.workers.outlook import left_words
from tubeq.workers.process import WorkerProcess
from tubeq.workers.process_main import HURRY, STOP, Assignment, supervised_signals
from tubeq.workers.report import RunnerEvent, RunSummary
from tubeq.workers.worker_threads import EXIT_DONE, EXIT_ENDED_TASK

_TICK_S = 0.2
_PROGRESS_INTERVAL_S = 0.2
_WAITABLE = 60  # Windows waits for at most 63 at once; the others are seen a tick later
_OVERDUE_S = 2.0  # a worker is this long past its deadline before it is killed
_FAILED_STARTS_LIMIT = 5
_FAILED_START_REST_S = 0.1
_logger = logging.getLogger("tubeq.worker")


class Runner:
    """Runs workers until they are done or are asked to stop.

    Args:
        db_path: the database.
        config: how many workers, doing what.
        on_event: called in the thread of `run`, between its other duties: keep it short.

    Raises:
        InvalidParameters: the path is not valid, or ":memory:", which no other process can reach.
    """

    def __init__(
        self,
        db_path: str | os.PathLike[str],
        config: RunnerConfig,
        *,
        on_event: Callable[[RunnerEvent], None] | None = None,
    ) -> None:
        self._db_path = os.fspath(checked_path(db_path))
        self._config = config
        self._on_event = on_event
        self._name = new_worker_id(config.worker.worker_id)
        types = (each.worker.task_types for each in (config, *config.also))
        self._types = tuple(dict.fromkeys(itertools.chain.from_iterable(types)))
        self._wakes = self._types[0] if len(self._types) == 1 else None
        self._started = 0
        self._workers: list[WorkerProcess] = []
        self._total = RunSummary()  # counts of the workers that are gone, and of their crashes
        self._stops_asked = 0
        self._stops_obeyed = 0
        self._stop_signal = ""
        self._kill_at = float("inf")
        self._failed_starts = 0
        self._failed_start_at = 0  # number of attempts at the last failed start
        self._next_progress = 0.0
        self._last_told = 0

    # For other threads and signal handlers ------------------------------------------------------

    def stop(self) -> None:
        """Ask the workers to finish what they do, or hand it back after `stop_grace_s`. Asking a
        second time hands it back at once. Returns immediately; `run` returns when all is done."""
        self._stops_asked += 1

    def worker_pids(self) -> list[int]:
        """The processes of the workers that are alive."""
        return [worker.pid for worker in list(self._workers) if worker.is_alive()]

    # The run ------------------------------------------------------------------------------------

    def run(self) -> RunSummary:
        """Start the workers and return when the last one has ended.

        In the main thread SIGINT, SIGTERM, SIGHUP and (Windows) SIGBREAK mean `stop`.

        Raises:
            PluginNotFound: the plugin is missing or not valid.
            PluginError: workers die at their start, again and again; the message says why.
            StorageError: the database cannot be used; or it was removed, or replaced by an unusable
                file (StorageReplaced). If it was replaced by a usable database, the run goes on
                with that.
        """
        queue = opened_queue(self._db_path, self._config.worker)
        waker = Waker(self._db_path)
        with self._signals():
            try:
                idling = self._idling(queue)
                for config in (self._config, *self._config.also):
                    for _ in range(config.processes):
                        if not self._stops_asked:
                            self._start_worker(queue, config)
                while self._workers:
                    try:
                        self._look_after(queue, waker)
                        if idling is not None and self._on_event is not None:
                            self._tell_all("waiting", idling.new_waits(self._workers))
                    except StorageReplaced as error:
                        queue.close()
                        queue = self._reopened(error)
                        idling = self._idling(queue)
                if idling is not None and not self._stops_asked:
                    self._total = replace(self._total, left=idling.left())
                    self._tell_all("left", map(left_words, self._total.left))
            finally:
                self._end_all(queue)
                waker.close()
                queue.close()
        return self._summary()

    def _idling(self, queue: QueueManager) -> Idling | None:
        wait_s = self._config.wait_scheduled_s
        return Idling(queue, self._types, wait_s) if self._config.until_idle else None

    def _reopened(self, replaced: StorageReplaced) -> QueueManager:
        """Reopen the database at the path: workers end, and their successors open the new one.

        Raises:
            StorageReplaced: it is missing, or cannot be used. It is never created again: that would
                silently be an empty queue.
        """
        _logger.warning("%s", replaced)
        try:
            return opened_queue(self._db_path, self._config.worker, create=False)
        except StorageError as error:
            raise StorageReplaced(f"{replaced}: {error}") from error

    def _look_after(self, queue: QueueManager, waker: Waker) -> None:
        sentinels = [worker.sentinel for worker in self._workers]
        _wait(sentinels[:_WAITABLE], _TICK_S)
        self._pass_on_stop(waker)
        now = time.monotonic()
        for worker in list(self._workers):
            if not worker.is_alive():
                try:
                    self._reap(worker, queue)
                except BUSY_OR_FULL as error:
                    _logger.warning("worker %s is not reaped yet: %s", worker.worker_id, error)
                    time.sleep(_TICK_S)
                waker.wake(self._wakes, SLOTS)  # there may be nothing left to wait for
            elif now >= self._kill_at or worker.overdue_for(now) >= _OVERDUE_S:
                worker.kill()
        if now >= self._next_progress and self._summary().processed != self._last_told:
            self._next_progress = now + _PROGRESS_INTERVAL_S
            self._last_told = self._summary().processed
            self._tell("progress")

    def _pass_on_stop(self, waker: Waker) -> None:
        if self._stops_obeyed == self._stops_asked:
            return
        first = self._stops_obeyed == 0
        self._stops_obeyed = self._stops_asked
        hurry = self._stops_asked > 1
        grace_s = 0.0 if hurry else self._config.worker.stop_grace_s
        self._kill_at = time.monotonic() + grace_s + 2 * _OVERDUE_S
        for worker in self._workers:
            worker.order(HURRY if hurry else STOP)
        waker.wake(self._wakes, SLOTS)
        if first:
            self._total = replace(self._total, stopped=True)
            self._tell("stopping", detail=self._stop_signal)

    # Workers ------------------------------------------------------------------------------------

    def _start_worker(
        self,
        queue: QueueManager,
        config: RunnerConfig,
        predecessor: WorkerProcess | None = None,
    ) -> None:
        self._started += 1
        own = replace(config.worker, worker_id=f"{self._name}-{self._started}")
        config = replace(
            self._config, worker=own, plugin=config.plugin, threads=config.threads, also=()
        )
        worker = WorkerProcess(Assignment(self._db_path, config, self._types))
        worker.start()
        self._workers.append(worker)
        with contextlib.suppress(*BUSY_OR_FULL):
            self._register(worker, queue, predecessor)
        self._tell("started", worker)

    def _register(
        self, worker: WorkerProcess, queue: QueueManager, predecessor: WorkerProcess | None
    ) -> None:
        """Before the process is up, and before the predecessor is forgotten: so no stop request is
        lost between two workers."""
        for worker_id in worker.stats:
            info = worker_info(worker_id, worker.config.worker.type_names, worker.pid)
            queue.register.add(info)
        before = () if predecessor is None else predecessor.stats
        if any(info.stop_requested for info in queue.workers() if info.worker_id in before):
            for worker_id in worker.stats:
                queue.request_stop(worker_id)

    def _reap(self, worker: WorkerProcess, queue: QueueManager) -> None:
        """A worker's process is gone: account for it, decide about its task, and replace it.

        Raises:
            StorageBusy, StorageFull: nothing is done yet: try again.
        """
        held = self._take_back(worker, queue)
        self._workers.remove(worker)
        self._count(worker.processed, worker.succeeded)
        exit_code, failure = worker.close()
        try:
            if exit_code not in (EXIT_DONE, EXIT_ENDED_TASK):
                self._record_crash(worker, held, exit_code, failure)
            else:
                detail = "" if exit_code == EXIT_DONE else "its task had to be ended by force"
                self._tell("ended", worker, detail)
            if exit_code != EXIT_DONE and not self._stops_asked:
                self._start_worker(queue, worker.config, worker)
        finally:
            with contextlib.suppress(*BUSY_OR_FULL):
                for worker_id in worker.stats:
                    queue.register.remove(worker_id)

    def _record_crash(
        self, worker: WorkerProcess, held: bool, exit_code: int, failure: tuple[str, str] | None
    ) -> None:
        self._total = replace(self._total, crashed=self._total.crashed + 1)
        detail = failure[1] if failure else f"exit code {exit_code}"
        _logger.warning("worker %s died: %s", worker.worker_id, detail)
        self._tell("killed" if worker.was_killed else "died", worker, detail)
        self._judge_start(worker, held, failure)

    def _take_back(self, worker: WorkerProcess, queue: QueueManager) -> bool:
        """Decide about the tasks that a dead process held; whether there were any."""
        crash_limit = worker.config.worker.crash_limit
        task_ids: list[str] = []
        for worker_id in worker.stats:
            if worker.was_killed:
                for claim in queue.register.held_by(worker_id):
                    with contextlib.suppress(ClaimLost):
                        self._end_hung(worker, claim, queue)
            rescued = queue.rescue(worker_id=worker_id, crash_limit=crash_limit)
            task_ids += [*rescued.requeued, *rescued.dead, *rescued.cancelled]
            if rescued.dead:
                self._total = replace(self._total, dead=self._total.dead + len(rescued.dead))
        if task_ids:
            self._tell("rescued", worker, ", ".join(task_ids))
        return bool(task_ids)

    def _end_hung(self, worker: WorkerProcess, claim: Task, queue: QueueManager) -> None:
        """Record what the process that had to be killed could not record itself."""
        config = worker.config.worker
        if claim.cancel_requested:
            queue.confirm_cancel(claim)
        elif worker.timed_out(claim.worker_id or ""):
            message = f"timed out after {config.task_timeout_s:g} s, and its worker was killed"
            queue.fail_task(claim, message, code="timeout", policy=config.retry_policy)
        elif self._stops_asked or worker.timed_out():
            queue.release_task(claim)  # asked for, or killed because another thread hung
        else:
            return  # neither asked to end nor past its deadline: it crashed
        self._count(1, 0)

    def _count(self, processed: int, succeeded: int) -> None:
        self._total = replace(
            self._total,
            processed=self._total.processed + processed,
            succeeded=self._total.succeeded + succeeded,
        )

    def _judge_start(
        self, worker: WorkerProcess, held: bool, failure: tuple[str, str] | None
    ) -> None:
        """Give up where workers die again and again without having processed anything.

        Raises:
            PluginNotFound, PluginError
        """
        if failure is not None and failure[0] == PluginNotFound.__name__:
            raise PluginNotFound(failure[1])
        attempts = self._summary().processed
        if held or worker.was_killed or attempts > self._failed_start_at:
            self._failed_starts = 0
        self._failed_start_at = attempts
        if held or worker.was_killed or worker.processed:
            return
        self._failed_starts += 1
        if self._failed_starts >= _FAILED_STARTS_LIMIT:
            reason = f"{failure[0]}: {failure[1]}" if failure else "they were killed or crashed"
            message = (
                f"{self._failed_starts} workers in a row died before they did anything: {reason}"
            )
            raise PluginError(message, code="workers_failed")
        time.sleep(_FAILED_START_REST_S * 2**self._failed_starts)

    def _end_all(self, queue: QueueManager) -> None:
        """After an error: leave no process behind, and no task held by a dead one."""
        for worker in self._workers:
            worker.order(HURRY)
        until = time.monotonic() + _OVERDUE_S
        for worker in self._workers:
            _wait([worker.sentinel], max(until - time.monotonic(), 0.0))
            if worker.is_alive():
                worker.kill()
            worker.close()
            with contextlib.suppress(StorageError):
                for worker_id in worker.stats:
                    queue.rescue(worker_id=worker_id)
                    queue.register.remove(worker_id)
        self._workers.clear()

    # Reporting ------------------------------------------------------------------------------------

    def _summary(self) -> RunSummary:
        processed = self._total.processed + sum(each.processed for each in self._workers)
        succeeded = self._total.succeeded + sum(each.succeeded for each in self._workers)
        return replace(
            self._total, processed=processed, succeeded=succeeded, failed=processed - succeeded
        )

    def _tell(self, kind: str, worker: WorkerProcess | None = None, detail: str = "") -> None:
        if self._on_event is None:
            return
        worker_id, pid = (None, None) if worker is None else (worker.worker_id, worker.pid)
        self._on_event(RunnerEvent(kind, self._summary(), worker_id, pid, detail))

    def _tell_all(self, kind: str, details: Iterable[str]) -> None:
        for detail in details:
            self._tell(kind, detail=detail)

    @contextlib.contextmanager
    def _signals(self) -> Iterator[None]:
        if threading.current_thread() is not threading.main_thread():
            yield
            return

        def handle(number: int, _: object) -> None:
            is_ctrl_c = number == signal.SIGINT
            self._stop_signal = "Ctrl-C again" if is_ctrl_c else "a second signal"
            self.stop()

        before = {}
        for number in supervised_signals():
            if signal.getsignal(number) is not signal.SIG_IGN:  # as nohup sets it
                before[number] = signal.signal(number, handle)
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def _wait(sentinels: list[int], timeout_s: float) -> None:
    """Until a process ends, or Ctrl-C comes: on Windows that ends the wait of the main thread."""
    with contextlib.suppress(InterruptedError):
        connection.wait(sentinels, timeout=timeout_s)


__all__ = ["RunSummary", "Runner", "RunnerConfig", "RunnerEvent"]
