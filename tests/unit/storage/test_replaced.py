"""A database that is replaced, removed or robbed of its log while it is open."""

from __future__ import annotations

import gc
import os
import shutil
import sqlite3
import threading

import pytest

from tests.support import leave_log
from tubeq import QueueManager
from tubeq.domain.errors import StorageError, StorageReplaced
from tubeq.storage import database_file
from tubeq.storage.sqlite.file import foreign_log, session
from tubeq.storage.sqlite.file.lock_file import LOG_INODE, LockFile

pytestmark = pytest.mark.skipif(os.name != "posix", reason="Windows lets nobody replace open files")


@pytest.fixture(autouse=True)
def look_always(monkeypatch):
    monkeypatch.setattr(session, "LOOK_EVERY_S", 0.0)


def backup_of(path, tasks):
    """A database with that many tasks, beside it."""
    backup = path.with_name("backup.db")
    with QueueManager(path.with_name("source.db")) as source:
        for _ in range(tasks):
            source.create_task("old", {})
        source.maintenance.backup(backup)
    return backup


def move_over(path):
    backup_of(path, 3).replace(path)


def remove_and_recreate(path):
    path.unlink()
    shutil.copyfile(backup_of(path, 3), path)


HARM = {
    "move over": move_over,
    "remove": lambda path: path.unlink(),
    "remove and recreate": remove_and_recreate,
    "remove log": lambda path: path.with_name("queue.db-wal").unlink(),
    "remove index": lambda path: path.with_name("queue.db-shm").unlink(),
}


@pytest.mark.parametrize("harm", HARM.values(), ids=HARM)
@pytest.mark.parametrize("verb", ["create_task", "stats", "claim", "backup", "transaction"])
def test_it_is_noticed_by_every_kind_of_verb(path, harm, verb):
    queue = QueueManager(path)
    queue.create_task("scrape", {})
    harm(path)
    verbs = {
        "create_task": lambda: queue.create_task("scrape", {}),
        "stats": queue.stats,
        "claim": lambda: queue.claim_next_task("scrape", "w"),
        "backup": lambda: queue.maintenance.backup(path.with_name("copy.db")),
        "transaction": lambda: queue.cancel_task("x"),
    }
    for _ in range(2):  # and it stays so
        with pytest.raises(StorageReplaced, match=r"queue\.db.* was re(moved|placed) while"):
            verbs[verb]()
    queue.close()
    with pytest.raises(StorageError, match="closed"):
        queue.stats()
    assert not path.with_name("copy.db").exists()


def test_a_folder_that_is_moved_away_is_a_database_removed(tmp_path):
    (tmp_path / "data").mkdir()
    with QueueManager(tmp_path / "data" / "queue.db") as queue:
        (tmp_path / "data").rename(tmp_path / "moved")
        with pytest.raises(StorageReplaced):
            queue.create_task("scrape", {})


def test_a_link_that_leads_elsewhere_now_is_a_database_replaced(tmp_path):
    link = tmp_path / "current.db"
    QueueManager(tmp_path / "new.db").close()
    link.symlink_to(tmp_path / "old.db")
    with QueueManager(link) as queue:
        link.unlink()
        link.symlink_to(tmp_path / "new.db")
        with pytest.raises(StorageReplaced):
            queue.create_task("scrape", {})


def test_the_error_is_raised_after_a_while_without_looking_at_every_call(path, monkeypatch):
    monkeypatch.setattr(session, "LOOK_EVERY_S", 0.2)
    looks = []
    monkeypatch.setattr(database_file.OpenedFiles, "require_same", lambda self: looks.append(1))
    with QueueManager(path) as queue:
        for _ in range(50):
            queue.claim_next_task("scrape", "w")
    assert 1 <= len(looks) < 25


@pytest.mark.parametrize("harm", [move_over, remove_and_recreate])
def test_what_was_put_in_its_place_gets_nothing_of_the_live_log(path, harm):
    """Without the log's being set aside, SQLite would replay it into the restored file."""
    old = QueueManager(path)
    for _ in range(50):
        old.create_task("scrape", {"filler": "x" * 2000})
    harm(path)
    with QueueManager(path) as new:
        assert [task.task_type for task in new.list_tasks()] == ["old"] * 3
        new.create_task("new", {})
        with pytest.raises(StorageReplaced):
            old.create_task("scrape", {})
        old.close()  # the last one on the old file: SQLite must not take the new one's log along
        assert path.with_name("queue.db-wal").exists()
        new.create_task("new", {})
        assert new.maintenance.check() == []
    with QueueManager(path) as again:
        assert sorted(task.task_type for task in again.list_tasks()) == ["new"] * 2 + ["old"] * 3


def test_a_log_that_a_crash_left_is_not_replayed_into_a_backup_moved_over_the_database(path):
    backup = backup_of(path, 3)
    leave_log(path)
    backup.replace(path)
    with QueueManager(path) as queue:
        assert [task.task_type for task in queue.list_tasks()] == ["old"] * 3
        assert queue.maintenance.check() == []
    assert path.with_name("queue.db-wal.stale").exists()


def test_without_that_the_log_would_be_replayed(path, monkeypatch):
    """So the test above can fail."""
    monkeypatch.setattr(foreign_log, "_is_foreign", lambda *_: False)
    backup = backup_of(path, 3)
    leave_log(path)
    backup.replace(path)
    try:
        with QueueManager(path) as queue:
            found = [task.task_type for task in queue.list_tasks()]
    except StorageError:
        found = []
    assert found != ["old"] * 3


def test_a_log_that_a_crash_left_is_replayed_into_its_own_database(path):
    leave_log(path)
    with QueueManager(path) as queue:
        assert queue.stats().by_type["late"]["QUEUED"] == 50


def test_a_folder_that_is_copied_takes_its_log_along(tmp_path):
    (tmp_path / "data").mkdir()
    leave_log(tmp_path / "data" / "queue.db")
    shutil.copytree(tmp_path / "data", tmp_path / "copy")
    with QueueManager(tmp_path / "copy" / "queue.db") as queue:
        assert queue.stats().by_type["late"]["QUEUED"] == 50


def test_a_database_that_was_closed_may_be_replaced_and_another_program_writes_its_log(path):
    """Inode numbers are used again: a note of a log that is gone would take that one for it."""
    QueueManager(path).close()
    move_over(path)
    locks = LockFile(path.with_name("queue.db-lock"))
    assert locks.opened[LOG_INODE] == 0
    locks.close()
    other = sqlite3.connect(path)
    other.execute("UPDATE task_queue SET priority = 7")
    other.commit()
    with QueueManager(path) as queue:
        assert [task.priority for task in queue.list_tasks()] == [7, 7, 7]
    other.close()


def test_a_checkpoint_never_opens_what_was_put_in_its_place(path):
    queue = QueueManager(path)
    queue.create_task("scrape", {})
    move_over(path)
    with pytest.raises(StorageReplaced):
        queue._storage._session._checkpointer._connect()
    queue.close()


def test_a_handle_that_nobody_closes_lets_go_of_a_replaced_file(path):
    queue = QueueManager(path)
    path.unlink()
    with pytest.raises(StorageReplaced):
        queue.stats()
    before = threading.active_count()
    del queue
    gc.collect()
    assert threading.active_count() <= before


def test_must_exist_creates_nothing(path):
    from tubeq.storage import open_storage

    with pytest.raises(StorageError, match="does not exist"):
        open_storage(path, create=False)
    assert list(path.parent.iterdir()) == []
