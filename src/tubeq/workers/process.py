"""WorkerProcess: the supervisor's handle on one process of workers."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import time
import types
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from multiprocessing.sharedctypes import RawArray

from tubeq.workers.config import thread_ids
from tubeq.workers.process_main import Assignment, supervised_signals, work
from tubeq.workers.shared_stats import SharedStats

# Never fork: a SQLite handle, or a lock that another thread holds, must not be inherited.
_context = multiprocessing.get_context("spawn")
_NOT_OVERDUE = -1.0
_EXIT_WAIT_S = 10.0


class WorkerProcess:
    """One process that processes tasks by its orders. Started once, closed once."""

    def __init__(self, assignment: Assignment) -> None:
        self.config = assignment.config
        self.worker_id = str(self.config.worker.worker_id)
        shared = RawArray(SharedStats, self.config.threads)
        worker_ids = thread_ids(self.worker_id, self.config.threads)
        self.stats: dict[str, SharedStats] = dict(zip(worker_ids, shared, strict=True))
        """The statistics of each worker of the process, by its worker_id."""
        self.was_killed = False
        self._overdue_at = _NOT_OVERDUE
        self._orders, self._childs_end = _context.Pipe()
        self._process = _context.Process(
            target=work,
            args=(assignment, self._childs_end, shared),
            name=f"tubeq {self.worker_id}",
        )
        self.pid = 0

    def start(self) -> None:
        """Start the process."""
        if os.name == "posix":
            from multiprocessing import resource_tracker

            # Otherwise it would be started together with the process, which resets the signal mask.
            resource_tracker.ensure_running()
        with _signals_blocked(), _without_main():
            self._process.start()
        self._childs_end.close()  # so that the death of either side closes the pipe for the other
        self.pid = self._process.pid or 0

    @property
    def sentinel(self) -> int:
        """Becomes ready when the process ends: for multiprocessing.connection.wait."""
        return self._process.sentinel

    def is_alive(self) -> bool:
        """Whether the process has not ended."""
        return self._process.is_alive()

    def order(self, order: str) -> None:
        """Send STOP or HURRY; to one that has ended already it does nothing."""
        with suppress(OSError):
            self._orders.send(order)

    def overdue_for(self, now: float) -> float:
        """For how many seconds this process has been seen past its deadline. A supervisor that was
        itself suspended starts to count when it resumes."""
        if not any(stats.overdue(now) for stats in self.stats.values()):
            self._overdue_at = _NOT_OVERDUE
            return 0.0
        if self._overdue_at == _NOT_OVERDUE:
            self._overdue_at = now
        return now - self._overdue_at

    @property
    def processed(self) -> int:
        """The number of attempts that ended."""
        return sum(stats.processed for stats in self.stats.values())

    @property
    def succeeded(self) -> int:
        """The number of attempts whose task is COMPLETED."""
        return sum(stats.succeeded for stats in self.stats.values())

    def timed_out(self, worker_id: str | None = None) -> bool:
        """Whether the attempt of this worker is past its deadline; with None, whether any worker's
        is."""
        now = time.monotonic()
        return any(
            stats.timed_out(now) for each, stats in self.stats.items() if worker_id in (None, each)
        )

    def kill(self) -> None:
        """Kill the process."""
        self.was_killed = True
        self._process.kill()

    def close(self) -> tuple[int, tuple[str, str] | None]:
        """Wait for the end of the process; its exit code, and the name and message of the error
        if it could not start."""
        self._process.join(_EXIT_WAIT_S)
        failure = None
        with suppress(EOFError, OSError):
            if self._orders.poll():
                failure = self._orders.recv()
        exit_code = self._process.exitcode
        self._orders.close()
        with suppress(ValueError):
            self._process.close()
        return -1 if exit_code is None else exit_code, failure


@contextmanager
def _without_main() -> Iterator[None]:
    """Hide the program's `__main__` while a process is started.

    spawn imports it again in the new process: the command line, or a user's script that starts
    workers at its top level. A worker does not need it.
    """
    main = sys.modules["__main__"]
    sys.modules["__main__"] = types.ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main


@contextmanager
def _signals_blocked() -> Iterator[None]:
    """A process that is being started cannot handle signals yet: it inherits that they are
    blocked; on Windows, that Ctrl-C is ignored. There one that comes just now is lost, which is
    better than a worker that dies of it."""
    if sys.platform == "win32":
        import ctypes

        ctypes.windll.kernel32.SetConsoleCtrlHandler(None, True)
        try:
            yield
        finally:
            ctypes.windll.kernel32.SetConsoleCtrlHandler(None, False)
    else:
        before = signal.pthread_sigmask(signal.SIG_BLOCK, supervised_signals())
        try:
            yield
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
