"""Limits across processes: never exceeded, never stuck, whatever dies.

What is judged, and by whom:
- concurrency: by the server, which counts the requests that it is answering whose client has not
  gone away (SimulatedYouTube.most_at_once), and by a counter in memory that processes share;
- the rate: by the grants, as a trigger appends them to a table that nothing deletes from: any two
  in a row are an interval apart (GCRA without a burst), and so any second holds at most 5;
- not being stuck: every task is COMPLETED, and no slot is left; that of a killed worker is gone
  within its lease, and is given to others.
"""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from itertools import pairwise
from pathlib import Path

import pytest

from tests.e2e.limits_processes import KEY, Crowd, crowd
from tests.e2e.runner_support import FOLDER, Running
from tests.support import kill, until
from tubeq.domain.limits import Grant, Holder, Refusal, Slot
from tubeq.domain.models import NewTask
from tubeq.queue.queue_manager import QueueManager
from tubeq.testing.youtube import SimulatedYouTube, World
from tubeq.workers.config import RunnerConfig, WorkerConfig
from tubeq.workers.runner import Runner

pytestmark = pytest.mark.timeout(180)

WORKERS, TASKS, KILLS = 6, 40, 6
AT_ONCE, PER_S = 2, 5.0
LEASE_S = 6.0
BOB = Holder("bob", 2, 1)


@pytest.fixture
def queue(tmp_path: Path) -> Iterator[QueueManager]:
    with QueueManager(tmp_path / "queue.db") as queue:
        yield queue


def audit(queue: QueueManager) -> None:
    """Let the database itself keep every grant."""
    with closing(sqlite3.connect(queue.db_path)) as connection:
        connection.executescript(
            "CREATE TABLE granted (permit_id TEXT, worker_id TEXT, at REAL);"
            "CREATE TRIGGER audit AFTER INSERT ON limit_permit BEGIN"
            "  INSERT INTO granted VALUES (NEW.permit_id, NEW.worker_id, NEW.taken_at);"
            "END;"
        )


def granted_at(queue: QueueManager) -> list[float]:
    with closing(sqlite3.connect(queue.db_path)) as connection:
        return [at for (at,) in connection.execute("SELECT at FROM granted ORDER BY at")]


def kill_a_holder(queue: QueueManager, chance: random.Random) -> None:
    """SIGKILL a worker while it holds a slot, and see that the slot comes back."""
    slot: Slot = chance.choice(until(queue.limits.slots, 60.0))
    pids = {worker.worker_id: worker.pid for worker in queue.workers()}
    if slot.holder.worker_id not in pids:
        return  # it has just ended
    kill(pids[slot.holder.worker_id])
    killed = time.monotonic()
    until(lambda: slot.permit_id not in {each.permit_id for each in queue.limits.slots()}, 30.0)
    assert time.monotonic() - killed < LEASE_S


def test_real_scrapers_keep_to_the_limits_while_they_are_killed(
    queue: QueueManager, monkeypatch: pytest.MonkeyPatch
) -> None:
    chance = random.Random(4)
    queue.limits.set("host:*", concurrency=AT_ONCE, per_s=PER_S)
    audit(queue)
    names = [{"channel_url": f"@channel{number}", "max_results": 5} for number in range(TASKS)]
    queue.create_tasks(NewTask("youtube_channel", name) for name in names)
    world = World(any_channel=True, default_videos=5)
    with SimulatedYouTube(world, latency_s=0.35) as youtube:
        for name, value in youtube.environment.items():
            monkeypatch.setenv(name, value)
        config = WorkerConfig(
            task_type="youtube_channel", lease_s=LEASE_S, crash_limit=100, poll_interval=0.2
        )
        runner = Runner(
            queue.db_path, RunnerConfig(worker=config, processes=WORKERS, until_idle=True)
        )
        with Running(runner) as running:
            for _ in range(KILLS):
                kill_a_holder(queue, chance)
                time.sleep(chance.uniform(0.2, 1.2))
            until(lambda: queue.stats().by_status["COMPLETED"] == TASKS, 120.0)
            summary = running.wait()
        most_at_once, requests = youtube.most_at_once, youtube.requests()
        assert youtube.unexpected_hosts == set()
    assert summary.crashed >= KILLS // 2
    assert queue.limits.slots() == []
    assert most_at_once == AT_ONCE  # reached, and not exceeded
    grants = granted_at(queue)
    assert TASKS <= requests <= len(grants)
    assert min(later - sooner for sooner, later in pairwise(grants)) >= 1 / PER_S - 1e-4
    # Six grants span five intervals: a second, but for the last digits of epoch seconds.
    assert max(sum(at <= each < at + 0.9995 for each in grants) for at in grants) <= PER_S


def test_a_crowd_of_processes_never_exceeds_the_limit(queue: QueueManager) -> None:
    """As quickly as they can, with nothing in between: what is not atomic shows here."""
    queue.limits.set(KEY, concurrency=2)
    queue.limits.set("channel:*", concurrency=3)
    context = multiprocessing.get_context("spawn")
    shared = Crowd()
    processes = [
        context.Process(target=crowd, args=(queue.db_path, number, shared, 150))
        for number in range(4)
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join(120)
    assert [process.exitcode for process in processes] == [0] * 4
    assert shared.most.value == 2
    assert queue.limits.slots() == []


@contextmanager
def holder(queue: QueueManager, lease_s: float) -> Iterator[subprocess.Popen[str]]:
    """A process that holds the one slot there is."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.e2e.limits_processes", queue.db_path, str(lease_s)],
        cwd=FOLDER,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        assert process.stdin is not None
        assert process.stdout.readline() == "Grant\n"
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def take(queue: QueueManager) -> Grant | Refusal:
    return queue.limits.take([KEY], BOB, 60.0)


def test_nobody_supervises_and_the_slot_comes_back_with_its_lease(queue: QueueManager) -> None:
    queue.limits.set(KEY, concurrency=1)
    with holder(queue, lease_s=1.5) as process:
        (slot,) = queue.limits.slots()
        process.kill()
        process.wait()
        while isinstance(take(queue), Refusal):
            assert time.time() < slot.expires_at + 5.0
            time.sleep(0.02)
        assert time.time() >= slot.expires_at
        assert [each.holder for each in queue.limits.slots()] == [BOB]


@pytest.mark.skipif(sys.platform == "win32", reason="no signal suspends a process there")
def test_a_suspended_holder_gives_back_nobody_elses(queue: QueueManager) -> None:
    queue.limits.set(KEY, concurrency=1)
    with holder(queue, lease_s=1.0) as process:
        os.kill(process.pid, signal.SIGSTOP)
        until(lambda: isinstance(take(queue), Grant))
        os.kill(process.pid, signal.SIGCONT)
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write("\n")
        process.stdin.flush()
        assert process.stdout.readline() == "released\n"
        assert [each.holder for each in queue.limits.slots()] == [BOB]
        assert isinstance(queue.limits.take([KEY], Holder("eve"), 60.0), Refusal)
