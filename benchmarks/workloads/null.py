"""An empty workload, measured like the others: the cost of measuring itself."""

from __future__ import annotations

from statistics import median
from time import perf_counter
from typing import Any

from benchmarks.workloads import base
from benchmarks.workloads.base import TASK_TYPE, Sample, Workload, each_timed, sizes

_DEPTH = 1_000
_CLAIMS = 200


class Null(Workload):
    """A call that does nothing, timed as each call of a workload is.

    The value `overhead_percent` is what timing adds to a claim: the time of a loop that times empty
    calls, less that of one that only calls, as a share of a claim's median. Both are interleaved in
    short stretches, of which medians are taken. Loops of claims would have too much noise.
    """

    name = "null"
    verbs = ("create_tasks", "claim_next_task")
    calls = sizes(10_000, 100_000, 1_000_000)
    figures = ("overhead_percent",)
    batch = counted_calls = 0
    at_once = 1_000

    def begin(self, state: Any) -> None:
        base.fill(state.queue, _DEPTH)
        claims = each_timed(lambda: state.queue.claim_next_task(TASK_TYPE, "w"), _CLAIMS)
        state.claim_s = median(claims.latencies_s)
        state.bare_s, state.timed_s = [], []

    def work(self, state: Any, calls: int) -> Sample:
        began = perf_counter()
        for _ in range(calls):
            _nothing()
        state.bare_s.append((perf_counter() - began) / calls)
        began = perf_counter()
        sample = each_timed(_nothing, calls)
        state.timed_s.append((perf_counter() - began) / calls)
        added_s = median(state.timed_s) - median(state.bare_s)
        sample.values = {"overhead_percent": 100 * added_s / state.claim_s}
        return sample

    def check(self, state: Any) -> None:
        wanted = {"CLAIMED": _CLAIMS, "QUEUED": _DEPTH - _CLAIMS}
        assert base.statuses(state.queue) == wanted


def _nothing() -> None:
    pass


WORKLOADS = [Null()]
