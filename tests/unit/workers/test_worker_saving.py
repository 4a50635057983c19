"""What a plugin saves while it runs stays, whatever becomes of its attempt."""

from __future__ import annotations

import threading

import pytest

from tests.unit.workers.support import attempt, claimed, worker_on
from tubeq import ChildTask, QueueManager, TransientError
from tubeq.domain.errors import ClaimLost, PermanentError, StorageBusy, StorageFull
from tubeq.plugins.saving import can_save, collecting, cursor, save


def items(*source_ids):
    return [{"source_id": source_id, "title": f"title of {source_id}"} for source_id in source_ids]


def child(source_id):
    return ChildTask(source_id, "other", {"id": source_id})


def test_what_is_saved_is_there_before_the_task_ends(queue):
    seen = []

    def scrape():
        assert can_save()
        save(items("a"), [child("a")], {"page": 1})
        (task,) = queue.list_tasks("RUNNING")
        seen.extend(idea["source_id"] for idea in queue.get_task_results(task["task_id"]))
        seen.append(queue.progress(task["task_id"]).total)
        return items("b")

    result, task = attempt(worker_on(queue, scrape))
    assert seen == ["a", 1]
    assert (result.success, result.ideas_count) == (True, 2)
    assert task.result["ideas_count"] == 2
    assert [idea["source_id"] for idea in queue.get_task_results(task["task_id"])] == ["a", "b"]


def test_the_next_attempt_goes_on_from_the_cursor(queue):
    cursors = []

    def scrape():
        cursors.append(cursor())
        save(items(f"video-{len(cursors)}"), cursor={"page": len(cursors)})
        if len(cursors) < 6:
            raise TransientError("not now")
        return []

    worker = worker_on(queue, scrape, max_retries=3)
    queue.create_task("video")
    while task := worker.claim_task():
        worker.process_task(task)
    # Six attempts of three: each got on, and that forgives the failures before.
    assert cursors == [None, *({"page": number} for number in range(1, 6))]
    (task,) = queue.list_tasks()
    assert task["status"] == "COMPLETED"
    assert task.result["ideas_count"] == 6


def test_the_last_attempt_is_not_the_last_if_it_gets_on(queue):
    attempts = []

    def scrape():
        attempts.append(1)
        if len(attempts) == 3:
            save(items("a"))
        raise TransientError("not now")

    worker = worker_on(queue, scrape, max_retries=3)
    task_id = queue.create_task("video")
    for _ in range(3):
        worker.process_task(claimed(worker))
    task = queue.get_task(task_id)
    assert (task["status"], task["retry_count"]) == ("QUEUED", 1)


def test_attempts_that_do_not_get_on_are_counted(queue):
    def scrape():
        save(items("always the same"))
        raise TransientError("not now")

    worker = worker_on(queue, scrape, max_retries=3)
    task_id = queue.create_task("video")
    attempts = 0
    while task := worker.claim_task():
        worker.process_task(task)
        attempts += 1
    assert attempts == 3
    assert queue.get_task(task_id)["status"] == "FAILED"


def test_who_lost_the_claim_saves_nothing(queue):
    refusals = []

    def scrape():
        (task,) = queue.list_tasks("RUNNING")
        queue.update_task_status(task["task_id"], "QUEUED")
        try:
            save(items("a"), [child("a")], {"page": 1})
        except ClaimLost as error:
            refusals.append(error)
            raise
        return []

    result, task = attempt(worker_on(queue, scrape))
    assert result.claim_lost
    assert len(refusals) == 1
    assert queue.get_task_results(task["task_id"]) == []
    assert queue.progress(task["task_id"]).total == 0
    assert task["status"] == "QUEUED"
    assert task["retry_count"] == 0


def test_a_cancelled_task_ends_when_it_saves(queue):
    def scrape():
        save(items("a"), [child("a")])
        (task,) = queue.list_tasks("RUNNING")
        queue.cancel_task(task["task_id"])
        save(items("b"), [child("b")])
        raise AssertionError("it went on")

    _, task = attempt(worker_on(queue, scrape))
    assert task["status"] == "CANCELLED"
    assert [idea["source_id"] for idea in queue.get_task_results(task["task_id"])] == ["a"]
    assert queue.progress(task["task_id"]).by_status["CANCELLED"] == 1


