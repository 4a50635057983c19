"""Children and cursors: saved with the claim's fence, each child once, counted without a scan."""

from __future__ import annotations

from functools import partial

import pytest

from tests.contract.support import add, dump, encoded, held, request, take
from tests.support import at_once
from tubeq.domain.children import EncodedChild, Saved
from tubeq.domain.errors import (
    ClaimLost,
    IllegalTransition,
    InvalidParameters,
    StorageError,
    TaskNotFound,
)
from tubeq.domain.models import Idea
from tubeq.domain.states import TaskStatus

LISTING = "listing"


def children(*source_ids, task_type="video"):
    return [
        EncodedChild(source_id, encoded(task_type, f'{{"video": "{source_id}"}}'))
        for source_id in source_ids
    ]


def ideas(*source_ids):
    return [Idea(source_id, title=f"title of {source_id}") for source_id in source_ids]


def listing(storage):
    return held(storage, task_type=LISTING)


def everything(storage):
    tasks = dump(storage)["tasks"]
    links = storage.children.parents([task.task_id for task in tasks])
    return dump(storage), links, [storage.children.cursor(task) for task in tasks]


def test_ideas_children_and_the_cursor_are_saved_together(storage):
    claim = listing(storage)
    saved = storage.children.save(claim, ideas("a", "b"), children("a", "b"), "page 2")
    assert saved == Saved(2, 2)
    assert [each.source_id for each in storage.results(claim.task_id)] == ["a", "b"]
    made = storage.children.of(claim.task_id)
    assert [each.parameters["video"] for each in made] == ["b", "a"]
    assert {each.status for each in made} == {TaskStatus.QUEUED}
    assert storage.children.cursor(claim) == "page 2"
    assert storage.get(claim.task_id).status is TaskStatus.RUNNING


def test_children_are_claimed_like_any_task(storage):
    parent = listing(storage)
    storage.children.save(parent, (), children("a"))
    claim = take(storage, task_type="video")
    assert claim.parameters == {"video": "a"}
    storage.complete(claim, ideas("a"))
    assert [each.title for each in storage.children.results(parent.task_id)] == ["title of a"]
    assert storage.results(parent.task_id) == []


def test_a_child_is_created_once_whatever_attempt_asks(storage, clock):
    claim = listing(storage)
    assert storage.children.save(claim, ideas("a"), children("a", "b", "a")) == Saved(1, 2)
    assert storage.children.save(claim, ideas("a", "c"), children("b", "c")) == Saved(1, 1)
    clock.advance(1000)
    storage.rescue()
    again = take(storage, task_type=LISTING, start=True)
    assert storage.children.save(again, ideas("a"), children("a", "b", "c")) == Saved(0, 0)
    assert storage.children.progress(claim.task_id).total == 3


def test_the_same_thing_may_be_a_child_of_two(storage):
    one, two = listing(storage), listing(storage)
    storage.children.save(one, (), children("a"))
    assert storage.children.save(two, (), children("a")).new_tasks == 1
    assert storage.children.progress(one.task_id).total == 1


def test_a_cursor_outlives_the_attempt_and_is_replaced(storage, clock):
    claim = listing(storage)
    assert storage.children.cursor(claim) is None
    storage.children.save(claim, cursor="one")
    storage.children.save(claim, ideas("a"))
    assert storage.children.cursor(claim) == "one"
    storage.children.save(claim, cursor="two")
    storage.fail(claim, "timeout", "too slow", retry_at=clock.now())
    again = take(storage, task_type=LISTING)
    assert storage.children.cursor(again) == "two"


def lose_by_expiry(storage, claim, clock):
    clock.advance(1000)
    storage.rescue()


def lose_to_another(storage, claim, clock):
    lose_by_expiry(storage, claim, clock)
    take(storage, "worker-2", task_type=LISTING, start=True)


def lose_by_ending(storage, claim, clock):
    storage.complete(claim)


@pytest.mark.parametrize("lose", [lose_by_expiry, lose_to_another, lose_by_ending])
def test_a_lost_claim_saves_nothing(storage, clock, lose):
    claim = listing(storage)
    storage.children.save(claim, ideas("a"), children("a"), "one")
    lose(storage, claim, clock)
    before = everything(storage)
    with pytest.raises(ClaimLost):
        storage.children.save(claim, ideas("b"), children("b"), "two")
    assert everything(storage) == before


def test_what_cannot_be_stored_saves_nothing(storage):
    claim = listing(storage)
    bad = Idea("b", extra={"no JSON": object()})
    before = everything(storage)
    with pytest.raises(InvalidParameters):
        storage.children.save(claim, [*ideas("a"), bad], children("a"), "one")
    assert everything(storage) == before


def test_getting_on_forgives_earlier_failures_and_standing_still_does_not(storage, clock):
    claim = listing(storage)
    storage.fail(claim, "timeout", "too slow", retry_at=clock.now())
    clock.advance(1)
    claim = take(storage, task_type=LISTING, start=True)
    clock.advance(1000)
    storage.rescue()
    claim = take(storage, task_type=LISTING, start=True)
    storage.children.save(claim, cursor="here")
    task = storage.get(claim.task_id)
    assert (task.retry_count, task.crash_count) == (1, 1)
    storage.children.save(claim, ideas("a"), cursor="there")
    task = storage.get(claim.task_id)
    assert (task.retry_count, task.crash_count) == (0, 0)
    storage.children.save(claim, ideas("a"))
    assert storage.get(claim.task_id).retry_count == 0


