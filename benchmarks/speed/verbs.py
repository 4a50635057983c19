"""Single verbs and whole lifecycles beside their floors, each at several durabilities.

Three candidates, each with a file of its own: tubeq, the floor on tubeq's tables, and the floor on
the smallest table that could serve (`/ least`, without a limit). At `balanced` and `full` the
floor commits with synchronous = FULL, so both sync before they return. A floor moves its log into
the file itself, as SQLite does by default; tubeq in a thread, whose work its own turn pays for but
for what is left over when a turn ends. All tasks are of the default priority.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

from benchmarks.speed.filling import fill_plain
from benchmarks.speed.floors import Floor, LeastTable, SameTable
from benchmarks.speed.rows import Row
from benchmarks.speed.timing import (
    Rounds,
    interleaved,
    per_s,
    rate_ratio,
    ratio,
    timed,
    typical_us,
)
from benchmarks.workloads.base import IDEA, PARAMETERS, TASK_TYPE
from tubeq import NewTask, QueueManager, Task
from tubeq.storage.port import ClaimRequest

_DEPTH = 10_000
_BULK, _BATCH = 1000, 100
_LEASE_S = 3600.0
_START = ClaimRequest(TASK_TYPE, "w", start=True)

Turn = Callable[[], list[float]]


class Size(NamedTuple):
    """How many calls a turn has, how many turns a candidate, and how many lifecycles come before:
    enough for its log to reach the length that it keeps."""

    calls: int
    rounds: int
    warm_up: int = 1500


def measure(quick: bool, folder: Path) -> Iterator[Row]:
    """A row for each verb and durability."""
    cheap, synced = (
        (Size(100, 4, 100), Size(10, 3, 100)) if quick else (Size(300, 21), Size(60, 15))
    )
    for durability, size in (("fast", cheap), ("balanced", synced)):
        yield _one_verb("enqueue", _enqueue_turns, durability, size, folder)
        yield _one_verb("complete", _complete_turns, durability, size, folder)
    for durability, size in (("fast", Size(1000, 15)), ("full", synced)):
        yield from _lifecycles(durability, cheap if quick else size, folder)
    bulk = Size(3, 3, 100) if quick else Size(20, 15)
    yield _bulk("create 1,000 in one transaction", _BULK, 200_000, _bulk_create_turns, bulk, folder)
    yield _bulk("claim 100 in one transaction", _BATCH, 100_000, _bulk_claim_turns, bulk, folder)


class _Candidates(NamedTuple):
    """The three, ready: files filled, logs at their usual length. `helper` is a second handle on
    tubeq's file, with durability "fast", for what is not timed."""

    queue: QueueManager
    helper: QueueManager
    floor: SameTable
    least: LeastTable

    @property
    def floors(self) -> Mapping[str, Floor]:
        """The floors by name."""
        return {"floor": self.floor, "least": self.least}


@contextmanager
def _candidates(folder: Path, durability: str, size: Size, depth: int = 0) -> Iterator[_Candidates]:
    """Open them on new files with so many tasks.

    Logs are at the length that they keep: a sync takes longer while the file still grows.
    """
    paths = {name: folder / f"{name}-{time.time_ns()}.db" for name in ("queue", "floor", "least")}
    SameTable.create_file(paths["floor"])
    LeastTable.create_file(paths["least"])
    with ExitStack() as stack:
        helper = stack.enter_context(QueueManager(paths["queue"], durability="fast"))
        queue = stack.enter_context(QueueManager(paths["queue"], durability=durability))
        found = _Candidates(queue, helper, SameTable(paths["floor"]), LeastTable(paths["least"]))
        for floor in found.floors.values():
            stack.callback(floor.close)
            for _ in range(size.warm_up):
                floor.live()
            floor.insert_many(depth)
            floor.set_synchronous("NORMAL" if durability == "fast" else "FULL")
        for _ in range(size.warm_up):
            _live_by_verbs(helper)
        fill_plain(helper, depth)
        yield found


# One verb -----------------------------------------------------------------------------------------


def _one_verb(
    verb: str,
    turns: Callable[[_Candidates, int], dict[str, Turn]],
    durability: str,
    size: Size,
    folder: Path,
) -> Row:
    what = f"{verb}, {durability}"
    with _candidates(folder, durability, size) as candidates:
        found = interleaved(turns(candidates, size.calls), size.rounds, what)
    return Row(
        "verb",
        what,
        {
            **_typical(found["tubeq"], found["floor"]),
            "P50 / floor": ratio(found["tubeq"], found["floor"]),
            "P50 / least": ratio(found["tubeq"], found["least"]),
        },
        {"P50 / floor": 1.4},
    )


def _typical(own: Rounds, floor: Rounds) -> dict[str, float]:
    return {
        "P50 µs": typical_us(own, 0.5),
        "P95 µs": typical_us(own, 0.95),
        "floor P50 µs": typical_us(floor, 0.5),
        "floor P95 µs": typical_us(floor, 0.95),
    }


def _enqueue_turns(candidates: _Candidates, calls: int) -> dict[str, Turn]:
    create = candidates.queue.create_task
    turns: dict[str, Turn] = {
        "tubeq": lambda: timed(lambda: create(TASK_TYPE, PARAMETERS), 5, calls)
    }
    for name, floor in candidates.floors.items():
        turns[name] = lambda insert=floor.insert: timed(insert, 5, calls)  # type: ignore[misc]
    return turns


