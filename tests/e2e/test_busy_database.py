"""Another program holds the database: it is waited for in every phase of a worker's life."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.e2e.command_line import Tubeq
from tests.e2e.runner_support import Running, Scene
from tests.support import until
from tubeq.testing.youtube import SimulatedYouTube, World

pytestmark = pytest.mark.integration

HOLDER = """
import sqlite3, sys
file = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=20)
file.execute("PRAGMA journal_mode = WAL")
file.execute("BEGIN IMMEDIATE")
print("held", flush=True)
sys.stdin.read(1)
"""


class Holder:
    """A program of its own that holds SQLite's write lock until it is let go, or dies."""

    def __init__(self, db_path: str | Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", HOLDER, str(db_path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "held\n"

    def let_go(self) -> None:
        if self._process.poll() is None:
            self._process.communicate("x", timeout=20)


@contextmanager
def held(db_path: str | Path) -> Iterator[Holder]:
    holder = Holder(db_path)
    try:
        yield holder
    finally:
        holder.let_go()


@pytest.fixture(scope="module")
def youtube() -> Iterator[SimulatedYouTube]:
    with SimulatedYouTube(World(any_channel=True)) as youtube:
        yield youtube


def all_done_once(scene: Scene, count: int) -> None:
    assert scene.counts() == {"COMPLETED": count}
    assert set(scene.calls().values()) == {1}
    for task in scene.queue.list_tasks():
        assert (task.crash_count, task.claim_token) == (0, 1)
    assert scene.queue.workers() == []


def test_workers_start_beside_it_and_wait(scene: Scene) -> None:
    """They register, sweep and claim, each write longer than its timeout."""
    scene.add(6)
    with held(scene.db_path) as holder:
        runner = scene.runner("Quick", processes=2, busy_timeout_s=0.1)
        with Running(runner) as running:
            until(lambda: len(runner.worker_pids()) == 2)
            time.sleep(2.0)
            assert len(runner.worker_pids()) == 2
            holder.let_go()
            summary = running.wait()
    assert (summary.crashed, summary.processed) == (0, 6)
    all_done_once(scene, 6)


@pytest.mark.parametrize("threads", [1, 3])
def test_a_running_task_outlives_it_though_its_lease_cannot_be_renewed(
    scene: Scene, threads: int
) -> None:
    scene.add(threads, rest_s=0.8)
    runner = scene.runner("Quick", threads=threads, busy_timeout_s=0.1, lease_s=1.0)
    with Running(runner) as running:
        until(lambda: len(scene.log()) == threads)
        with held(scene.db_path):
            time.sleep(2.5)  # heartbeats fail, then the completion, well beyond the lease
        summary = running.wait()
    assert (summary.crashed, summary.succeeded) == (0, threads)
    all_done_once(scene, threads)


def test_a_heartbeat_that_waits_is_not_taken_for_a_process_that_hangs(scene: Scene) -> None:
    """Its timeout is longer than the lease, so that the watch is not heard of for longer."""
    scene.add(1, rest_s=4.0)
    runner = scene.runner("Quick", busy_timeout_s=20.0, lease_s=0.6)
    with Running(runner) as running:
        until(lambda: len(scene.log()) == 1)
        with held(scene.db_path):
            time.sleep(3.6)
        summary = running.wait()
    assert (summary.crashed, summary.succeeded) == (0, 1)
    all_done_once(scene, 1)


def test_a_task_that_hangs_is_recorded_when_the_database_is_free(scene: Scene) -> None:
    scene.add(1, how="sleep", times=1)
    runner = scene.runner("Hanging", busy_timeout_s=0.1, task_timeout_s=0.5)
    with Running(runner) as running:
        until(lambda: len(scene.log()) == 1)
        with held(scene.db_path):
            time.sleep(2.5)
        running.wait()
    (task,) = scene.queue.list_tasks()
    assert (task.status, task.retry_count, task.crash_count) == ("COMPLETED", 1, 0)


def test_workers_that_are_to_stop_do_not_wait_for_ever(scene: Scene) -> None:
    scene.add(2)
    with held(scene.db_path):
        runner = scene.runner("Quick", until_idle=False, busy_timeout_s=0.1)
        with Running(runner):
            until(lambda: len(runner.worker_pids()) == 1)
    assert scene.counts() == {"QUEUED": 2}


def test_the_worker_command_says_once_that_it_waits(tubeq: Tubeq) -> None:
    told = tubeq.folder / "told"
    impatient = {**tubeq.env, "TUBEQ_BUSY_TIMEOUT_S": "0.2"}
    with tubeq.queue() as queue:
        queue.create_task("youtube_channel", {"channel_url": "@a", "max_results": 1})
        with held(queue.db_path) as holder, told.open("w") as err:
            worker = tubeq.start("worker", "--until-idle", env=impatient, stderr=err)
            until(lambda: "waits for the database" in told.read_text())
            time.sleep(1.5)
            holder.let_go()
            out, _ = worker.communicate(timeout=40)
    assert (worker.returncode, told.read_text().count("waits for the database")) == (0, 1)
    assert "Traceback" not in told.read_text()
    assert "1 succeeded" in out


def test_a_command_waits_as_long_as_it_was_told(tubeq: Tubeq) -> None:
    tubeq.queue().close()
    add = ("add", "youtube_channel", "-p", "channel_url=@a")
    patient = {**tubeq.env, "TUBEQ_BUSY_TIMEOUT_S": "60"}
    with held(tubeq.db_path) as holder:
        assert "TUBEQ_BUSY_TIMEOUT_S" in tubeq.refused(*add, TUBEQ_BUSY_TIMEOUT_S="0.3")
        adding = tubeq.start(*add, env=patient, stderr=None)
        time.sleep(1.5)
        assert adding.poll() is None
        holder.let_go()
        out, _ = adding.communicate(timeout=30)
    assert [task.task_id for task in tubeq.tasks()] == out.split()


@pytest.mark.parametrize("words", [("worker", "--until-idle"), ("scrape", "@a")])
def test_a_database_that_is_held_before_it_is_ready_is_refused_in_one_line(
    tubeq: Tubeq, words: tuple[str, ...]
) -> None:
    with held(tubeq.db_path):
        tubeq.refused(*words, TUBEQ_BUSY_TIMEOUT_S="0.3")
