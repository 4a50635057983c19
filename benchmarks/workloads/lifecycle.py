"""Creating tasks, one or a thousand together; the lifecycle of one; failures and retries."""

from __future__ import annotations

from typing import Any

from benchmarks.workloads import base
from benchmarks.workloads.base import IDEA, PARAMETERS, TASK_TYPE, Workload, public, sizes

_DEPTH = 100
_MANY = 1_000_000  # so that none of the workload's failures is final


class Enqueue(Workload):
    """One transaction a call, with `size` tasks."""

    has_reference = True
    verbs = ("create_task", "create_tasks")

    def __init__(self, size: int, durability: str | None = None) -> None:
        self.name = "enqueue" if size == 1 else f"enqueue-bulk-{size}"
        super().__init__(durability)
        per_call = 1 if size == 1 else size // 10
        self.calls = sizes(max(200 // per_call, 5), 5_000 // per_call, 50_000 // per_call)
        self.batch = 200 if size == 1 else 0
        self.counted_calls = 100 if size == 1 else 3
        self.size = size

    def begin(self, state: Any) -> None:
        task = None if base.opens else public("NewTask")(TASK_TYPE, PARAMETERS, 5)
        state.tasks = [task] * self.size

    def call(self, state: Any) -> base.Call:
        queue, tasks = state.queue, state.tasks
        if self.size == 1:
            return lambda: queue.create_task(TASK_TYPE, PARAMETERS, 5)
        return lambda: queue.create_tasks(tasks)

    def check(self, state: Any) -> None:
        assert base.statuses(state.queue) == {"QUEUED": state.done}


class Lifecycle(Workload):
    """One task a call: created, claimed, started, completed with one result, in a queue that is
    empty except for finished tasks."""

    has_reference = True
    name = "lifecycle"
    verbs = ("create_task", "claim_next_task", "start_task", "complete_task")
    calls = sizes(200, 5_000, 50_000)
    batch = 100

    def call(self, state: Any) -> base.Call:
        queue = state.queue

        def lifecycle() -> None:
            queue.create_task(TASK_TYPE, PARAMETERS)
            claim = queue.claim_next_task(TASK_TYPE, "w")
            assert claim is not None
            queue.complete_task(queue.start_task(claim), [IDEA])

        return lifecycle

    def check(self, state: Any) -> None:
        base.check_completed(state.queue, state.done)


class Retry(Workload):
    """Claim and failure, a pair a call, cycling through a hundred tasks, claimable at once."""

    name = "retry"
    verbs = ("create_tasks", "claim_next_task", "fail_task")
    calls = sizes(200, 5_000, 50_000)
    batch = 100

    def begin(self, state: Any) -> None:
        state.policy = public("RetryPolicy")(max_retries=_MANY)
        state.queue.create_tasks([public("NewTask")(TASK_TYPE, PARAMETERS)] * _DEPTH)

    def call(self, state: Any) -> base.Call:
        queue, policy = state.queue, state.policy

        def retry() -> None:
            claim = queue.claim_next_task(TASK_TYPE, "w", "fifo")
            assert claim is not None
            queue.fail_task(claim, "the channel did not answer", code="timeout", policy=policy)

        return retry

    def check(self, state: Any) -> None:
        assert base.statuses(state.queue) == {"QUEUED": _DEPTH}
        tasks = state.queue.list_tasks(limit=_DEPTH)
        assert sum(task.retry_count for task in tasks) == state.done, "a failure was lost"


WORKLOADS = [
    *(Enqueue(size, durability) for durability in (None, "fast") for size in (1, 1000)),
    *(Lifecycle(durability) for durability in (None, "fast", "full")),
    Retry(),
]
