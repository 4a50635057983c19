"""Whether a process of this host lives."""

from __future__ import annotations

import os
import sys


def process_exists(pid: int) -> bool:
    """Whether a process of that number exists, as far as can be seen; whichever user's it is."""
    if sys.platform == "win32":  # where asking would be killing
        return True
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:  # it is another user's
        return True
    return True