def test_a_task_to_be_cancelled_saves_nothing_more(storage):
    claim = listing(storage)
    storage.cancel(claim.task_id)
    before = everything(storage)
    assert storage.children.save(claim, ideas("a"), children("a"), "one").cancelled
    assert everything(storage) == before


def test_progress_counts_by_status_and_error(storage):
    parent = listing(storage)
    add(storage)  # somebody else's
    storage.children.save(parent, (), children(*"abcdef"))
    for code in ("private", "timeout", "private"):
        storage.fail(take(storage, task_type="video"), code, "words", counted=False)
    storage.complete(take(storage, task_type="video"))
    take(storage, task_type="video")
    progress = storage.children.progress(parent.task_id)
    assert (progress.total, progress.open, progress.failed) == (6, 2, 3)
    assert progress.completed == 1
    assert list(progress.errors.items()) == [("private", 2), ("timeout", 1)]
    assert progress.by_status == {
        "QUEUED": 1, "CLAIMED": 1, "RUNNING": 0, "COMPLETED": 1, "FAILED": 3, "CANCELLED": 0,
    }  # fmt: skip
    assert sum(progress.by_status.values()) == progress.total
    failed = storage.children.of(parent.task_id, status=TaskStatus.FAILED)
    assert {each.error_code for each in failed} == {"private", "timeout"}
    assert len(storage.children.of(parent.task_id, limit=2)) == 2


def test_a_task_without_children_has_none(storage):
    task_id = add(storage)
    assert storage.children.progress(task_id).total == 0
    assert storage.children.of(task_id) == []
    assert storage.children.results(task_id) == []
    assert storage.children.parents([task_id]) == {}
    assert storage.children.with_children([task_id]) == []
    for verb in ("progress", "of", "results", "cancel"):
        with pytest.raises(TaskNotFound):
            getattr(storage.children, verb)("nothing")


def test_parents_and_children_know_each_other(storage):
    parent = listing(storage)
    storage.children.save(parent, (), children("a"))
    (child,) = storage.children.of(parent.task_id)
    found = storage.children.parents([parent.task_id, child.task_id])
    assert found == {child.task_id: parent.task_id}
    assert storage.children.with_children([child.task_id, parent.task_id]) == [parent.task_id]


def test_cancelling_the_children_spares_the_finished(storage):
    parent = listing(storage)
    storage.children.save(parent, (), children(*"abc"))
    storage.complete(take(storage, task_type="video"))
    running = take(storage, task_type="video")
    assert storage.children.cancel(parent.task_id) == 2
    counts = storage.children.progress(parent.task_id).by_status
    assert (counts["CANCELLED"], counts["CLAIMED"], counts["COMPLETED"]) == (1, 1, 1)
    assert storage.get(running.task_id).cancel_requested
    assert storage.children.cancel(parent.task_id) == 1  # asked again: no error


def test_a_requeued_parent_begins_anew(storage):
    parent = listing(storage)
    storage.children.save(parent, ideas("a", "b"), children("a", "b"), "the end")
    storage.complete(take(storage, task_type="video"))
    storage.complete(parent)
    storage.requeue(parent.task_id)
    again = take(storage, task_type=LISTING, start=True)
    assert storage.children.cursor(again) is None
    saved = storage.children.save(again, ideas("a", "b"), children("a", "b"))
    assert saved == Saved(0, 1)  # one of them waits still
    assert storage.stats().by_type["video"]["QUEUED"] == 2


def test_prune_keeps_children_of_open_parents_and_parents_of_open_children(storage, clock):
    parent = listing(storage)
    storage.children.save(parent, ideas("a", "b"), children("a", "b"), "here")
    one = take(storage, task_type="video")
    storage.complete(one)
    add(storage, "newest")
    clock.advance(100)
    assert storage.maintenance.prune(clock.now()) == 0  # or the listing would create it once more
    storage.heartbeat(parent, 60)
    storage.complete(parent)
    clock.advance(100)
    assert storage.maintenance.prune(clock.now(), limit=1) == 1
    assert storage.children.progress(parent.task_id).total == 1
    assert storage.maintenance.prune(clock.now()) == 0
    storage.complete(take(storage, task_type="video"))
    clock.advance(100)
    assert storage.maintenance.prune(clock.now()) == 2
    assert storage.maintenance.check() == []
    assert [task.task_type for task in dump(storage)["tasks"]] == ["newest"]


def test_the_first_of_many_that_save_at_once_creates_each_child(storage):
    """Threads of one claim: what a plugin may do."""
    claim = listing(storage)
    saved = at_once(lambda _: storage.children.save(claim, (), children(*"abcdefgh")))
    assert sum(each.new_tasks for each in saved) == 8


def test_workers_hear_of_children_when_they_are_visible(storage):
    claim = listing(storage)
    seen = []
    claim_one = partial(storage.claim, request())
    storage.children.save(claim, (), children("a"), when_visible=lambda: seen.extend(claim_one()))
    assert len(seen) == 1


@pytest.mark.parametrize("verb", ["save", "cursor", "progress", "of", "results", "cancel"])
def test_a_closed_storage_refuses(storage, verb):
    claim = listing(storage)
    storage.close()
    with pytest.raises(StorageError):
        getattr(storage.children, verb)(claim if verb in ("save", "cursor") else claim.task_id)


def test_a_requeue_that_is_refused_forgets_nothing(storage):
    claim = listing(storage)
    storage.children.save(claim, ideas("a"), children("a"), '{"page": 1}')
    before = everything(storage)
    with pytest.raises(IllegalTransition):
        storage.requeue(claim.task_id)
    assert everything(storage) == before
