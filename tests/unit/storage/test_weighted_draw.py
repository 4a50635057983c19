"""A weighted draw is from a hat that was filled earlier: others may have been quicker since."""

from __future__ import annotations

import pytest

from tubeq.domain.models import EncodedTask
from tubeq.domain.policies import ClaimStrategy
from tubeq.storage import open_storage
from tubeq.storage.port import ClaimRequest

WEIGHTED = ClaimRequest("scrape", "weighted", ClaimStrategy.WEIGHTED_RANDOM)
NEWEST = ClaimRequest("scrape", "newest")


@pytest.fixture
def handles(tmp_path):
    both = [open_storage(tmp_path / "queue.db") for _ in range(2)]
    yield both
    for each in both:
        each.close()


@pytest.mark.parametrize("limit", [1, 5])
def test_what_another_claimed_since_is_not_claimed_again(handles, limit):
    mine, others = handles
    mine.create([EncodedTask("scrape", "{}")] * 64)
    first = mine.claim(WEIGHTED)  # fills the hat with all
    taken = others.claim(NEWEST, 60)
    left = [task for _ in range(64) for task in mine.claim(WEIGHTED, limit)]
    ids = [task.row_id for task in (*first, *taken, *left)]
    assert len(ids) == len(set(ids)) == 64


def test_every_task_of_a_hat_is_drawn_once(handles):
    storage, _ = handles
    storage.create([EncodedTask("scrape", "{}", priority) for priority in range(100)])
    drawn = [storage.claim(WEIGHTED)[0].row_id for _ in range(100)]
    assert sorted(drawn) == list(range(1, 101))
    assert storage.claim(WEIGHTED) == []
