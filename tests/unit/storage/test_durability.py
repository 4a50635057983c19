"""What is on the disk when a verb returns: counted in syncs of the write-ahead log."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from tubeq.domain.clock import SystemClock
from tubeq.domain.errors import StorageError
from tubeq.domain.models import EncodedTask, Idea
from tubeq.domain.policies import Durability
from tubeq.storage.connection import ConnectionFactory
from tubeq.storage.port import ClaimRequest
from tubeq.storage.sqlite import SQLiteStorage
from tubeq.storage.wal import WalSync

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

    def broken(wal):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(factory, "sync", broken)
    with pytest.raises(StorageError):
        storage.create([EncodedTask("scrape", "{}")])


def test_threads_that_come_while_one_syncs_share_the_next_sync(tmp_path):
    begun, go_on = threading.Event(), threading.Event()
    calls = []

    class SlowFactory(ConnectionFactory):
        def sync(self, wal):
            calls.append(wal)
            begun.set()
            go_on.wait(5)

    (tmp_path / "q.db-wal").touch()
    wal = WalSync(SlowFactory(tmp_path / "q.db", 1))
    with ThreadPoolExecutor(9) as pool:
        first = pool.submit(wal.sync)
        assert begun.wait(5)
        others = [pool.submit(wal.sync) for _ in range(8)]
        while wal._latest < 9:
            pass
        go_on.set()
        for each in [first, *others]:
            each.result(5)
    wal.close()
    assert len(calls) == 2  # the first one's, and one for the eight that came meanwhile
