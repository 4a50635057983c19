"""A weighted draw is from a buffer that was filled earlier: others may have been quicker since."""

from __future__ import annotations

import pytest

from tubeq.domain.models import EncodedTask
from tubeq.domain.policies import ClaimStrategy
from tubeq.storage import open_storage
from tubeq.storage.ports.tasks import ClaimRequest
from tubeq.storage.sqlite.claims import Claimer

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
    mine.create([EncodedTask("scrape", "{}")] * 128)
    first = mine.claim(WEIGHTED)  # fills the buffer with all
    taken = others.claim(NEWEST, 120)
    left = [task for _ in range(128) for task in mine.claim(WEIGHTED, limit)]
    ids = [task.row_id for task in (*first, *taken, *left)]
    assert len(ids) == len(set(ids)) == 128


def test_every_task_of_a_hat_is_drawn_once(handles):
    storage, _ = handles
    storage.create([EncodedTask("scrape", "{}", priority) for priority in range(200)])
    drawn = [storage.claim(WEIGHTED)[0].row_id for _ in range(200)]
    assert sorted(drawn) == list(range(1, 201))
    assert storage.claim(WEIGHTED) == []


def test_one_claim_in_64_looks_at_the_neighbours(handles, monkeypatch):
    storage, _ = handles
    storage.create([EncodedTask("scrape", "{}")] * 1_000)
    looks = []
    fill_buffer = Claimer._fill_buffer
    monkeypatch.setattr(
        Claimer, "_fill_buffer", lambda *given: (looks.append(given), fill_buffer(*given))[1]
    )
    assert all(storage.claim(WEIGHTED) for _ in range(640))
    assert len(looks) == 10


def test_what_is_heavy_and_new_is_drawn_soon_from_a_short_queue(handles):
    """A buffer with all of a short queue in it is not emptied before the next look."""
    storage, _ = handles
    storage.create([EncodedTask("scrape", "{}")] * 32)
    storage.claim(WEIGHTED)
    storage.create([EncodedTask("scrape", "{}", 1_000_000)])
    assert 33 in [storage.claim(WEIGHTED)[0].row_id for _ in range(3)]
