"""Ten million tasks: created in bulk, worked, pruned; what each tenth of them cost.

The first tenth meets an empty file and the last one nine million tasks, so what grows with the
queue shows between them. A cost that grows with the logarithm grows by a sixth from one million to
ten; the limit leaves room for caches that no longer hold the file. Beside the phases stand calls
that look, the median of a few of each after every tenth that was created.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from time import perf_counter
from typing import NamedTuple

from benchmarks.speed.rows import Row
from benchmarks.speed.timing import require_disk, steps, timed
from benchmarks.workloads.base import IDEA, PARAMETERS, TASK_TYPE
from tubeq import ClaimStrategy, Idea, NewTask, QueueManager
from tubeq.storage.port import Completion

TASKS, QUICK_TASKS = 10_000_000, 20_000
TENTHS = 10
_BYTES_PER_TASK = 1000  # with one result, and the log
_BATCH = 1000
_LOOKS = 51
_IDEA = Idea.of(IDEA)
_LEASE_S = 86_400.0
_GROWTH = "last / first"
_MOST_GROWTH = 1.5


class _File(NamedTuple):
    queue: QueueManager
    path: Path
    per_tenth: int


def measure(quick: bool, folder: Path) -> Iterator[Row]:
    """A row for each phase and each kind of look, and one for the size of the file."""
    tasks = QUICK_TASKS if quick else TASKS
    require_disk(folder, tasks * _BYTES_PER_TASK)
    path = folder / "ten-million.db"
    table = f"{tasks:,} tasks, µs by tenth"
    sizes = {}
    with QueueManager(path, durability="fast") as queue:
        file = _File(queue, path, tasks // TENTHS)
        for phase, work in (("created", _created), ("worked", _worked), ("pruned", _pruned)):
            for what, tenths in work(file).items():
                yield _row(table, what, tenths)
            sizes[f"bytes/task, {phase}"] = _file_bytes(path) / tasks
        if left := sum(queue.stats().by_status.values()) - 1:  # the newest is always kept
            raise RuntimeError(f"{left} tasks were not pruned")
    yield Row(f"{tasks:,} tasks, file", "with one result each", sizes, {})


def _row(table: str, what: str, tenths: list[float]) -> Row:
    figures = {str(number): each for number, each in enumerate(tenths, 1)}
    return Row(table, what, {**figures, _GROWTH: tenths[-1] / tenths[0]}, {_GROWTH: _MOST_GROWTH})


def _created(file: _File) -> dict[str, list[float]]:
    """What creating costs, and looking at what there is by then."""
    found: dict[str, list[float]] = {"create in batches of 1,000, a task": []}
    tenths = found["create in batches of 1,000, a task"]
    numbers = range(_BATCH)
    for tenth in range(1, TENTHS + 1):
        spent = 0.0
        for first in steps(range(0, file.per_tenth, _BATCH), f"creating, {tenth} of {TENTHS}"):
            batch = [NewTask(TASK_TYPE, {**PARAMETERS, "number": first + each}) for each in numbers]
            began = perf_counter()
            task_id = file.queue.create_tasks(batch)[0]
            spent += perf_counter() - began
        tenths.append(spent / file.per_tenth * 1e6)
        for what, look in _looks(file.queue, task_id).items():
            found.setdefault(what, []).append(statistics.median(timed(look, 1, _LOOKS)) * 1e6)
    return found


def _looks(queue: QueueManager, task_id: str) -> dict[str, Callable[[], object]]:
    """What users and sweeps ask for, by name. `stats`, and `list_tasks` of a status that few tasks
    have, are not among them: they look at every row."""
    return {
        "get_task": lambda: queue.get_task(task_id),
        "get_task_history": lambda: queue.get_task_history(task_id),
        "list_tasks, the newest 100": queue.list_tasks,
        "rescue, nothing expired": queue.rescue,
    }


def _worked(file: _File) -> dict[str, list[float]]:
    """What claiming, completing and looking cost, by tenth."""
    claim, complete = file.queue.claim_tasks, file.queue.complete_tasks
    found: dict[str, list[float]] = {"claim in batches of 1,000, a task": []}
    found["complete in batches of 1,000 with one result each, a task"] = []
    for tenth in range(1, TENTHS + 1):
        claiming = completing = 0.0
        for _ in steps(range(0, file.per_tenth, _BATCH), f"working, {tenth} of {TENTHS}"):
            began = perf_counter()
            claims = claim(TASK_TYPE, "w", _BATCH, ClaimStrategy.FIFO, _LEASE_S)
            claimed = perf_counter()
            lost = complete([Completion(each, [_IDEA]) for each in claims])
            completing += perf_counter() - claimed
            claiming += claimed - began
            if len(claims) != _BATCH or lost:
                raise RuntimeError(f"{len(claims)} of {_BATCH} were claimed, {len(lost)} lost")
        for what, spent in zip(found, (claiming, completing)):
            found[what].append(spent / file.per_tenth * 1e6)
    return found


def _pruned(file: _File) -> dict[str, list[float]]:
    time.sleep(0.001)  # a task is pruned that finished before now
    tenths = []
    for _ in steps(range(TENTHS), "pruning"):
        began = perf_counter()
        pruned = file.queue.prune(0.0, limit=file.per_tenth)
        tenths.append((perf_counter() - began) / pruned * 1e6)
    return {"prune, a task": tenths}


def _file_bytes(path: Path) -> int:
    """The database file and its log, however much of that has been moved yet."""
    return sum(each.stat().st_size for each in (path, Path(f"{path}-wal")) if each.exists())
