"""Plugins for the Runner's tests: each is found by its import path in the worker's process.

They report to the folder named by the environment variable TUBEQ_TEST_LOG, a line a call. Each
process has a file of its own there: on Windows two that append to one file can lose lines.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any

from tubeq.plugins.base import check_stop
from tubeq.plugins.saving import ChildTask, save

LOG_VARIABLE = "TUBEQ_TEST_LOG"
_writing = threading.Lock()


def note(word: str) -> None:
    """Append one line to the log of this process."""
    with _writing, Path(os.environ[LOG_VARIABLE], str(os.getpid())).open("a") as file:
        file.write(f"{word}\n")


def noted(folder: str | Path) -> list[str]:
    """The lines of all processes; those of each one in their order."""
    return [line for file in Path(folder).iterdir() for line in file.read_text().splitlines()]


def calls_for(number: int) -> int:
    """How often a plugin was called for a task."""
    return "\n".join(noted(os.environ[LOG_VARIABLE])).count(f"begin {number} ")


def hold_the_lock() -> None:
    """Sleep inside C with the interpreter's lock held: no thread of this process runs."""
    if sys.platform == "win32":
        ctypes.PyDLL("kernel32").Sleep(1000 * 1000)
    else:
        ctypes.PyDLL(None).usleep(ctypes.c_uint(1000 * 1_000_000))


def item(number: object = 0) -> dict[str, Any]:
    return {"source_id": f"video-{number}", "title": "A title", "score": 1.0}


class Quick:
    def scrape(self, number: int = 0, rest_s: float = 0.0) -> list[dict[str, Any]]:
        note(f"begin {number} {os.getpid()}")
        time.sleep(rest_s)
        return [item(number)]


class Hanging:
    """Ignores every request to end."""

    def scrape(self, how: str = "sleep", times: int = 10**6, number: int = 0) -> list[Any]:
        note(f"begin {number} {os.getpid()}")
        if calls_for(number) > times:
            return [item(number)]
        if how == "sleep":
            time.sleep(1000)
        elif how == "spin":
            while True:
                pass
        else:
            hold_the_lock()
        return []


class Cooperative:
    def scrape(self) -> list[Any]:
        note("begin")
        while True:
            try:
                check_stop()
            except BaseException:
                note("told to end")
                raise
            time.sleep(0.02)


class Poison:
    """Ends its worker's process, the first `times` times."""

    def scrape(self, number: int = 0, times: int = 10**6) -> list[Any]:
        note(f"begin {number} {os.getpid()}")
        if calls_for(number) <= times:
            os.kill(os.getpid(), getattr(signal, "SIGKILL", signal.SIGTERM))
        return [item(number)]


class Broken:
    def __init__(self) -> None:
        raise RuntimeError("no such luck")


class Dying:
    def __init__(self) -> None:
        os._exit(9)

    def scrape(self) -> list[Any]:
        return []


class HangingOnce:
    """Hangs at the task of one number, the first time."""

    def scrape(
        self, hangs: int, number: int = 0, rest_s: float = 0.0, how: str = "sleep"
    ) -> list[Any]:
        note(f"begin {number} {os.getpid()}")
        if number == hangs and calls_for(number) == 1:
            if how == "seize":
                time.sleep(1.4)
                hold_the_lock()
            time.sleep(1000)
        time.sleep(rest_s)
        return [item(number)]


class Listing:
    """Makes tasks of type "video", slowly."""

    def scrape(self, count: int, rest_s: float) -> list[Any]:
        for number in range(count):
            time.sleep(rest_s)
            save([item(number)], [ChildTask(f"video-{number}", "video", {"number": number})])
        return []
