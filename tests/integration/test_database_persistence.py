"""What is in the file stays in the file, and is anybody's to read."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from tests.integration.conftest import MakeWorker
from tests.integration.support import (
    TASK_TYPE,
    Process,
    Scripted,
    add,
    add_many,
    assert_each_done_once,
    attempt,
    drain,
    item,
    plain,
)
from tests.support import at_once
from tubeq.domain.errors import StorageError
from tubeq.domain.models import NewTask
from tubeq.queue.queue_manager import QueueManager

pytestmark = pytest.mark.integration


def everything_in(queue: QueueManager) -> dict[str, Any]:
    tasks = queue.list_tasks(limit=1000)
    return {
        "tasks": tasks,
        "results": [queue.get_task_results(task.task_id) for task in tasks],
        "history": [queue.get_task_history(task.task_id) for task in tasks],
        "workers": queue.workers(),
    }


# Restarts -----------------------------------------------------------------------------------------


def test_a_task_in_every_state_survives_a_restart(
    queue: QueueManager, make_worker: MakeWorker, test_database: str
) -> None:
    add_many(queue, 2)
    outcomes = [[item("a"), item("b")], ConnectionError("cut"), KeyError("bug")]
    worker = make_worker(plugin=Scripted(*outcomes), max_retries=1)
    for _ in outcomes:
        add(queue)
        attempt(worker)
    add(queue, priority=5, run_after=time.time() + 3600, idempotency_key="key")
    queue.cancel_task(add(queue))
    claim = queue.claim_next_task(TASK_TYPE, "holder")
    assert claim is not None
    before = everything_in(queue)
    assert len({task.status for task in before["tasks"]}) == 5

    worker.close()
    queue.close()
    with QueueManager(test_database) as reopened:
        assert everything_in(reopened) == before
        assert reopened.start_task(claim).status == "RUNNING"
        reopened.complete_task(claim, [item("c")])
        assert add(reopened, idempotency_key="key") in {task.task_id for task in before["tasks"]}


def test_no_acknowledged_task_dies_with_the_process_that_created_it(queue: QueueManager) -> None:
    with Process("create", queue.db_path) as creator:
        acknowledged = [creator.line() for _ in range(30)]
        acknowledged += creator.kill()
    stored = {task.task_id for task in queue.list_tasks(limit=100_000)}
    assert set(acknowledged) <= stored
    assert len(stored) <= len(acknowledged) + 1  # at most the one that it was creating


def test_no_acknowledged_completion_dies_with_its_worker(queue: QueueManager) -> None:
    add_many(queue, 300)
    with Process("drain", queue.db_path, "worker-1") as worker:
        worker.line()
        acknowledged = [worker.line() for _ in range(20)]
        acknowledged += worker.kill()
    assert_each_done_once(queue, acknowledged)
    for task_id in acknowledged:
        (result,) = queue.get_task_results(task_id)
        assert result["source_id"] == task_id


# The seed's databases -----------------------------------------------------------------------------


def test_rows_of_a_database_made_by_the_seed_are_adopted(
    test_database: str, make_worker: MakeWorker
) -> None:
    created_at = "2025-01-02 03:04:05"
    with plain(test_database) as connection, connection:
        connection.executemany(
            "INSERT INTO task_queue (task_id, task_type, parameters, status, priority, result,"
            " completed_at, created_at) VALUES (?, 'youtube_channel', ?, ?, ?, ?, ?, ?)",
            [
                ("old-queued", '{"channel_url": "@a"}', "QUEUED", 3, None, None, created_at),
                ("old-done", "{}", "COMPLETED", 0, '{"ideas_count": 1}', created_at, created_at),
            ],
        )
        connection.execute(
            "INSERT INTO results (result_id, task_id, source_id, title, score)"
            " VALUES ('r1', 'old-done', 'video-1', 'Old', 12.5)"
        )
    with QueueManager(test_database) as queue:
        queued, done = queue.get_task("old-queued"), queue.get_task("old-done")
        assert (queued["status"], queued["priority"]) == ("QUEUED", 3)
        assert queued.parameters == {"channel_url": "@a"}
        assert (done["status"], done.result) == ("COMPLETED", {"ideas_count": 1})
        (result,) = queue.get_task_results("old-done")
        assert (result["result_id"], result["title"], result["score"]) == ("r1", "Old", 12.5)
        assert drain(make_worker()) == ["old-queued"]
        assert queue.maintenance.check() == []


# Keeping ------------------------------------------------------------------------------------------


def test_a_backup_that_is_taken_while_workers_write_is_a_whole_queue(
    queue: QueueManager, make_worker: MakeWorker, tmp_path: Path
) -> None:
    task_ids = set(add_many(queue, 60))
    workers = [make_worker(f"worker-{number}") for number in range(2)]
    copies: list[Path] = []

    def work_or_copy(number: int) -> None:
        if number < 2:
            drain(workers[number])
            return
        copies.extend(queue.maintenance.backup(tmp_path / f"copy-{n}.db") for n in range(3))

    at_once(work_or_copy, 3)
    for path in copies:
        with QueueManager(path) as copy:
            assert copy.maintenance.check() == []
            assert {task.task_id for task in copy.list_tasks(limit=1000)} == task_ids
            for task in copy.list_tasks("COMPLETED", limit=1000):
                assert len(copy.get_task_results(task.task_id)) == 1


def test_pruning_while_workers_run_takes_only_what_is_finished(
    queue: QueueManager, make_worker: MakeWorker
) -> None:
    add_many(queue, 40)
    worker = make_worker()
    pruned = 0

    def work_or_prune(number: int) -> None:
        nonlocal pruned
        if number == 0:
            drain(worker)
            return
        while queue.stats().by_status["QUEUED"]:
            pruned += queue.maintenance.prune(older_than_s=0.0)

    at_once(work_or_prune, 2)
    pruned += queue.maintenance.prune(older_than_s=0.0)
    left = queue.list_tasks()
    assert {task.status for task in left} == {"COMPLETED"}
    assert pruned + len(left) == 40


def test_many_writers_leave_a_sound_database(queue: QueueManager, test_database: str) -> None:
    def write(number: int) -> None:
        with QueueManager(test_database) as queue:
            for _ in range(5):
                queue.create_tasks([NewTask(TASK_TYPE, {"n": n}) for n in range(10)])
                for task in queue.claim_tasks(TASK_TYPE, f"worker-{number}", 8):
                    queue.store_result(task.task_id, "early", claim=task)
                    queue.complete_task(task, [item(n) for n in range(3)])

    at_once(write, 4)
    stats = queue.stats()
    assert sum(stats.by_status.values()) == 200
    assert stats.results == 4 * stats.by_status["COMPLETED"]
    assert queue.maintenance.check() == []


@pytest.mark.parametrize("content", [b"", b"no database at all\n" * 100], ids=["empty", "text"])
def test_a_file_that_is_no_database_is_not_written_to(tmp_path: Path, content: bytes) -> None:
    """An empty file is SQLite's way of saying "new"; anything else belongs to somebody."""
    path = tmp_path / "file.db"
    path.write_bytes(content)
    if not content:
        with QueueManager(path) as queue:
            assert queue.list_tasks() == []
        return
    with pytest.raises(StorageError):
        QueueManager(path)
    assert path.read_bytes() == content


def test_a_folder_is_no_database(tmp_path: Path) -> None:
    with pytest.raises(StorageError):
        QueueManager(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_closed_queue_says_so(queue: QueueManager) -> None:
    task_id = add(queue)
    queue.close()
    queue.close()
    with pytest.raises(StorageError):
        queue.get_task(task_id)
