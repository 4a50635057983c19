"""Claiming a hundred tasks in one transaction."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from benchmarks.workloads.base import (
    TASK_TYPE,
    Profile,
    Sample,
    Workload,
    each_timed,
    fill,
    open_queue,
    sizes,
)

if TYPE_CHECKING:
    from tubeq import QueueManager, Task

_SIZE = 100
_DEPTH = 10_000


class _State(NamedTuple):
    queue: QueueManager
    claimed: list[Task]


class ClaimBatch(Workload):
    """A hundred claims a call, from ten thousand tasks; throughput counts the tasks."""

    has_reference = True
    name = "claim-batch"
    calls = sizes(20, 500, 5_000)
    batch = 10
    counted_calls = 20
    at_once = 50

    def prepare(self, folder: Path, profile: Profile) -> _State:
        queue = open_queue(folder / "queue.db", "create_tasks", "claim_tasks")
        fill(queue, _DEPTH)
        return _State(queue, [])

    def work(self, state: _State, calls: int) -> Sample:
        claim, claimed = state.queue.claim_tasks, state.claimed
        sample = each_timed(lambda: claimed.extend(claim(TASK_TYPE, "w", _SIZE)), calls)
        sample.operations = calls * _SIZE
        return sample

    def restore(self, state: _State, calls: int) -> None:
        fill(state.queue, calls * _SIZE)

    def check(self, state: _State) -> None:
        assert len(state.claimed) % _SIZE == 0, "a batch was not full"
        ids = {task.task_id for task in state.claimed}
        assert len(ids) == len(state.claimed), "a task was claimed twice"
        assert state.queue.stats().by_status["QUEUED"] == _DEPTH

    def close(self, state: _State) -> None:
        state.queue.close()


WORKLOADS = [ClaimBatch()]
