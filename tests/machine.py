"""Tests that have the machine to themselves, although several processes run tests."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

TESTS = Path(__file__).parent


@contextmanager
def part_of_the_machine(process: int, *, alone: bool) -> Iterator[None]:
    """Waits until no process runs a test that is alone, or with `alone`, any test; and they wait
    for this one. Two files that are there are locked: that leaves nothing behind.

    Args:
        process: the number of this one among those that run tests.
    """
    mine = None if alone else process
    with (TESTS / "conftest.py").open() as door, (TESTS / "__init__.py").open() as room:
        _lock(door.fileno(), None)  # no test goes past one that waits to be alone
        _lock(room.fileno(), mine)
        _unlock(door.fileno(), None)
        try:
            yield
        finally:
            _unlock(room.fileno(), mine)  # explicitly: a fork may outlast the test


if sys.platform == "win32":
    import msvcrt

    # Bytes that the files do not have: what is locked there, nobody else can read.
    _FIRST = 1 << 30
    _MOST_PROCESSES = 64

    def _bytes(fd: int, process: int | None) -> int:
        """Go to the byte of that process, or to the first of all; how many to lock."""
        os.lseek(fd, _FIRST + (process or 0), os.SEEK_SET)
        return _MOST_PROCESSES if process is None else 1

    def _lock(fd: int, process: int | None) -> None:
        while True:
            try:
                return msvcrt.locking(fd, msvcrt.LK_NBLCK, _bytes(fd, process))
            except OSError:  # LK_LOCK would try once a second
                time.sleep(0.01)

    def _unlock(fd: int, process: int | None) -> None:
        msvcrt.locking(fd, msvcrt.LK_UNLCK, _bytes(fd, process))

else:
    import fcntl

    def _lock(fd: int, process: int | None) -> None:
        fcntl.flock(fd, fcntl.LOCK_EX if process is None else fcntl.LOCK_SH)

    def _unlock(fd: int, process: int | None) -> None:
        fcntl.flock(fd, fcntl.LOCK_UN)
