"""Whether a process of this host is alive."""

from __future__ import annotations

import os
import sys


def process_exists(pid: int) -> bool:
    """Whether a process of that number exists, as far as can be seen, under any user."""
    if sys.platform == "win32":  # there os.kill(pid, 0) would kill it
        return True
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:  # it exists, under another user
        return True
    return True