@pytest.mark.parametrize("kind", [StorageBusy, StorageFull])
def test_a_storage_that_cannot_save_is_no_failure_of_the_task(tmp_path, kind, monkeypatch):
    with QueueManager(tmp_path / "queue.db") as queue:
        worker = worker_on(queue, lambda: save(items("a")) and [])
        task_id = queue.create_task("video")

        def refuse(*_arguments, **_others):
            raise kind("not now")

        with monkeypatch.context() as patch:
            patch.setattr(queue._storage.children, "save", refuse)
            with pytest.raises(kind):
                worker.process_task(claimed(worker))
        assert queue.get_task(task_id)["retry_count"] == 0


def test_an_item_that_is_no_idea_is_refused(queue):
    result, task = attempt(worker_on(queue, lambda: save([{"title": "nameless"}])))
    assert result.error_code == "invalid_item"
    assert task["status"] == "FAILED"


@pytest.mark.parametrize(
    "wrong",
    [
        {"tasks": [ChildTask("", "other")]},
        {"tasks": [ChildTask("a", "No Type")]},
        {"tasks": [ChildTask("a", "other", {"no JSON": object()})]},
        {"cursor": {"no JSON": object()}},
        {"cursor": {"too long": "x" * 70_000}},
    ],
)
def test_what_cannot_be_stored_fails_the_task(queue, wrong):
    result, task = attempt(worker_on(queue, lambda: save(items("a"), **wrong)))
    assert result.error_code == "invalid_parameters"
    assert queue.get_task_results(task["task_id"]) == []


def test_saving_is_a_sign_of_life(queue):
    """Three times as long as its limit, and never idle for as long as that."""

    def scrape():
        for number in range(12):
            threading.Event().wait(0.1)
            save(items(f"video-{number}"))
        return []

    worker = worker_on(queue, scrape, task_timeout_s=0.4, stop_grace_s=0.05)
    result, _ = attempt(worker)
    assert result.success
    worker.close()


def test_outside_of_a_worker_nothing_is_kept():
    assert not can_save()
    assert save(items("a"), [child("a")], {"page": 1}) == (0, 0, False)
    assert cursor() is None


def test_a_test_can_collect_what_a_plugin_saves():
    with collecting({"page": 7}) as collected:
        assert cursor() == {"page": 7}
        assert save(items("a", "b"), [child("a")], {"page": 8}) == (2, 1, False)
        assert save(items("b"), [child("a")]) == (0, 0, False)
    assert list(collected.ideas) == ["a", "b"]
    assert list(collected.tasks) == ["a"]
    assert cursor() is None


def test_a_permanent_error_keeps_what_was_saved(queue):
    def scrape():
        save(items("a"))
        raise PermanentError("no more")

    _, task = attempt(worker_on(queue, scrape))
    assert task["status"] == "FAILED"
    assert len(queue.get_task_results(task["task_id"])) == 1


def test_cancelling_a_finished_listing_cancels_its_videos(queue):
    def scrape():
        save(items("a", "b"), [child("a"), child("b")])
        return []

    _, task = attempt(worker_on(queue, scrape))
    assert queue.cancel_task(task["task_id"])["status"] == "COMPLETED"
    assert queue.progress(task["task_id"]).by_status["CANCELLED"] == 2
    assert [each["status"] for each in queue.children(task["task_id"])] == ["CANCELLED"] * 2


def test_children_may_be_spared(queue):
    parent = queue.create_task("listing")
    claim = queue.claim_next_task("listing", "worker-1")
    queue.save_progress(claim, tasks=[child("a")])
    queue.cancel_task(parent, children=False)
    assert queue.progress(parent).open == 1


def test_what_is_returned_after_a_cancel_that_nobody_heard_of_is_no_completion(queue):
    def scrape():
        save(items("a"))
        (task,) = queue.list_tasks("RUNNING")
        queue.cancel_task(task["task_id"])
        return items("b")

    result, task = attempt(worker_on(queue, scrape))
    assert task["status"] == "CANCELLED"
    assert (result.success, result.error_code) == (False, "cancelled")
    assert [idea["source_id"] for idea in queue.get_task_results(task["task_id"])] == ["a"]
