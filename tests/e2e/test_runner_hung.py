"""A plugin that hangs is ended, however it hangs."""

from __future__ import annotations

import time

import pytest

from tests.e2e.runner_support import Running, Scene
from tests.support import until
from tubeq.domain.states import TaskStatus

pytestmark = pytest.mark.timeout(40)


@pytest.fixture(autouse=True)
def haste(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tubeq.workers.runner._OVERDUE_S", 0.5)


@pytest.mark.parametrize("how", ["sleep", "spin", "lock"])
def test_a_timeout_ends_a_hung_plugin_and_the_task_is_retried(scene: Scene, how: str) -> None:
    (task_id,) = scene.add(1, how=how, times=1)
    started = time.monotonic()
    summary = scene.runner("Hanging", task_timeout_s=0.3, stop_grace_s=0.3).run()
    assert time.monotonic() - started < 10.0
    task = scene.queue.get_task(task_id)
    assert (task.status, task.retry_count, task.crash_count) == (TaskStatus.COMPLETED, 1, 0)
    assert [entry.event for entry in scene.queue.get_task_history(task_id)].count("retried") == 1
    assert (summary.processed, summary.succeeded, summary.failed) == (2, 1, 1)
    assert summary.crashed == (1 if how == "lock" else 0)
    assert ("killed" in scene.kinds()) == (how == "lock")


def test_timeouts_are_final_at_the_limit(scene: Scene) -> None:
    (task_id,) = scene.add()
    scene.runner("Hanging", task_timeout_s=0.1, stop_grace_s=0.0, max_retries=2).run()
    task = scene.queue.get_task(task_id)
    assert (task.status, task.error_code, task.retry_count) == (TaskStatus.FAILED, "timeout", 2)
    assert task.error_message == "timed out after 0.1 s"


def test_a_cooperative_plugin_keeps_its_process(scene: Scene) -> None:
    scene.queue.create_task("video")
    runner = scene.runner("Cooperative", task_timeout_s=0.2, stop_grace_s=5.0, max_retries=2)
    summary = runner.run()
    assert scene.log() == ["begin", "told to end"] * 2
    assert scene.kinds().count("started") == 1
    assert (summary.failed, summary.crashed) == (2, 0)


def test_a_cancel_ends_an_uncooperative_plugin(scene: Scene) -> None:
    (task_id,) = scene.add()
    with Running(scene.runner("Hanging", lease_s=0.6, stop_grace_s=0.2)) as running:
        until(lambda: scene.log())
        scene.queue.cancel_task(task_id)
        summary = running.wait()
    assert scene.queue.get_task(task_id).status is TaskStatus.CANCELLED
    assert summary.crashed == 0


def test_a_worker_whose_watch_cannot_run_is_killed(scene: Scene) -> None:
    """No timeout is set: that its lease passed unheeded is what gives it away."""
    (task_id,) = scene.add(1, how="lock", times=1)
    summary = scene.runner("Hanging", lease_s=0.5).run()
    task = scene.queue.get_task(task_id)
    assert (task.status, task.crash_count) == (TaskStatus.COMPLETED, 1)
    assert summary.crashed == 1
