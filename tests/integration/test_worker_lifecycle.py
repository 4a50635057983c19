"""One task from its creation to its end: through the queue, a worker, yt-dlp and back."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.integration.conftest import MakeWorker
from tests.integration.support import (
    Scripted,
    add,
    add_many,
    assert_each_done_once,
    attempt,
    claimed,
    drain,
    events,
    item,
    running,
)
from tests.support import PATIENCE_S, until
from tubeq.domain.models import Idea
from tubeq.plugins.base import check_stop
from tubeq.queue.queue_manager import QueueManager
from tubeq.workers.base_worker import BaseWorker

pytestmark = pytest.mark.integration


def test_a_channel_is_scraped_from_task_to_ideas(
    queue: QueueManager, test_worker: BaseWorker
) -> None:
    task_id = add(queue)
    result = attempt(test_worker)
    assert (result.success, result.ideas_count, result.error_message) == (True, 5, None)

    task = queue.get_task(task_id)
    assert task["status"] == "COMPLETED"
    assert task["worker_id"] == "test-worker-001"
    assert task.result is not None
    assert task.result["ideas_count"] == 5
    assert events(queue, task_id) == ["created", "claimed", "started", "completed"]

    results = queue.get_task_results(task_id)
    assert len({each["source_id"] for each in results}) == 5
    for each in results:
        assert len(each["source_id"]) == 11
        assert each["source_id"] in each["url"]
        assert each["title"]
        assert 1 <= each["score"] <= 100
        assert each["task_id"] == task_id


@pytest.mark.parametrize("max_results", [1, 30, 45])
def test_a_task_gets_as_many_ideas_as_it_asked_for(
    queue: QueueManager, test_worker: BaseWorker, max_results: int
) -> None:
    task_id = queue.create_task(
        "youtube_channel", {"channel_url": "@SnappyStories_1", "max_results": max_results}
    )
    assert attempt(test_worker).ideas_count == max_results
    assert len(queue.get_task_results(task_id)) == max_results


@pytest.mark.parametrize(
    ("parameters", "named"),
    [
        ({"max_results": 5}, "channel_url"),
        ({"channel_url": "https://example.com/@somebody"}, "channel_url"),
        ({"channel_url": 5}, "channel_url"),
        ({"channel_url": "@SnappyStories_1", "max_results": 0}, "max_results"),
        ({"channel_url": "@SnappyStories_1", "max_results": "5"}, "max_results"),
        ({"channel_url": "@SnappyStories_1", "max_result": 5}, "max_result"),
    ],
)
def test_a_wrong_parameter_is_named_and_never_tried_again(
    queue: QueueManager, test_worker: BaseWorker, parameters: dict[str, Any], named: str
) -> None:
    task_id = queue.create_task("youtube_channel", parameters)
    result = attempt(test_worker)
    assert not result.success
    assert named in str(result.error_message)
    task = queue.get_task(task_id)
    assert (task["status"], task["retry_count"]) == ("FAILED", 0)
    assert named in task["error_message"]
    assert test_worker.claim_task() is None


def test_everybody_sees_the_task_run_while_it_runs(
    queue: QueueManager, make_worker: MakeWorker
) -> None:
    task_id = add(queue)
    seen = []

    def look(**parameters: Any) -> list[dict[str, Any]]:
        seen.append(queue.get_task(task_id))
        return [item("video-1")]

    attempt(make_worker(plugin=Scripted(look)))
    (task,) = seen
    assert (task["status"], task["worker_id"]) == ("RUNNING", "worker-1")
    assert task["started_at"] is not None
    assert task["lease_expires_at"] > time.time()
    assert task["completed_at"] is None


def test_the_plugin_gets_the_parameters_as_they_were_queued(
    queue: QueueManager, make_worker: MakeWorker
) -> None:
    parameters = {"channel_url": "@naïve-漢字", "max_results": 3, "deep": {"list": [1, None, "x"]}}
    queue.create_task("youtube_channel", parameters)
    plugin = Scripted([])
    attempt(make_worker(plugin=plugin))
    assert plugin.calls == [parameters]


def test_a_channel_without_news_is_a_success_without_ideas(
    queue: QueueManager, make_worker: MakeWorker
) -> None:
    task_id = add(queue)
    result = attempt(make_worker(plugin=Scripted([])))
    assert (result.success, result.ideas_count) == (True, 0)
    assert queue.get_task_results(task_id) == []


def test_ideas_of_an_attempt_that_broke_half_way_are_not_kept(
    queue: QueueManager, make_worker: MakeWorker
) -> None:
    task_id = add(queue)

    def breaks(**parameters: Any) -> Iterator[Idea]:
        yield Idea("video-1")
        raise ConnectionError("cut")

    assert not attempt(make_worker(plugin=Scripted(breaks))).success
    assert queue.get_task_results(task_id) == []


@pytest.mark.parametrize(
    ("strategy", "order"),
    [("lifo", [3, 2, 1, 0]), ("fifo", [0, 1, 2, 3]), ("priority", [1, 3, 0, 2])],
)
def test_a_worker_follows_its_strategy(
    queue: QueueManager, make_worker: MakeWorker, strategy: str, order: list[int]
) -> None:
    task_ids = [add(queue, priority=priority) for priority in (0, 9, 0, 5)]
    worked = drain(make_worker(strategy=strategy))
    assert [task_ids.index(task_id) for task_id in worked] == order


def test_a_worker_leaves_tasks_of_other_types_alone(
    queue: QueueManager, make_worker: MakeWorker
) -> None:
    other = queue.create_task("youtube_search", {"query": "cats"})
    mine = add(queue)
    assert drain(make_worker()) == [mine]
    assert queue.get_task(other)["status"] == "QUEUED"


def test_the_loop_works_off_all_tasks_and_ends_when_asked_to(
    queue: QueueManager, make_worker: MakeWorker
) -> None:
    task_ids = add_many(queue, 20)
    assert make_worker().run(until_idle=True) == 20
    assert_each_done_once(queue, task_ids)


def test_an_idle_worker_is_woken_by_a_new_task(
    queue: QueueManager, make_worker: MakeWorker
) -> None:
    """It would look by itself only after the test's patience is over."""
    with running(make_worker(poll_interval=10 * PATIENCE_S)):
        first = add(queue)
        until(lambda: queue.get_task(first)["status"] == "COMPLETED")
        second = add(queue)
        until(lambda: queue.get_task(second)["status"] == "COMPLETED")


