"""Whether a process of this host is alive."""

from __future__ import annotations

import os
import sys


def process_exists(pid: int) -> bool:
    """Whether a process of that number exists, as far as can be seen, under any user."""
    if sys.platform == "win32":
        return _runs_on_windows(pid)
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:  # it exists, under another user
        return True
    return True


if sys.platform == "win32":
    _SYNCHRONIZE, _INVALID_PARAMETER, _TIMEOUT = 0x0010_0000, 87, 0x102

    def _runs_on_windows(pid: int) -> bool:
        """There os.kill(pid, 0) would end it, and its number lasts as long as anyone's handle to
        it: a process that has ended is one that need not be waited for."""
        import ctypes

        if not 0 < pid < 2**32:
            return False
        kernel32 = ctypes.WinDLL("kernel32", use_last_error=True)
        kernel32.OpenProcess.restype = ctypes.c_void_p
        handle = kernel32.OpenProcess(_SYNCHRONIZE, False, pid)
        if not handle:  # it exists, under another user, unless there is no such number
            return ctypes.get_last_error() != _INVALID_PARAMETER
        try:
            return bool(kernel32.WaitForSingleObject(ctypes.c_void_p(handle), 0) == _TIMEOUT)
        finally:
            kernel32.CloseHandle(ctypes.c_void_p(handle))
