"""Queries of a file with many finished tasks, and its catalogue of items: neither may scan the
file."""

from __future__ import annotations

from random import Random
from typing import Any

from benchmarks.workloads import base
from benchmarks.workloads.base import TASK_TYPE, Profile, Workload, public, sizes

_FINISHED, _BATCH, _LISTED = 10_000, 1_000, 100
_TASKS, _IDEAS = 20, 50
_STORED = _TASKS * _IDEAS
_SIGHTINGS_AN_ITEM = 5
_VOCABULARY = 5_000
_WORDS = 7


class Look(Workload):
    """One call reads a task, its history, the newest hundred tasks, and expired leases, of which
    there are none, in a file with ten thousand finished tasks."""

    name = "look"
    verbs = ("get_task", "get_task_history", "list_tasks", "rescue", "complete_tasks")
    settings = {"durability": "fast"}
    calls = sizes(80, 500, 5_000)
    batch = 20
    counted_calls = 20

    def begin(self, state: Any) -> None:
        for _ in range(0, _FINISHED, _BATCH):
            base.fill(state.queue, _BATCH)
            claims = state.queue.claim_tasks(TASK_TYPE, "w", _BATCH)
            base.complete(state.queue, claims)
        state.task_id = claims[0].task_id

    def call(self, state: Any) -> base.Call:
        queue, task_id, seen = state.queue, state.task_id, state.held

        def look() -> None:
            task = queue.get_task(task_id)
            history = queue.get_task_history(task_id)
            listed = queue.list_tasks(limit=_LISTED)
            rescued = queue.rescue()
            seen.append((task.status, len(history), len(listed), len(rescued.requeued)))

        return look

    def check(self, state: Any) -> None:
        assert set(state.held) == {("COMPLETED", 3, _LISTED, 0)}, set(state.held)
        base.check_completed(state.queue, _FINISHED)


class _Items(Workload):
    """Its state has the number of results `stored`; `held` are the catalogue's answers."""

    verbs = ("create_tasks", "claim_tasks", "complete_tasks")
    settings = {"durability": "fast"}

    def begin(self, state: Any) -> None:
        state.items = base.verb_of(state.queue, "_storage.items", "storage.items")
        state.stored, state.chance = 0, Random(1)


def _store(state: Any, distinct: int) -> None:
    """Complete twenty tasks with fifty ideas each, about that many new items."""
    idea, completion = public("Idea"), public(*base.COMPLETION)
    base.fill(state.queue, _TASKS)
    claims = state.queue.claim_tasks(TASK_TYPE, "w", _TASKS)
    numbers = [state.stored + each % distinct for each in range(_STORED)]
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
    state.stored += _STORED


class Fold(_Items):
    """A call folds a thousand results of twenty tasks, stored untimed: of two hundred items that
    are new to the catalogue, each seen several times."""

    name = "fold"
    calls = sizes(5, 50, 500)
    batch = 5
    counted_calls = 5
    size = _STORED

    def begin(self, state: Any) -> None:
        super().begin(state)
        state.items.fold()  # which creates the index

    def before(self, state: Any) -> base.Call:
        return lambda: _store(state, _STORED // _SIGHTINGS_AN_ITEM)

    def call(self, state: Any) -> base.Call:
        fold, folded = state.items.fold, state.held
        return lambda: folded.append(fold())

    def check(self, state: Any) -> None:
        assert sum(state.held) == state.stored, "results were lost, or taken in twice"
        assert state.items.count_items() == state.stored // _SIGHTINGS_AN_ITEM


class Search(_Items):
    """A call finds the best twenty of 100,000 items (2,000 in the smallest profile) that contain
    two words, one of them given as a prefix."""

    name = "search"
    calls = sizes(80, 500, 5_000)
    batch = 50
    counted_calls = 20

    def begin(self, state: Any) -> None:
        super().begin(state)
        for _ in range(2 if state.profile is Profile.SMOKE else 100):
            _store(state, _STORED)
        state.items.fold()

    def call(self, state: Any) -> base.Call:
        query, relevance = public("domain.items:ItemQuery"), public("domain.items:ItemSort")

        def search() -> None:
            number = state.chance.randrange(_VOCABULARY)
            wanted = query(f"word{number} word*", sort=relevance.RELEVANCE)
            state.held.append(len(state.items.list_items(wanted)))

        return search

    def check(self, state: Any) -> None:
        assert state.items.count_items() == state.stored
        assert sum(state.held) > 0, "nothing was found"


WORKLOADS = [Look(), Fold(), Search()]