def test_a_scheduled_task_is_not_worked_before_its_time(
    queue: QueueManager, make_worker: MakeWorker
) -> None:
    due_at = time.time() + 0.3
    add(queue, run_after=due_at)
    began = []
    plugin = Scripted(lambda **parameters: began.append(time.time()) or [])
    worker = make_worker(plugin=plugin)
    assert worker.claim_task() is None
    worker.run(until_idle=True)
    (began_at,) = began
    assert began_at >= due_at


def test_a_cancelled_task_never_reaches_a_worker(
    queue: QueueManager, make_worker: MakeWorker
) -> None:
    task_id = add(queue)
    queue.cancel_task(task_id)
    assert make_worker().claim_task() is None
    assert events(queue, task_id) == ["created", "cancelled"]


def test_a_running_task_can_be_cancelled(queue: QueueManager, make_worker: MakeWorker) -> None:
    task_id = add(queue)

    def until_told_to_stop(**parameters: Any) -> list[dict[str, Any]]:
        queue.cancel_task(task_id)
        until(check_stop)  # type: ignore[func-returns-value]
        return [item("never")]

    worker = make_worker(plugin=Scripted(until_told_to_stop), heartbeat_interval_s=0.02)
    assert not attempt(worker).success
    assert queue.get_task(task_id)["status"] == "CANCELLED"
    assert queue.get_task_results(task_id) == []
    assert worker.claim_task() is None


def test_a_requeued_task_is_done_again_without_doubling_its_results(
    queue: QueueManager, make_worker: MakeWorker
) -> None:
    task_id = add(queue)
    worker = make_worker(plugin=Scripted([item("a"), item("b")], [item("b"), item("c")]))
    attempt(worker)
    queue.requeue_task(task_id)
    assert queue.get_task(task_id)["worker_id"] is None
    attempt(worker)
    sources = [result["source_id"] for result in queue.get_task_results(task_id)]
    assert len(sources) == len(set(sources))
    assert {"b", "c"} <= set(sources)
    assert queue.get_task(task_id)["claim_token"] == 2


def test_a_heartbeat_comes_while_the_plugin_works(
    queue: QueueManager, make_worker: MakeWorker
) -> None:
    task_id = add(queue)

    def patient(**parameters: Any) -> list[dict[str, Any]]:
        first = queue.get_task(task_id)
        until(
            lambda: (
                queue.get_task(task_id)["last_heartbeat"] > first["last_heartbeat"]
                and queue.get_task(task_id)["lease_expires_at"] > first["lease_expires_at"]
            )
        )
        return [item("video-1")]

    assert attempt(make_worker(plugin=Scripted(patient), heartbeat_interval_s=0.05)).success


def test_a_stop_request_through_the_database_ends_the_loop(
    queue: QueueManager, make_worker: MakeWorker
) -> None:
    task_id = add(queue)
    with running(make_worker()) as stop:
        until(lambda: queue.get_task(task_id)["status"] == "COMPLETED")
        assert queue.request_stop("worker-1") == 1
        until(stop.is_set)
    assert queue.workers() == []


def test_a_claim_that_is_handed_back_is_anybodys(
    queue: QueueManager, make_worker: MakeWorker
) -> None:
    task_id = add(queue)
    first, second = make_worker("worker-1"), make_worker("worker-2")
    queue.release_task(claimed(first))
    assert attempt(second).success
    task = queue.get_task(task_id)
    assert (task["worker_id"], task["retry_count"]) == ("worker-2", 0)
