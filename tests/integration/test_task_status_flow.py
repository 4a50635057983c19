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
def test_a_task_can_be_led_along_every_path(queue_manager: QueueManager, path: list[str]) -> None:
    task_id = add(queue_manager)
    for status in path:
        changed = queue_manager.update_task_status(task_id, status, worker_id="hand")
        assert changed == queue_manager.get_task(task_id)
        assert changed["status"] == status
        if status != "CANCELLED":  # that may come with or without a holder
            assert changed["worker_id"] == (None if status == "QUEUED" else "hand")
        assert (changed["completed_at"] is not None) == (status in FINISHED)
        assert (changed["lease_expires_at"] is not None) == (status in ("CLAIMED", "RUNNING"))
    assert len(events(queue_manager, task_id)) == len(path) + 1


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
    queue_manager: QueueManager, path: list[str], forbidden: list[str]
) -> None:
    task_id = add(queue_manager)
    for status in path:
        queue_manager.update_task_status(task_id, status)
    before = (queue_manager.get_task(task_id), queue_manager.get_task_history(task_id))
    for status in forbidden:
        with pytest.raises(IllegalTransition):
            queue_manager.update_task_status(task_id, status)
    assert (queue_manager.get_task(task_id), queue_manager.get_task_history(task_id)) == before


@pytest.mark.parametrize("status", ["", "DONE", "QUEUED ", "scheduled", None, 1])
def test_an_unknown_status_is_refused_by_name(queue_manager: QueueManager, status: str) -> None:
    task_id = add(queue_manager)
    with pytest.raises(InvalidParameters):
        queue_manager.update_task_status(task_id, status)
    assert events(queue_manager, task_id) == ["created"]


def test_a_status_may_be_written_in_any_case_or_as_the_enum(queue_manager: QueueManager) -> None:
    task_id = add(queue_manager)
    queue_manager.update_task_status(task_id, "claimed", worker_id="hand")
    queue_manager.update_task_status(task_id, TaskStatus.RUNNING)
    assert queue_manager.get_task(task_id)["status"] == "RUNNING"


def test_an_unknown_task_has_no_status_to_set(queue_manager: QueueManager) -> None:
    with pytest.raises(TaskNotFound):
        queue_manager.update_task_status("no-such-task", "CLAIMED")


def test_times_follow_each_other_through_the_life_of_a_task(queue_manager: QueueManager) -> None:
    task_id = add(queue_manager)
    for status in ("CLAIMED", "RUNNING", "COMPLETED"):
        queue_manager.update_task_status(task_id, status)
    task = queue_manager.get_task(task_id)
    times = [
        from_timestamp(task[column])
        for column in ("created_at", "claimed_at", "started_at", "completed_at")
    ]
    assert times == sorted(times)


def test_results_of_a_status_set_by_hand_are_stored(queue_manager: QueueManager) -> None:
    done, failed = add(queue_manager), add(queue_manager)
    for task_id in (done, failed):
        queue_manager.update_task_status(task_id, "CLAIMED")
    queue_manager.update_task_status(done, "COMPLETED", result={"ideas_count": 5})
    queue_manager.update_task_status(failed, "FAILED", error_message="by hand")
    assert queue_manager.get_task(done).result == {"ideas_count": 5}
    assert queue_manager.get_task(failed)["error_message"] == "by hand"


def test_counts_follow_every_step(queue_manager: QueueManager) -> None:
    task_id = add(queue_manager)
    for status in ("CLAIMED", "RUNNING", "FAILED", "QUEUED", "CANCELLED"):
        queue_manager.update_task_status(task_id, status)
        assert {
            name: count for name, count in queue_manager.stats().by_status.items() if count
        } == {status: 1}


def test_a_retry_is_a_queued_task_with_its_error(queue_manager: QueueManager) -> None:
    task_id = add(queue_manager)
    claim = queue_manager.claim_next_task(TASK_TYPE, "worker-1")
    assert claim is not None
    task = queue_manager.fail_task(queue_manager.start_task(claim), "no route", code="network")
    assert task == queue_manager.get_task(task_id)
    assert (task["status"], task["error_code"], task["retry_count"]) == ("QUEUED", "network", 1)
    assert events(queue_manager, task_id) == ["created", "claimed", "started", "retried"]


def test_completion_and_results_become_visible_together(queue_manager: QueueManager) -> None:
    task_id = add(queue_manager)
    claim = queue_manager.claim_next_task(TASK_TYPE, "worker-1")
    assert claim is not None
    assert queue_manager.get_task_results(task_id) == []
    queue_manager.complete_task(claim, [item(n) for n in range(3)])
    assert queue_manager.get_task(task_id)["status"] == "COMPLETED"
    assert len(queue_manager.get_task_results(task_id)) == 3
