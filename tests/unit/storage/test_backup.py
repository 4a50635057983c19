"""Copies of a queue that is at work."""

from __future__ import annotations

import threading

import pytest

from tests.support import run_sql
from tubeq import QueueManager
from tubeq.domain.errors import StorageError


def test_a_backup_taken_while_tasks_are_created_is_whole(tmp_path):
    queue = QueueManager(tmp_path / "queue.db", durability="fast")
    stop = threading.Event()
    created = []

    def create():
        while not stop.is_set():
            created.append(queue.create_task("scrape", {"number": len(created)}))

    thread = threading.Thread(target=create)
    thread.start()
    while len(created) < 50:
        pass
    before = len(created)
    copied = queue.maintenance.backup(tmp_path / "copy.db")
    stop.set()
    thread.join()
    with QueueManager(copied) as copy:
        assert copy.maintenance.check() == []
        assert before <= copy.stats().by_status["QUEUED"] <= len(created)
    queue.close()


@pytest.mark.parametrize("target", ["queue.db", "missing/copy.db"])
def test_a_backup_onto_its_own_database_or_to_nowhere_is_refused(file_queue, tmp_path, target):
    with pytest.raises(StorageError):
        file_queue.maintenance.backup(tmp_path / target)


def test_check_names_what_is_wrong(file_queue, path):
    task_id = file_queue.create_task("scrape")
    assert file_queue.maintenance.check() == []
    run_sql(
        path,
        "UPDATE task_queue SET status = 'RUNNING';"
        "INSERT INTO results (task_id, source_id) VALUES ('nobody', 'a');",
    )
    wrong = file_queue.maintenance.check()
    assert len(wrong) == 2
    assert any(task_id in each for each in wrong)
