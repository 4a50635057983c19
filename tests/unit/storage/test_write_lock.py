"""The fair line in front of SQLite's write lock."""

from __future__ import annotations

import sqlite3
import threading
import time

import pytest

from tests.support import until, within
from tubeq.domain.errors import StorageBusy
from tubeq.storage.sqlite.file import write_lock
from tubeq.storage.sqlite.file.lock_file import FRONT_WORD, QUEUE_WORD, LockFile
from tubeq.storage.sqlite.file.write_lock import FRONT_BYTE, WriteLock

pytestmark = pytest.mark.usefixtures("each_way_to_sleep")


class Writer:
    """A handle on the database, as a process has it."""

    def __init__(self, path, timeout_s=20.0):
        self.connection = sqlite3.connect(
            path, timeout=0, isolation_level=None, check_same_thread=False
        )
        self.file = LockFile(path.with_name("queue.db-lock"))
        self.lock = WriteLock(self.file, timeout_s)

    def begin(self):
        self.lock.take(self.connection.execute, "BEGIN IMMEDIATE")

    def end(self):
        self.connection.execute("COMMIT")
        self.lock.given_back()


@pytest.fixture
def writer(tmp_path):
    """Makes writers."""
    writers = []

    def make(timeout_s=20.0):
        writers.append(Writer(tmp_path / "queue.db", timeout_s))
        return writers[-1]

    sqlite3.connect(tmp_path / "queue.db").execute("PRAGMA journal_mode = WAL")
    yield make
    for each in writers:
        each.connection.close()
        each.file.close()


def ended(*threads):
    for thread in threads:
        thread.join(10)
    assert not any(thread.is_alive() for thread in threads)


def test_a_lock_that_is_not_given_back_in_time_is_a_named_error(writer):
    holder, waiter = writer(), writer(0.05)
    holder.begin()
    with pytest.raises(StorageBusy):
        waiter.begin()
    holder.end()
    waiter.begin()  # the refused wait left nothing locked


def test_another_error_than_a_busy_database_is_passed_on_at_once(writer):
    with pytest.raises(sqlite3.OperationalError, match="no such table"):
        writer().lock.take(sqlite3.connect(":memory:").execute, "DELETE FROM nowhere")


def test_the_one_at_the_front_is_woken_when_the_lock_is_free(writer, monkeypatch):
    monkeypatch.setattr(write_lock, "_FRONT_SLEEP_S", 20.0)  # it would not look by itself
    holder, waiter = writer(), writer()
    holder.begin()
    waiting = waiting_thread(waiter)
    time.sleep(0.05)
    holder.end()
    ended(waiting)


def test_those_behind_are_woken_one_by_one(writer, monkeypatch):
    monkeypatch.setattr(write_lock, "_FRONT_SLEEP_S", 20.0)
    monkeypatch.setattr(write_lock, "_QUEUE_SLEEP_S", 20.0)
    holder, *waiters = (writer() for _ in range(5))
    holder.begin()

    def write(each):
        each.begin()
        each.end()

    threads = [threading.Thread(target=write, args=(each,)) for each in waiters]
    for thread in threads:
        thread.start()
    time.sleep(0.2)
    holder.end()
    ended(*threads)


def test_a_stopped_process_at_the_front_of_the_line_holds_nobody_up(writer, tmp_path):
    stopped = LockFile(tmp_path / "queue.db-lock")
    assert stopped.try_lock(FRONT_BYTE)
    stopped.words[FRONT_WORD].value = write_lock._STARVING
    stopped.words[QUEUE_WORD].value = 1
    with within(2):
        writer().begin()
    stopped.close()


@pytest.mark.parametrize(
    ("turn_s", "overtake_s", "waits"), [(60.0, 0.0, False), (0.0, 60.0, False), (0.0, 0.0, True)]
)
def test_a_writer_queues_once_its_turn_is_over_and_the_next_had_time_to_wake_up(
    writer, monkeypatch, turn_s, overtake_s, waits
):
    """Without turns, a writer that comes back at once is sooner than one that waits."""
    monkeypatch.setattr(write_lock, "TURN_S", turn_s)
    monkeypatch.setattr(write_lock, "_OVERTAKE_S", overtake_s)
    monkeypatch.setattr(write_lock, "_BACK_AT_ONCE_S", 60.0)
    greedy, waiting = writer(), writer()
    greedy.begin()
    greedy.end()
    assert waiting.file.try_lock(FRONT_BYTE)
    waiting.file.words[FRONT_WORD].value = 1
    began = time.monotonic()
    greedy.begin()
    assert (time.monotonic() - began >= write_lock._PATIENCE_S) is waits


