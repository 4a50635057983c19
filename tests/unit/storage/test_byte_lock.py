"""Locks on single bytes of a file, and the memory that its handles share."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys

import pytest

from tests.support import until
from tubeq.storage.sqlite.file import lock_file
from tubeq.storage.sqlite.file.lock_file import BYTES, LockFile

FIRST, SECOND = 0, 1


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


_HOLDER = """
import sys, time
from pathlib import Path
from tubeq.storage.sqlite.file.lock_file import BYTES, LockFile
file = LockFile(Path(sys.argv[1]))
print(all(map(file.try_lock, range(BYTES))), flush=True)
time.sleep(60)
"""


def test_another_process_holds_a_byte_until_it_is_killed(handles, tmp_path):
    command = [sys.executable, "-c", _HOLDER, str(tmp_path / "queue.db-lock")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as holder:
        try:
            assert holder.stdout.readline() == "True\n"
            assert not any(map(handles[0].try_lock, range(BYTES)))
        finally:
            holder.kill()
        holder.wait()
        until(lambda: all(map(handles[0].try_lock, range(BYTES))))


def test_numbers_and_words_are_the_same_for_all_handles(handles):
    one, other, _ = handles
    one.numbers[0] += 5
    other.numbers[0] += 7
    one.words[1].value = 3
    assert one.numbers[0] == 12
    assert other.words[1].value == 3
    assert (other.numbers[1], other.words[0].value, other.words[2].value) == (0, 0, 0)


class MacOSFlock(ctypes.Structure):
    """As in sys/fcntl.h of macOS."""

    _fields_ = (
        ("l_start", ctypes.c_int64), ("l_len", ctypes.c_int64), ("l_pid", ctypes.c_int32),
        ("l_type", ctypes.c_short), ("l_whence", ctypes.c_short),
    )  # fmt: skip


def test_macos_is_asked_in_the_order_of_its_own_header(monkeypatch):
    monkeypatch.setattr(sys, "platform", "darwin")
    packed = lock_file._struct_flock(3, SECOND)
    assert len(packed) == ctypes.sizeof(MacOSFlock)
    asked = MacOSFlock.from_buffer_copy(packed)
    fields = [getattr(asked, name) for name, _ in MacOSFlock._fields_]
    assert fields == [SECOND, 1, 0, 3, os.SEEK_SET]
