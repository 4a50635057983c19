"""The sweep that takes back what dead workers held: a hundred expired leases a call."""

from __future__ import annotations

import time
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, NamedTuple

from benchmarks.workloads.base import (
    TASK_TYPE,
    Profile,
    Sample,
    Workload,
    fill,
    open_queue,
    sizes,
    statuses,
)

if TYPE_CHECKING:
    from tubeq import QueueManager

_EXPIRED = 100
_OTHERS = 1_000
_LEASE_S = 0.001
_MANY = 1_000_000  # crashes until a task is a dead letter: more than there will be


class _State(NamedTuple):
    queue: QueueManager
    rescued: list[int]


class Rescue(Workload):
    """One sweep a call, of a queue with as many live claims, and ten times as many queued tasks."""

    name = "rescue"
    calls = sizes(10, 200, 2_000)
    batch = 10
    counted_calls = 20

    def prepare(self, folder: Path, profile: Profile) -> _State:
        queue = open_queue(folder / "queue.db", "create_tasks", "claim_tasks", "rescue")
        fill(queue, _OTHERS + 2 * _EXPIRED)
        queue.claim_tasks(TASK_TYPE, "alive", _EXPIRED, lease_s=86_400.0)
        return _State(queue, [])

    def work(self, state: _State, calls: int) -> Sample:
        queue = state.queue
        sample = Sample(operations=calls * _EXPIRED)
        for _ in range(calls):
            queue.claim_tasks(TASK_TYPE, "dead", _EXPIRED, lease_s=_LEASE_S)  # untimed
            time.sleep(2 * _LEASE_S)
            began = perf_counter()
            rescued = queue.rescue(crash_limit=_MANY)
            sample.latencies_s.append(perf_counter() - began)
            state.rescued.append(len(rescued.requeued))
        sample.elapsed_s = sum(sample.latencies_s)
        return sample

    def check(self, state: _State) -> None:
        assert set(state.rescued) == {_EXPIRED}, "a sweep missed a task, or took a live one"
        assert statuses(state.queue) == {"CLAIMED": _EXPIRED, "QUEUED": _OTHERS + _EXPIRED}

    def close(self, state: _State) -> None:
        state.queue.close()


WORKLOADS = [Rescue()]
