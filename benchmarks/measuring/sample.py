"""Measuring one workload: in this process, or as what a process of the block method obeys.

In this process: in an empty temporary folder; after a tenth as many calls, at most 50, whose times
are thrown away; garbage is collected and frozen before, and collected as usual meanwhile, because a
user's process does so too.

Only the standard library is used here: this also runs in an older commit's environment.
"""

from __future__ import annotations

import gc
import math
import shutil
import tempfile
from array import array
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

from benchmarks.measuring.process import pack
from benchmarks.workloads import Lacks, Profile, Sample, Workload, all_workloads, base

WARM_UP_SHARE = 0.1
MOST_WARM_UP_CALLS = 50
STRETCHES = 20


class WorkloadActor:
    """One workload in a process of its own: what `Process` may ask for, in this order."""

    _workload: Workload
    _state: Any = None

    def prepare(
        self, workload: str, folder: str, profile: str, stock: str = "", contender: str = ""
    ) -> int:
        """Make what the workload needs, in an empty folder; how many calls a batch of it has.
        `stock` is a folder that is filled once, then copied; the queue of the module `contender`
        does the work in place of the package."""
        chosen = self._workload = all_workloads()[workload]
        if contender:
            if not chosen.has_reference:
                raise Lacks(f"{contender} has nothing for {workload}")
            base.opens = import_module(f"benchmarks.contenders.{contender}").OPENS
        if stock:
            if not Path(stock).exists():
                Path(stock).mkdir()
                chosen.stock(Path(stock), Profile(profile))
            shutil.copytree(stock, folder, dirs_exist_ok=True)
        self._state = chosen.prepare(Path(folder), Profile(profile))
        gc.collect()
        gc.freeze()
        return chosen.batch or chosen.reference_batch

    def run(self, calls: int) -> dict[str, Any]:
        """Do so many calls: latencies_s (packed doubles), elapsed_s, operations, values."""
        # Each batch begins with the same garbage, none; what it makes itself counts.
        gc.collect()
        sample = vars(self._workload.run(self._state, calls))
        return {**sample, "latencies_s": pack(array("d", sample["latencies_s"]))}

    def check(self) -> None:
        """Make sure that the work was done right."""
        self._workload.check(self._state)

    def close(self) -> None:
        """Let go of what `prepare` opened."""
        if self._state is not None:
            self._workload.close(self._state)


def measure(
    workload: Workload,
    profile: Profile,
    *,
    calls: int | None = None,
    progress: Callable[[int, int], None] = lambda _done, _calls: None,
) -> Sample:
    """Measure a workload in a folder of its own (as many calls as the profile has if `calls` is
    None), check its work, and clear up. `progress` is called with how many of how many are done.

    Raises:
        NotImplementedError: the measured package lacks what the workload needs.
        AssertionError: the work was not done right.
    """
    wanted = workload.calls[profile] if calls is None else calls
    # A workload without batches goes in one stretch: to cut it would change what it measures.
    stretch = max(wanted // STRETCHES, workload.batch) if workload.batch else wanted
    # On Windows a file that a virus scanner still has open must not end the measuring.
    with tempfile.TemporaryDirectory(prefix="lab-", ignore_cleanup_errors=True) as folder:
        state = workload.prepare(Path(folder), profile)
        try:
            workload.run(state, warm_up_calls(wanted))
            gc.collect()
            gc.freeze()  # leave alone what is there, so that collections in between are short
            sample = Sample()
            for first in range(0, wanted, stretch):
                count = min(stretch, wanted - first)
                sample.add(workload.run(state, count))
                progress(first + count, wanted)
            workload.check(state)
        finally:
            gc.unfreeze()
            workload.close(state)
    return sample


def warm_up_calls(calls: int) -> int:
    """How many calls come before so many that are timed."""
    return min(max(1, math.ceil(calls * WARM_UP_SHARE)), MOST_WARM_UP_CALLS)
