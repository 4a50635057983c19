"""What a plugin does decides what becomes of its task."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support import raising
from tubeq.domain.errors import InvalidParameters, PermanentError, PluginError, TransientError
from tubeq.domain.models import Idea
from tubeq.domain.states import TaskStatus
from tubeq.queue.queue_manager import QueueManager

from .support import GOOD, Plugin, attempt, claimed, new_claim, worker_on


def test_items_are_stored_with_the_completion(queue: QueueManager) -> None:
    result, task = attempt(worker_on(queue), channel_url="@one")
    assert (result.success, result.ideas_count, result.error_message) == (True, 1, None)
    assert task.status is TaskStatus.COMPLETED
    assert task.result == {"ideas_count": 1, "worker_id": "worker-1"}
    assert [each.source_id for each in queue.get_task_results(task.task_id)] == ["video-1"]


def test_the_plugin_gets_the_parameters(queue: QueueManager) -> None:
    seen: dict[str, Any] = {}
    attempt(worker_on(queue, lambda **given: seen.update(given) or []), channel_url="@one", n=2)
    assert seen == {"channel_url": "@one", "n": 2}


def test_a_task_is_claimed_then_running_then_completed(queue: QueueManager) -> None:
    _, task = attempt(worker_on(queue))
    events = [entry.event for entry in queue.get_task_history(task.task_id)]
    assert events == ["created", "claimed", "started", "completed"]


def test_the_plugin_may_be_replaced_between_claim_and_process(queue: QueueManager) -> None:
    worker = worker_on(queue, raising(AssertionError("the old one")))
    task = new_claim(worker)
    worker.plugin = Plugin(lambda **parameters: [])
    assert worker.process_task(task).success


def test_a_generator_is_run_to_its_end(queue: QueueManager) -> None:
    def scrape(**parameters: Any) -> Iterator[Any]:
        yield {"source_id": "a"}
        yield Idea("b", title="Second")

    result, task = attempt(worker_on(queue, scrape))
    assert result.ideas_count == 2
    assert [each.source_id for each in queue.get_task_results(task.task_id)] == ["a", "b"]


def test_an_error_half_way_through_a_generator_stores_nothing(queue: QueueManager) -> None:
    def scrape(**parameters: Any) -> Iterator[Any]:
        yield GOOD
        raise ConnectionError("cut off")

    result, task = attempt(worker_on(queue, scrape))
    assert not result.success
    assert queue.get_task_results(task.task_id) == []


@pytest.mark.parametrize(
    "error",
    [
        PermanentError("channel_url: no such channel", code="not_found"),
        InvalidParameters("channel_url is missing"),
    ],
)
def test_a_permanent_error_is_never_retried_nor_counted(
    queue: QueueManager, error: Exception
) -> None:
    result, task = attempt(worker_on(queue, raising(error)))
    assert not result.success
    assert result.error_code == error.code  # type: ignore[attr-defined]
    assert task.status is TaskStatus.FAILED
    assert "channel_url" in str(task.error_message)
    assert task.error_message == result.error_message
    assert task.retry_count == 0


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (ConnectionError("Network timeout"), "unexpected", "ConnectionError: Network timeout"),
        (TransientError("busy", code="bot_check"), "bot_check", "busy"),
        (PluginError("odd"), "plugin_error", "odd"),
        (TypeError("inside of the plugin"), "unexpected", "TypeError: inside of the plugin"),
    ],
)
def test_any_other_error_is_counted_and_retried(
    queue: QueueManager, error: Exception, code: str, message: str
) -> None:
    result, task = attempt(worker_on(queue, raising(error)))
    assert (result.success, result.error_code, result.error_message) == (False, code, message)
    assert task.status is TaskStatus.QUEUED
    assert (task.retry_count, task.error_code, task.error_message) == (1, code, message)


def test_the_last_failure_is_final(queue: QueueManager) -> None:
    worker = worker_on(queue, raising(ConnectionError("down")))
    task_id = queue.create_task("video")
    for _ in range(3):
        worker.process_task(claimed(worker))
    assert worker.claim_task() is None
    task = queue.get_task(task_id)
    assert (task.status, task.retry_count) == (TaskStatus.FAILED, 3)


def test_retry_after_is_honoured(queue: QueueManager) -> None:
    worker = worker_on(queue, raising(TransientError("slow down", retry_after_s=3600.0)))
    _, task = attempt(worker)
    assert task.status is TaskStatus.QUEUED
    assert task.run_after is not None
    assert worker.claim_task() is None
    due_at = queue.backlog.next_due_at("video")
    assert due_at == pytest.approx(task.run_after)


def test_a_back_off_makes_the_task_rest(queue: QueueManager) -> None:
    worker = worker_on(queue, raising(ConnectionError("down")), backoff_s=1e6, backoff_max_s=1e6)
    attempt(worker)
    assert worker.claim_task() is None


@pytest.mark.parametrize(
    ("items", "named"),
    [
        ([{"title": "no id"}], "source_id"),
        ([7], "source_id"),
        ([GOOD, {"source_id": "b", "score": "high"}], "score"),
        ([{"source_id": "b", "score": float("nan")}], "score"),
        ([{"source_id": "b", "views": 1.5}], "views"),
        ([{"source_id": "b", "title": ["x"]}], "title"),
        ([Idea("b", extra=3)], "extra"),  # type: ignore[arg-type]
        ([{"source_id": "b", "stuff": object()}], "object"),
        (None, "None"),
        (5, "5"),
    ],
)
def test_an_invalid_item_fails_the_task_for_good_and_is_named(
    queue: QueueManager, items: Any, named: str
) -> None:
    result, task = attempt(worker_on(queue, lambda **parameters: items))
    assert not result.success
    assert task.status is TaskStatus.FAILED
    assert re.search(named, str(task.error_message))
    assert task.retry_count == 0
    assert queue.get_task_results(task.task_id) == []


def test_parameters_that_the_plugin_does_not_take_are_permanent(queue: QueueManager) -> None:
    def scrape(channel_url: str) -> list[Any]:
        return []

    result, task = attempt(worker_on(queue, scrape), invalid="value")
    assert result.error_code == "invalid_parameters"
    assert "channel_url" in str(task.error_message)
    assert (task.status, task.retry_count) == (TaskStatus.FAILED, 0)


@pytest.mark.parametrize("text", ["not JSON", "[1]"])
def test_parameters_that_are_no_object_are_permanent(queue: QueueManager, text: str) -> None:
    """Other programs write into the table too."""
    worker = worker_on(queue)
    queue.create_task("video")
    task = queue.start_task(claimed(worker))
    result = worker.process_task(task._replace(parameters_json=text))
    assert result.error_code == "invalid_parameters"


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(1)])
def test_an_interrupt_hands_the_task_back_and_passes_through(
    queue: QueueManager, error: BaseException
) -> None:
    worker = worker_on(queue, raising(error))
    task_id = queue.create_task("video")
    with pytest.raises(type(error)):
        worker.process_task(claimed(worker))
    task = queue.get_task(task_id)
    assert (task.status, task.retry_count, task.crash_count) == (TaskStatus.QUEUED, 0, 0)


def test_a_claim_lost_before_the_start_runs_nothing(queue: QueueManager) -> None:
    worker = worker_on(queue, raising(AssertionError("it was run")))
    task = new_claim(worker)
    task_id = task.task_id
    queue.rescue(worker_id="worker-1")
    result = worker.process_task(task)
    assert (result.success, result.claim_lost) == (False, True)
    assert queue.get_task(task_id).status is TaskStatus.QUEUED


@pytest.mark.parametrize("ends", ["returns", "raises", "raises for good"])
def test_a_claim_lost_meanwhile_writes_nothing(queue: QueueManager, ends: str) -> None:
    """A worker that was given up for dead comes back: whoever has the task now is not disturbed."""

    def scrape(**parameters: Any) -> list[Any]:
        queue.rescue(worker_id="worker-1")
        taken = queue.claim_next_task("video", "worker-2")
        assert taken is not None
        if ends == "raises":
            raise ConnectionError("down")
        if ends == "raises for good":
            raise PermanentError("gone")
        return [GOOD]

    worker = worker_on(queue, scrape)
    result, task = attempt(worker)
    assert (result.success, result.claim_lost, result.error_code) == (False, True, "claim_lost")
    assert (task.status, task.worker_id) == (TaskStatus.CLAIMED, "worker-2")
    assert task.retry_count == 0
    assert queue.get_task_results(task.task_id) == []


def test_a_worker_may_open_the_queue_itself(tmp_path: Any) -> None:
    from tubeq.workers.base_worker import BaseWorker, WorkerConfig

    path = str(tmp_path / "queue.db")
    with BaseWorker(WorkerConfig(task_type="video"), path, Plugin()) as worker:
        result, task = attempt(worker)
        assert result.success
        assert task.worker_id == worker.worker_id
    worker.close()
