"""The block method: base and head measured interleaved, in pairs of fresh processes.

Each side of a pair is a process (`sample.WorkloadActor`) with database files of its own, and only
one of them works at a time. Batches come in pairs, in random order within the pair, so that what
slows the machine for longer than a batch slows both alike and falls out of their ratio. A process
pair yields one figure a metric, the median of its batches' log-ratios; the next pair has the
folders swapped. Both processes of a pair have one PYTHONHASHSEED, each pair another, so that the
layout of dictionaries is alike within a pair and averaged over the pairs.

A batch of 200 calls has 10 beyond its P95, enough for a paired signal; for P99 five batches are
pooled. Service time, a mean, is taken from every 50 calls: other programs' work then ruins few of
them (on a machine with five programs on two cores the spread between processes fell from 6 % to
1.5 %). What happens less often than once in 50 calls is seen by P99 and throughput only.
"""

from __future__ import annotations

import math
import random
from array import array
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from statistics import fmean, median

from benchmarks.common.exits import InfrastructureError
from benchmarks.common.statistics import quantile
from benchmarks.contenders.revisions import Side
from benchmarks.measuring.process import Process, actor_command, unpack, variables
from benchmarks.records.environment import clock_resolution_s
from benchmarks.records.record import CLOCK_STEPS

TAIL_CALLS = 1000
"""Calls that P99 is taken from at a time."""
SERVICE_CALLS = 50
"""Calls that service time is taken from at a time."""
WARM_UP_BATCHES = 3


@dataclass
class Batch:
    """What one batch gave."""

    latencies_s: array[float]
    elapsed_s: float
    operations: int
    values: Mapping[str, float] = field(default_factory=dict)


@dataclass
class PairResult:
    """What one pair of processes gave."""

    log_ratios: dict[str, float]  # by metric; above 0 where the head is worse
    base: dict[str, float]  # its own figure by metric, in the metric's unit
    head: dict[str, float]
    base_calls: array[float]  # seconds of every call
    head_calls: array[float]


class Contender(Process):
    """The process of one side, in an empty folder, with the `benchmarks` of `benchmarks_root`."""

    def __init__(self, side: Side, benchmarks_root: Path, folder: Path, hash_seed: int) -> None:
        self.side = side
        command = actor_command("benchmarks.measuring.sample:WorkloadActor", python=side.python)
        own = variables(*side.path, benchmarks_root, hash_seed=hash_seed)
        super().__init__(command, name=side.name, folder=folder, environment=own)

    def batch(self, calls: int) -> Batch:
        """Run one batch."""
        answer = self.ask("run", calls=calls)
        return Batch(**{**answer, "latencies_s": unpack(answer["latencies_s"])})


Pair = tuple[Contender, Contender]


@contextmanager
def process_pair(
    base: Side, head: Side, benchmarks_root: Path, folder: Path, number: int
) -> Iterator[Pair]:
    """The processes of pair `number`, with folders under `folder` that swap with each pair."""
    folders = [folder / "one", folder / "two"]
    for each in folders:
        each.mkdir(parents=True)
    if number % 2:
        folders.reverse()
    with (
        Contender(base, benchmarks_root, folders[0], number) as one,
        Contender(head, benchmarks_root, folders[1], number) as two,
    ):
        yield one, two


def run_pair(
    pair: Pair,
    workload: str,
    folders: Path,
    batches: int,
    chance: random.Random,
    profile: str = "regular",
    progress: Callable[[], None] = lambda: None,
) -> PairResult:
    """Measure one pair of processes, base and head, whose files go to `folders`; raises as
    Process.answer does. `progress` is called after each pair of batches."""
    calls = 0
    for index in chance.sample((0, 1), 2):  # which side makes its files first swaps too
        contender, place = pair[index], folders / f"data-{index}"
        place.mkdir()
        stock = stock_folder(folders.parent, index, contender.side, workload)
        calls = contender.ask(
            "prepare", workload=workload, folder=str(place), profile=profile, stock=str(stock),
            contender=contender.side.contender,
        )  # fmt: skip
    if calls <= 0:
        raise InfrastructureError(f"the workload {workload!r} has no batches for a gate")
    for contender in pair * WARM_UP_BATCHES:
        contender.batch(calls)
    measured: tuple[list[Batch], list[Batch]] = ([], [])
    for _ in range(batches):
        for index in chance.sample((0, 1), 2):
            measured[index].append(pair[index].batch(calls))
        progress()
    for contender in pair:
        contender.ask("check")
    return pair_result(*measured, clock_resolution_s())


def stock_folder(parent: Path, index: int, side: Side, workload: str) -> Path:
    """Where a side's filled database is kept while its process pairs come and go."""
    return parent / f"stock-{index}-{side.commit[:16]}-{workload}"


def pair_result(
    base: Sequence[Batch], head: Sequence[Batch], clock_resolution_s: float = 0.0
) -> PairResult:
    """The figures of a pair of processes from its batches, which correspond; without percentiles
    that are nearer to the clock's steps than records.record.CLOCK_STEPS: those are the clock's."""
    result = PairResult({}, {}, {}, _joined(base), _joined(head))
    of_base, of_head = _figures(base), _figures(head)
    least_ms = 1e3 * CLOCK_STEPS * clock_resolution_s
    for metric in [each for each in of_base if each in of_head]:
        both = [each for each in zip(of_base[metric], of_head[metric]) if min(each) > 0]
        nearest = min(median(of_base[metric]), median(of_head[metric]))
        if both and not (metric.startswith("latency_") and nearest < least_ms):
            sign = -1.0 if metric.endswith("_per_s") else 1.0
            result.log_ratios[metric] = sign * median(math.log(two / one) for one, two in both)
            result.base[metric] = median(of_base[metric])
            result.head[metric] = median(of_head[metric])
    return result


def _figures(batches: Sequence[Batch]) -> dict[str, list[float]]:
    """Each metric's figure of every batch (of every 1,000 calls for P99), in order."""
    figures: dict[str, list[float]] = {}
    if batches and batches[0].latencies_s:
        size = math.ceil(TAIL_CALLS / len(batches[0].latencies_s))
        for name, share, pooled in (("p50", 0.50, 1), ("p95", 0.95, 1), ("p99", 0.99, size)):
            found = [
                1e3 * quantile(sorted(_joined(batches[first : first + pooled])), share)
                for first in range(0, len(batches) - pooled + 1, pooled)
            ]
            if found:
                figures[f"latency_{name}_ms"] = found
        figures["service_time_ms"] = [
            1e3 * fmean(batch.latencies_s[first : first + SERVICE_CALLS])
            for batch in batches
            for first in range(0, max(1, len(batch.latencies_s) - SERVICE_CALLS + 1), SERVICE_CALLS)
        ]
    if all(batch.operations > 0 and batch.elapsed_s > 0 for batch in batches):
        figures["throughput_per_s"] = [each.operations / each.elapsed_s for each in batches]
    for name in batches[0].values if batches else ():
        figures[name] = [float(batch.values[name]) for batch in batches]
    return figures


def _joined(batches: Sequence[Batch]) -> array[float]:
    return array("d", chain.from_iterable(batch.latencies_s for batch in batches))
