"""QueueManager on ":memory:": what it adds to the storage's verbs, and that it passes on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.conftest import FakeClock
from tests.support import claimed
from tubeq.domain.errors import IllegalTransition, InvalidParameters, StorageError, TaskNotFound
from tubeq.domain.models import Idea, NewTask
from tubeq.domain.policies import ClaimStrategy, RetryPolicy
from tubeq.queue.queue_manager import QueueManager
from tubeq.storage import open_storage
from tubeq.storage.ports.tasks import ClaimRequest, WorkerInfo


@pytest.fixture
def queue(clock: FakeClock) -> Iterator[QueueManager]:
    with QueueManager(":memory:", clock=clock) as queue:
        yield queue


def test_a_task_is_created_from_plain_values(queue: QueueManager, clock: FakeClock) -> None:
    task_id = queue.create_task(
        "video", {"url": "x"}, 5, run_after=clock.now() + 9, idempotency_key="key"
    )
    task = queue.get_task(task_id)
    assert (task.task_type, task.parameters, task.priority) == ("video", {"url": "x"}, 5)
    assert (task.run_after, task.idempotency_key) == (clock.now() + 9, "key")


def test_parameters_may_be_left_out(queue: QueueManager) -> None:
    assert queue.get_task(queue.create_task("video")).parameters == {}


@pytest.mark.parametrize("bad", [NewTask("No Type"), NewTask("video", priority=-1)])
def test_one_wrong_task_keeps_its_whole_batch_out(queue: QueueManager, bad: NewTask) -> None:
    with pytest.raises(InvalidParameters):
        queue.create_tasks([NewTask("video"), bad, NewTask("video")])
    assert queue.list_tasks() == []


def test_an_empty_batch_is_no_error(queue: QueueManager) -> None:
    assert queue.create_tasks([]) == []
    assert queue.create_tasks(iter([NewTask("video")])) == [queue.list_tasks()[0].task_id]


@pytest.mark.parametrize("strategy", [*ClaimStrategy, "FIFO", "lifo"])
def test_a_strategy_may_be_given_by_name(queue: QueueManager, strategy: str) -> None:
    queue.create_task("video")
    assert queue.claim_next_task("video", "worker-1", strategy) is not None
    assert queue.claim_next_task("video", "worker-1", strategy) is None


def test_an_unknown_strategy_claims_nothing(queue: QueueManager) -> None:
    queue.create_task("video")
    with pytest.raises(InvalidParameters):
        queue.claim_next_task("video", "worker-1", "newest")
    assert queue.list_tasks()[0].status == "QUEUED"


def test_a_batch_is_claimed_in_order_with_its_lease(queue: QueueManager, clock: FakeClock) -> None:
    ids = queue.create_tasks([NewTask("video")] * 5)
    tasks = queue.claim_tasks("video", "worker-1", 3, "fifo", lease_s=7.0)
    assert [task.task_id for task in tasks] == ids[:3]
    assert {task.lease_expires_at for task in tasks} == {clock.now() + 7.0}


def test_ideas_may_be_mappings_or_ideas(queue: QueueManager) -> None:
    claim = claimed(queue)
    queue.complete_task(claim, [Idea("a"), {"source_id": "b", "title": "B", "likes": 7}])
    results = queue.get_task_results(claim.task_id)
    assert [(each.source_id, each.extra) for each in results] == [("a", {}), ("b", {"likes": 7})]


def test_an_item_that_is_no_idea_completes_nothing(queue: QueueManager) -> None:
    claim = claimed(queue)
    with pytest.raises(InvalidParameters):
        queue.complete_task(claim, [Idea("a"), {"title": "no id"}])
    assert queue.get_task(claim.task_id).status == "CLAIMED"
    assert queue.get_task_results(claim.task_id) == []


def test_complete_hands_out_the_next_task(queue: QueueManager) -> None:
    following = queue.create_task("video")
    after = queue.complete_task(claimed(queue), then=ClaimRequest("video", "worker-1"))
    assert after is not None
    assert after.task_id == following


@pytest.mark.parametrize(
    ("given", "status", "retry_count"),
    [
        ({}, "QUEUED", 1),
        ({"permanent": True}, "FAILED", 0),
        ({"policy": RetryPolicy(max_retries=1)}, "FAILED", 1),
        ({"policy": RetryPolicy(max_retries=0)}, "FAILED", 1),
    ],
)
def test_a_failure_is_retried_as_the_policy_says(
    queue: QueueManager, given: dict[str, Any], status: str, retry_count: int
) -> None:
    task = queue.fail_task(claimed(queue), "why", code="network", **given)
    assert (task.status, task.retry_count) == (status, retry_count)
    assert (task.error_code, task.error_message) == ("network", "why")


@pytest.mark.parametrize(
    ("given", "least_s", "most_s"),
    [
        ({}, 0, 0),
        ({"retry_after_s": 30.0}, 30, 30),
        ({"policy": RetryPolicy(backoff_s=8.0)}, 0, 8),
        ({"policy": RetryPolicy(backoff_s=8.0), "retry_after_s": 60.0}, 60, 60),
    ],
)
def test_a_retry_waits_as_policy_and_server_say(
    queue: QueueManager, clock: FakeClock, given: dict[str, Any], least_s: float, most_s: float
) -> None:
    task = queue.fail_task(claimed(queue), "why", **given)
    assert task.run_after is not None
    assert least_s <= task.run_after - clock.now() <= most_s


def test_results_can_be_stored_one_by_one(queue: QueueManager) -> None:
    task_id = queue.create_task("video")
    queue.store_result(task_id, "a", "Title", 75.0, description="text", views=5, likes=7)
    queue.store_result(task_id=task_id, source_id="a", title="Again", score=76.0)
    (result,) = queue.get_task_results(task_id)
    assert (result.title, result.score, result.views) == ("Again", 76.0, None)


def test_a_status_is_set_and_listed_by_name(queue: QueueManager) -> None:
    task_id = queue.create_task("video")
    queue.update_task_status(task_id, "claimed", worker_id="hand")
    assert [task.task_id for task in queue.list_tasks("Claimed")] == [task_id]
    assert queue.list_tasks("QUEUED") == []
    for wrong in (queue.list_tasks, lambda status: queue.update_task_status(task_id, status)):
        with pytest.raises(InvalidParameters):
            wrong("DONE")


@pytest.mark.parametrize(
    "verb", ["get_task", "get_task_results", "get_task_history", "cancel_task", "requeue_task"]
)
def test_a_task_that_is_not_there_is_named_as_such(queue: QueueManager, verb: str) -> None:
    with pytest.raises(TaskNotFound, match="no-such-task"):
        getattr(queue, verb)("no-such-task")


def test_a_finished_task_can_be_requeued_and_nothing_else(queue: QueueManager) -> None:
    claim = claimed(queue)
    with pytest.raises(IllegalTransition):
        queue.requeue_task(claim.task_id)
    queue.complete_task(claim)
    assert queue.requeue_task(claim.task_id).status == "QUEUED"
    with pytest.raises(IllegalTransition):
        queue.requeue_task(claim.task_id)


def test_a_held_task_is_started_kept_and_released(queue: QueueManager, clock: FakeClock) -> None:
    claim = queue.start_task(claimed(queue))
    assert queue.heartbeat(claim, 5.0) is False
    assert queue.get_task(claim.task_id).lease_expires_at == clock.now() + 5.0
    queue.cancel_task(claim.task_id)
    assert queue.heartbeat(claim) is True
    assert queue.release_task(claim).status == "CANCELLED"


def test_expired_leases_are_rescued(queue: QueueManager, clock: FakeClock) -> None:
    claim = claimed(queue)
    assert queue.rescue() == ([], [], [])
    clock.advance(61)
    assert queue.rescue().requeued == [claim.task_id]
    assert [entry.event for entry in queue.get_task_history(claim.task_id)][-1] == "rescued"


def test_old_tasks_are_pruned_by_age(queue: QueueManager, clock: FakeClock) -> None:
    old = claimed(queue)
    queue.complete_task(old)
    clock.advance(100)
    queue.complete_task(claimed(queue))
    queue.create_task("video")
    assert queue.maintenance.prune(older_than_s=50) == 1
    with pytest.raises(TaskNotFound):
        queue.get_task(old.task_id)
    assert queue.stats().by_status["COMPLETED"] == 1


def test_workers_are_known_and_can_be_stopped(queue: QueueManager) -> None:
    info = WorkerInfo("worker-1", "video", "host", 1, "2027-01-15 08:00:00.000000", 0.0, False)
    queue.register.add(info)
    assert queue.workers() == [info]
    assert queue.request_stop() == 1
    assert queue.workers()[0].stop_requested


def test_memory_has_no_file_to_back_up(queue: QueueManager, tmp_path: Any) -> None:
    with pytest.raises(StorageError):
        queue.maintenance.backup(tmp_path / "copy.db")
    assert list(tmp_path.iterdir()) == []


def test_a_sound_queue_has_nothing_wrong(queue: QueueManager) -> None:
    claimed(queue)
    assert queue.maintenance.check() == []


def test_an_open_storage_can_be_handed_in(clock: FakeClock) -> None:
    storage = open_storage(":memory:", clock=clock)
    with QueueManager(":memory:", storage=storage) as queue:
        task_id = queue.create_task("video")
        assert storage.get(task_id).task_type == "video"


def test_a_closed_queue_refuses_work(queue: QueueManager) -> None:
    queue.close()
    queue.close()
    with pytest.raises(StorageError):
        queue.create_task("video")


def test_an_unknown_durability_is_refused() -> None:
    with pytest.raises(InvalidParameters):
        QueueManager(":memory:", durability="maybe")
