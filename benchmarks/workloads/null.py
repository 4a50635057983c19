"""Nothing, measured like everything else: what measuring itself costs."""

from __future__ import annotations

from pathlib import Path
from statistics import median
from time import perf_counter
from typing import TYPE_CHECKING, NamedTuple

from benchmarks.workloads.base import (
    TASK_TYPE,
    Profile,
    Sample,
    Workload,
    each_timed,
    fill,
    open_queue,
    sizes,
    statuses,
)

if TYPE_CHECKING:
    from tubeq import QueueManager

_DEPTH = 1_000
_CLAIMS = 200


class _State(NamedTuple):
    queue: QueueManager
    claim_s: float


class Null(Workload):
    """A call that does nothing, timed as each call of a workload is.

    The value `overhead_percent` is what timing each call adds to a claim: the time of a loop that
    times an empty call each, less that of a loop that only calls it, as a share of a claim's
    median. Both loops take turns in short stretches, and the medians of the stretches are taken.
    The difference of two loops of claims would be the same, but for a noise larger than itself.
    """

    name = "null"
    calls = sizes(10_000, 100_000, 1_000_000)
    figures = ("overhead_percent",)
    batch = 0
    counted_calls = 0
    at_once = 1_000

    def prepare(self, folder: Path, profile: Profile) -> _State:
        queue = open_queue(folder / "queue.db", "create_tasks", "claim_next_task")
        fill(queue, _DEPTH)
        claims = each_timed(lambda: queue.claim_next_task(TASK_TYPE, "w"), _CLAIMS)
        return _State(queue, median(claims.latencies_s))

    def run(self, state: _State, calls: int) -> Sample:
        sample = Sample()
        bare_s: list[float] = []
        timed_s: list[float] = []
        for first in range(0, calls, self.at_once):
            count = min(self.at_once, calls - first)
            began = perf_counter()
            for _ in range(count):
                _nothing()
            bare_s.append((perf_counter() - began) / count)
            began = perf_counter()
            part = each_timed(_nothing, count)
            timed_s.append((perf_counter() - began) / count)
            sample.add(part)
        added_s = median(timed_s) - median(bare_s)
        sample.values = {"overhead_percent": 100 * added_s / state.claim_s}
        return sample

    def check(self, state: _State) -> None:
        assert statuses(state.queue) == {"CLAIMED": _CLAIMS, "QUEUED": _DEPTH - _CLAIMS}

    def close(self, state: _State) -> None:
        state.queue.close()


def _nothing() -> None:
    pass


WORKLOADS = [Null()]
