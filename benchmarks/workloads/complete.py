"""Completing claimed tasks, each with one result."""

from __future__ import annotations

from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, NamedTuple

from benchmarks.workloads.base import (
    IDEA,
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
    from tubeq import QueueManager, Task


class _State(NamedTuple):
    queue: QueueManager
    held: list[Task]
    done: list[int]


class Complete(Workload):
    """One completion a call; as many tasks are created and claimed after it, untimed."""

    name = "complete"
    calls = sizes(200, 5_000, 50_000)
    at_once = 500

    def prepare(self, folder: Path, profile: Profile) -> _State:
        queue = open_queue(folder / "queue.db", "create_tasks", "claim_tasks", "complete_task")
        state = _State(queue, [], [])
        self._hold(state, self.at_once)
        return state

    def work(self, state: _State, calls: int) -> Sample:
        complete, held = state.queue.complete_task, state.held
        latencies: list[float] = []
        for _ in range(calls):
            claim = held.pop()
            began = perf_counter()
            complete(claim, [IDEA])
            latencies.append(perf_counter() - began)
        state.done.append(calls)
        return Sample(latencies, sum(latencies), calls)

    def restore(self, state: _State, calls: int) -> None:
        self._hold(state, calls)

    def _hold(self, state: _State, count: int) -> None:
        fill(state.queue, count)
        claims = state.queue.claim_tasks(TASK_TYPE, "w", count, lease_s=3600.0)
        state.held.extend(claims)

    def check(self, state: _State) -> None:
        done = sum(state.done)
        assert statuses(state.queue) == {"CLAIMED": len(state.held), "COMPLETED": done}
        assert state.queue.stats().results == done, "a result was lost, or written twice"

    def close(self, state: _State) -> None:
        state.queue.close()


WORKLOADS = [Complete()]
