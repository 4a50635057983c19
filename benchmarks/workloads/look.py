"""What users and sweeps ask of a file in which much has finished: it is not to be scanned."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from benchmarks.workloads.base import (
    COMPLETION,
    IDEA,
    TASK_TYPE,
    Profile,
    Sample,
    Workload,
    each_timed,
    fill,
    open_queue,
    public,
    sizes,
    statuses,
)

if TYPE_CHECKING:
    from tubeq import QueueManager

_FINISHED, _BATCH, _LISTED = 10_000, 1_000, 100


class _State(NamedTuple):
    queue: QueueManager
    task_id: str
    seen: set[tuple[str, int, int, int]]


class Look(Workload):
    """One call asks for a task, for its history, for the newest hundred tasks, and for expired
    leases, of which there are none, beside ten thousand finished tasks."""

    name = "look"
    calls = sizes(80, 500, 5_000)
    batch = 20
    counted_calls = 20

    def prepare(self, folder: Path, profile: Profile) -> _State:
        verbs = ("get_task", "get_task_history", "list_tasks", "rescue", "complete_tasks")
        queue = open_queue(folder / "queue.db", *verbs, durability="fast")
        completion = public(*COMPLETION)
        for _ in range(0, _FINISHED, _BATCH):
            fill(queue, _BATCH)
            claims = queue.claim_tasks(TASK_TYPE, "w", _BATCH)
            queue.complete_tasks(completion(claim, [IDEA]) for claim in claims)
        return _State(queue, claims[0].task_id, set())

    def work(self, state: _State, calls: int) -> Sample:
        queue, task_id, seen = state

        def look() -> None:
            task = queue.get_task(task_id)
            history = queue.get_task_history(task_id)
            listed = queue.list_tasks(limit=_LISTED)
            rescued = queue.rescue()
            seen.add((task.status, len(history), len(listed), len(rescued.requeued)))

        return each_timed(look, calls)

    def check(self, state: _State) -> None:
        assert state.seen == {("COMPLETED", 3, _LISTED, 0)}, state.seen
        assert statuses(state.queue) == {"COMPLETED": _FINISHED}

    def close(self, state: _State) -> None:
        state.queue.close()


WORKLOADS = [Look()]
