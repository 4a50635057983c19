"""The package's time as a multiple of that of bare statements: the ratio to a frozen reference.

Both do the same workload, interleaved, in pairs of fresh processes (measuring/interleave.py).
"""

from __future__ import annotations

import math
import random
import sys
import tempfile
from collections.abc import Callable
from itertools import count
from pathlib import Path

from benchmarks.common.statistics import estimate
from benchmarks.contenders.revisions import Side
from benchmarks.judging.rounds import fresh_pair
from benchmarks.judging.targets import REFERENCE
from benchmarks.measuring.interleave import PairResult, run_pair
from benchmarks.records.record import Measure

CONTENDER = "reference_sqlite"
PAIRS, BATCHES = 6, 20
_ERROR = 0.05


def ratios_to_reference(
    workload: str,
    tell: Callable[[int, int], None] = lambda _done, _total: None,
    pairs: int = PAIRS,
    batches: int = BATCHES,
) -> dict[str, Measure]:
    """Measure those of a workload that has a reference, by the names of REFERENCE: above 1 the
    package is slower; raises as run_pair does.

    `pairs` are of fresh processes, with `batches` pairs of batches each; `tell` is called with how
    many batches are done, and their total.
    """
    python = Path(sys.executable)
    reference = Side(CONTENDER, "", False, python, contender=CONTENDER)
    sides = (reference, Side("the package", "", True, python))
    chance = random.Random(0)
    done = count(1)
    found: list[PairResult] = []

    def tell_done() -> None:
        tell(next(done), pairs * batches)

    with tempfile.TemporaryDirectory(prefix="lab-", ignore_cleanup_errors=True) as folder:
        for number in range(pairs):
            with fresh_pair(*sides, Path(folder), number) as (pair, place):
                found.append(run_pair(pair, workload, place, batches, chance, progress=tell_done))
    return {
        name: _measure([each.log_ratios[metric] for each in found])
        for name, metric in REFERENCE.items()
        if all(metric in each.log_ratios for each in found)
    }


def _measure(log_ratios: list[float]) -> Measure:
    """A ratio with its 95 % interval; log-ratios are above 0 where the package is worse."""
    if len(log_ratios) < 2:
        return Measure(math.exp(log_ratios[0]))
    found = estimate(log_ratios)
    half_width = found.half_width(_ERROR / 2)
    ends = (found.mean, found.mean - half_width, found.mean + half_width)
    return Measure(*(math.exp(end) for end in ends))
