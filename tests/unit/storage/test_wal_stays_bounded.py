"""The write-ahead log is moved into the database while work goes on."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing

import pytest

from tests.support import until, within
from tubeq.domain.models import EncodedTask
from tubeq.domain.policies import Durability
from tubeq.storage import open_storage
from tubeq.storage.ports.tasks import ClaimRequest
from tubeq.storage.sqlite.file import wal
from tubeq.storage.sqlite.file.connection import ConnectionFactory
from tubeq.storage.sqlite.file.lock_file import WRITES, LockFile
from tubeq.storage.sqlite.file.write_lock import CHECKPOINT_BYTE


@pytest.fixture
def storage(tmp_path):
    storage = open_storage(tmp_path / "queue.db", durability=Durability.FAST)
    yield storage
    storage.close()


def work(storage, tasks):
    for _ in range(tasks // 1000):
        storage.create([EncodedTask("scrape", "{}")] * 1000)
        while claims := storage.claim(ClaimRequest("scrape", "w"), 100):
            for claim in claims:
                storage.complete(claim)


@pytest.mark.slow
def test_the_log_stays_small_while_thousands_of_tasks_are_worked(storage, tmp_path):
    work(storage, 10_000)
    assert (tmp_path / "queue.db-wal").stat().st_size < 40_000_000


@pytest.mark.slow
def test_without_checkpoints_the_log_grows_past_that_bound(storage, tmp_path, monkeypatch):
    """So the test above can fail."""
    monkeypatch.setattr(wal.Checkpointer, "keep_up", lambda self: None)
    work(storage, 10_000)
    assert (tmp_path / "queue.db-wal").stat().st_size > 40_000_000


def test_nobody_can_start_the_log_anew_while_a_checkpoint_runs(file_storage, path):
    """Else a SQLite with the WAL-reset bug could lose what is in the log."""
    file_storage.create([EncodedTask("scrape", "{}")])
    during, begun_anew = [], []

    def salts():
        return path.with_name("queue.db-wal").read_bytes()[16:24]

    def try_to_write():
        before = salts()
        with closing(sqlite3.connect(path, timeout=0, isolation_level=None)) as outsider:
            outsider.execute("PRAGMA wal_autocheckpoint = 0")
            try:
                outsider.execute("PRAGMA user_version = 1")
                during.append("written")
            except sqlite3.OperationalError:
                during.append("refused")
        begun_anew.append(salts() != before)

    class Watched(sqlite3.Connection):
        def execute(self, sql, *parameters):
            if "wal_checkpoint" not in sql:
                return super().execute(sql, *parameters)
            try_to_write()
            done = super().execute(sql, *parameters)
            try_to_write()
            return done

    class Factory(ConnectionFactory):
        def connect(self):
            return sqlite3.connect(
                path, factory=Watched, isolation_level=None, check_same_thread=False
            )

    locks = LockFile(path.with_name("queue.db-lock"))
    log = wal.WalSync(Factory(path, 5), locks)
    checkpointer = wal.Checkpointer(Factory(path, 5), log)
    checkpointer.note_writes(wal.CHECKPOINT_EVERY_WRITES)
    checkpointer.keep_up()
    until(lambda: during.count("refused") >= 2)
    checkpointer.close()
    assert during == ["written", "written", "refused", "refused"]
    assert not any(begun_anew)
    try_to_write()
    assert begun_anew[-1]  # it was all moved: the next write starts the log anew
    log.close()
    locks.close()


def test_writes_of_all_processes_are_counted_together(tmp_path):
    first, second = (LockFile(tmp_path / "lock") for _ in range(2))
    first.numbers[WRITES] += 5
    second.numbers[WRITES] += 7
    assert first.numbers[WRITES] == second.numbers[wal.WRITES] == 12
    first.close()
    second.close()


def test_a_checkpoint_that_never_comes_holds_a_writer_up_once_not_always(
    file_storage, path, monkeypatch
):
    """The elected process may be suspended: its lock stays, and no other makes the checkpoint."""
    monkeypatch.setattr(wal, "_WAIT_S", 0.05)
    suspended = LockFile(path.with_name("queue.db-lock"))
    assert suspended.try_lock(CHECKPOINT_BYTE)
    suspended.numbers[WRITES] = wal.WAIT_AFTER_WRITES
    monkeypatch.setattr(wal.Checkpointer, "_run", lambda self: None)
    with within(20 * 0.05):
        for _ in range(20):
            file_storage.create([EncodedTask("scrape", "{}")])
    suspended.close()


def test_a_writer_waits_for_a_checkpoint_that_is_late(file_storage, path, monkeypatch):
    """Else the log would grow as long as writes are quicker than the disk."""
    made = []

    def slow(checkpointer, connection, other):
        time.sleep(0.2)
        made.append(checkpointer)
        checkpointer._locks.numbers[WRITES] = 0

    monkeypatch.setattr(wal.Checkpointer, "_checkpoint", slow)
    locks = LockFile(path.with_name("queue.db-lock"))
    locks.numbers[WRITES] = wal.WAIT_AFTER_WRITES
    file_storage.create([EncodedTask("scrape", "{}")])
    assert made
    locks.close()
