"""A task from its creation to its end: created, claimed, started, completed with one result."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.workloads.base import (
    IDEA,
    PARAMETERS,
    TASK_TYPE,
    Profile,
    Sample,
    Workload,
    each_timed,
    named,
    open_queue,
    settings_of,
    sizes,
    statuses,
)

if TYPE_CHECKING:
    from tubeq import QueueManager


class Lifecycle(Workload):
    """One task a call, in a queue that is otherwise empty but for what was finished before.

    Args:
        durability: of the queue; the package's own default if None.
    """

    has_reference = True
    calls = sizes(200, 5_000, 50_000)
    batch = 100

    def __init__(self, durability: str | None = None) -> None:
        self.name = named("lifecycle", durability)
        self._settings = settings_of(durability)

    def prepare(self, folder: Path, profile: Profile) -> QueueManager:
        verbs = ("create_task", "claim_next_task", "start_task", "complete_task")
        return open_queue(folder / "queue.db", *verbs, **self._settings)

    def work(self, state: QueueManager, calls: int) -> Sample:
        def live() -> None:
            state.create_task(TASK_TYPE, PARAMETERS)
            claim = state.claim_next_task(TASK_TYPE, "w")
            assert claim is not None
            state.complete_task(state.start_task(claim), [IDEA])

        return each_timed(live, calls)

    def check(self, state: QueueManager) -> None:
        stats = state.stats()
        assert set(statuses(state)) == {"COMPLETED"}, "a task was left behind"
        assert stats.results == stats.by_status["COMPLETED"], "a result was lost, or written twice"

    def close(self, state: QueueManager) -> None:
        state.close()


WORKLOADS = [Lifecycle(), Lifecycle("fast"), Lifecycle("full")]
