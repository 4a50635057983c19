"""What goes wrong: networks, parameters, plugins, workers and whole processes."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.conftest import FakeClock
from tests.integration.conftest import MakeWorker
from tests.integration.support import (
    TASK_TYPE,
    Process,
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
from tests.support import until
from tubeq.domain.errors import ClaimLost, InvalidParameters, PermanentError, TransientError
from tubeq.domain.policies import RetryPolicy
from tubeq.plugins.base import check_stop
from tubeq.queue.queue_manager import QueueManager
from tubeq.testing.youtube import SimulatedYouTube, World, faults
from tubeq.workers.base_worker import BaseWorker

pytestmark = pytest.mark.integration

FOUND = [item("video-1")]


# Retries ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "error",
    [
        ConnectionError("cut"),
        TimeoutError("slow"),
        TransientError("busy", code="server_error"),
        RuntimeError("a bug"),
        KeyError("also a bug"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_what_may_pass_is_tried_again_at_once(
    queue: QueueManager, make_worker: MakeWorker, error: Exception
) -> None:
    task_id = add(queue)
    worker = make_worker(plugin=Scripted(error, FOUND))
    assert not attempt(worker).success
    task = queue.get_task(task_id)
    assert (task["status"], task["retry_count"], task["worker_id"]) == ("QUEUED", 1, None)
    assert str(error.args[0]) in task["error_message"]

    assert attempt(worker).success
    task = queue.get_task(task_id)
    assert (task["status"], task["retry_count"]) == ("COMPLETED", 1)
    assert (task["error_code"], task["error_message"]) == (None, None)


@pytest.mark.parametrize(
    "outcome",
    [
        PermanentError("gone", code="private_video"),
        InvalidParameters("channel_url is wrong"),
        [{"title": "no source_id"}],
        [item("video-1"), "no item"],
        [item("video-1", score="high")],
        None,
        lambda wrong_name: FOUND,
    ],
    ids=["permanent", "parameters", "no id", "no item", "score", "nothing", "signature"],
)
def test_what_cannot_pass_is_never_tried_again(
    queue: QueueManager, make_worker: MakeWorker, outcome: Any
) -> None:
    task_id = add(queue)
    plugin = Scripted(outcome)
    if callable(outcome):
        plugin.scrape = outcome  # type: ignore[method-assign]
    worker = make_worker(plugin=plugin)
    assert not attempt(worker).success
    assert worker.claim_task() is None
    task = queue.get_task(task_id)
    assert (task["status"], task["retry_count"]) == ("FAILED", 0)
    assert task["error_code"]
    assert queue.get_task_results(task_id) == []


@pytest.mark.parametrize(("max_retries", "attempts"), [(0, 1), (1, 1), (2, 2), (3, 3), (5, 5)])
def test_the_failure_with_the_number_of_max_retries_is_final(
    queue: QueueManager, make_worker: MakeWorker, max_retries: int, attempts: int
) -> None:
    task_id = add(queue)
    plugin = Scripted(ConnectionError("cut"))
    assert len(drain(make_worker(plugin=plugin, max_retries=max_retries))) == attempts
    assert len(plugin.calls) == attempts
    task = queue.get_task(task_id)
    assert (task["status"], task["retry_count"]) == ("FAILED", attempts)
    assert events(queue, task_id).count("retried") == attempts - 1


@pytest.mark.parametrize("failures", [1, 2, 3])
def test_a_back_off_grows_and_is_respected(test_database: str, failures: int) -> None:
    clock = FakeClock()
    policy = RetryPolicy(max_retries=10, backoff_s=10.0)
    with QueueManager(test_database, clock=clock) as queue:
        task_id = add(queue)
        for _ in range(failures):
            clock.advance(1000)
            claim = queue.claim_next_task(TASK_TYPE, "worker-1")
            assert claim is not None
            queue.fail_task(claim, "cut", policy=policy)
        due_at = queue.get_task(task_id)["run_after"]
        assert 0 <= due_at - clock.now() <= 10.0 * 2 ** (failures - 1)
        clock.advance((due_at - clock.now()) / 2)
        assert queue.claim_next_task(TASK_TYPE, "worker-1") is None
        clock.advance(due_at - clock.now())
        assert queue.claim_next_task(TASK_TYPE, "worker-1") is not None


def test_a_worker_rests_as_long_as_the_server_asked(
    queue: QueueManager, make_worker: MakeWorker
) -> None:
    task_id = add(queue)
    asked_at = time.time()
    worker = make_worker(plugin=Scripted(TransientError("busy", retry_after_s=600.0), FOUND))
    attempt(worker)
    assert worker.claim_task() is None
    assert queue.get_task(task_id)["run_after"] >= asked_at + 600.0


# YouTube itself -----------------------------------------------------------------------------------


@pytest.fixture
def other_youtube(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """Another one, with nothing in it."""
    with SimulatedYouTube(World()) as server:
        for name, value in server.environment.items():
            monkeypatch.setenv(name, value)
        yield server.world


def test_a_server_error_of_youtube_costs_one_attempt_and_no_idea(
    other_youtube: World, queue: QueueManager, test_worker: BaseWorker
) -> None:
    other_youtube.channel("@SnappyStories_1", videos=5)
    task_id = add(queue)
    other_youtube.fail(faults.http_error(503))
    assert not attempt(test_worker).success
    assert queue.get_task(task_id)["status"] == "QUEUED"

    other_youtube.faults.clear()  # YouTube is well again
    assert attempt(test_worker).ideas_count == 5


def test_a_channel_that_does_not_exist_is_not_asked_for_again(
    other_youtube: World, queue: QueueManager, test_worker: BaseWorker
) -> None:
    task_id = add(queue, "@nobody-of-that-name")
    assert not attempt(test_worker).success
    assert test_worker.claim_task() is None
    task = queue.get_task(task_id)
    assert (task["status"], task["retry_count"]) == ("FAILED", 0)


# Workers that die, hang or come late --------------------------------------------------------------


def test_a_task_whose_worker_was_killed_is_completed_exactly_once(
    queue: QueueManager, make_worker: MakeWorker
) -> None:
    task_id = add(queue)
    with Process("work", queue.db_path, "victim", 0.3, 60) as victim:
        assert victim.line() == "ready"
        assert victim.line().startswith("scraping")
        victim.kill()
    assert queue.get_task(task_id)["status"] == "RUNNING"

    with running(make_worker("survivor", lease_s=0.5)):
        until(lambda: queue.get_task(task_id)["status"] == "COMPLETED")
    task = queue.get_task(task_id)
    assert (task["worker_id"], task["crash_count"], task["retry_count"]) == ("survivor", 1, 0)
    expected = "created claimed started rescued claimed started completed"
    assert events(queue, task_id) == expected.split()
    assert_each_done_once(queue, [task_id])


def test_killing_workers_at_random_moments_loses_no_task(queue: QueueManager) -> None:
    task_ids = add_many(queue, 60)
    for number in range(3):
        with Process("work", queue.db_path, f"victim-{number}", 0.3, 0.005) as victim:
            assert victim.line() == "ready"
            for _ in range(3 + number):
                victim.line()
            victim.kill()
    with Process("work", queue.db_path, "survivor", 0.3, 0) as survivor:
        survivor.rest()
    assert_each_done_once(queue, task_ids)


def test_a_late_completion_is_refused_and_changes_nothing(
    queue: QueueManager, make_worker: MakeWorker
) -> None:
    task_id = add(queue)
    late = claimed(make_worker("late"))
    queue.rescue(worker_id="late")
    claimed(make_worker("other"))
    before = (queue.get_task(task_id), queue.get_task_history(task_id))
    refusals = [
        lambda: queue.complete_task(late, [item("late")]),
        lambda: queue.fail_task(late, "late"),
        lambda: queue.heartbeat(late),
        lambda: queue.release_task(late),
        lambda: queue.store_result(task_id, "late", claim=late),
    ]
    for refused in refusals:
        with pytest.raises(ClaimLost):
            refused()
    assert (queue.get_task(task_id), queue.get_task_history(task_id)) == before
    assert queue.get_task_results(task_id) == []


def test_heartbeats_keep_a_slow_task_from_being_taken_for_dead(
    queue: QueueManager, make_worker: MakeWorker
) -> None:
    """It takes four times its lease, while another worker sweeps."""
    task_id = add(queue)
    slow = make_worker("slow", plugin=Scripted(lambda **_: time.sleep(1.2) or FOUND), lease_s=0.3)
    claim = claimed(slow)
    with running(make_worker("sweeper", lease_s=0.1)):
        result = slow.process_task(claim)
    assert result.success
    assert queue.get_task(task_id)["crash_count"] == 0


def test_a_task_that_kills_every_worker_is_put_aside(test_database: str) -> None:
    clock = FakeClock()
    with QueueManager(test_database, clock=clock) as queue:
        task_id = add(queue)
        swept = []
        for number in range(3):
            queue.claim_next_task(TASK_TYPE, f"victim-{number}", lease_s=60.0)
            clock.advance(61)
            swept.append(queue.rescue())
        assert [bool(each.requeued) for each in swept] == [True, True, False]
        assert swept[-1].dead == [task_id]
        task = queue.get_task(task_id)
        assert (task["status"], task["error_code"]) == ("FAILED", "dead_letter")
        assert queue.claim_next_task(TASK_TYPE, "worker-1") is None


def test_a_plugin_that_hangs_is_timed_out(queue: QueueManager, make_worker: MakeWorker) -> None:
    task_id = add(queue)
    hang = Scripted(lambda **_: until(check_stop))
    worker = make_worker(plugin=hang, task_timeout_s=0.1, max_retries=2)
    assert not attempt(worker).success
    task = queue.get_task(task_id)
    assert (task["status"], task["retry_count"]) == ("QUEUED", 1)
    assert task["error_code"] == "timeout"


def test_an_interrupted_worker_hands_its_task_back(
    queue: QueueManager, make_worker: MakeWorker
) -> None:
    task_id = add(queue)
    with pytest.raises(KeyboardInterrupt):
        attempt(make_worker(plugin=Scripted(KeyboardInterrupt())))
    task = queue.get_task(task_id)
    assert (task["status"], task["retry_count"], task["crash_count"]) == ("QUEUED", 0, 0)
    assert attempt(make_worker("other")).success
