"""One of the processes that contend: it imports little, since many of them start on few cores."""

from __future__ import annotations

import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path

from benchmarks.speed.floors import SameTable
from benchmarks.workloads.base import TASK_TYPE
from tubeq import QueueManager

TUBEQ, BUSY_TIMEOUT = "tubeq", "busy_timeout"
Report = tuple[list[float], list[int], float, str]
"""Seconds of claims, row ids, when the last one ended (time.monotonic), an error or ""."""


def contend(pipe: Connection, path: Path, candidate: str, work_s: float, durability: str) -> None:
    """One process: told when to begin and for how long, it claims and reports, once."""
    if candidate == TUBEQ:
        with QueueManager(path, durability=durability) as queue:
            _claim_and_report(pipe, lambda: _claimed_by(queue), work_s)
        return
    synchronous = "FULL" if durability == "full" else "NORMAL"
    bare = SameTable(path, synchronous)

    def claim() -> int:
        claimed = bare.claim(bare.claim_sql)
        return claimed[0] if claimed else 0

    try:
        _claim_and_report(pipe, claim, work_s)
    finally:
        bare.close()


def _claimed_by(queue: QueueManager) -> int:
    task = queue.claim_next_task(TASK_TYPE, "w")
    return task.row_id if task else 0


def _claim_and_report(pipe: Connection, claim: Callable[[], int], work_s: float) -> None:
    latencies_s: list[float] = []
    row_ids: list[int] = []
    error = ""
    pipe.send("ready")
    begins, run_s = pipe.recv()
    ends = begins + run_s
    time.sleep(max(begins - time.monotonic(), 0.0))
    try:
        while (began := time.monotonic()) < ends and (row_id := claim()):
            latencies_s.append(time.monotonic() - began)
            row_ids.append(row_id)
            if work_s:
                time.sleep(work_s)
    except Exception as failure:  # noqa: BLE001 - whatever it is, it is a finding
        error = repr(failure)
    pipe.send((latencies_s, row_ids, time.monotonic(), error))
    pipe.recv()  # until dismissed: so that no one closes the file while others still claim
