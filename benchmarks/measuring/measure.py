"""Measuring one workload, and what may be said of its latencies.

How it is measured: in an empty temporary folder; after a tenth as many calls, at most 50, whose
times are thrown away (caches fill, code is compiled, connections open); garbage collected and
frozen before, so that what the workload does is not charged for what others left, and collected
as usual meanwhile, because a user's process does so too. The clock is time.perf_counter.

Percentiles are order statistics of single calls, each with a 95 % interval, or refused: where too
few calls were timed for the interval to end inside the sample, and where the clock's steps are
too coarse. Only the standard library is used here: this also runs in an older commit's environment.
"""

from __future__ import annotations

import gc
import math
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.records.environment import clock_resolution_s
from benchmarks.records.record import CLOCK_STEPS, QUANTILES, order_interval

WARM_UP_SHARE = 0.1
MOST_WARM_UP_CALLS = 50
STRETCHES = 20


@dataclass(frozen=True)
class Percentile:
    """One percentile in seconds with its 95 % interval, or why there is none.

    Args:
        value_s, low_s, high_s: None where it was refused.
        refusal: why; empty where it was not.
    """

    value_s: float | None
    low_s: float | None = None
    high_s: float | None = None
    refusal: str = ""


def measure(
    workload: Any,
    profile: Any,
    *,
    calls: int | None = None,
    progress: Callable[[int, int], None] = lambda _done, _calls: None,
) -> Any:
    """Measure a workload in a folder of its own, check its work, and clear up.

    Args:
        workload: a `benchmarks.workloads.base.Workload`.
        profile: decides how large it is.
        calls: how many calls; None for as many as the profile has.
        progress: told how many calls of how many are done.

    Returns:
        Its Sample.

    Raises:
        NotImplementedError: the measured package lacks what the workload needs.
        AssertionError: the work was not done right.
    """
    wanted: int = workload.calls[profile] if calls is None else calls
    # A workload without batches goes in one stretch: to cut it would change what it measures.
    stretch = max(wanted // STRETCHES, workload.batch) if workload.batch else wanted
    # On Windows a file that somebody still looks at (a virus scanner) must not end the measuring.
    with tempfile.TemporaryDirectory(prefix="lab-", ignore_cleanup_errors=True) as folder:
        state = workload.prepare(Path(folder), profile)
        try:
            workload.run(state, warm_up_calls(wanted))
            with settled_garbage():
                sample = workload.run(state, min(stretch, wanted))
                progress(min(stretch, wanted), wanted)
                for first in range(stretch, wanted, stretch):
                    count = min(stretch, wanted - first)
                    sample.add(workload.run(state, count))
                    progress(first + count, wanted)
            workload.check(state)
        finally:
            workload.close(state)
    return sample


def warm_up_calls(calls: int) -> int:
    """How many calls come before so many that are timed."""
    return min(max(1, math.ceil(calls * WARM_UP_SHARE)), MOST_WARM_UP_CALLS)


@contextmanager
def settled_garbage() -> Iterator[None]:
    """Collect garbage, and leave alone what is there, so that collections in between are short."""
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


def percentile(
    latencies_s: Sequence[float], quantile: float, resolution_s: float | None = None
) -> Percentile:
    """A percentile of single calls: the order statistic, with its distribution-free interval.

    Args:
        latencies_s: of each call, in any order.
        quantile: 0.95 for P95.
        resolution_s: the clock's step; measured if None.
    """
    ranks = order_interval(len(latencies_s), quantile)
    name = f"P{100 * quantile:g}"
    if ranks is None:
        needed = calls_needed(quantile)
        return Percentile(None, refusal=f"{name} needs {needed} calls, not {len(latencies_s)}")
    ordered = sorted(latencies_s)
    value_s, low_s, high_s = (
        ordered[rank - 1] for rank in (math.ceil(quantile * len(ordered)), *ranks)
    )
    step_s = clock_resolution_s() if resolution_s is None else resolution_s
    if value_s < CLOCK_STEPS * step_s:
        return Percentile(None, refusal=f"{name} is below {CLOCK_STEPS} steps of the clock")
    return Percentile(value_s, low_s, high_s)


def percentiles(latencies_s: Sequence[float]) -> dict[str, Percentile]:
    """P50, P90, P95 and P99 by the names "p50" to "p99"; {} where no call was timed."""
    if not latencies_s:
        return {}
    step_s = clock_resolution_s()
    return {name: percentile(latencies_s, each, step_s) for name, each in QUANTILES.items()}


def calls_needed(quantile: float) -> int:
    """The fewest calls of which that percentile is given: 72 for P95, 368 for P99.

    Below, even the slowest call lies below the true percentile with more than 2.5 % chance, so no
    order statistic can be the upper end of a 95 % interval (David and Nagaraja, "Order
    Statistics", 3rd ed., section 7.1).
    """
    calls = 1
    while order_interval(calls, quantile) is None:
        calls += 1
    return calls
