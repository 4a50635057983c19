"""What fails after a commit never reads as if nothing had been stored."""

from __future__ import annotations

import errno
import sqlite3
from contextlib import closing

import pytest

from tests.support import raising
from tubeq.domain.clock import SystemClock
from tubeq.domain.errors import StorageError, StorageNotSynced
from tubeq.domain.models import EncodedTask, Idea
from tubeq.domain.policies import Durability
from tubeq.queue.queue_manager import QueueManager
from tubeq.storage.ports.tasks import ClaimRequest
from tubeq.storage.sqlite.file import wal
from tubeq.storage.sqlite.file.connection import ConnectionFactory
from tubeq.storage.sqlite.storage import SQLiteStorage


class BrokenDisk(ConnectionFactory):
    """Its disk takes nothing while `error` is set."""

    error: OSError | None = None

    def sync(self, wal):
        if self.error:
            raise self.error
        super().sync(wal)


@pytest.fixture
def disk(path):
    return BrokenDisk(path, 5)


@pytest.fixture
def storage(disk):
    how = {"durability": Durability.FULL, "clock": SystemClock()}
    with closing(SQLiteStorage(disk.path, factory=disk, **how)) as storage:
        yield storage


@pytest.mark.parametrize("code", [errno.EIO, errno.ENOSPC, errno.EDQUOT])
@pytest.mark.parametrize("count", [1, 3])
def test_a_sync_that_fails_says_that_the_tasks_are_stored_and_names_them(
    storage, disk, code, count
):
    disk.error = OSError(code, "the disk's words")
    with pytest.raises(StorageNotSynced, match=r"is stored.*the disk's words.*created: ") as raised:
        storage.create([EncodedTask("scrape", "{}")] * count)
    disk.error = None
    stored = [task.task_id for task in storage.list_tasks()]
    assert len(stored) == count
    assert stored[-1] in str(raised.value)


@pytest.mark.parametrize("verb", ["claim", "start", "heartbeat", "complete", "fail", "results"])
def test_every_verb_says_that_its_change_is_stored(storage, disk, verb):
    storage.create([EncodedTask("scrape", "{}")] * 2)
    (claim,) = storage.claim(ClaimRequest("scrape", "w1"))
    verbs = {
        "claim": lambda: storage.claim(ClaimRequest("scrape", "w2")),
        "start": lambda: storage.start(claim),
        "heartbeat": lambda: storage.heartbeat(claim, 60),
        "complete": lambda: storage.complete(claim, [Idea("a")]),
        "fail": lambda: storage.fail(claim, "error", "no"),
        "results": lambda: storage.store_results(claim.task_id, [Idea("a")]),
    }
    changes = lambda: storage._session._connection.total_changes  # noqa: E731
    before = changes()
    disk.error = OSError(errno.EIO, "Input/output error")
    with pytest.raises(StorageNotSynced, match="is stored"):
        verbs[verb]()
    assert changes() > before
    assert not storage._session._connection.in_transaction


@pytest.mark.parametrize("part", ["wake", "keep_up"])
def test_what_else_fails_after_the_commit_fails_nothing(path, monkeypatch, part):
    """A thread too many, for example: "can't start new thread"."""
    broken = raising(RuntimeError("can't start new thread"))
    with QueueManager(path) as queue:
        owner = queue._waker if part == "wake" else wal.Checkpointer
        monkeypatch.setattr(owner, part, broken)
        task_id = queue.create_task("scrape", {})
        assert queue.get_task(task_id).status == "QUEUED"
        queue.complete_task(queue.claim_next_task("scrape", "w"))
        assert queue.get_task(task_id).status == "COMPLETED"


def test_a_log_that_cannot_be_opened_is_found_before_anything_is_written(path, monkeypatch):
    QueueManager(path).close()
    no_more_files = raising(OSError(errno.EMFILE, "Too many open files"))
    monkeypatch.setattr(wal.os, "open", no_more_files)
    with pytest.raises(StorageError, match="Too many open files"):
        QueueManager(path)
    monkeypatch.undo()
    with QueueManager(path) as queue:
        assert queue.list_tasks() == []
        monkeypatch.setattr(wal.os, "open", no_more_files)
        queue.create_task("scrape", {})


def test_a_rollback_that_fails_keeps_no_other_thread_waiting(storage, monkeypatch):
    class Broken:
        def __init__(self, connection):
            self._connection = connection

        def __getattr__(self, name):
            return getattr(self._connection, name)

        def execute(self, sql, *parameters):
            if sql in ("COMMIT", "ROLLBACK"):
                raise sqlite3.OperationalError("disk I/O error")
            return self._connection.execute(sql, *parameters)

    session = storage._session
    real = session._connection
    session._connection = Broken(real)
    with pytest.raises(StorageError, match="I/O"):
        storage.create([EncodedTask("scrape", "{}")] * 2)
    assert session._mutex.acquire(blocking=False)
    session._mutex.release()
    session._connection = real
    real.execute("ROLLBACK")


def test_a_checkpoint_that_cannot_open_the_database_is_made_later(storage, disk, monkeypatch):
    connect = disk.connect
    refusals = [OSError(errno.EMFILE, "Too many open files")]

    def connect_later():
        if refusals:
            raise refusals.pop()
        return connect()

    monkeypatch.setattr(disk, "connect", connect_later)
    storage._session._checkpointer.note_writes(wal.CHECKPOINT_EVERY_WRITES)
    numbers = storage._session._locks.numbers
    for _ in range(200):
        storage.create([EncodedTask("scrape", "{}")])
        storage._session._checkpointer._idle.wait(5)
        if numbers[wal.WRITES] < wal.CHECKPOINT_EVERY_WRITES:
            break
    assert not refusals
    assert numbers[wal.WRITES] < wal.CHECKPOINT_EVERY_WRITES
