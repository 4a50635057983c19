"""Plugins for the Runner's tests: each is found by its import path in the worker's process.

They report through the folder named by the environment variable TUBEQ_TEST_LOG: a line a call.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

from tubeq.plugins.base import check_stop
from tubeq.plugins.saving import ChildTask, save

LOG_VARIABLE = "TUBEQ_TEST_LOG"


def note(word: str) -> None:
    """Append one line to the log, in one write."""
    file = os.open(Path(os.environ[LOG_VARIABLE]), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        os.write(file, f"{word}\n".encode())
    finally:
        os.close(file)


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
        path = Path(os.environ[LOG_VARIABLE])
        if path.read_text().count(f"begin {number} ") > times:
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
        if Path(os.environ[LOG_VARIABLE]).read_text().count(f"begin {number} ") <= times:
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
        calls = Path(os.environ[LOG_VARIABLE]).read_text().count(f"begin {number} ")
        if number == hangs and calls == 1:
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
