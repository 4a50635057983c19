"""The workers of one process, each in a thread of its own.

Waiting for the network needs no process of its own: eight threads wait as well as eight processes,
with an eighth of the memory. They share the plugin and the database handle, and nothing else: each
claims, heartbeats and times out like a single worker.

But a thread cannot be killed. When a plugin hangs, its watch records its task's outcome as usual,
fenced. Then the others finish their tasks, or hand them back after their grace, and the process
ends, for its supervisor to start another.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Any, NoReturn

from tubeq.workers.base_worker import BaseWorker
from tubeq.workers.config import WorkerConfig, thread_ids
from tubeq.workers.opening import opened_queue
from tubeq.workers.shared_stats import SharedStats
from tubeq.workers.watch import Attempt, Reason

EXIT_DONE = 0
EXIT_ENDED_TASK = 4  # a plugin had to be ended by force; its outcome is recorded


class WorkerThreads:
    """The workers of this process.

    Args:
        config: of each worker, except for the end of its worker_id.
        db_path: the database.
        plugin: shared by all.
        stats: one for each worker; their number is the number of workers.

    Raises:
        StorageError: the database cannot be used.
    """

    def __init__(
        self, config: WorkerConfig, db_path: str, plugin: Any, stats: Sequence[SharedStats]
    ) -> None:
        # Its supervisor created it: if it is missing now, a new one would be an empty queue.
        self._queue = opened_queue(db_path, config, create=False)
        self._stats = stats
        self._changed = threading.Condition()
        self._at_work = len(stats)
        self._exit_code: int | None = None
        self._failure: BaseException | None = None
        self._stop = threading.Event()
        self._workers = [
            BaseWorker(
                replace(config, worker_id=worker_id),
                db_path,
                plugin,
                queue=self._queue,
                stats=own,
                end_process=partial(self._leave_behind, number),
            )
            for number, (worker_id, own) in enumerate(
                zip(thread_ids(str(config.worker_id), len(stats)), stats, strict=True)
            )
        ]

    def run(self, stop: threading.Event, **until: Any) -> None:
        """Work until there is nothing to do or `stop` is set. Exits the process where a plugin
        never returned.

        Args:
            until: `until_idle`, `idle_types` and `wait_scheduled_s` of BaseWorker.run.

        Raises:
            StorageError: see BaseWorker.run; the others were stopped.
        """
        self._stop = stop
        first, *others = self._workers
        if not others:
            first.run(stop, **until)
            return
        for worker in self._workers:
            threading.Thread(target=self._work, args=(worker, until), daemon=True).start()
        with self._changed:
            # With a timeout, so that signals get through on Windows.
            while self._at_work:
                self._changed.wait(1.0)
        if self._exit_code is not None:
            os._exit(self._exit_code)  # not sys.exit: that would wait for what hangs
        if self._failure is not None:
            raise self._failure

    def _work(self, worker: BaseWorker, until: Mapping[str, Any]) -> None:
        try:
            worker.run(self._stop, **until)
        except BaseException as error:  # noqa: BLE001 - raised again in the thread of `run`
            self._failure = self._failure or error
            self._stop.set()
        finally:
            self._one_less()

    def _one_less(self) -> None:
        with self._changed:
            self._at_work -= 1
            self._changed.notify_all()

    def _leave_behind(self, number: int, attempt: Attempt) -> NoReturn:
        """A worker's plugin hangs, and its task's outcome is recorded. Runs in the watch's thread
        and does not return, so that the worker never writes again."""
        stats = self._stats[number]
        stats.count(success=False)
        stats.alive_until = 0.0  # its supervisor need not wait any longer
        with suppress(Exception):
            self._queue.register.remove(self._workers[number].worker_id)
        code = EXIT_DONE if attempt.reason is Reason.STOPPED else EXIT_ENDED_TASK
        if len(self._workers) == 1:
            os._exit(code)
        self._exit_code = max(code, self._exit_code or EXIT_DONE)
        self._stop.set()
        self._one_less()
        while True:
            time.sleep(3600)

    def task_ids(self) -> list[str]:
        """The tasks that are being run."""
        return [each for worker in self._workers if (each := worker.running_task_id) is not None]

    def hurry(self) -> None:
        """When asked to stop: hand back what is being done at once instead of after the grace."""
        for worker in self._workers:
            worker.hurry()

    def close(self) -> None:
        """Close the database."""
        for worker in self._workers:
            worker.close()
        self._queue.close()
