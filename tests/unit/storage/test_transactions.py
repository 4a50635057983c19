"""All of a verb happens, or nothing: also where SQLite refuses a value half way."""

from __future__ import annotations

import multiprocessing
import sqlite3
from contextlib import closing

import pytest

from tests.support import at_once
from tubeq import QueueManager
from tubeq.domain.clock import SystemClock
from tubeq.domain.errors import InvalidParameters
from tubeq.domain.models import EncodedTask, Idea
from tubeq.storage import open_storage
from tubeq.storage.ports.tasks import ClaimRequest
from tubeq.storage.sqlite.file.connection import ConnectionFactory
from tubeq.storage.sqlite.file.session import Session
from tubeq.storage.sqlite.storage import SQLiteStorage

UNSTORABLE = [Idea("a", views=2**70), Idea("a", title="\ud800"), Idea("a", extra={"b": object()})]


@pytest.fixture
def storage(file_storage):
    return file_storage


def storage_over(path, connection_class):
    """A storage whose connections are of this class."""

    class Factory(ConnectionFactory):
        def connect(self):
            return sqlite3.connect(
                self.path, factory=connection_class, isolation_level=None, check_same_thread=False
            )

    return closing(SQLiteStorage(path, clock=SystemClock(), factory=Factory(path, 5)))


@pytest.mark.parametrize("idea", UNSTORABLE, ids=["integer", "surrogate", "object"])
def test_a_completion_with_an_idea_that_cannot_be_stored_changes_nothing(storage, idea):
    storage.create([EncodedTask("scrape", "{}")] * 2)
    (claim,) = storage.claim(ClaimRequest("scrape", "w"))
    with pytest.raises(InvalidParameters):
        storage.complete(claim, [Idea("b"), idea], then=ClaimRequest("scrape", "w"))
    assert storage.get(claim.task_id) == claim
    assert storage.results() == []
    assert storage.stats().by_status["QUEUED"] == 1
    storage.complete(claim, [Idea("b")])


def test_an_interrupt_inside_a_transaction_undoes_it_and_frees_the_lock(storage, monkeypatch):
    def interrupted(self, sql, rows):
        self._connection.executemany(sql, rows)
        raise KeyboardInterrupt

    monkeypatch.setattr(Session, "executemany", interrupted)
    with pytest.raises(KeyboardInterrupt):
        storage.create([EncodedTask("scrape", "{}")] * 2)
    monkeypatch.undo()
    assert storage.list_tasks() == []
    storage.create([EncodedTask("scrape", "{}")])


def test_an_interrupt_inside_a_single_statement_frees_the_lock(path):
    """SQLite holds its write lock until a statement that returns rows is at its end."""
    interrupts = []

    class Rows(sqlite3.Cursor):
        def fetchall(self):
            if interrupts:
                raise interrupts.pop()
            return super().fetchall()

    class Interrupted(sqlite3.Connection):
        def execute(self, sql, parameters=()):
            return self.cursor(Rows).execute(sql, parameters)

    with storage_over(path, Interrupted) as storage:
        storage.create([EncodedTask("scrape", "{}")] * 2)
        storage.claim(ClaimRequest("scrape", "w"))
        interrupts.append(KeyboardInterrupt())
        with pytest.raises(KeyboardInterrupt) as interrupt:
            storage.claim(ClaimRequest("scrape", "w"))
        with closing(sqlite3.connect(path, timeout=0)) as outsider:
            outsider.execute("BEGIN IMMEDIATE")
        del interrupt


def test_a_write_holds_the_database_from_its_first_statement(storage, path):
    """BEGIN IMMEDIATE: a deferred one would read first, and then find that others have written."""
    outsider = sqlite3.connect(path, timeout=0)
    with storage._session.write(durable=False):
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            outsider.execute("BEGIN IMMEDIATE")
    outsider.close()


def _claim_all(path, name, start, out):
    with QueueManager(path) as queue:
        start.wait()
        claimed = []
        while task := queue.claim_next_task("scrape", name):
            claimed.append(task.row_id)
        out.put(claimed)


@pytest.mark.slow
def test_processes_that_claim_at_once_never_share_a_task(path):
    with QueueManager(path, durability="fast") as queue:
        queue._storage.create([EncodedTask("scrape", "{}")] * 3000)
    context = multiprocessing.get_context("spawn")
    start, out = context.Barrier(4), context.Queue()
    processes = [
        context.Process(target=_claim_all, args=(path, f"w{each}", start, out)) for each in range(4)
    ]
    for process in processes:
        process.start()
    claims = [out.get(timeout=50) for _ in processes]
    for process in processes:
        process.join()
    assert sorted(sum(claims, [])) == list(range(1, 3001))


def test_threads_share_a_handle(storage):
    storage.create([EncodedTask("scrape", "{}")] * 400)
    claimed = []

    def claim_all(_):
        while tasks := storage.claim(ClaimRequest("scrape", "w")):
            claimed.extend(task.row_id for task in tasks)

    at_once(claim_all)
    assert sorted(claimed) == list(range(1, 401))


def test_a_read_waits_while_another_connection_recovers_the_log(path):
    """SQLite answers that at once with "locked", whatever the timeout."""
    refusals = []

    class Recovering(sqlite3.Connection):
        def execute(self, sql, parameters=()):
            if refusals:
                raise refusals.pop()
            return super().execute(sql, parameters)

    with storage_over(path, Recovering) as storage:
        storage.create([EncodedTask("scrape", "{}")])
        refusals += [sqlite3.OperationalError("database is locked")] * 3
        assert len(storage.list_tasks()) == 1
        assert refusals == []


def test_what_is_requeued_while_it_is_looked_for_is_not_pruned(path, clock, monkeypatch):
    with (
        closing(open_storage(path, clock=clock)) as storage,
        closing(open_storage(path, clock=clock)) as other,
    ):
        first, _, _ = storage.create([EncodedTask("scrape", "{}")] * 3)
        for claim in storage.claim(ClaimRequest("scrape", "w"), 3):
            storage.complete(claim, [Idea("a")])
        clock.advance(10.0)
        read = storage._session.read

        def read_and_requeue(sql, *parameters):
            rows = read(sql, *parameters)
            if "AS relative" in sql and other.get(first).status == "COMPLETED":
                other.requeue(first)
            return rows

        monkeypatch.setattr(storage._session, "read", read_and_requeue)
        assert storage.maintenance.prune(clock.now()) == 1
        assert storage.get(first).status == "QUEUED"
        assert len(storage.results(first)) == 1
        assert len(storage.history(first)) > 1
        assert storage.maintenance.check() == []
