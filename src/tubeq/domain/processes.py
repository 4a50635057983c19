"""Whether a process of this host is alive."""

from __future__ import annotations

import os
import sys

if sys.platform == "win32":
    _SYNCHRONIZE = 0x00100000
    _ERROR_INVALID_PARAMETER = 87
    _WAIT_TIMEOUT = 0x102

    def process_exists(pid: int) -> bool:
        """Whether a process of that number exists, as far as can be seen, under any user."""
        import ctypes

        if not 0 < pid < 2**32:
            return False
        kernel32 = ctypes.WinDLL("kernel32", use_last_error=True)
        kernel32.OpenProcess.restype = ctypes.c_void_p
        process = ctypes.c_void_p(kernel32.OpenProcess(_SYNCHRONIZE, False, pid))
        if not process:  # of another user, or there is none
            return ctypes.get_last_error() != _ERROR_INVALID_PARAMETER
        try:  # one that has ended is found as well, as long as any process has a handle of it
            return bool(kernel32.WaitForSingleObject(process, 0) == _WAIT_TIMEOUT)
        finally:
            kernel32.CloseHandle(process)

else:

    def process_exists(pid: int) -> bool:
        """Whether a process of that number exists, as far as can be seen, under any user."""
        try:
            os.kill(pid, 0)
        except (ProcessLookupError, OverflowError):
            return False
        except OSError:  # it exists, under another user
            return True
        return True
