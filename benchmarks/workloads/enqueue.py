"""Creating tasks: one a call, and a thousand in one transaction."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from benchmarks.workloads import base
from benchmarks.workloads.base import (
    PARAMETERS,
    TASK_TYPE,
    Profile,
    Sample,
    Workload,
    each_timed,
    named,
    open_queue,
    public,
    settings_of,
    sizes,
    statuses,
)

if TYPE_CHECKING:
    from tubeq import NewTask, QueueManager


class _State(NamedTuple):
    queue: QueueManager
    tasks: list[NewTask]
    done: list[int]


class Enqueue(Workload):
    """One transaction a call.

    Args:
        size: how many tasks each has.
        durability: of the queue; the package's own default if None.
    """

    has_reference = True

    def __init__(self, size: int, durability: str | None = None) -> None:
        self.name = named("enqueue" if size == 1 else f"enqueue-bulk-{size}", durability)
        self._settings = settings_of(durability)
        per_call = 1 if size == 1 else size // 10
        self.calls = sizes(max(200 // per_call, 5), 5_000 // per_call, 50_000 // per_call)
        self.batch = 200 if size == 1 else 0
        self.counted_calls = 100 if size == 1 else 3
        self._size = size

    def prepare(self, folder: Path, profile: Profile) -> _State:
        queue = open_queue(folder / "queue.db", "create_task", "create_tasks", **self._settings)
        task: Any = None if base.opens else public("NewTask")(TASK_TYPE, PARAMETERS, 5)
        return _State(queue, [task] * self._size, [])

    def work(self, state: _State, calls: int) -> Sample:
        queue, tasks = state.queue, state.tasks
        if self._size == 1:
            sample = each_timed(lambda: queue.create_task(TASK_TYPE, PARAMETERS, 5), calls)
        else:
            sample = each_timed(lambda: queue.create_tasks(tasks), calls)
        sample.operations = calls * self._size
        state.done.append(sample.operations)
        return sample

    def check(self, state: _State) -> None:
        assert statuses(state.queue) == {"QUEUED": sum(state.done)}

    def close(self, state: _State) -> None:
        state.queue.close()


WORKLOADS = [Enqueue(1), Enqueue(1000), Enqueue(1, "fast"), Enqueue(1000, "fast")]
