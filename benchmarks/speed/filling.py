"""Tasks as most users create them: of the default priority, so in no index of priorities."""

from __future__ import annotations

from benchmarks.workloads.base import PARAMETERS, TASK_TYPE
from tubeq import NewTask, QueueManager

_BULK = 1000


def fill_plain(queue: QueueManager, count: int, run_after: float | None = None) -> None:
    """Create that many, in batches; due at `run_after`, in epoch seconds, or at once."""
    task = NewTask(TASK_TYPE, PARAMETERS, run_after=run_after)
    for first in range(0, count, _BULK):
        queue.create_tasks([task] * min(_BULK, count - first))
