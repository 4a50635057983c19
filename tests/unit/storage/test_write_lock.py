"""The fair queue in front of SQLite's write lock."""

from __future__ import annotations

import time

import pytest

from tubeq.domain.errors import StorageBusy
from tubeq.storage import write_lock
from tubeq.storage.byte_lock import LockFile
from tubeq.storage.write_lock import FRONT_BYTE, WRITE_BYTE, WriteLock

pytestmark = pytest.mark.skipif(
    not hasattr(LockFile, "_LOCK") and not hasattr(__import__("os"), "O_BINARY"),
    reason="this system has no locks that belong to an open file",
)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "queue.db-lock"


def test_two_handles_of_one_process_exclude_each_other(path):
    first, second = LockFile(path), LockFile(path)
    assert first.try_lock(WRITE_BYTE)
    assert not second.try_lock(WRITE_BYTE)
    first.unlock(WRITE_BYTE)
    assert second.try_lock(WRITE_BYTE)


def test_the_bytes_of_a_file_are_locked_each_on_its_own(path):
    first, second = LockFile(path), LockFile(path)
    assert first.try_lock(WRITE_BYTE)
    assert second.try_lock(FRONT_BYTE)


def test_closing_one_handle_leaves_the_locks_of_another(path):
    """POSIX record locks would be dropped: that is why these are not such."""
    first, second, third = LockFile(path), LockFile(path), LockFile(path)
    assert first.try_lock(WRITE_BYTE)
    second.close()
    assert not third.try_lock(WRITE_BYTE)


def test_a_lock_that_is_not_given_back_in_time_is_a_named_error(path):
    holder = LockFile(path)
    assert holder.try_lock(WRITE_BYTE)
    waiter = WriteLock(LockFile(path), timeout_s=0.05)
    with pytest.raises(StorageBusy):
        waiter.acquire()
    holder.unlock(WRITE_BYTE)
    waiter.acquire()  # the refused wait left nothing locked


def test_a_stopped_process_at_the_front_of_the_queue_holds_nobody_up(path):
    stopped = LockFile(path)
    assert stopped.try_lock(FRONT_BYTE)
    began = time.monotonic()
    WriteLock(LockFile(path), timeout_s=5).acquire()
    assert time.monotonic() - began < 2


@pytest.mark.parametrize(("turn_s", "waits"), [(60.0, False), (0.0, True)])
def test_a_writer_queues_behind_the_waiting_once_its_turn_is_over(path, monkeypatch, turn_s, waits):
    """Without turns, a writer that comes back at once is sooner than one that waits."""
    monkeypatch.setattr(write_lock, "TURN_S", turn_s)
    greedy = WriteLock(LockFile(path), timeout_s=5)
    greedy.acquire()
    greedy.release()
    waiting = LockFile(path)
    assert waiting.try_lock(FRONT_BYTE)
    waiting.words[0].value = 1
    began = time.monotonic()
    greedy.acquire()
    assert (time.monotonic() - began >= write_lock._PATIENCE_S) is waits
