"""Completing a hundred claimed tasks, each with one result, in one transaction."""

from __future__ import annotations

from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any, NamedTuple

from benchmarks.workloads import base
from benchmarks.workloads.base import (
    COMPLETION,
    IDEA,
    TASK_TYPE,
    Profile,
    Sample,
    Workload,
    fill,
    open_queue,
    public,
    sizes,
    statuses,
)

if TYPE_CHECKING:
    from tubeq import QueueManager

_SIZE = 100


class _Bare(NamedTuple):
    claim: Any
    ideas: Any


class _State(NamedTuple):
    queue: QueueManager
    completion: Any
    held: list[Any]
    done: list[int]


class CompleteBatch(Workload):
    """A hundred completions a call; throughput counts the tasks. As many are created and claimed
    after it, untimed."""

    has_reference = True
    name = "complete-batch"
    calls = sizes(20, 500, 5_000)
    batch = 10
    counted_calls = 20
    at_once = 50

    def prepare(self, folder: Path, profile: Profile) -> _State:
        verbs = ("create_tasks", "claim_tasks", "complete_tasks")
        completion = _Bare if base.opens else public(*COMPLETION)
        state = _State(open_queue(folder / "queue.db", *verbs), completion, [], [])
        self._hold(state, self.at_once)
        return state

    def work(self, state: _State, calls: int) -> Sample:
        complete, completion = state.queue.complete_tasks, state.completion
        sample = Sample(operations=calls * _SIZE)
        for _ in range(calls):
            claims = state.held.pop()
            began = perf_counter()
            refused = complete([completion(claim, [IDEA]) for claim in claims])
            sample.latencies_s.append(perf_counter() - began)
            assert not refused, "a claim was lost"
        sample.elapsed_s = sum(sample.latencies_s)
        state.done.append(sample.operations)
        return sample

    def restore(self, state: _State, calls: int) -> None:
        self._hold(state, calls)

    def _hold(self, state: _State, batches: int) -> None:
        fill(state.queue, batches * _SIZE)
        for _ in range(batches):
            claims = state.queue.claim_tasks(TASK_TYPE, "w", _SIZE, lease_s=86_400.0)
            state.held.append(claims)

    def check(self, state: _State) -> None:
        done, held = sum(state.done), sum(map(len, state.held))
        assert statuses(state.queue) == {"CLAIMED": held, "COMPLETED": done}
        assert state.queue.stats().results == done, "a result was lost, or written twice"

    def close(self, state: _State) -> None:
        state.queue.close()


WORKLOADS = [CompleteBatch()]
