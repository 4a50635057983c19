"""Claiming tasks, one by each strategy from queues of several depths or a hundred together; and
completing claimed ones, each with one result: one, a hundred together, or one with a claim."""

from __future__ import annotations

from collections import namedtuple
from inspect import signature
from pathlib import Path
from time import perf_counter
from typing import Any

from benchmarks.workloads import base
from benchmarks.workloads.base import IDEA, TASK_TYPE, Profile, Sample, Workload, fill

_Bare = namedtuple("_Bare", "claim ideas")  # noqa: PYI024 - the bare reference has no types
_SMOKE_DEPTH = 10_000


class Claim(Workload):
    """One claim a call, from `depth` tasks (at most 10,000 in a smoke run, which only shows that it
    works); the queue is filled up again after each run."""

    has_reference = True
    verbs = ("create_tasks", "claim_next_task")
    calls = base.sizes(400, 10_000, 50_000)

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
    calls = base.sizes(20, 500, 5_000)
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


class Complete(Workload):
    """One completion a call; as many tasks are created and claimed after it, untimed."""

    has_reference = True
    name = "complete"
    verbs = ("create_tasks", "claim_tasks", "complete_task")
    calls = base.sizes(200, 5_000, 50_000)
    at_once = 500

    def begin(self, state: Any) -> None:
        self.restore(state, self.at_once)

    def work(self, state: Any, calls: int) -> Sample:
        complete, held = state.queue.complete_task, state.held
        latencies: list[float] = []
        for _ in range(calls):
            claim = held.pop()
            began = perf_counter()
            complete(claim, [IDEA])
            latencies.append(perf_counter() - began)
        state.done += calls
        return Sample(latencies, sum(latencies), calls)

    def restore(self, state: Any, calls: int) -> None:
        fill(state.queue, calls)
        state.held.extend(state.queue.claim_tasks(TASK_TYPE, "w", calls, lease_s=3600.0))

    def check(self, state: Any) -> None:
        base.check_completed(state.queue, state.done, CLAIMED=len(state.held))


class CompleteBatch(Workload):
    """A hundred completions a call; as many tasks are created and claimed after it, untimed."""

    has_reference = True
    name = "complete-batch"
    verbs = ("create_tasks", "claim_tasks", "complete_tasks")
    calls = base.sizes(20, 500, 5_000)
    batch = 10
    counted_calls = 20
    at_once = 50
    size = 100

    def begin(self, state: Any) -> None:
        state.completion = _Bare if base.opens else base.public(*base.COMPLETION)
        self.restore(state, self.at_once)

    def work(self, state: Any, calls: int) -> Sample:
        complete, completion = state.queue.complete_tasks, state.completion
        latencies: list[float] = []
        for _ in range(calls):
            claims = state.held.pop()
            began = perf_counter()
            refused = complete([completion(claim, [IDEA]) for claim in claims])
            latencies.append(perf_counter() - began)
            assert not refused, "a claim was lost"
        state.done += calls * self.size
        return Sample(latencies, sum(latencies), calls * self.size)

    def restore(self, state: Any, calls: int) -> None:
        fill(state.queue, calls * self.size)
        for _ in range(calls):
            claims = state.queue.claim_tasks(TASK_TYPE, "w", self.size, lease_s=86_400.0)
            state.held.append(claims)

    def check(self, state: Any) -> None:
        base.check_completed(state.queue, state.done, CLAIMED=sum(map(len, state.held)))


class CompleteAndClaimNext(Workload):
    """One completion with one result a call, together with claiming and starting the next task, as
    busy workers do; as many tasks are created after it, untimed."""

    name = "complete-and-claim-next"
    verbs = ("create_tasks", "claim_next_task", "complete_task")
    calls = base.sizes(200, 5_000, 50_000)
    at_once = 500  # so that the depth stays about the same
    depth = 1_000

    def begin(self, state: Any) -> None:
        state.request = base.public(*base.CLAIM_REQUEST)(TASK_TYPE, "w", start=True, lease_s=3600.0)
        if "then" not in signature(state.queue.complete_task).parameters:
            raise base.Lacks("this tubeq's complete_task claims nothing: it takes no `then`")
        fill(state.queue, self.depth + 1)
        state.claim = state.queue.claim_next_task(TASK_TYPE, "w", lease_s=3600.0)

    def work(self, state: Any, calls: int) -> Sample:
        complete, request, held = state.queue.complete_task, state.request, state.claim
        latencies: list[float] = []
        for _ in range(calls):
            began = perf_counter()
            held = complete(held, [IDEA], None, request)
            latencies.append(perf_counter() - began)
            assert held is not None, "there was no next task"
        state.claim = held
        state.done += calls
        return Sample(latencies, sum(latencies), calls)

    def restore(self, state: Any, calls: int) -> None:
        fill(state.queue, calls)

    def check(self, state: Any) -> None:
        status = state.queue.get_task(state.claim.task_id).status
        assert status == state.claim.status
        base.check_completed(state.queue, state.done, QUEUED=self.depth, **{str(status): 1})


WORKLOADS = [
    *(
        Claim(strategy, depth)
        for depth in (1_000, 100_000, 1_000_000)
        for strategy in ("lifo", "fifo", "priority", "weighted_random")
    ),
    *(ClaimBatch(), Complete(), Complete("fast"), CompleteBatch(), CompleteAndClaimNext()),
]
