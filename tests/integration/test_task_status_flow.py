"""The states of a task as an administrator or a dashboard moves and sees them."""

from __future__ import annotations

import pytest

from tests.integration.support import TASK_TYPE, add, events, item
from tubeq.domain.clock import from_timestamp
from tubeq.domain.errors import IllegalTransition, InvalidParameters, TaskNotFound
from tubeq.domain.states import FINISHED, TaskStatus
from tubeq.queue.queue_manager import QueueManager

pytestmark = pytest.mark.integration

PATHS = [
    ["CLAIMED", "RUNNING", "COMPLETED"],
    ["CLAIMED", "RUNNING", "FAILED", "QUEUED", "CLAIMED", "RUNNING", "COMPLETED"],
    ["CLAIMED", "COMPLETED"],
    ["CLAIMED", "FAILED", "QUEUED"],
    ["CLAIMED", "QUEUED", "CLAIMED", "RUNNING", "QUEUED"],
    ["CANCELLED", "QUEUED", "CLAIMED", "CANCELLED"],
    ["CLAIMED", "RUNNING", "CANCELLED", "QUEUED"],
    ["CLAIMED", "RUNNING", "COMPLETED", "QUEUED", "CANCELLED"],
]


@pytest.mark.parametrize("path", PATHS, ids="-".join)
def test_a_task_can_be_led_along_every_path(queue: QueueManager, path: list[str]) -> None:
    task_id = add(queue)
    for status in path:
        changed = queue.update_task_status(task_id, status, worker_id="hand")
        assert changed == queue.get_task(task_id)
        assert changed["status"] == status
        if status != "CANCELLED":  # that may come with or without a holder
            assert changed["worker_id"] == (None if status == "QUEUED" else "hand")
        assert (changed["completed_at"] is not None) == (status in FINISHED)
        assert (changed["lease_expires_at"] is not None) == (status in ("CLAIMED", "RUNNING"))
    assert len(events(queue, task_id)) == len(path) + 1


@pytest.mark.parametrize(
    ("path", "forbidden"),
    [
        ([], ["QUEUED", "RUNNING", "COMPLETED", "FAILED"]),
        (["CLAIMED"], ["CLAIMED"]),
        (["CLAIMED", "RUNNING"], ["CLAIMED", "RUNNING"]),
        (["CLAIMED", "COMPLETED"], ["CLAIMED", "RUNNING", "COMPLETED", "FAILED", "CANCELLED"]),
        (["CLAIMED", "FAILED"], ["CLAIMED", "RUNNING", "COMPLETED", "FAILED", "CANCELLED"]),
        (["CANCELLED"], ["CLAIMED", "RUNNING", "COMPLETED", "FAILED", "CANCELLED"]),
    ],
    ids=lambda value: "-".join(value) or "QUEUED",
)
def test_a_forbidden_step_is_refused_and_changes_nothing(
    queue: QueueManager, path: list[str], forbidden: list[str]
) -> None:
    task_id = add(queue)
    for status in path:
        queue.update_task_status(task_id, status)
    before = (queue.get_task(task_id), queue.get_task_history(task_id))
    for status in forbidden:
        with pytest.raises(IllegalTransition):
            queue.update_task_status(task_id, status)
    assert (queue.get_task(task_id), queue.get_task_history(task_id)) == before


@pytest.mark.parametrize("status", ["", "DONE", "QUEUED ", "scheduled", None, 1])
def test_an_unknown_status_is_refused_by_name(queue: QueueManager, status: str) -> None:
    task_id = add(queue)
    with pytest.raises(InvalidParameters):
        queue.update_task_status(task_id, status)
    assert events(queue, task_id) == ["created"]


def test_a_status_may_be_written_in_any_case_or_as_the_enum(queue: QueueManager) -> None:
    task_id = add(queue)
    queue.update_task_status(task_id, "claimed", worker_id="hand")
    queue.update_task_status(task_id, TaskStatus.RUNNING)
    assert queue.get_task(task_id)["status"] == "RUNNING"


def test_an_unknown_task_has_no_status_to_set(queue: QueueManager) -> None:
    with pytest.raises(TaskNotFound):
        queue.update_task_status("no-such-task", "CLAIMED")


def test_times_follow_each_other_through_the_life_of_a_task(queue: QueueManager) -> None:
    task_id = add(queue)
    for status in ("CLAIMED", "RUNNING", "COMPLETED"):
        queue.update_task_status(task_id, status)
    task = queue.get_task(task_id)
    times = [
        from_timestamp(task[column])
        for column in ("created_at", "claimed_at", "started_at", "completed_at")
    ]
    assert times == sorted(times)


def test_results_of_a_status_set_by_hand_are_stored(queue: QueueManager) -> None:
    done, failed = add(queue), add(queue)
    for task_id in (done, failed):
        queue.update_task_status(task_id, "CLAIMED")
    queue.update_task_status(done, "COMPLETED", result={"ideas_count": 5})
    queue.update_task_status(failed, "FAILED", error_message="by hand")
    assert queue.get_task(done).result == {"ideas_count": 5}
    assert queue.get_task(failed)["error_message"] == "by hand"


def test_counts_follow_every_step(queue: QueueManager) -> None:
    task_id = add(queue)
    for status in ("CLAIMED", "RUNNING", "FAILED", "QUEUED", "CANCELLED"):
        queue.update_task_status(task_id, status)
        assert {name: count for name, count in queue.stats().by_status.items() if count} == {
            status: 1
        }


def test_a_retry_is_a_queued_task_with_its_error(queue: QueueManager) -> None:
    task_id = add(queue)
    claim = queue.claim_next_task(TASK_TYPE, "worker-1")
    assert claim is not None
    task = queue.fail_task(queue.start_task(claim), "no route", code="network")
    assert task == queue.get_task(task_id)
    assert (task["status"], task["error_code"], task["retry_count"]) == ("QUEUED", "network", 1)
    assert events(queue, task_id) == ["created", "claimed", "started", "retried"]


def test_completion_and_results_become_visible_together(queue: QueueManager) -> None:
    task_id = add(queue)
    claim = queue.claim_next_task(TASK_TYPE, "worker-1")
    assert claim is not None
    assert queue.get_task_results(task_id) == []
    queue.complete_task(claim, [item(n) for n in range(3)])
    assert queue.get_task(task_id)["status"] == "COMPLETED"
    assert len(queue.get_task_results(task_id)) == 3
