"""Processes of one machine whose wall clocks differ: as one that was set between two heartbeats."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tubeq import BaseWorker, QueueManager, WorkerConfig
from tubeq.domain.boot import this_boot
from tubeq.domain.states import TaskStatus

PATIENCE_S = 60.0
YEAR_S = 365 * 86_400.0
pytestmark = pytest.mark.skipif(this_boot() is None, reason="this system tells no boot")

SWEEPER = """
import sys, time
from tubeq import QueueManager
from tubeq.domain.clock import SystemClock

class Wrong(SystemClock):
    def now(self):
        return time.time() + float(sys.argv[2])

with QueueManager(sys.argv[1], clock=Wrong()) as queue:
    print("ready", flush=True)
    for line in sys.stdin:
        print(len(queue.rescue().requeued), flush=True)
"""
HOLDER = """
import sys, time
from tubeq import QueueManager

with QueueManager(sys.argv[1]) as queue:
    queue.claim_next_task("video", "worker-1", lease_s=float(sys.argv[2]))
    print("held", flush=True)
    time.sleep(600)
"""


class Process:
    """A Python script that answers each line with one."""

    def __init__(self, script: str, *arguments: object) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", script, *map(str, arguments)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.read()

    def read(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()

    def sweep(self) -> int:
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        return int(self.read())

    def __enter__(self) -> Process:
        return self

    def __exit__(self, *error: object) -> None:
        self._process.kill()
        self._process.communicate()


@pytest.mark.parametrize("wrong_s", [3600.0, YEAR_S])
def test_a_living_workers_task_is_not_rescued_by_a_clock_that_is_ahead(
    tmp_path: Path, wrong_s: float
) -> None:
    path = tmp_path / "queue.db"
    swept: list[int] = []

    class Sweeping:
        def scrape(self, **parameters: Any) -> list[Any]:
            ends = time.monotonic() + 1.0  # some heartbeats
            while time.monotonic() < ends:
                swept.append(sweeper.sweep())
                time.sleep(0.05)
            return []

    with QueueManager(path) as queue, Process(SWEEPER, path, wrong_s) as sweeper:
        task_id = queue.create_task("video")
        # A lease that a machine with other things to do renews in time.
        config = WorkerConfig(task_type="video", lease_s=30.0, heartbeat_interval_s=0.2)
        with BaseWorker(config, path, Sweeping()) as worker:
            worker.run(until_idle=True)
        task = queue.get_task(task_id)
    assert swept and not any(swept)
    assert (task.status, task.crash_count, task.claim_token) == (TaskStatus.COMPLETED, 0, 1)


@pytest.mark.parametrize("wrong_s", [-3600.0, -YEAR_S, YEAR_S])
def test_a_killed_workers_task_is_rescued_after_its_lease_whatever_the_clock_says(
    tmp_path: Path, wrong_s: float
) -> None:
    path = tmp_path / "queue.db"
    with QueueManager(path) as queue:
        queue.create_task("video")
        with Process(HOLDER, path, 0.5):
            pass  # and it is killed
        with Process(SWEEPER, path, wrong_s) as sweeper:
            ends = time.monotonic() + PATIENCE_S
            while not sweeper.sweep():
                assert time.monotonic() < ends, "it was never rescued"
                time.sleep(0.05)
