"""Processes that claim from one queue, with or without work on each task, until it is empty."""

from __future__ import annotations

import time
from multiprocessing.connection import Connection
from pathlib import Path
from time import perf_counter
from typing import Any

from benchmarks.workloads import base
from benchmarks.workloads.base import TASK_TYPE, Sample, Workload, sizes
from benchmarks.workloads.processes import Helpers


class Contention(Workload):
    """One claim a call, by whichever process comes first.

    The value `unfairness` is 1 minus Jain's index of the processes' shares (R. Jain, D.-M. Chiu,
    W. Hawe, "A quantitative measure of fairness", DEC-TR-301, 1984): 0 where all are alike.

    Args:
        processes: how many.
        work_s: how long each works on a task before it claims the next.
    """

    has_reference = True
    verbs = ("create_tasks", "claim_next_task")
    calls = sizes(1_000, 10_000, 100_000)
    figures = ("unfairness",)
    reference_batch = 1_000
    batch = 0  # its spread is that of the scheduler: too much for a gate
    counted_calls = 0

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
        shares = [len(latencies) for latencies, _ in reports]
        state.held.extend(row_id for _, row_ids in reports for row_id in row_ids)
        jain = sum(shares) ** 2 / (len(shares) * sum(share * share for share in shares))
        latencies_s = [each for latencies, _ in reports for each in latencies]
        return Sample(latencies_s, elapsed_s, calls, {"unfairness": 1.0 - jain})

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
