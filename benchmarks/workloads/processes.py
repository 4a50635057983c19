"""Helper processes of a workload, started once and given orders through pipes; and processes that
claim from one queue, with or without work on each task, until it is empty."""

from __future__ import annotations

import multiprocessing
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from time import perf_counter
from typing import Any

from benchmarks.common.project import LAB
from benchmarks.workloads import base
from benchmarks.workloads.base import TASK_TYPE, Sample, Workload, sizes

if sys.platform == "win32":
    from multiprocessing.connection import PipeConnection as Connection
else:
    from multiprocessing.connection import Connection

_PATIENCE_S = 120.0


class Helpers:
    """`count` processes that all execute job(pipe, *arguments), a function of a module, until they
    are closed; RuntimeError, also by the methods, where one of them failed."""

    def __init__(self, count: int, job: Callable[..., None], *arguments: Any) -> None:
        # Spawned on every system, so that figures of Linux and Windows mean the same.
        context = multiprocessing.get_context("spawn")
        self._started: list[tuple[Any, Connection]] = []
        # They inherit sys.path, and find `benchmarks` there; asv imports it otherwise.
        is_missing = str(LAB) not in sys.path
        if is_missing:
            sys.path.append(str(LAB))
        try:
            for _ in range(count):
                near, far = context.Pipe()
                process = context.Process(
                    target=_work, args=(far, base.opens, job, *arguments), daemon=True
                )
                process.start()
                far.close()
                self._started.append((process, near))
            self.answers()
        except BaseException:
            self.close()
            raise
        finally:
            if is_missing:
                sys.path.remove(str(LAB))

    def send(self, message: Any) -> None:
        """Send a message to each process."""
        for _, pipe in self._started:
            pipe.send(message)

    def answers(self) -> Sequence[Any]:
        """One message from each process, waited for."""
        found = []
        for _, pipe in self._started:
            if not pipe.poll(_PATIENCE_S):
                raise RuntimeError(f"a helper process did not answer within {_PATIENCE_S:g} s")
            try:
                message = pipe.recv()
            except EOFError:
                raise RuntimeError("a helper process died") from None
            if isinstance(message, Exception):
                raise message
            found.append(message)
        return found

    def close(self) -> None:
        """End the processes; one that does not end by itself is killed. Closing twice is not an
        error."""
        for _, pipe in self._started:
            pipe.close()
        for process, _ in self._started:
            process.join(10.0)
            if process.is_alive():
                process.kill()
                process.join()
            process.close()
        self._started.clear()


def _work(pipe: Connection, opens: Any, job: Callable[..., None], *arguments: Any) -> None:
    base.opens = opens
    with pipe:
        try:
            job(pipe, *arguments)
        except (EOFError, BrokenPipeError, KeyboardInterrupt):
            pass  # closed
        except Exception:  # noqa: BLE001 - whatever it is, the workload's process is to know
            trace = traceback.format_exc(limit=-4)
            pipe.send(RuntimeError(f"a helper process failed: {trace}"))


def jain(counts: Sequence[float]) -> float:
    """Jain's fairness index: 1 where all got the same, 1/n where one got all (R. Jain, D.-M. Chiu,
    W. Hawe, "A quantitative measure of fairness", DEC-TR-301, 1984)."""
    squares = sum(count * count for count in counts)
    return sum(counts) ** 2 / (len(counts) * squares) if squares else 0.0


class Contention(Workload):
    """One claim a call, by whichever process is first; each works `work_s` on a task.

    The value `unfairness` is 1 minus Jain's index of the processes' shares: 0 where all are equal.
    """

    has_reference = True
    verbs = ("create_tasks", "claim_next_task")
    calls = sizes(1_000, 10_000, 100_000)
    figures = ("unfairness",)
    reference_batch = 1_000
    batch = counted_calls = 0  # its spread is the scheduler's: too large for a gate

    def __init__(self, processes: int, work_s: float = 0.0) -> None:
        super().__init__()
        self.name = f"contention-{processes}" + ("-work" if work_s else "")
        self.processes = processes
        self.work_s = work_s

    def begin(self, state: Any) -> None:
        state.helpers = Helpers(self.processes, _contend, state.path, self.work_s)
        state.resources.callback(state.helpers.close)

    def work(self, state: Any, calls: int) -> Sample:
        base.fill(state.queue, calls)
        began = perf_counter()
        state.helpers.send("go")
        reports = state.helpers.answers()
        elapsed_s = perf_counter() - began
        state.held.extend(row_id for _, row_ids in reports for row_id in row_ids)
        unfairness = 1.0 - jain([len(latencies) for latencies, _ in reports])
        latencies_s = [each for latencies, _ in reports for each in latencies]
        return Sample(latencies_s, elapsed_s, calls, {"unfairness": unfairness})

    def check(self, state: Any) -> None:
        assert len(set(state.held)) == len(state.held), "a task was claimed twice"
        assert base.statuses(state.queue) == {"CLAIMED": len(state.held)}, "a task was not claimed"


def _contend(pipe: Connection, path: Path, work_s: float) -> None:
    with base.open_queue(path) as queue:
        pipe.send("ready")
        while pipe.recv():
            latencies: list[float] = []
            row_ids: list[int] = []
            while True:
                began = perf_counter()
                task = queue.claim_next_task(TASK_TYPE, "w")
                ended = perf_counter()
                if task is None:
                    break
                latencies.append(ended - began)
                row_ids.append(task.row_id)
                if work_s:
                    time.sleep(work_s)
            pipe.send((latencies, row_ids))


WORKLOADS = [*(Contention(processes) for processes in (1, 2, 4, 8)), Contention(8, work_s=0.001)]
