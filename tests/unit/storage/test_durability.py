"""What is on the disk when a verb returns: counted in syncs of the write-ahead log."""

from __future__ import annotations

import errno
import os
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial

import pytest

from tests.support import raising
from tubeq.domain.clock import SystemClock
from tubeq.domain.errors import StorageError
from tubeq.domain.models import EncodedTask, Idea
from tubeq.domain.policies import Durability
from tubeq.storage import open_storage
from tubeq.storage.ports.tasks import ClaimRequest
from tubeq.storage.sqlite.file import connection
from tubeq.storage.sqlite.file.connection import ConnectionFactory
from tubeq.storage.sqlite.file.lock_file import SYNCS_BEGUN, SYNCS_DONE, LockFile
from tubeq.storage.sqlite.file.wal import WalSync
from tubeq.storage.sqlite.file.write_lock import SYNC_BYTE
from tubeq.storage.sqlite.storage import SQLiteStorage

pytestmark = pytest.mark.usefixtures("each_way_to_sleep")
REQUEST = ClaimRequest("scrape", "w1")


class CountingFactory(ConnectionFactory):
    """Counts syncs, and keeps what the log held at each."""

    def __init__(self, path):
        super().__init__(path, busy_timeout_s=5)
        self.logs = []

    def sync(self, wal):
        super().sync(wal)
        self.logs.append((self.path.parent / f"{self.path.name}-wal").read_bytes())


@pytest.fixture
def opened(tmp_path):
    handles = []

    def open_with(durability):
        factory = CountingFactory(tmp_path / f"{durability}.db")
        handles.append(
            SQLiteStorage(factory.path, durability=durability, clock=SystemClock(), factory=factory)
        )
        return handles[-1], factory

    yield open_with
    for handle in handles:
        handle.close()


def syncs_of(factory, call):
    before = len(factory.logs)
    call()
    return len(factory.logs) - before


@pytest.mark.parametrize(
    ("durability", "told", "other"),
    [(Durability.FULL, 1, 1), (Durability.BALANCED, 1, 0), (Durability.FAST, 0, 0)],
)
def test_each_setting_syncs_what_it_promises(opened, durability, told, other):
    storage, factory = opened(durability)
    create = lambda: storage.create([EncodedTask("scrape", "{}")] * 5)  # noqa: E731
    assert syncs_of(factory, create) == told
    claims = []
    assert syncs_of(factory, lambda: claims.extend(storage.claim(REQUEST, 3))) == other
    assert syncs_of(factory, lambda: storage.start(claims[0])) == other
    assert syncs_of(factory, lambda: storage.heartbeat(claims[0], 60)) == other
    assert syncs_of(factory, lambda: storage.complete(claims[0], [Idea("a")])) == told
    assert syncs_of(factory, lambda: storage.fail(claims[1], "error", "no")) == told
    assert syncs_of(factory, lambda: storage.release(claims[2])) == told


def test_completing_and_claiming_the_next_is_one_sync(opened):
    storage, factory = opened(Durability.FULL)
    storage.create([EncodedTask("scrape", "{}")] * 2)
    (claim,) = storage.claim(REQUEST)
    assert syncs_of(factory, lambda: storage.complete(claim, then=REQUEST)) == 1


def test_a_claim_that_finds_nothing_syncs_nothing(opened):
    storage, factory = opened(Durability.FULL)
    assert syncs_of(factory, lambda: storage.claim(REQUEST)) == 0


def test_the_log_holds_the_task_when_it_is_synced(opened):
    """A sync before the commit would be worth nothing."""
    storage, factory = opened(Durability.BALANCED)
    storage.create([EncodedTask("scrape", '{"mark": "find-me-in-the-log"}')])
    assert b"find-me-in-the-log" in factory.logs[-1]


def test_a_sync_that_fails_is_an_error_and_not_an_acknowledgement(opened, monkeypatch):
    storage, factory = opened(Durability.BALANCED)
    monkeypatch.setattr(factory, "sync", raising(OSError(5, "Input/output error")))
    with pytest.raises(StorageError):
        storage.create([EncodedTask("scrape", "{}")])


class CountedLock:
    """A mutex that tells how many came to it."""

    def __init__(self, arrivals):
        self._mutex = threading.Lock()
        self._arrivals = arrivals

    def __enter__(self):
        self._arrivals.append(1)
        self._mutex.acquire()

    def __exit__(self, *error):
        self._mutex.release()


