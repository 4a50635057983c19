"""Completing a task and claiming the next one in one transaction: what a busy worker does."""

from __future__ import annotations

from inspect import signature
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, NamedTuple

from benchmarks.workloads.base import (
    CLAIM_REQUEST,
    IDEA,
    TASK_TYPE,
    Lacks,
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
    from tubeq import QueueManager, Task
    from tubeq.storage.ports.tasks import ClaimRequest

_DEPTH = 1_000


class _State(NamedTuple):
    queue: QueueManager
    request: ClaimRequest
    held: list[Task]
    done: list[int]


class CompleteAndClaimNext(Workload):
    """One completion with one result a call, together with claiming and starting the next task; as
    many tasks are created after it, untimed."""

    name = "complete-and-claim-next"
    calls = sizes(200, 5_000, 50_000)
    at_once = 500  # so that the depth stays about the same

    def prepare(self, folder: Path, profile: Profile) -> _State:
        request = public(*CLAIM_REQUEST)(TASK_TYPE, "w", start=True, lease_s=3600.0)
        queue = open_queue(folder / "queue.db", "create_tasks", "claim_next_task", "complete_task")
        if "then" not in signature(queue.complete_task).parameters:
            queue.close()
            raise Lacks("this tubeq's complete_task claims nothing: it takes no `then`")
        fill(queue, _DEPTH + 1)
        held = queue.claim_next_task(TASK_TYPE, "w", lease_s=3600.0)
        assert held is not None
        return _State(queue, request, [held], [])

    def work(self, state: _State, calls: int) -> Sample:
        complete, request = state.queue.complete_task, state.request
        held: Task | None = state.held.pop()
        latencies: list[float] = []
        for _ in range(calls):
            assert held is not None, "there was no next task"
            began = perf_counter()
            held = complete(held, [IDEA], None, request)
            latencies.append(perf_counter() - began)
        assert held is not None, "there was no next task"
        state.held.append(held)
        state.done.append(calls)
        return Sample(latencies, sum(latencies), calls)

    def restore(self, state: _State, calls: int) -> None:
        fill(state.queue, calls)

    def check(self, state: _State) -> None:
        done = sum(state.done)
        assert state.queue.get_task(state.held[0].task_id).status == state.held[0].status
        found = statuses(state.queue)
        assert found.pop("CLAIMED", 0) + found.pop("RUNNING", 0) == 1, "not one task is held"
        assert found.get("QUEUED") == _DEPTH and found.get("COMPLETED", 0) == done
        assert state.queue.stats().results == done, "a result was lost, or written twice"

    def close(self, state: _State) -> None:
        state.queue.close()


WORKLOADS = [CompleteAndClaimNext()]
