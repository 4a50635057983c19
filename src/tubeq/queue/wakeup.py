"""Waking idle workers without polling: one loopback datagram to one waiting worker.

Next to the database is a small memory-mapped file, `<database>-wake`, of slots. A worker owns
slot `i` by having bound UDP port `first + i`: the operating system gives a port to one process
only, and takes it back when that process dies, however it dies. So there is no lock to break and no
owner to look for. A waiting worker raises the flag of its slot; the creator of a task lowers one
raised flag of its type and sends a datagram to that port.

Nothing here is needed for correctness. A wake-up that is lost (two creators lower the same flag at
once, a dead worker's flag is still up, a container hides the port) costs a wait of at most the
worker's `poll_interval`, never a task; hence nothing here raises.

From create_task to the claim a waiting worker takes 0.8 ms with it; one that polls each second,
half a second (`python -m tests.plans.mechanisms`).
"""

from __future__ import annotations

import mmap
import os
import random
import struct
import threading
import time
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tubeq.domain.errors import StorageError
from tubeq.storage.database_file import open_side_file, side_file

if TYPE_CHECKING:
    import socket

SLOTS = 256
_FLAG_UP = b"\x01"
_TYPE = struct.Struct("<I")
_SEVERAL = 1 << 31  # the other bits are a set of types, instead of the number of one type
_FILE_BYTES = SLOTS * (1 + _TYPE.size)  # all the flags first: a scan is one memchr
_HOST = "127.0.0.1"
_FIRST_PORT = 20_000  # below those that Linux, macOS and Windows give to outgoing connections
_PORT_BLOCKS = 47


class Waker:
    """The side that creates work. Threads may share one.

    Args:
        db_path: the database.
    """

    def __init__(self, db_path: str | os.PathLike[str]) -> None:
        self.db_path = _resolved(db_path)
        self._slots: mmap.mmap | None = None
        self._first_port = 0
        self._socket: socket.socket | None = None
        self._lock = threading.Lock()

    def wake(self, task_type: str | None, count: int) -> None:
        """Wake up to `count` waiting workers of that type, of any type for None. Never raises."""
        try:
            slots = self._slots or self._open()
            if slots is not None and slots.find(_FLAG_UP, 0, SLOTS) >= 0:
                self._send(slots, task_type, count)
        except (StorageError, OSError, ValueError) as error:  # ValueError: closed by another thread
            _log("no worker was woken: %s", error)

    def wake_all(self) -> None:
        """Wake every waiting worker. Never raises."""
        self.wake(None, SLOTS)

    def _open(self) -> mmap.mmap | None:
        with self._lock:
            if self._slots is None:
                opened = _open_slots(self.db_path)
                if opened is not None:
                    self._slots, self._first_port = opened
            return self._slots

    def _send(self, slots: mmap.mmap, task_type: str | None, count: int) -> None:
        import socket

        with self._lock:
            waiting = _waiting_slots(slots, task_type)
            random.shuffle(waiting)  # even shares, and two creators seldom choose the same worker
            if self._socket is None:
                self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
                self._socket.setblocking(False)
            for slot in waiting[: max(count, 0)]:
                slots[slot] = 0
                self._socket.sendto(b"w", (_HOST, self._first_port + slot))

    def close(self) -> None:
        """Close the side file. Closing twice is not an error; a later `wake` opens it again."""
        with self._lock:
            slots, self._slots = self._slots, None
            sender, self._socket = self._socket, None
        if slots is not None:
            slots.close()
        if sender is not None:
            sender.close()

    def __del__(self) -> None:
        self.close()


