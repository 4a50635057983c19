"""Claiming tasks: one by each strategy from queues of several depths, and a hundred together."""

from __future__ import annotations

from pathlib import Path
from time import perf_counter
from typing import Any

from benchmarks.workloads import base
from benchmarks.workloads.base import TASK_TYPE, Profile, Sample, Workload, fill, sizes

_SMOKE_DEPTH = 10_000


class Claim(Workload):
    """One claim a call, from `depth` tasks (at most 10,000 in a smoke run, which only shows that it
    works); the queue is filled up again after each run."""

    has_reference = True
    verbs = ("create_tasks", "claim_next_task")
    calls = sizes(400, 10_000, 50_000)

    def __init__(self, strategy: str, depth: int) -> None:
        super().__init__()
        self.name = f"claim-{strategy.replace('_', '-')}-{depth:.0e}".replace("e+0", "e")
        self.at_once = min(depth // 2, 1000)  # so that the depth stays what the name says
        self.from_profile = Profile.LARGE if depth >= 1_000_000 else Profile.SMOKE
        self.strategy = strategy
        self.depth = depth

    def stock(self, folder: Path, profile: Profile) -> None:
        queue = base.open_queue(folder / "queue.db", *self.verbs)
        fill(queue, self._depth_of(profile))
        queue.close()

    def work(self, state: Any, calls: int) -> Sample:
        claim, strategy = state.queue.claim_next_task, self.strategy
        latencies: list[float] = []
        for _ in range(calls):
            began = perf_counter()
            task = claim(TASK_TYPE, "w", strategy)
            latencies.append(perf_counter() - began)
            state.held.append(task.task_id if task else "")
        return Sample(latencies, sum(latencies), calls)

    def restore(self, state: Any, calls: int) -> None:
        fill(state.queue, calls)

    def check(self, state: Any) -> None:
        assert len(set(state.held)) == len(state.held), "a task was claimed twice"
        assert state.queue.stats().by_status["QUEUED"] == self._depth_of(state.profile)

    def _depth_of(self, profile: Profile) -> int:
        return min(self.depth, _SMOKE_DEPTH) if profile is Profile.SMOKE else self.depth


class ClaimBatch(Workload):
    """A hundred claims a call, from ten thousand tasks."""

    has_reference = True
    name = "claim-batch"
    verbs = ("create_tasks", "claim_tasks")
    calls = sizes(20, 500, 5_000)
    batch = 10
    counted_calls = 20
    at_once = 50
    size = 100
    depth = 10_000

    def begin(self, state: Any) -> None:
        fill(state.queue, self.depth)

    def call(self, state: Any) -> base.Call:
        claim, claimed, size = state.queue.claim_tasks, state.held, self.size
        return lambda: claimed.extend(claim(TASK_TYPE, "w", size))

    def restore(self, state: Any, calls: int) -> None:
        fill(state.queue, calls * self.size)

    def check(self, state: Any) -> None:
        assert len(state.held) == state.done, "a batch was not full"
        assert len({task.task_id for task in state.held}) == state.done, "a task was claimed twice"
        assert state.queue.stats().by_status["QUEUED"] == self.depth


WORKLOADS = [
    *(
        Claim(strategy, depth)
        for depth in (1_000, 100_000, 1_000_000)
        for strategy in ("lifo", "fifo", "priority", "weighted_random")
    ),
    ClaimBatch(),
]
