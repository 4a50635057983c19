"""Files that another program holds: on Windows it can keep others from opening, replacing and
deleting what it has open.

Virus scanners, indexers and backup programs do so for some 100 ms, mostly with a file that was
just written. SQLite retries by itself for 1.4 s; what else tubeq does with files, it does here.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from tubeq.domain.errors import StorageBusy

_PATIENCE_S = 2.0
_RETRY_S = 0.02
_R = TypeVar("_R")


def retried(step: Callable[[], _R], path: Path) -> _R:
    """What `step` returns. On Windows, where access is denied, it is tried again for 2 s.

    Args:
        path: the file that may be in the way.

    Raises:
        StorageBusy: another program holds the file.
        OSError: any other error of the step.
    """
    ends = time.monotonic() + _PATIENCE_S
    while True:
        try:
            return step()
        except PermissionError as error:
            if sys.platform != "win32":
                raise
            if time.monotonic() >= ends:
                if error.winerror in _HELD or is_held(path):
                    raise held(path) from None
                raise
        time.sleep(_RETRY_S)


def held(path: Path) -> StorageBusy:
    """The error for a file that another program holds."""
    return StorageBusy(
        f"{path} is held by another program, such as a virus scanner or a backup: end that, or let "
        "it leave out this folder"
    )


_HELD = (32, 33)  # ERROR_SHARING_VIOLATION, ERROR_LOCK_VIOLATION

if sys.platform == "win32":

    def is_held(path: Path) -> bool:
        """Whether another program keeps this one from opening the file."""
        import ctypes

        kernel32 = ctypes.WinDLL("kernel32", use_last_error=True)
        kernel32.CreateFileW.restype = ctypes.c_void_p
        read_and_write, share_all, open_existing = 0xC0000000, 7, 3
        handle = ctypes.c_void_p(
            kernel32.CreateFileW(str(path), read_and_write, share_all, None, open_existing, 0, None)
        )
        if handle.value == ctypes.c_void_p(-1).value:
            return ctypes.get_last_error() in _HELD
        kernel32.CloseHandle(handle)
        return False

else:

    def is_held(path: Path) -> bool:  # noqa: ARG001
        """Whether another program keeps this one from opening the file: only Windows lets it."""
        return False