class Waiter:
    """The side that waits for work: `prepare()`, check the queue once more, then `wait()`.

    Raising the flag before the last check ensures that no wake-up is missed. Without a slot
    (":memory:", a read-only folder, all slots taken) it only sleeps.

    Args:
        db_path: the database.
        task_types: the task types to be woken for.
    """

    def __init__(self, db_path: str | os.PathLike[str], *task_types: str) -> None:
        self._slots: mmap.mmap | None = None
        self._socket: socket.socket | None = None
        self._slot = 0
        try:
            opened = _open_slots(_resolved(db_path))
            if opened is not None:
                self._take_slot(*opened, _number_of(task_types))
        except (StorageError, OSError, ValueError) as error:
            _log("this worker polls, it cannot be woken: %s", error)

    def _take_slot(self, slots: mmap.mmap, first_port: int, number: int) -> None:
        import socket

        receiver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        exclusive = getattr(socket, "SO_EXCLUSIVEADDRUSE", None)  # on Windows: Unix does so anyway
        if exclusive is not None:
            receiver.setsockopt(socket.SOL_SOCKET, exclusive, 1)
        for slot in random.sample(range(SLOTS), SLOTS):
            try:
                receiver.bind((_HOST, first_port + slot))
            except OSError:
                continue
            slots[slot] = 0
            _TYPE.pack_into(slots, _type_offset(slot), number)
            self._slots, self._slot, self._socket = slots, slot, receiver
            return
        receiver.close()
        slots.close()

    def prepare(self) -> None:
        """From now on a new task of this type may wake this worker."""
        if self._slots is not None:
            self._slots[self._slot] = 1

    @property
    def is_prepared(self) -> bool:
        """Whether a new task may wake this worker, as after a wait that timed out."""
        return self._slots is not None and self._slots[self._slot] == 1

    def wait(self, timeout_s: float) -> bool:
        """Wait for a wake-up, at most `timeout_s` seconds; whether one came.

        A wake-up that came too early is not lost, and spurious ones are possible: check the queue.
        The flag stays up after a timeout, so that a long wait can be done in slices.
        """
        timeout_s = max(timeout_s, 0.001)
        if self._socket is None:
            time.sleep(timeout_s)
            return False
        try:
            self._socket.settimeout(timeout_s)
            self._socket.recv(8)
        except TimeoutError:
            return False
        except OSError:
            time.sleep(timeout_s)
            return False
        return True

    def cancel(self) -> bool:
        """Wait no longer; whether a creator had lowered the flag to wake this worker.

        If so, and it found its task without that, another worker should be woken instead.
        """
        if self._slots is None:
            return False
        was_lowered = self._slots[self._slot] == 0
        self._slots[self._slot] = 0
        return was_lowered

    def close(self) -> None:
        """Give the slot back. Closing twice is not an error."""
        self.cancel()
        slots, self._slots = self._slots, None
        receiver, self._socket = self._socket, None
        if slots is not None:
            slots.close()
        if receiver is not None:
            receiver.close()

    def __del__(self) -> None:
        self.close()


def _log(message: str, error: Exception) -> None:
    import logging

    logging.getLogger("tubeq.worker").debug(message, error)


def _resolved(db_path: str | os.PathLike[str]) -> Path | None:
    """The database with all links resolved, by whichever name it was opened; None where it has no
    file."""
    return None if os.fspath(db_path) == ":memory:" else Path(os.path.realpath(db_path))


def _open_slots(database: Path | None) -> tuple[mmap.mmap, int] | None:
    """The mapped side file and the port of its first slot; None where it cannot be used.

    Raises:
        StorageError, OSError: it cannot be opened.
    """
    if database is None:
        return None
    file = open_side_file(side_file(database, "-wake"), database)
    try:
        status = os.fstat(file)
        if status.st_size < _FILE_BYTES:
            os.ftruncate(file, _FILE_BYTES)
        # Derived from the file and not stored in it, so that a half-written header cannot mislead.
        block = status.st_ino % _PORT_BLOCKS
        return mmap.mmap(file, _FILE_BYTES), _FIRST_PORT + block * SLOTS
    finally:
        os.close(file)


def _waiting_slots(slots: mmap.mmap, task_type: str | None) -> list[int]:
    one, several = (0, 0) if task_type is None else (_number_of([task_type]), _bit_of(task_type))
    found = []
    slot = -1
    while (slot := slots.find(_FLAG_UP, slot + 1, SLOTS)) >= 0:
        (number,) = _TYPE.unpack_from(slots, _type_offset(slot))
        if task_type is None or number == one or (number & _SEVERAL and number & several):
            found.append(slot)
    return found


def _type_offset(slot: int) -> int:
    return SLOTS + slot * _TYPE.size


def _number_of(task_types: Sequence[str]) -> int:
    # Types that share a number, or a bit, sometimes wake a worker needlessly: harmless.
    if len(task_types) == 1:
        return zlib.crc32(task_types[0].encode()) & (_SEVERAL - 1)
    return _SEVERAL | sum(set(map(_bit_of, task_types)))


def _bit_of(task_type: str) -> int:
    return int(1 << zlib.crc32(task_type.encode()) % 31)
