"""Sleeping on a word of shared memory until another process changes it (Linux: futex(2)).

Python has no primitive between unrelated processes that survives the death of one of them; the
kernel has. Where futex(2) is missing (macOS, Windows), or with TUBEQ_WITHOUT_FUTEX set, which is
for tests, a wait is a short sleep and a wake-up does nothing: slower, but correct, since every
waiter checks again what it waits for.

ctypes is loaded at the first wait: it takes 10 ms, and a process that never waits does not need it.
"""

from __future__ import annotations

import os
import sys
import time
from functools import lru_cache
from typing import Any

_SYSCALLS = {"x86_64": 202, "aarch64": 98, "riscv64": 98, "ppc64le": 221, "s390x": 238}
_WAIT, _WAKE = 0, 1
_BLIND_PAUSE_S = 0.001
EVERYBODY = 2**31 - 1


class Word:
    """An unsigned 32-bit number in shared memory, on which processes and threads sleep.

    Args:
        view: the number, as a memoryview of format "I" over a shared mapping.
    """

    def __init__(self, view: memoryview) -> None:
        self._view = view
        self._here: Any = None  # in the form that ctypes takes

    @property
    def value(self) -> int:
        """The number."""
        number: int = self._view[0]
        return number

    @value.setter
    def value(self, number: int) -> None:
        self._view[0] = number & 0xFFFFFFFF

    def wait(self, expected: int, timeout_s: float) -> None:
        """Sleep until another process or thread wakes this word, at most `timeout_s`; not at all if
        the number is no longer `expected`. Spurious wake-ups are possible: check again."""
        call = _futex()
        if call is None:
            if self.value == expected:
                time.sleep(min(timeout_s, _BLIND_PAUSE_S))
        else:
            call(self._address(), _WAIT, expected & 0xFFFFFFFF, timeout_s)

    def wake(self, count: int = 1) -> int:
        """Wake up to `count` sleepers, in the order in which they came; how many were woken."""
        call = _futex()
        return 0 if call is None else call(self._address(), _WAKE, count, None)

    def pass_on(self) -> None:
        """Wake one sleeper, of a word that is other than 0 as long as there may be any."""
        if self._view[0] and not self.wake():
            self._view[0] = 0
            self.wake(EVERYBODY)  # those that fell asleep between the two lines above

    def close(self) -> None:
        """Release the memory, which can then be unmapped."""
        self._here = None
        self._view.release()

    def _address(self) -> Any:
        if self._here is None:
            import ctypes

            self._here = ctypes.c_uint32.from_buffer(self._view)
        return self._here


@lru_cache(maxsize=1)
def _futex() -> Any:
    """The system call, or None where there is none."""
    if sys.platform != "linux" or sys.maxsize < 2**32 or os.environ.get("TUBEQ_WITHOUT_FUTEX"):
        return None
    number = _SYSCALLS.get(os.uname().machine)
    if number is None:
        return None
    import ctypes

    class Timespec(ctypes.Structure):
        _fields_ = (("seconds", ctypes.c_long), ("nanoseconds", ctypes.c_long))

    syscall = ctypes.CDLL(None).syscall  # releases the interpreter's lock while it sleeps
    byref = ctypes.byref

    def call(word: Any, operation: int, value: int, timeout_s: float | None) -> int:
        timeout = None
        if timeout_s is not None:
            seconds = int(timeout_s)
            timeout = byref(Timespec(seconds, int((timeout_s - seconds) * 1e9)))
        woken: int = syscall(number, byref(word), operation, ctypes.c_uint32(value), timeout)
        return max(woken, 0)

    return call