@pytest.mark.parametrize("handles", [1, 9])
def test_who_comes_while_one_syncs_shares_the_next_sync(tmp_path, handles):
    """Threads of one process (one handle), and processes (a handle each)."""
    begun, go_on = threading.Event(), threading.Event()
    calls, arrivals = [], []

    class SlowFactory(ConnectionFactory):
        def sync(self, wal):
            calls.append(wal)
            begun.set()
            go_on.wait(5)

    (tmp_path / "q.db-wal").touch()
    files = [LockFile(tmp_path / "q.db-lock") for _ in range(handles)]
    wals = [WalSync(SlowFactory(tmp_path / "q.db", 1), file) for file in files]
    for wal in wals:
        wal._mutex = CountedLock(arrivals)
    with ThreadPoolExecutor(9) as pool:
        first = pool.submit(wals[0].sync)
        assert begun.wait(5)
        others = [pool.submit(wals[number % handles].sync) for number in range(1, 9)]
        while len(arrivals) < 9:
            time.sleep(0.001)
        go_on.set()
        for each in [first, *others]:
            each.result(5)
    for each in (*wals, *files):
        each.close()
    assert len(calls) == 2  # the first one's, and one for the eight that came meanwhile


@pytest.mark.parametrize(("begun", "done"), [(7, 6), (6, 7), (7, 7)])
def test_a_sync_that_a_killed_process_or_a_power_cut_left_behind_covers_nothing(
    tmp_path, begun, done
):
    (tmp_path / "q.db-wal").touch()
    locks = LockFile(tmp_path / "q.db-lock")
    locks.numbers[SYNCS_BEGUN], locks.numbers[SYNCS_DONE] = begun, done
    factory = CountingFactory(tmp_path / "q.db")
    with closing(locks), closing(WalSync(factory, locks)) as wal:
        wal.sync()
        wal.sync()
    assert len(factory.logs) == 2


def test_a_process_that_was_suspended_while_it_synced_holds_nobody_up_for_long(tmp_path):
    (tmp_path / "q.db-wal").touch()
    suspended, locks = (LockFile(tmp_path / "q.db-lock") for _ in range(2))
    assert suspended.try_lock(SYNC_BYTE)
    factory = CountingFactory(tmp_path / "q.db")
    with closing(suspended), closing(locks), closing(WalSync(factory, locks)) as wal:
        wal.sync()
    assert len(factory.logs) == 1


def test_workers_are_told_of_a_task_before_it_is_synced(path):
    """They need not wait for the disk; who created it does."""
    happened = []

    class Factory(ConnectionFactory):
        def sync(self, wal):
            happened.append("synced")

    storage = SQLiteStorage(path, clock=SystemClock(), factory=Factory(path, 5))
    with closing(storage), closing(open_storage(path)) as reader:

        def visible():
            happened.append(f"visible {len(reader.list_tasks())}")

        for count in (1, 2):
            storage.create([EncodedTask("scrape", "{}")] * count, when_visible=visible)
    assert happened == ["visible 1", "synced", "visible 3", "synced"]


@pytest.fixture
def as_on_macos(monkeypatch):
    """The calls of fcntl(2), which may be told to fail."""
    fcntl = pytest.importorskip("fcntl")
    calls = []
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setattr(fcntl, "F_FULLFSYNC", 51, raising=False)
    monkeypatch.setattr(fcntl, "fcntl", lambda *call: calls.append(call))
    return calls, partial(monkeypatch.setattr, fcntl, "fcntl")


def test_on_macos_a_sync_empties_the_drives_cache_too(as_on_macos, tmp_path, monkeypatch):
    calls, fcntl_is = as_on_macos
    synced = []
    monkeypatch.setattr(os, "fsync", synced.append)
    connection.full_fsync(7)
    assert (calls, synced) == ([(7, 51)], [])
    fcntl_is(raising(OSError(errno.ENOTSUP, "not on this file system")))
    connection.full_fsync(7)
    assert synced == [7]


def test_on_macos_sqlites_own_syncs_do_so_as_well(as_on_macos, tmp_path):
    path = tmp_path / "q.db"
    opened = ConnectionFactory(path, 1).connect(), connection.connect_to_existing(path, "mode=rwc")
    for each in opened:
        assert each.execute("PRAGMA fullfsync").fetchone() == (1,)
        each.close()