def waiting_thread(waiter):
    """A thread in which `waiter` stands in line, at its front when this returns."""
    thread = threading.Thread(target=waiter.begin, daemon=True)
    thread.start()
    until(lambda: waiter.file.words[FRONT_WORD].value)
    return thread


def waiting_thread_beside(greedy, waiter):
    """The same, while `greedy` is in its turn: it came back once, and so is expected to again, also
    by who checks just as its next commit frees the lock."""
    for _ in range(2):
        greedy.begin()
        greedy.end()
    greedy.begin()
    thread = waiting_thread(waiter)
    greedy.end()
    return thread


def test_in_the_midst_of_a_turn_the_one_at_the_front_is_not_woken(writer, monkeypatch):
    monkeypatch.setattr(write_lock, "TURN_S", 60.0)
    monkeypatch.setattr(write_lock, "_BACK_AT_ONCE_S", 60.0)
    monkeypatch.setattr(write_lock, "_GONE_AFTER_S", 0.5)
    greedy, waiter = writer(), writer()
    thread = waiting_thread_beside(greedy, waiter)
    thread.join(0.1)
    assert thread.is_alive()
    greedy.begin()
    greedy.end()
    ended(thread)  # it did not come back, and is not waited for until its turn would be over


def test_a_starving_writer_is_not_overtaken_by_one_whose_turn_is_over(writer, monkeypatch):
    monkeypatch.setattr(write_lock, "TURN_S", 0.0)
    monkeypatch.setattr(write_lock, "_OVERTAKE_S", 60.0)
    greedy, waiting = writer(), writer()
    greedy.begin()
    greedy.end()
    assert waiting.file.try_lock(FRONT_BYTE)
    waiting.file.words[FRONT_WORD].value = write_lock._STARVING
    began = time.monotonic()
    greedy.begin()
    assert time.monotonic() - began >= write_lock._PATIENCE_S


def test_whose_turn_ended_since_the_last_write_wakes_the_one_at_the_front(writer, monkeypatch):
    monkeypatch.setattr(write_lock, "TURN_S", 0.2)
    monkeypatch.setattr(write_lock, "_OVERTAKE_S", 0.0)
    monkeypatch.setattr(write_lock, "_BACK_AT_ONCE_S", 60.0)
    monkeypatch.setattr(write_lock, "_GONE_AFTER_S", 60.0)
    monkeypatch.setattr(write_lock, "_FRONT_SLEEP_S", 60.0)
    greedy, waiter = writer(), writer()
    thread = waiting_thread_beside(greedy, waiter)
    time.sleep(0.3)
    again = threading.Thread(target=greedy.begin, daemon=True)
    again.start()
    ended(thread)
    waiter.end()
    ended(again)


@pytest.mark.parametrize("starving", [False, True])
def test_a_newcomer_passes_by_unless_the_one_at_the_front_starves(writer, monkeypatch, starving):
    monkeypatch.setattr(write_lock, "_PATIENCE_S", 0.05)
    newcomer, other = writer(), writer()
    assert other.file.try_lock(FRONT_BYTE)
    other.file.words[FRONT_WORD].value = write_lock._STARVING if starving else write_lock._WAITING
    other.file.words[QUEUE_WORD].value = 1
    began = time.monotonic()
    newcomer.begin()
    assert (time.monotonic() - began >= 0.05) is starving


def test_who_waits_at_the_front_for_long_says_that_it_starves(writer, monkeypatch):
    monkeypatch.setattr(write_lock, "_STARVED_AFTER_S", 0.0)
    holder, waiter = writer(), writer()
    holder.begin()
    thread = waiting_thread(waiter)
    assert holder.file.words[FRONT_WORD].value == write_lock._STARVING
    holder.end()
    ended(thread)


def test_out_of_line_nobody_is_waited_for_but_the_one_who_writes(writer):
    holder, urgent, other = writer(), writer(0.05), writer()
    assert other.file.try_lock(FRONT_BYTE)
    other.file.words[FRONT_WORD].value = other.file.words[QUEUE_WORD].value = 1
    urgent.lock.take_without_queue(urgent.connection.execute, "BEGIN IMMEDIATE")
    urgent.end()
    holder.begin()
    with pytest.raises(StorageBusy):
        urgent.lock.take_without_queue(urgent.connection.execute, "BEGIN IMMEDIATE")
