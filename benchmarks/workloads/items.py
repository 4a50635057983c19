"""The catalogue of items: taking in results, and searching what was found.

`fold`: a call stores a thousand results of twenty tasks, untimed, and takes them in; every item is
seen several times. `search`: a call finds the best of 100,000 items (2,000 in the smallest profile)
by two words.
"""

from __future__ import annotations

from pathlib import Path
from random import Random
from time import perf_counter
from typing import TYPE_CHECKING, Any, NamedTuple

from benchmarks.workloads.base import (
    TASK_TYPE,
    Lacks,
    Profile,
    Sample,
    Workload,
    each_timed,
    fill,
    open_queue,
    public,
    sizes,
    verb_of,
)

if TYPE_CHECKING:
    from tubeq import QueueManager

_TASKS, _IDEAS = 20, 50
_SIGHTINGS_AN_ITEM = 5
_VOCABULARY = 5_000
_WORDS = 7


class _State(NamedTuple):
    queue: QueueManager
    items: Any
    chance: Random
    stored: list[int]


def _open(folder: Path) -> _State:
    queue = open_queue(
        folder / "queue.db", "create_tasks", "claim_tasks", "complete_tasks", durability="fast"
    )
    try:
        items = verb_of(queue, "_storage.items", "storage.items")
    except Lacks:
        queue.close()
        raise
    return _State(queue, items, Random(1), [0, 0])


def _store(state: _State, first: int, distinct: int) -> None:
    """Complete twenty tasks with fifty ideas each, of that many items from `first` on."""
    idea, completion = public("Idea"), public("Completion")
    fill(state.queue, _TASKS)
    claims = state.queue.claim_tasks(TASK_TYPE, "w", _TASKS)
    numbers = [first + each % distinct for each in range(_TASKS * _IDEAS)]
    ideas = [
        idea(
            f"video-{number:08}",
            " ".join(f"word{Random(number + n).randrange(_VOCABULARY)}" for n in range(_WORDS)),
            score=state.chance.uniform(1, 100),
            views=state.chance.randrange(10**6),
            duration_s=212.0,
            published_at=f"2026-11-{1 + number % 28:02} 00:00:00.000000",
            extra={"channel": f"Channel {number % 500}", "handle": f"@channel{number % 500}"},
        )
        for number in numbers
    ]
    state.queue.complete_tasks(
        completion(claim, ideas[n * _IDEAS : (n + 1) * _IDEAS]) for n, claim in enumerate(claims)
    )
    state.stored[0] += len(ideas)


class Fold(Workload):
    """A thousand results a call, of two hundred items that are new to the catalogue."""

    name = "fold"
    calls = sizes(5, 50, 500)
    batch = 5
    counted_calls = 5

    def prepare(self, folder: Path, profile: Profile) -> _State:
        state = _open(folder)
        state.items.fold()  # which makes the index
        return state

    def work(self, state: _State, calls: int) -> Sample:
        sample = Sample(operations=calls * _TASKS * _IDEAS)
        for _ in range(calls):
            distinct = _TASKS * _IDEAS // _SIGHTINGS_AN_ITEM
            _store(state, state.stored[0], distinct)  # untimed
            began = perf_counter()
            state.stored[1] += state.items.fold()
            sample.latencies_s.append(perf_counter() - began)
        sample.elapsed_s = sum(sample.latencies_s)
        return sample

    def check(self, state: _State) -> None:
        stored, folded = state.stored
        assert folded == stored, "results were lost, or taken in twice"
        assert state.items.count_items() == stored // _SIGHTINGS_AN_ITEM

    def close(self, state: _State) -> None:
        state.queue.close()


class Search(Workload):
    """The best twenty that hold two words, one of them only begun, a call."""

    name = "search"
    calls = sizes(80, 500, 5_000)
    batch = 50
    counted_calls = 20

    def prepare(self, folder: Path, profile: Profile) -> _State:
        state = _open(folder)
        for number in range(2 if profile is Profile.SMOKE else 100):
            _store(state, number * _TASKS * _IDEAS, _TASKS * _IDEAS)
        state.items.fold()
        return state

    def work(self, state: _State, calls: int) -> Sample:
        query, relevance = public("domain.items:ItemQuery"), public("domain.items:ItemSort")

        def search() -> None:
            number = state.chance.randrange(_VOCABULARY)
            wanted = query(f"word{number} word*", sort=relevance.RELEVANCE)
            state.stored[1] += len(state.items.list_items(wanted))

        return each_timed(search, calls)

    def check(self, state: _State) -> None:
        assert state.items.count_items() == state.stored[0]
        assert state.stored[1] > 0, "nothing was found"

    def close(self, state: _State) -> None:
        state.queue.close()


WORKLOADS = [Fold(), Search()]
