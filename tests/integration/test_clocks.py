"""Processes of one machine whose wall clocks differ: as one that was set between two heartbeats."""

from __future__ import annotations

from typing import Any

import pytest

from tests.integration.conftest import MakeWorker
from tests.integration.support import Process, Scripted, add, attempt
from tests.support import until
from tubeq.domain.boot import this_boot
from tubeq.domain.states import TaskStatus
from tubeq.queue.queue_manager import QueueManager

YEAR_S = 365 * 86_400.0
pytestmark = pytest.mark.skipif(this_boot() is None, reason="this system tells no boot")


@pytest.mark.parametrize("wrong_s", [3600.0, YEAR_S])
def test_a_living_workers_task_is_not_rescued_by_a_clock_that_is_ahead(
    queue: QueueManager, make_worker: MakeWorker, wrong_s: float
) -> None:
    task_id = add(queue)
    beats: set[Any] = set()

    def swept(**parameters: Any) -> list[Any]:
        """Until there were some heartbeats."""

        def has_beaten() -> bool:
            assert sweeper.ask() == "0"
            beats.add(queue.get_task(task_id)["last_heartbeat"])
            return len(beats) > 4

        until(has_beaten)
        return []

    with Process("sweep", queue.db_path, wrong_s) as sweeper:
        assert sweeper.line() == "ready"
        # A lease that a machine with other things to do renews in time.
        worker = make_worker(plugin=Scripted(swept), lease_s=30.0, heartbeat_interval_s=0.1)
        assert attempt(worker).success
    task = queue.get_task(task_id)
    assert (task.status, task.crash_count, task.claim_token) == (TaskStatus.COMPLETED, 0, 1)


@pytest.mark.parametrize("wrong_s", [-3600.0, -YEAR_S, YEAR_S])
def test_a_killed_workers_task_is_rescued_after_its_lease_whatever_the_clock_says(
    queue: QueueManager, wrong_s: float
) -> None:
    add(queue)
    with Process("hold", queue.db_path, 0.2) as holder:
        assert holder.line() == "held"
        holder.kill()
    with Process("sweep", queue.db_path, wrong_s) as sweeper:
        assert sweeper.line() == "ready"
        until(lambda: sweeper.ask() != "0")
