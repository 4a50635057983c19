"""What tests wait for: a condition that comes true, a process that ends."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

PATIENCE_S = 20.0
R = TypeVar("R")


def until(condition: Callable[[], R], patience_s: float = PATIENCE_S) -> R:
    """Wait until it is true; its value then."""
    ends = time.monotonic() + patience_s
    while not (value := condition()):
        assert time.monotonic() < ends, "it never came true"
        time.sleep(0.005)
    return value


def is_gone(pid: int) -> bool:
    """Whether no such process runs; one that only waits to be reaped does not."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
    except OSError:
        return not Path("/proc").exists() and False
