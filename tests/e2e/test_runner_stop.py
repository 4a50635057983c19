"""Stopping, by whatever way, loses no task and leaves no process."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from multiprocessing import connection
from typing import Any

import pytest

from tests.e2e.runner_support import Running, Scene
from tests.support import is_gone, kill, until
from tubeq.domain.states import TaskStatus

pytestmark = pytest.mark.timeout(40)
posix_only = pytest.mark.skipif(sys.platform == "win32", reason="signals to one process")


def summary_of(process: subprocess.Popen[str]) -> dict[str, Any]:
    assert process.stdout is not None
    *_, last = process.stdout.read().splitlines()
    assert process.wait(20) == 0
    summary: dict[str, Any] = json.loads(last)
    return summary


@posix_only
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("to_group", [False, True])
def test_a_signal_lets_running_tasks_finish(
    scene: Scene, number: signal.Signals, to_group: bool
) -> None:
    """To the whole group is what Ctrl-C in a terminal does, and what some service managers do."""
    scene.add(200, rest_s=0.1)
    process = scene.process("Quick", processes=2, stop_grace_s=10.0)
    pids = scene.worker_pids(process, 2)
    until(lambda: len(scene.pids()) == 2)
    if to_group:
        os.killpg(process.pid, number)
    else:
        process.send_signal(number)
    summary = summary_of(process)
    assert all(is_gone(pid) for pid in pids)
    begun = len(scene.log())
    assert summary["succeeded"] == begun
    assert (summary["crashed"], summary["failed"]) == (0, 0)
    assert scene.counts() == {"COMPLETED": begun, "QUEUED": 200 - begun}
    assert scene.queue.workers() == []
    assert all(task.retry_count == task.crash_count == 0 for task in scene.queue.list_tasks())


@posix_only
@pytest.mark.parametrize("how", ["sleep", "lock"])
def test_a_task_that_does_not_finish_in_time_is_handed_back(scene: Scene, how: str) -> None:
    (task_id,) = scene.add(1, how=how)
    process = scene.process("Hanging", stop_grace_s=0.3)
    (pid,) = scene.worker_pids(process, 1)
    until(scene.log)
    process.send_signal(signal.SIGTERM)
    summary = summary_of(process)
    assert is_gone(pid)
    task = scene.queue.get_task(task_id)
    assert (task.status, task.retry_count, task.crash_count) == (TaskStatus.QUEUED, 0, 0)
    assert summary["succeeded"] == 0
    assert summary["crashed"] == (1 if how == "lock" else 0)


@posix_only
def test_a_second_signal_hands_back_at_once(scene: Scene) -> None:
    (task_id,) = scene.add()
    process = scene.process("Hanging", stop_grace_s=30.0)
    scene.worker_pids(process, 1)
    until(scene.log)
    process.send_signal(signal.SIGINT)
    assert process.stdout is not None
    until(lambda: process.stdout and process.stdout.readline().startswith("stopping"))
    started = time.monotonic()
    process.send_signal(signal.SIGINT)
    assert summary_of(process)["crashed"] == 0  # the worker did it, it had not to be killed
    assert time.monotonic() - started < 5.0
    assert scene.queue.get_task(task_id).status is TaskStatus.QUEUED


@posix_only
def test_a_signal_while_workers_start_is_no_crash(scene: Scene) -> None:
    # The grace is for their imports, too.
    process = scene.process("Quick", processes=2, stop_grace_s=10.0)
    scene.worker_pids(process, 2)
    os.killpg(process.pid, signal.SIGINT)
    summary = summary_of(process)
    assert (summary["crashed"], summary["stopped"]) == (0, True)
    assert scene.queue.workers() == []


def test_a_request_through_the_database_stops_the_run(scene: Scene) -> None:
    scene.add(500, rest_s=0.05)
    with Running(scene.runner("Quick", processes=2, until_idle=False)) as running:
        until(lambda: len(scene.log()) >= 4)
        assert scene.queue.request_stop() == 2
        summary = running.wait()
    begun = len(scene.log())
    assert begun < 500
    assert summary.succeeded == begun
    assert scene.counts() == {"COMPLETED": begun, "QUEUED": 500 - begun}


def test_a_request_before_the_workers_are_up_stops_the_run(scene: Scene) -> None:
    with Running(scene.runner("Quick", processes=2, until_idle=False)) as running:
        until(lambda: scene.kinds().count("started") == 2)
        assert scene.queue.request_stop() == 2
        running.wait()


def test_a_request_to_one_worker_stops_that_one_only(scene: Scene) -> None:
    runner = scene.runner("Quick", processes=2, until_idle=False)
    with Running(runner):
        until(lambda: len(scene.queue.workers()) == 2)
        asked, other = scene.queue.workers()
        scene.queue.request_stop(asked.worker_id)
        until(lambda: runner.worker_pids() == [other.pid])
        (task_id,) = scene.add()
        until(lambda: scene.queue.get_task(task_id).status is TaskStatus.COMPLETED)


def test_a_worker_that_was_asked_to_stop_and_died_has_no_successor(scene: Scene) -> None:
    (task_id,) = scene.add(1, times=1)
    runner = scene.runner("Hanging", until_idle=False, stop_grace_s=20.0)
    with Running(runner) as running:
        until(scene.log)
        scene.queue.request_stop()
        kill(runner.worker_pids()[0])
        running.wait()
    task = scene.queue.get_task(task_id)
    assert (task.status, task.crash_count) == (TaskStatus.QUEUED, 1)


def test_stop_from_another_thread_ends_idle_workers(scene: Scene) -> None:
    runner = scene.runner("Quick", processes=2, until_idle=False, poll_interval=30.0)
    with Running(runner) as running:
        until(lambda: len(runner.worker_pids()) == 2)
        time.sleep(0.5)
        started = time.monotonic()
        runner.stop()
        assert running.wait().stopped
    assert time.monotonic() - started < 3.0
    assert runner.worker_pids() == []


def test_a_wait_that_ctrl_c_cuts_short_is_no_error(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So it does on Windows, where a handled signal does not resume the wait."""
    real, cut = connection.wait, [1, 2]

    def wait(sentinels: Any, timeout: float) -> Any:
        if cut:
            raise InterruptedError(cut.pop())
        return real(sentinels, timeout)

    monkeypatch.setattr(connection, "wait", wait)
    scene.add(1)
    assert scene.runner("Quick").run().succeeded == 1
    assert not cut


@pytest.mark.parametrize("plugin", ["Quick", "Hanging"])
def test_workers_end_when_their_supervisor_is_killed(scene: Scene, plugin: str) -> None:
    scene.add(200, **({"rest_s": 0.05} if plugin == "Quick" else {}))
    process = scene.process(plugin, processes=2, stop_grace_s=0.3)
    pids = scene.worker_pids(process, 2)
    until(lambda: len(scene.pids()) == 2)  # both are up
    process.kill()
    until(lambda: all(is_gone(pid) for pid in pids), patience_s=8.0)
    counts = scene.counts()
    assert set(counts) <= {"COMPLETED", "QUEUED"}
    assert sum(counts.values()) == 200
    assert all(task.crash_count == 0 for task in scene.queue.list_tasks(limit=200))
    assert scene.queue.workers() == []
    if plugin == "Quick":
        assert counts.get("COMPLETED") == len(scene.log())
