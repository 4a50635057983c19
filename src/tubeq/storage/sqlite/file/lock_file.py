"""Locks on single bytes of a file: the same on Linux, macOS and Windows.

They belong to the open file, not to the process: two handles of one process exclude each other
too, and the system drops them when their process ends, however it ends.
"""

from __future__ import annotations

import mmap
import os
import struct
import sys
from pathlib import Path

from tubeq.storage.database_file import open_side_file
from tubeq.storage.sqlite.file.futex import Word

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

    # Of an open file. On macOS, Python has the name since 3.11, and the kernel the number since
    # 10.11; elsewhere the number is an invalid argument.
    _SET_LOCK: int = getattr(fcntl, "F_OFD_SETLK", 90)


BYTES = 4
"""How many bytes of a lock file are in use."""


_FILE_BYTES = 72
_MEMORY_AT = 8  # a multiple of its numbers' size, and beyond the bytes that are locked
WRITES, SYNCS_BEGUN, SYNCS_DONE, LAST_IN_TURN = range(4)
"""The numbers: small writes since the last checkpoint; syncs of the log that began, and that ended;
the time of the last write by a writer that will write again at once, in nanoseconds of the
performance counter."""
FRONT_WORD, QUEUE_WORD, SYNC_WORD = range(3)
"""The words: of the process at the front of the queue for the write lock, of those behind it, and
of those that wait for a sync."""
_NUMBERS, _WORDS = 4, 3
_OPENED_AT = 56  # behind what older versions map
DATABASE_INODE, LOG_INODE = range(2)
"""Of `opened`: the inode numbers of the database and of its log, as they were last opened."""


def _struct_flock(kind: int, byte: int) -> bytes:
    """What locks or unlocks that byte, with its fields in the order of the system's header."""
    if sys.platform == "darwin":  # off_t l_start, l_len; pid_t l_pid; short l_type, l_whence
        return struct.pack("@qqihh", byte, 1, 0, kind, os.SEEK_SET)
    # short l_type, l_whence; off_t l_start, l_len; pid_t l_pid
    return struct.pack("@hhqqi4x", kind, os.SEEK_SET, byte, 1, 0)


class LockFile:
    """A file whose bytes can be locked, with some shared memory in it. It is never deleted.

    All handles share `numbers` (64 bits each; only the holder of a lock changes those that the lock
    protects), `words`, to sleep on, and `opened`.

    Args:
        path: the file.
        database: whose mode and group it gets; None for its owner only.

    Raises:
        StorageReadOnly, UnsafeStorage, StorageBusy, OSError: see open_side_file.
    """

    def __init__(self, path: Path, database: Path | None = None) -> None:
        self._fd = open_side_file(path, database)
        try:
            if os.fstat(self._fd).st_size < _FILE_BYTES:
                os.ftruncate(self._fd, _FILE_BYTES)
            self._map = mmap.mmap(self._fd, _FILE_BYTES)
        except BaseException:
            os.close(self._fd)
            raise
        words_at = _MEMORY_AT + 8 * _NUMBERS
        with memoryview(self._map) as whole:
            self.numbers = whole[_MEMORY_AT:words_at].cast("Q")
            self.words = [
                Word(whole[at : at + 4].cast("I"))
                for at in range(words_at, words_at + 4 * _WORDS, 4)
            ]
            self.opened = whole[_OPENED_AT:_FILE_BYTES].cast("Q")

    if sys.platform == "win32":

        def try_lock(self, byte: int) -> bool:
            """Lock that byte, if no other handle has it."""
            os.lseek(self._fd, byte, os.SEEK_SET)
            try:
                msvcrt.locking(self._fd, msvcrt.LK_NBLCK, 1)
            except OSError:
                return False
            return True

        def unlock(self, byte: int) -> None:
            """Give that byte free."""
            os.lseek(self._fd, byte, os.SEEK_SET)
            msvcrt.locking(self._fd, msvcrt.LK_UNLCK, 1)

    else:
        # Packed once, at import: every wait locks and unlocks.
        _LOCK, _UNLOCK = (
            [_struct_flock(kind, byte) for byte in range(BYTES)]
            for kind in (fcntl.F_WRLCK, fcntl.F_UNLCK)
        )

        def try_lock(self, byte: int) -> bool:
            """Lock that byte, if no other handle has it."""
            try:
                fcntl.fcntl(self._fd, _SET_LOCK, self._LOCK[byte])
            except (BlockingIOError, PermissionError):
                return False
            return True

        def unlock(self, byte: int) -> None:
            """Give that byte free."""
            fcntl.fcntl(self._fd, _SET_LOCK, self._UNLOCK[byte])

    def close(self) -> None:
        """Close the file; its locks go with it."""
        for word in self.words:
            word.close()
        self.numbers.release()
        self.opened.release()
        self._map.close()
        os.close(self._fd)
