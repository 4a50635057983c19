"""A storage may be shared by the threads of one process."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.contract.support import add, encoded, events, held, request, take
from tests.support import at_once
from tubeq.domain.errors import ClaimLost
from tubeq.domain.models import Idea, Task
from tubeq.domain.policies import ClaimStrategy

THREADS = 4


@pytest.mark.parametrize("strategy", ClaimStrategy)
@pytest.mark.parametrize("batch", [1, 5])
def test_no_task_is_claimed_by_two_threads(storage, strategy, batch):
    ids = storage.create([encoded(priority=number % 3) for number in range(40)])

    def drain(number: int) -> list[str]:
        mine: list[str] = []
        while tasks := storage.claim(request(f"worker-{number}", strategy=strategy), batch):
            mine += [task.task_id for task in tasks]
        return mine

    claimed = [task_id for mine in at_once(drain) for task_id in mine]
    assert Counter(claimed) == Counter(ids)


def test_chained_completions_work_every_task_exactly_once(storage):
    ids = storage.create([encoded()] * 40)

    def work(number: int) -> None:
        ask = request(f"worker-{number}", start=True)
        claimed = storage.claim(ask)
        claim: Task | None = claimed[0] if claimed else None
        while claim is not None:
            claim = storage.complete(claim, [Idea("a", title=claim.task_id)], then=ask)

    at_once(work)
    for task_id in ids:
        assert events(storage, task_id) == ["created", "claimed", "started", "completed"]
    assert sorted(str(result.title) for result in storage.results()) == sorted(ids)


def test_of_concurrent_completions_of_one_claim_one_is_accepted(storage):
    for _ in range(5):
        claim = held(storage)

        def complete(number: int, claim: Task = claim) -> bool:
            try:
                storage.complete(claim, [Idea(f"by-{number}")])
            except ClaimLost:
                return False
            return True

        accepted = at_once(complete)
        assert accepted.count(True) == 1
        (result,) = storage.results(claim.task_id)
        assert result.source_id == f"by-{accepted.index(True)}"


def test_one_idempotency_key_makes_one_task_whoever_creates_it(storage):
    ids = at_once(lambda _: [add(storage, idempotency_key=f"key-{n}") for n in range(10)])
    assert all(mine == ids[0] for mine in ids)
    assert len(storage.list_tasks()) == 10


def test_creators_and_readers_do_not_disturb_workers(storage):
    def work(number: int) -> int:
        for item in range(10):
            add(storage, f"type-{number}")
            claim = take(storage, task_type=f"type-{number}")
            storage.complete(claim, [Idea(str(item))])
            storage.stats()
        return len(storage.list_tasks(task_type=f"type-{number}"))

    assert at_once(work) == [10] * THREADS
    assert storage.stats().by_status["COMPLETED"] == 10 * THREADS
