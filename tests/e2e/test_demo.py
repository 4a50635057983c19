"""`tubeq demo` as a newcomer meets it, and with a worker killed in the middle."""

from __future__ import annotations

import json
import os
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.command_line import Tubeq, environment
from tests.support import kill
from tubeq.domain.states import TaskEvent, TaskStatus
from tubeq.queue.queue_manager import QueueManager

pytestmark = pytest.mark.integration


@pytest.fixture
def tubeq(tmp_path: Path) -> Tubeq:
    return Tubeq(tmp_path, environment())


def _assert_all_completed_once(told: dict[str, Any], db_path: Path, channels: int) -> None:
    assert told["by_status"] == {"COMPLETED": channels}
    assert told["completions"] == channels
    assert {task["status"] for task in told["tasks"]} == {"COMPLETED"}
    with QueueManager(db_path) as queue:
        tasks = queue.list_tasks(limit=1000)
        assert len(tasks) == channels
        for task in tasks:
            events = Counter(entry.event for entry in queue.get_task_history(task.task_id))
            assert events[TaskEvent.COMPLETED] == events[TaskEvent.CREATED] == 1
            source_ids = {result.source_id for result in queue.get_task_results(task.task_id)}
            assert len(source_ids) == 30
        assert queue.maintenance.check() == []


def test_demo_completes_every_task_and_retries_the_failure(tubeq: Tubeq) -> None:
    done = tubeq("demo", "--json", "--db", tubeq.db_path, "--max-results", "30")
    told = json.loads(done.stdout)
    _assert_all_completed_once(told, tubeq.db_path, channels=12)
    assert (told["workers"], told["retries"], told["crashes"]) == (4, 1, 0)
    assert sorted(task["attempts"] for task in told["tasks"]) == [1] * 11 + [2]
    assert "HTTP 429, retried" in done.stderr


def test_demo_survives_the_kill_of_a_worker(tubeq: Tubeq) -> None:
    process = tubeq.start("demo", "--json", "--db", tubeq.db_path, "--max-results", "30")
    killed = _kill_a_busy_worker(tubeq.db_path)
    out, err = process.communicate(timeout=50)
    assert process.returncode == 0, err
    assert "Traceback" not in err
    told = json.loads(out)
    _assert_all_completed_once(told, tubeq.db_path, channels=12)
    assert (told["crashes"], told["rescues"]) == (1, 1)
    with tubeq.queue() as queue:
        rescued = [
            task.task_id
            for task in queue.list_tasks()
            for entry in queue.get_task_history(task.task_id)
            if (entry.event, entry.worker_id) == (TaskEvent.RESCUED, killed)
        ]
    assert len(rescued) == 1


def _kill_a_busy_worker(db_path: Path) -> str:
    """Kill the first worker that is seen to have a task; its id."""
    deadline = time.monotonic() + 30
    while not db_path.exists():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    with QueueManager(db_path) as queue:
        while time.monotonic() < deadline:
            pids = {worker.worker_id: worker.pid for worker in queue.workers()}
            busy = [task.worker_id for task in queue.list_tasks(TaskStatus.RUNNING)]
            for worker_id in busy:
                if worker_id in pids:
                    kill(pids[worker_id])
                    return worker_id
            time.sleep(0.02)
    raise AssertionError("no worker was ever busy")


def test_demo_summary_accounts_for_every_task(tubeq: Tubeq) -> None:
    temporary = tubeq.folder / "temporary"
    temporary.mkdir()
    variables = dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(temporary))
    options = ("--workers", "2", "--channels", "3", "--max-results", "5")
    out = tubeq("demo", *options, **variables).stdout
    assert "3 tasks = 3 completed" in out
    assert "3 completions, each exactly once; 15 ideas" in out
    assert "2 workers; 1 failure retried; 0 workers killed" in out
    (line,) = [line for line in out.splitlines() if "database:" in line]
    db_path = Path(line.split("database:")[1].strip())
    assert temporary in db_path.parents
    with QueueManager(db_path) as queue:
        assert queue.stats().by_status["COMPLETED"] == 3


def test_demo_without_its_extra_says_what_to_install(tubeq: Tubeq) -> None:
    (tubeq.folder / "cryptography.py").write_text("raise ImportError('hidden')", encoding="utf-8")
    path = os.pathsep.join([str(tubeq.folder), tubeq.env["PYTHONPATH"]])
    assert "tubeq[demo]" in tubeq.refused("demo", PYTHONPATH=path)
