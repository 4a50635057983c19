"""Copies of a queue that is at work."""

from __future__ import annotations

import sqlite3
import threading

import pytest

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


def test_a_backup_never_overwrites_its_own_database(tmp_path):
    with QueueManager(tmp_path / "queue.db") as queue, pytest.raises(StorageError):
        queue.maintenance.backup(tmp_path / "queue.db")


def test_a_backup_that_cannot_be_written_leaves_the_older_one(tmp_path):
    older = tmp_path / "missing" / "copy.db"
    with QueueManager(tmp_path / "queue.db") as queue, pytest.raises(StorageError):
        queue.maintenance.backup(older)


def test_check_names_what_is_wrong(tmp_path):
    with QueueManager(tmp_path / "queue.db") as queue:
        task_id = queue.create_task("scrape")
        assert queue.maintenance.check() == []
        outsider = sqlite3.connect(tmp_path / "queue.db")
        outsider.execute("UPDATE task_queue SET status = 'RUNNING'")
        outsider.execute("INSERT INTO results (task_id, source_id) VALUES ('nobody', 'a')")
        outsider.commit()
        outsider.close()
        wrong = queue.maintenance.check()
        assert len(wrong) == 2
        assert any(task_id in each for each in wrong)
