"""Processes that hold slots, for tests that kill, suspend or crowd them."""

from __future__ import annotations

import multiprocessing
import sys
import time
from typing import Any

from tubeq.domain.limits import Grant, Holder
from tubeq.queue.queue_manager import QueueManager

KEY = "host:a"


def hold(db_path: str, lease_s: str) -> None:
    """Take a slot, say so, and give it back when told, or never.

    usage: python -m tests.e2e.limits_processes DATABASE LEASE_S
    """
    with QueueManager(db_path) as queue:
        taken = queue.limits.take([KEY], Holder("holder", 1, 1), float(lease_s))
        print(type(taken).__name__, flush=True)
        sys.stdin.readline()
        assert isinstance(taken, Grant)
        queue.limits.release(taken)
        print("released", flush=True)


class Crowd:
    """How many are inside at once, and how many there were at most: across processes."""

    def __init__(self) -> None:
        context = multiprocessing.get_context("spawn")
        self.lock = context.Lock()
        self.inside = context.Value("i", 0, lock=False)
        self.most = context.Value("i", 0, lock=False)
        self.start = context.Barrier(4)


def crowd(db_path: str, number: int, crowd: Crowd, times: int) -> None:
    """Go in and out, as quickly as the slots allow."""
    inside: Any = crowd.inside
    most: Any = crowd.most
    holder = Holder(f"crowd-{number}", number, 1)
    with QueueManager(db_path) as queue:
        limits = queue.limits
        limits.is_idle()
        crowd.start.wait(30)
        done = 0
        while done < times:
            taken = limits.take([KEY, "channel:b"], holder, 60.0)
            if not isinstance(taken, Grant):
                time.sleep(0.0005)
                continue
            with crowd.lock:
                inside.value += 1
                most.value = max(most.value, inside.value)
            time.sleep(0.0005)
            with crowd.lock:
                inside.value -= 1
            limits.release(taken)
            done += 1


if __name__ == "__main__":
    hold(*sys.argv[1:])
