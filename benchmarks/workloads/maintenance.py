"""Maintenance: rescuing tasks of dead workers, and removing finished ones with its effect on other
processes; and how the file grows."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from benchmarks.workloads import base
from benchmarks.workloads.base import IDEA, TASK_TYPE, Profile, Sample, Workload, fill, sizes
from benchmarks.workloads.processes import Helpers

_OTHERS = 1_000
_LEASE_S = 0.001
_MANY = 1_000_000  # crashes until a task is a dead letter: more than there will be
_RESULTS = 500
_PAUSE_S = 0.001
_BATCH = 100


class Rescue(Workload):
    """One sweep a call takes back a hundred expired leases, of a queue with as many live claims and
    ten times as many queued tasks."""

    name = "rescue"
    verbs = ("create_tasks", "claim_tasks", "rescue")
    calls = sizes(10, 200, 2_000)
    batch = 10
    counted_calls = 20
    size = 100

    def begin(self, state: Any) -> None:
        fill(state.queue, _OTHERS + 2 * self.size)
        state.queue.claim_tasks(TASK_TYPE, "alive", self.size, lease_s=86_400.0)

    def before(self, state: Any) -> base.Call:
        def expire() -> None:
            state.queue.claim_tasks(TASK_TYPE, "dead", self.size, lease_s=_LEASE_S)
            time.sleep(2 * _LEASE_S)

        return expire

    def call(self, state: Any) -> base.Call:
        rescue, rescued = state.queue.rescue, state.held
        return lambda: rescued.append(rescue(crash_limit=_MANY))

    def check(self, state: Any) -> None:
        rescued = {len(each.requeued) for each in state.held}
        assert rescued == {self.size}, "a sweep missed a task, or took a live one"
        assert base.statuses(state.queue) == {"CLAIMED": self.size, "QUEUED": _OTHERS + self.size}


class Prune(Workload):
    """One call removes five hundred tasks, each with one result, where a thousand are queued."""

    name = "prune"
    verbs = ("create_tasks", "claim_tasks", "complete_tasks")
    settings = {"durability": "fast"}
    calls = sizes(4, 40, 400)
    batch = 4
    counted_calls = 2
    at_once = 4
    size = 500

    def begin(self, state: Any) -> None:
        fill(state.queue, _OTHERS)
        self.restore(state, self.at_once)

    def call(self, state: Any) -> base.Call:
        prune, pruned, size = _pruning(state.queue), state.held, self.size
        return lambda: pruned.append(prune(0.0, size))

    def restore(self, state: Any, calls: int) -> None:
        for _ in range(calls):
            fill(state.queue, self.size)
            # The oldest, since the newest row of a file is never removed: its id would be reused.
            base.complete(state.queue, state.queue.claim_tasks(TASK_TYPE, "w", self.size, "fifo"))

    def check(self, state: Any) -> None:
        assert set(state.held) == {self.size}, "a call removed more tasks, or fewer"
        base.check_completed(state.queue, self.at_once * self.size, QUEUED=_OTHERS)


class ClaimBesidePrune(Workload):
    """One claim a call, a millisecond after the other, while another process prunes large tasks
    with five hundred results each; interleaved with as many claims while it does nothing.

    The values are the slowest claim with and without the prune, and their ratio.
    """

    name = "claim-beside-prune"
    verbs = ("create_tasks", "claim_tasks", "complete_task")
    settings = {"durability": "fast"}
    calls = sizes(50, 1_000, 5_000)
    figures = ("slowest_beside_ms", "slowest_alone_ms", "slowest_ratio")
    batch = counted_calls = 0  # the slowest claim matters, which no gate can judge
    at_once = 500

    def begin(self, state: Any) -> None:
        state.large_tasks = 10 if state.profile is Profile.SMOKE else 100
        state.helpers = Helpers(1, _prune, state.path)
        state.resources.callback(state.helpers.close)
        self.restore(state, 0)

    def work(self, state: Any, calls: int) -> Sample:
        def claim() -> None:
            assert state.queue.claim_tasks(TASK_TYPE, "w", 1, "fifo")

        def pause() -> None:
            time.sleep(_PAUSE_S)

        alone = base.each_timed(claim, calls, pause)
        state.helpers.send("prune")
        during = base.each_timed(claim, calls, pause)
        (pruned,) = state.helpers.answers()
        assert pruned == state.large_tasks, "a large task was not removed"
        slowest, slowest_alone = max(during.latencies_s), max(alone.latencies_s)
        during.values = {
            "slowest_beside_ms": slowest * 1e3,
            "slowest_alone_ms": slowest_alone * 1e3,
            "slowest_ratio": slowest / slowest_alone,
        }
        return during

    def restore(self, state: Any, calls: int) -> None:
        state.queue.create_tasks([base.public("NewTask")("large")] * state.large_tasks)
        ideas = [{**IDEA, "source_id": f"v{number}"} for number in range(_RESULTS)]
        for claim in state.queue.claim_tasks("large", "w", state.large_tasks, "fifo"):
            state.queue.complete_task(claim, ideas)
        fill(state.queue, 2 * self.at_once)

    def check(self, state: Any) -> None:
        left = base.statuses(state.queue)
        assert left["COMPLETED"] == state.large_tasks, "a large task was lost"
        assert base.verb_of(state.queue, "maintenance.check", "check")() == []


def _pruning(queue: Any) -> Any:
    return base.verb_of(queue, "maintenance.prune", "prune")


def _prune(pipe: Connection, path: Path) -> None:
    with base.open_queue(path) as queue:
        pipe.send("ready")
        while pipe.recv():
            pipe.send(_pruning(queue)(0.0))


class Growth(Workload):
    """Bytes of the database file for each task that has finished with one result.

    A call is one task. The log is moved into the file before the file is measured.
    """

    name = "file-growth"
    verbs = ("create_tasks", "claim_tasks", "complete_task")
    settings = {"durability": "fast"}
    calls = sizes(1_000, 10_000, 100_000)
    figures = ("file_bytes_per_task",)
    batch = counted_calls = 0  # the file's size is a count already

    def work(self, state: Any, calls: int) -> Sample:
        before = _file_bytes(state.path)
        fill(state.queue, calls)
        while claims := state.queue.claim_tasks(TASK_TYPE, "w", _BATCH):
            for claim in claims:
                state.queue.complete_task(claim, [IDEA])
        state.done += calls
        grown = _file_bytes(state.path) - before
        return Sample(values={"file_bytes_per_task": grown / calls})

    def check(self, state: Any) -> None:
        base.check_completed(state.queue, state.done)


def _file_bytes(path: Path) -> int:
    size = "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
        return int(connection.execute(size).fetchone()[0])


WORKLOADS = [Rescue(), Prune(), ClaimBesidePrune(), Growth()]
