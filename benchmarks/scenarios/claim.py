"""Claiming one task from a queue of a given depth, by each strategy."""

from __future__ import annotations

from pathlib import Path
from time import perf_counter
from typing import NamedTuple

from benchmarks.scenarios.base import Profile, Sample, Scenario
from tubeq import NewTask, QueueManager

TASK_TYPE = "benchmark"
PARAMETERS = {"channel_url": "@some_channel_or_other", "max_results": 50, "note": "x" * 60}
_BULK = 1000


class _State(NamedTuple):
    queue: QueueManager
    claimed: list[str]


def fill(queue: QueueManager, count: int) -> None:
    """Create that many tasks of priorities 1 to 9, in batches."""
    for first in range(0, count, _BULK):
        size = min(_BULK, count - first)
        queue.create_tasks(
            NewTask(TASK_TYPE, PARAMETERS, 1 + number % 9) for number in range(size)
        )


class Claim(Scenario):
    """One claim a call; the queue is filled up again after each run.

    Args:
        strategy: its name.
        depth: tasks in the queue.
    """

    calls = {Profile.SMOKE: 400, Profile.REGULAR: 10_000, Profile.LARGE: 50_000}

    def __init__(self, strategy: str, depth: int) -> None:
        self.name = f"claim-{strategy.replace('_', '-')}-{depth:.0e}".replace("e+0", "e")
        self._strategy = strategy
        self._depth = depth

    def prepare(self, folder: Path, profile: Profile) -> _State:
        queue = QueueManager(folder / "queue.db")
        fill(queue, self._depth)
        return _State(queue, [])

    def run(self, state: _State, calls: int) -> Sample:
        claim, strategy = state.queue.claim_next_task, self._strategy
        latencies: list[float] = []
        for first in range(0, calls, self._depth):
            count = min(self._depth, calls - first)
            for _ in range(count):
                began = perf_counter()
                task = claim(TASK_TYPE, "w", strategy)
                latencies.append(perf_counter() - began)
                state.claimed.append(task.task_id if task else "")
            fill(state.queue, count)
        return Sample(latencies, sum(latencies), calls)

    def check(self, state: _State) -> None:
        assert len(set(state.claimed)) == len(state.claimed), "a task was claimed twice"
        assert state.queue.stats().by_status["QUEUED"] == self._depth

    def close(self, state: _State) -> None:
        state.queue.close()


SCENARIOS = [
    Claim(strategy, depth)
    for depth in (1_000, 100_000, 1_000_000)
    for strategy in ("lifo", "fifo", "priority", "weighted_random")
]
