"""The few numbers that a worker's process shares with its supervisor.

They are in shared memory, without a lock: only the worker writes, each number is written
atomically, and the numbers of a worker that hangs or was killed can still be read.
"""

from __future__ import annotations

import ctypes


class SharedStats(ctypes.Structure):
    """Times are `time.monotonic()`, which all processes of a machine share."""

    _fields_ = [
        ("processed", ctypes.c_int64),  # attempts that ended, in whatever way
        ("succeeded", ctypes.c_int64),
        ("ends_by", ctypes.c_double),  # the deadline by which the running attempt ends itself
        ("alive_until", ctypes.c_double),  # its watch checks again by then; 0 between attempts
    ]

    processed: int
    succeeded: int
    ends_by: float
    alive_until: float

    def count(self, success: bool) -> None:
        """Count an attempt that ended."""
        self.processed += 1
        self.succeeded += success

    def timed_out(self, now: float) -> bool:
        """Whether the running attempt is past its deadline."""
        return self.alive_until > 0.0 and now > self.ends_by

    def overdue(self, now: float) -> bool:
        """Whether the running attempt is past its deadline, or its watch no longer checks."""
        return self.alive_until > 0.0 and now > min(self.alive_until, self.ends_by)
