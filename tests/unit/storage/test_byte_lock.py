"""Locks on single bytes of a file, and the memory that its handles share."""

from __future__ import annotations

import pytest

from tubeq.storage.sqlite.file.lock_file import LockFile

FIRST, SECOND = 0, 1
pytestmark = pytest.mark.skipif(
    not hasattr(LockFile, "_LOCK") and not hasattr(__import__("os"), "O_BINARY"),
    reason="this system has no locks that belong to an open file",
)


@pytest.fixture
def handles(tmp_path):
    files = [LockFile(tmp_path / "queue.db-lock") for _ in range(3)]
    yield files
    for file in files:
        file.close()


def test_two_handles_of_one_process_exclude_each_other(handles):
    one, other, _ = handles
    assert one.try_lock(FIRST)
    assert not other.try_lock(FIRST)
    one.unlock(FIRST)
    assert other.try_lock(FIRST)


def test_the_bytes_of_a_file_are_locked_each_on_its_own(handles):
    one, other, _ = handles
    assert one.try_lock(FIRST)
    assert other.try_lock(SECOND)


def test_closing_one_handle_leaves_the_locks_of_another(tmp_path):
    """POSIX record locks would be dropped: that is why these are not such."""
    first, second, third = (LockFile(tmp_path / "lock") for _ in range(3))
    assert first.try_lock(FIRST)
    second.close()
    assert not third.try_lock(FIRST)
    first.close()
    third.close()


def test_numbers_and_words_are_the_same_for_all_handles(handles):
    one, other, _ = handles
    one.numbers[0] += 5
    other.numbers[0] += 7
    one.words[1].value = 3
    assert one.numbers[0] == 12
    assert other.words[1].value == 3
    assert (other.numbers[1], other.words[0].value, other.words[2].value) == (0, 0, 0)
