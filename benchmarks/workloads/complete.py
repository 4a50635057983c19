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
    named,
    open_queue,
    settings_of,
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
    """One completion a call; as many tasks are created and claimed after it, untimed.

    Args:
        durability: of the queue; the package's own default if None.
    """

    has_reference = True
    calls = sizes(200, 5_000, 50_000)
    at_once = 500

    def __init__(self, durability: str | None = None) -> None:
        self.name = named("complete", durability)
        self._settings = settings_of(durability)

    def prepare(self, folder: Path, profile: Profile) -> _State:
        verbs = ("create_tasks", "claim_tasks", "complete_task")
        queue = open_queue(folder / "queue.db", *verbs, **self._settings)
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


WORKLOADS = [Complete(), Complete("fast")]
