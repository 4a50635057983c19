"""Claiming one task from a queue of a given depth, by each strategy."""

from __future__ import annotations

from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, NamedTuple

from benchmarks.workloads.base import TASK_TYPE, Profile, Sample, Workload, fill, open_queue, sizes

if TYPE_CHECKING:
    from tubeq import QueueManager

_SMOKE_DEPTH = 10_000


class _State(NamedTuple):
    queue: QueueManager
    depth: int
    claimed: list[str]


class Claim(Workload):
    """One claim a call; the queue is filled up again after each run.

    Args:
        strategy: its name.
        depth: tasks in the queue; a smoke run makes do with 10,000, since it only shows that the
            workload works.
    """

    has_reference = True
    calls = sizes(400, 10_000, 50_000)

    def __init__(self, strategy: str, depth: int) -> None:
        self.name = f"claim-{strategy.replace('_', '-')}-{depth:.0e}".replace("e+0", "e")
        self.at_once = min(depth // 2, 1000)  # so that the depth stays what the name says
        self.from_profile = Profile.LARGE if depth >= 1_000_000 else Profile.SMOKE
        self._strategy = strategy
        self._depth = depth

    def prepare(self, folder: Path, profile: Profile) -> _State:
        path = folder / "queue.db"
        if not path.exists():
            self.stock(folder, profile)
        queue = open_queue(path, "create_tasks", "claim_next_task")
        return _State(queue, self._depth_of(profile), [])

    def stock(self, folder: Path, profile: Profile) -> None:
        queue = open_queue(folder / "queue.db", "create_tasks", "claim_next_task")
        fill(queue, self._depth_of(profile))
        queue.close()

    def work(self, state: _State, calls: int) -> Sample:
        claim, strategy = state.queue.claim_next_task, self._strategy
        latencies: list[float] = []
        for _ in range(calls):
            began = perf_counter()
            task = claim(TASK_TYPE, "w", strategy)
            latencies.append(perf_counter() - began)
            state.claimed.append(task.task_id if task else "")
        return Sample(latencies, sum(latencies), calls)

    def restore(self, state: _State, calls: int) -> None:
        fill(state.queue, calls)

    def check(self, state: _State) -> None:
        assert len(set(state.claimed)) == len(state.claimed), "a task was claimed twice"
        assert state.queue.stats().by_status["QUEUED"] == state.depth

    def close(self, state: _State) -> None:
        state.queue.close()

    def _depth_of(self, profile: Profile) -> int:
        return min(self._depth, _SMOKE_DEPTH) if profile is Profile.SMOKE else self._depth


WORKLOADS = [
    Claim(strategy, depth)
    for depth in (1_000, 100_000, 1_000_000)
    for strategy in ("lifo", "fifo", "priority", "weighted_random")
]
