"""results, store_results and history: what a task leaves behind."""

from __future__ import annotations

from tests.contract.support import add, held, take
from tubeq.domain.clock import to_timestamp
from tubeq.domain.models import Idea
from tubeq.domain.states import TaskEvent

FULL = Idea(
    source_id="dQw4w9WgXcQ",
    title="Ünïcödé 🎬 <script>alert('x')</script>",
    description="two\nlines, a 'quote' and 漢字",
    score=87.25,
    url="https://www.youtube.com/watch?v=dQw4w9WgXcQ",
    views=1_600_000_000,
    duration_s=212.5,
    published_at="2009-10-25 06:57:33.000000",
    extra={"tags": ["a", "b"], "nested": {"depth": 2}, "none": None},
)


def test_every_column_of_an_idea_comes_back(storage, clock):
    claim = held(storage)
    storage.complete(claim, [FULL])
    (result,) = storage.results(claim.task_id)
    stored = result.as_dict()
    assert stored.pop("result_id")
    created_at = to_timestamp(clock.now())
    assert stored == {**FULL._asdict(), "task_id": claim.task_id, "created_at": created_at}


def test_an_idea_of_nothing_but_an_id_is_enough(storage):
    claim = held(storage)
    storage.complete(claim, [Idea("only")])
    (result,) = storage.results(claim.task_id)
    assert (result.title, result.description, result.score) == ("", "", 0.0)
    assert (result.url, result.views, result.duration_s, result.published_at) == (None,) * 4
    assert result.extra == {}


def test_ideas_keep_the_order_in_which_they_were_first_stored(storage):
    claim = held(storage)
    storage.store_results(claim.task_id, [Idea(name) for name in "cab"], claim)
    storage.complete(claim, [Idea(name) for name in "bdc"])
    assert "".join(result.source_id for result in storage.results(claim.task_id)) == "cabd"


def test_an_idea_is_stored_once_and_the_last_one_wins(storage):
    claim = held(storage)
    storage.store_results(claim.task_id, [Idea("a", title="first", views=1, extra={"old": 1})])
    storage.complete(claim, [Idea("a", title="second"), Idea("a", title="third", score=3.0)])
    (result,) = storage.results(claim.task_id)
    assert (result.title, result.score, result.views, result.extra) == ("third", 3.0, None, {})


def test_result_ids_are_distinct_and_stay(storage):
    claim = held(storage)
    storage.store_results(claim.task_id, [Idea(str(number)) for number in range(50)])
    ids = [result.result_id for result in storage.results()]
    assert len(set(ids)) == 50
    storage.complete(claim, [Idea(str(number), title="again") for number in range(50)])
    assert [result.result_id for result in storage.results()] == ids


def test_the_same_item_may_belong_to_many_tasks(storage):
    claims = [held(storage) for _ in range(3)]
    for claim in claims:
        storage.complete(claim, [Idea("shared", title=claim.task_id)])
    for claim in claims:
        (result,) = storage.results(claim.task_id)
        assert (result.task_id, result.title) == (claim.task_id, claim.task_id)


def test_all_results_are_those_of_each_task(storage):
    claims = [held(storage) for _ in range(3)]
    for number, claim in enumerate(claims):
        storage.complete(claim, [Idea(f"{number}-{item}") for item in range(number + 1)])
    everything = storage.results()
    assert len(everything) == 6
    for claim in claims:
        own = [result for result in everything if result.task_id == claim.task_id]
        assert storage.results(claim.task_id) == own
    assert storage.results(limit=4) == everything[:4]
    assert storage.results(claims[2].task_id, limit=2) == everything[3:5]


def test_a_task_without_ideas_has_no_results(storage):
    task_id = add(storage)
    assert storage.results(task_id) == []
    storage.store_results(task_id, [])
    assert storage.results() == []


def test_ideas_may_be_stored_without_a_claim_in_any_state(storage):
    task_id = add(storage)
    storage.store_results(task_id, [Idea("queued")])
    claim = take(storage)
    storage.store_results(task_id, [Idea("held")])
    storage.complete(claim)
    storage.store_results(task_id, [Idea("finished")])
    assert [result.source_id for result in storage.results()] == ["queued", "held", "finished"]
    assert storage.get(task_id).status == "COMPLETED"


def test_partial_results_outlive_a_failed_attempt(storage, clock):
    claim = held(storage)
    storage.store_results(claim.task_id, [Idea("partial")], claim)
    storage.fail(claim, "network", "no route", retry_at=clock.now())
    assert [result.source_id for result in storage.results(claim.task_id)] == ["partial"]


def test_the_history_tells_the_whole_life_in_order(storage, clock):
    task_id = add(storage)
    started_at = clock.now()
    clock.advance(1)
    first = take(storage, "worker-1")
    clock.advance(1)
    storage.fail(storage.start(first), "network", "no route", retry_at=clock.now())
    clock.advance(1)
    storage.release(take(storage, "worker-2"))
    clock.advance(1)
    storage.complete(take(storage, "worker-3", start=True))
    clock.advance(1)
    storage.requeue(task_id)
    history = storage.history(task_id)
    assert [(entry.event, entry.worker_id, entry.claim_token) for entry in history[:-1]] == [
        (TaskEvent.CREATED, None, 0),
        (TaskEvent.CLAIMED, "worker-1", 1),
        (TaskEvent.STARTED, "worker-1", 1),
        (TaskEvent.RETRIED, "worker-1", 1),
        (TaskEvent.CLAIMED, "worker-2", 2),
        (TaskEvent.RELEASED, "worker-2", 2),
        (TaskEvent.CLAIMED, "worker-3", 3),
        (TaskEvent.STARTED, "worker-3", 3),
        (TaskEvent.COMPLETED, "worker-3", 3),
    ]
    assert history[-1].event is TaskEvent.REQUEUED
    assert [entry.detail for entry in history if entry.detail] == ["no route"]
    seconds = (0, 1, 2, 2, 3, 3, 4, 4, 4, 5)
    assert [entry.at for entry in history] == [to_timestamp(started_at + s) for s in seconds]
