"""The path of a retry: a claimed task fails and goes back to the queue, claimable at once."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from benchmarks.workloads.base import (
    PARAMETERS,
    TASK_TYPE,
    Profile,
    Sample,
    Workload,
    each_timed,
    open_queue,
    public,
    sizes,
    statuses,
)

if TYPE_CHECKING:
    from tubeq import QueueManager, RetryPolicy

_DEPTH = 100
_MANY = 1_000_000  # so that no failure of the workload's is the final one


class _State(NamedTuple):
    queue: QueueManager
    policy: RetryPolicy
    done: list[int]


class Retry(Workload):
    """Claim and failure, a pair a call, going round a hundred tasks."""

    name = "retry"
    calls = sizes(200, 5_000, 50_000)
    batch = 100

    def prepare(self, folder: Path, profile: Profile) -> _State:
        queue = open_queue(folder / "queue.db", "create_tasks", "claim_next_task", "fail_task")
        policy = public("RetryPolicy")(max_retries=_MANY)
        task = public("NewTask")(TASK_TYPE, PARAMETERS)
        queue.create_tasks([task] * _DEPTH)
        return _State(queue, policy, [])

    def work(self, state: _State, calls: int) -> Sample:
        queue, policy = state.queue, state.policy

        def retry() -> None:
            claim = queue.claim_next_task(TASK_TYPE, "w", "fifo")
            assert claim is not None
            queue.fail_task(claim, "the channel did not answer", code="timeout", policy=policy)

        sample = each_timed(retry, calls)
        state.done.append(calls)
        return sample

    def check(self, state: _State) -> None:
        assert statuses(state.queue) == {"QUEUED": _DEPTH}
        tasks = state.queue.list_tasks(limit=_DEPTH)
        assert sum(task.retry_count for task in tasks) == sum(state.done), "a failure was lost"

    def close(self, state: _State) -> None:
        state.queue.close()


WORKLOADS = [Retry()]
