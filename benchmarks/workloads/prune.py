"""Removing finished tasks with their results, and what other processes notice of it."""

from __future__ import annotations

import time
from multiprocessing.connection import Connection
from pathlib import Path
from time import perf_counter
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
    verb_of,
)
from benchmarks.workloads.processes import Crew

if TYPE_CHECKING:
    from tubeq import QueueManager

_PRUNE_VERB = ("maintenance.prune", "prune")
_SIZE = 500
_QUEUED = 1_000


class _State(NamedTuple):
    queue: QueueManager
    pruned: list[int]


class Prune(Workload):
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
        prune, pruned = verb_of(state.queue, *_PRUNE_VERB), state.pruned
        # A negative age: what was finished in the same moment, by whichever clock, counts too.
        sample = each_timed(lambda: pruned.append(prune(0.0, _SIZE)), calls)
        sample.operations = calls * _SIZE
        return sample

    def restore(self, state: _State, calls: int) -> None:
        completion = public(*COMPLETION)
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


_RESULTS = 500
_PAUSE_S = 0.001


class _Beside(NamedTuple):
    queue: QueueManager
    crew: Crew
    large_tasks: int


class ClaimBesidePrune(Workload):
    """One claim a call, a millisecond after the other, while another process prunes large tasks
    with five hundred results each; interleaved with as many claims while it does nothing.

    The values are the slowest claim of either kind, and how often the one goes into the other.
    """

    name = "claim-beside-prune"
    calls = sizes(50, 1_000, 5_000)
    figures = ("slowest_beside_ms", "slowest_alone_ms", "slowest_ratio")
    batch = 0  # what counts is the slowest, which no gate can judge
    counted_calls = 0
    at_once = 500

    def prepare(self, folder: Path, profile: Profile) -> _Beside:
        path = folder / "queue.db"
        queue = open_queue(
            path, "create_tasks", "claim_tasks", "complete_task", "prune", durability="fast"
        )
        large_tasks = {Profile.SMOKE: 10}.get(profile, 100)
        state = _Beside(queue, Crew(1, _prune, path), large_tasks)
        self._refill(state)
        return state

    def work(self, state: _Beside, calls: int) -> Sample:
        alone = self._claims(state, calls)
        state.crew.tell("prune")
        beside = self._claims(state, calls)
        (pruned,) = state.crew.answers()
        assert pruned == state.large_tasks, "a large task was not removed"
        slowest, slowest_alone = max(beside.latencies_s), max(alone.latencies_s)
        beside.values = {
            "slowest_beside_ms": slowest * 1e3,
            "slowest_alone_ms": slowest_alone * 1e3,
            "slowest_ratio": slowest / slowest_alone,
        }
        return beside

    def restore(self, state: _Beside, calls: int) -> None:
        self._refill(state)

    def check(self, state: _Beside) -> None:
        left = statuses(state.queue)
        assert left["COMPLETED"] == state.large_tasks, "a large task was lost"
        assert verb_of(state.queue, "maintenance.check", "check")() == []

    def close(self, state: _Beside) -> None:
        state.crew.dismiss()
        state.queue.close()

    def _claims(self, state: _Beside, calls: int) -> Sample:
        def claim() -> None:
            assert state.queue.claim_tasks(TASK_TYPE, "w", 1, "fifo")

        latencies_s: list[float] = []
        for _ in range(calls):
            time.sleep(_PAUSE_S)
            began = perf_counter()
            claim()
            latencies_s.append(perf_counter() - began)
        return Sample(latencies_s, sum(latencies_s), calls)

    def _refill(self, state: _Beside) -> None:
        new_task = public("NewTask")
        state.queue.create_tasks([new_task("large")] * state.large_tasks)
        for claim in state.queue.claim_tasks("large", "w", state.large_tasks, "fifo"):
            ideas = [{**IDEA, "source_id": f"v{number}"} for number in range(_RESULTS)]
            state.queue.complete_task(claim, ideas)
        fill(state.queue, 2 * self.at_once)


def _prune(pipe: Connection, path: Path) -> None:
    with open_queue(path) as queue:
        pipe.send("ready")
        while pipe.recv():
            pipe.send(verb_of(queue, *_PRUNE_VERB)(0.0))


WORKLOADS = [Prune(), ClaimBesidePrune()]
