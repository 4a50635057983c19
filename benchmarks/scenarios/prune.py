"""Removing finished tasks with their results, five hundred a call."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from benchmarks.scenarios.base import (
    IDEA,
    TASK_TYPE,
    Profile,
    Sample,
    Scenario,
    each_timed,
    fill,
    open_queue,
    public,
    sizes,
    statuses,
)

if TYPE_CHECKING:
    from tubeq import QueueManager

_SIZE = 500
_QUEUED = 1_000


class _State(NamedTuple):
    queue: QueueManager
    pruned: list[int]


class Prune(Scenario):
    """One call removes five hundred tasks, each with one result, beside a thousand queued ones;
    throughput counts the tasks."""

    name = "prune"
    calls = sizes(4, 40, 400)
    batch = 4
    counted_calls = 2
    at_once = 4

    def prepare(self, folder: Path, profile: Profile) -> _State:
        verbs = ("create_tasks", "claim_tasks", "complete_tasks", "prune")
        state = _State(open_queue(folder / "queue.db", *verbs, durability="fast"), [])
        fill(state.queue, _QUEUED)
        self.restore(state, self.at_once)
        return state

    def work(self, state: _State, calls: int) -> Sample:
        prune, pruned = state.queue.prune, state.pruned
        # A negative age: what was finished in the same moment, by whichever clock, counts too.
        sample = each_timed(lambda: pruned.append(prune(-60.0, _SIZE)), calls)
        sample.operations = calls * _SIZE
        return sample

    def restore(self, state: _State, calls: int) -> None:
        completion = public("storage.port:Completion")
        for _ in range(calls):
            fill(state.queue, _SIZE)
            # The oldest, since the newest row of a file is never removed: its id would come again.
            claims = state.queue.claim_tasks(TASK_TYPE, "w", _SIZE, "fifo")
            state.queue.complete_tasks(completion(claim, [IDEA]) for claim in claims)

    def check(self, state: _State) -> None:
        assert set(state.pruned) == {_SIZE}, "a call removed more tasks, or fewer"
        stats = state.queue.stats()
        left = stats.by_status["COMPLETED"]
        assert statuses(state.queue) == {"QUEUED": _QUEUED, "COMPLETED": left}
        assert stats.results == left, "a result outlived its task, or went before it"

    def close(self, state: _State) -> None:
        state.queue.close()


SCENARIOS = [Prune()]