def _complete_turns(candidates: _Candidates, calls: int) -> dict[str, Turn]:
    held = calls + 5

    def of_tubeq() -> list[float]:
        fill_plain(candidates.helper, held)
        claims = candidates.helper.claim_tasks(TASK_TYPE, "w", held, lease_s=_LEASE_S)
        complete, following = candidates.queue.complete_task, iter(claims).__next__
        return timed(lambda: complete(following()), 5, calls)

    def of_floor(floor: Floor) -> list[float]:
        floor.insert_many(held)
        following = iter(floor.claim_many(held)).__next__
        return timed(lambda: floor.complete(following()), 5, calls)

    floors = candidates.floors
    return {
        "tubeq": of_tubeq,
        "floor": lambda: of_floor(floors["floor"]),
        "least": lambda: of_floor(floors["least"]),
    }


# Whole lifecycles ---------------------------------------------------------------------------------


def _live_by_verbs(queue: QueueManager) -> None:
    """Created; claimed and started; completed with one result: three transactions."""
    queue.create_task(TASK_TYPE, PARAMETERS)
    (claim,) = queue.storage.claim(_START)
    queue.complete_task(claim, [IDEA])


class _AsAWorker:
    """Created; completed together with claiming and starting the next: two transactions. What a
    worker does, for as long as there is a next task."""

    def __init__(self, queue: QueueManager) -> None:
        self._queue = queue
        self._held = self._first()

    def _first(self) -> Task:
        self._queue.create_task(TASK_TYPE, PARAMETERS)
        return self._queue.storage.claim(_START)[0]

    def __call__(self) -> None:
        self._queue.create_task(TASK_TYPE, PARAMETERS)
        following = self._queue.complete_task(self._held, [IDEA], then=_START)
        if following is None:
            raise RuntimeError("a lifecycle found nothing to claim")
        self._held = following


def _lifecycles(durability: str, size: Size, folder: Path) -> Iterator[Row]:
    with (
        _candidates(folder, durability, size) as candidates,
        _candidates(folder, durability, size) as others,  # so that the two ways share no file
    ):
        lives: dict[str, Callable[[], None]] = {
            "complete and claim next": _AsAWorker(candidates.queue),
            "a verb at a time": lambda: _live_by_verbs(others.queue),
            **{name: floor.live for name, floor in candidates.floors.items()},
        }
        turns: dict[str, Turn] = {}
        for name, live in lives.items():
            turns[name] = lambda live=live: timed(live, 2, size.calls)  # type: ignore[misc]
        found = interleaved(turns, size.rounds, f"lifecycle, {durability}")
    floor, least = found["floor"], found["least"]
    for name in ("complete and claim next", "a verb at a time"):
        yield Row(
            "lifecycle",
            f"{name}, {durability}",
            {
                "tasks/s": per_s(found[name]),
                "floor tasks/s": per_s(floor),
                "tasks/s / floor": rate_ratio(found[name], floor),
                **_typical(found[name], floor),
                "tasks/s / least": rate_ratio(found[name], least),
            },
            {"tasks/s / floor": 1.0} if name == "complete and claim next" else {},
            at_least=("tasks/s / floor",),
        )


# Many at once -------------------------------------------------------------------------------------


def _bulk(
    what: str,
    batch: int,
    least_per_s: float,
    turns: Callable[[_Candidates, int], dict[str, Turn]],
    size: Size,
    folder: Path,
) -> Row:
    with _candidates(folder, "fast", size, _DEPTH) as candidates:
        found = interleaved(turns(candidates, size.calls), size.rounds, what)
    own, floor, least = found["tubeq"], found["floor"], found["least"]
    return Row(
        "bulk",
        what,
        {
            "tasks/s": per_s(own, batch),
            "floor tasks/s": per_s(floor, batch),
            "tasks/s / floor": rate_ratio(own, floor),
            **_typical(own, floor),
            "tasks/s / least": rate_ratio(own, least),
        },
        {"tasks/s": least_per_s},
        at_least=("tasks/s",),
    )


def _bulk_create_turns(candidates: _Candidates, calls: int) -> dict[str, Turn]:
    """Each batch has tasks of its own, made beforehand: equal ones could be encoded once. So are
    the floors' rows, whose JSON is one constant."""

    def of_tubeq() -> list[float]:
        numbers = range(_BULK)
        batches = [
            [NewTask(TASK_TYPE, {**PARAMETERS, "number": number}) for number in numbers]
            for _ in range(calls + 1)
        ]
        create, following = candidates.queue.create_tasks, iter(batches).__next__
        return timed(lambda: create(following()), 1, calls)

    def of_floor(floor: Floor) -> list[float]:
        batches = [floor.new_rows(_BULK) for _ in range(calls + 1)]
        following = iter(batches).__next__
        return timed(lambda: floor.insert_rows(following()), 1, calls)

    floors = candidates.floors
    return {
        "tubeq": of_tubeq,
        "floor": lambda: of_floor(floors["floor"]),
        "least": lambda: of_floor(floors["least"]),
    }


def _bulk_claim_turns(candidates: _Candidates, calls: int) -> dict[str, Turn]:
    count = _BATCH * (calls + 1)

    def of_tubeq() -> list[float]:
        seconds = timed(lambda: candidates.queue.claim_tasks(TASK_TYPE, "w", _BATCH), 1, calls)
        fill_plain(candidates.helper, count)
        return seconds

    def of_floor(floor: Floor) -> list[float]:
        seconds = timed(lambda: floor.claim_many(_BATCH), 1, calls)
        if isinstance(floor, SameTable):
            floor.finish_claimed()
        floor.insert_many(count)
        return seconds

    floors = candidates.floors
    return {
        "tubeq": of_tubeq,
        "floor": lambda: of_floor(floors["floor"]),
        "least": lambda: of_floor(floors["least"]),
    }
