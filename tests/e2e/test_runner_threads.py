"""Several workers in one process, and several task types under one supervisor."""

from __future__ import annotations

import threading
from collections import Counter

import pytest

from tests.e2e.runner_support import PLUGINS, TASK_TYPE, Running
from tests.support import kill, until
from tubeq.domain.errors import InvalidParameters
from tubeq.workers.config import RunnerConfig, WorkerConfig


def crashes(scene):
    return {task["crash_count"] for task in scene.queue.list_tasks(limit=1000)}


def test_threads_share_a_process_and_each_does_tasks_of_its_own(scene):
    scene.add(24, rest_s=0.2)
    summary = scene.runner("Quick", threads=8).run()
    assert scene.counts() == {"COMPLETED": 24}
    assert set(scene.completions().values()) == {1}
    assert len(scene.pids()) == 1
    assert len({task["worker_id"] for task in scene.queue.list_tasks()}) > 1
    assert (summary.processed, summary.succeeded, summary.crashed) == (24, 24, 0)
    assert scene.queue.workers() == []


def test_a_hung_thread_is_left_behind_and_its_siblings_finish_first(scene):
    scene.add(40, hangs=30, rest_s=0.4)
    summary = scene.runner(
        "HangingOnce", threads=4, task_timeout_s=1.0, stop_grace_s=1.0, max_retries=5
    ).run()
    assert scene.counts() == {"COMPLETED": 40}
    assert set(scene.completions().values()) == {1}
    # The one that hung was begun again by the successor; nobody else was.
    assert scene.calls() == Counter({str(number): 1 + (number == 30) for number in range(40)})
    assert len(scene.pids()) == 2
    assert crashes(scene) == {0}
    assert summary.crashed == 0


def test_a_process_that_no_thread_can_end_is_killed_and_only_the_guilty_pays(scene, monkeypatch):
    monkeypatch.setattr("tubeq.workers.runner._OVERDUE_S", 0.5)
    # The others are at their third or fourth task by the time that the interpreter is seized, so
    # that theirs is not up when the guilty one's is.
    scene.add(20, hangs=19, how="seize", rest_s=0.4)
    hangs = {"task_timeout_s": 2.0, "stop_grace_s": 0.2, "max_retries": 5}
    scene.runner("HangingOnce", threads=4, **hangs).run()
    assert scene.counts() == {"COMPLETED": 20}
    assert crashes(scene) == {0}
    assert "killed" in scene.kinds()
    (guilty,) = (task for task in scene.queue.list_tasks() if task.parameters["number"] == 19)
    history = scene.queue.get_task_history(guilty["task_id"])
    assert [entry.detail for entry in history if entry.event == "retried"] != []


def test_a_killed_process_gives_all_its_tasks_back(scene):
    scene.add(8, rest_s=1.0)
    with Running(scene.runner("Quick", threads=4)) as running:
        until(lambda: len(scene.log()) >= 4)
        kill(running.runner.worker_pids()[0])
        running.wait()
    assert scene.counts() == {"COMPLETED": 8}
    assert set(scene.completions().values()) == {1}
    assert len(scene.pids()) == 2
    assert scene.kinds().count("rescued") == 1


def test_a_stop_lets_every_thread_finish(scene):
    scene.add(50, rest_s=0.2)
    with Running(scene.runner("Quick", threads=4, until_idle=False, stop_grace_s=5.0)) as running:
        until(lambda: len(scene.log()) >= 4)
        running.runner.stop()
        running.wait()
    begun = len(scene.log())
    assert scene.counts() == {"COMPLETED": begun, "QUEUED": 50 - begun}


def test_a_stop_request_for_one_stops_the_process_that_it_is_in(scene):
    with Running(scene.runner("Quick", threads=2, until_idle=False)) as running:
        ids = until(lambda: [each.worker_id for each in scene.queue.workers()])
        until(lambda: len(scene.queue.workers()) == 2)
        scene.queue.request_stop(ids[0])
        running.wait()
    assert scene.queue.workers() == []


def test_workers_of_other_types_wait_for_what_a_listing_will_create(scene):
    parent = scene.queue.create_task("listing", {"count": 6, "rest_s": 0.15})
    videos = RunnerConfig(
        worker=WorkerConfig(**scene.worker_config(task_type=TASK_TYPE)),
        plugin=f"{PLUGINS}:Quick",
        threads=2,
    )
    summary = scene.runner("Listing", threads=1, also=(videos,), task_type="listing").run()
    progress = scene.queue.progress(parent)
    assert (progress.total, progress.completed) == (6, 6)
    assert scene.queue.get_task(parent)["status"] == "COMPLETED"
    assert summary.succeeded == 7
    assert len(scene.pids()) == 1


@pytest.mark.parametrize("wrong", [{"threads": 0}, {"threads": 65}, {"threads": "2"}])
def test_threads_are_checked(wrong):
    with pytest.raises(InvalidParameters, match="threads"):
        RunnerConfig(worker=WorkerConfig(task_type="video"), **wrong)


def test_nothing_is_left_of_the_threads_of_this_test():
    assert not [each for each in threading.enumerate() if each.name == "tubeq-exit"]
