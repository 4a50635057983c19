"""Ctrl-C and `tubeq stop` on Windows, as a user at a terminal sees them.

usage: python -m tests.windows.ctrl_c COMMAND...

COMMAND starts a Windows Python that has tubeq, such as `wine C:\\venv\\Scripts\\python.exe`. Wine
cannot send Ctrl-C from one process to another (GenerateConsoleCtrlEvent); from a terminal it can,
so this program runs on Linux and gives the workers a pseudo-terminal. The exit code is 0 where all
went as it should, otherwise 1.
"""

from __future__ import annotations

import os
import pty
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from tests.e2e.installed_plugins import install
from tubeq.domain.states import TaskEvent, TaskStatus
from tubeq.queue.queue_manager import QueueManager

CTRL_C = b"\x03"
PATIENCE_S = 60.0
PLUGIN = """
import os, time

class Sleeper:
    def scrape(self, seconds):
        open("begun", "w").close()
        time.sleep(seconds)
        return [{"source_id": "video-1", "title": "A video", "score": 1.0}]
"""


class Terminal:
    """A process that has a terminal of its own, and what it printed there."""

    def __init__(self, command: list[str], folder: Path, env: dict[str, str]) -> None:
        self._master, theirs = pty.openpty()
        self.process = subprocess.Popen(
            ["setsid", "--ctty", "--wait", *command],
            cwd=folder, env=env, stdin=theirs, stdout=theirs, stderr=theirs,
        )  # fmt: skip
        os.close(theirs)
        self.printed = b""
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        with suppress(OSError):  # the terminal is closed
            while text := os.read(self._master, 65536):
                self.printed += text

    def press(self, key: bytes) -> None:
        os.write(self._master, key)

    def close(self) -> None:
        """Hang up, which ends what still runs there."""
        os.close(self._master)


class Drill:
    """One worker at one task, in a folder of its own."""

    def __init__(self, python: list[str], folder: Path) -> None:
        entry = {"tubeq.plugins": {"sleeper": "test_plugins:Sleeper"}}
        install(folder, {"PYTHONPATH": ""}, PLUGIN, entry)
        installed = "Z:" + str(folder / "installed").replace("/", "\\")
        path = ";".join(filter(None, [installed, os.environ.get("PYTHONPATH")]))
        self._env = {**os.environ, "PYTHONPATH": path}
        self._command = [*python, "-m", "tubeq"]
        self._folder = folder

    def start(self, seconds: float, *options: str) -> Terminal:
        """A worker that is about to do a task that lasts so long."""
        with QueueManager(self._folder / "tubeq.db") as queue:
            self._task_id = queue.create_task("sleeper", {"seconds": seconds})
        command = [*self._command, "worker", "--type", "sleeper", "--lease", "1h", *options]
        return Terminal(command, self._folder, self._env)

    def start_task(self, seconds: float, *options: str) -> Terminal:
        """A worker in the midst of it."""
        terminal = self.start(seconds, *options)
        self._until((self._folder / "begun").exists, terminal)
        return terminal

    def stop(self) -> None:
        subprocess.run(
            [*self._command, "stop"], cwd=self._folder, env=self._env, check=True,
            stdin=subprocess.DEVNULL, capture_output=True,
        )  # fmt: skip

    def until_said(self, words: bytes, terminal: Terminal) -> None:
        self._until(lambda: words in terminal.printed, terminal)

    def _until(self, condition: Callable[[], bool], terminal: Terminal) -> None:
        ends = time.monotonic() + PATIENCE_S
        while not condition():
            assert terminal.process.poll() is None, "the worker ended"
            assert time.monotonic() < ends, "it never came true"
            time.sleep(0.02)

    def check(self, terminal: Terminal, code: int, status: TaskStatus, last: TaskEvent) -> None:
        """
        Raises:
            AssertionError: the worker or its task did not end so.
        """
        found = terminal.process.wait(PATIENCE_S)
        assert found == code, f"exit code {found} instead of {code}"
        assert b"Traceback" not in terminal.printed
        with QueueManager(self._folder / "tubeq.db") as queue:
            task = queue.get_task(self._task_id)
            assert task.status is status, f"the task is {task.status}"
            assert (task.retry_count, task.crash_count) == (0, 0)
            assert queue.get_task_history(self._task_id)[-1].event == last
            assert queue.workers() == []


def ctrl_c_while_the_worker_starts_is_no_crash(drill: Drill, terminals: list[Terminal]) -> None:
    terminals.append(terminal := drill.start(0.0, "--processes", "2"))
    drill.until_said(b"-2 (pid", terminal)
    time.sleep(0.5)  # one that comes while a process is being created is lost
    terminal.press(CTRL_C)
    drill.check(terminal, 0, TaskStatus.QUEUED, TaskEvent.CREATED)
    assert b" died" not in terminal.printed


def ctrl_c_lets_the_task_finish(drill: Drill, terminals: list[Terminal]) -> None:
    terminals.append(terminal := drill.start_task(3.0))
    terminal.press(CTRL_C)
    drill.check(terminal, 0, TaskStatus.COMPLETED, TaskEvent.COMPLETED)


def ctrl_c_twice_hands_the_task_back(drill: Drill, terminals: list[Terminal]) -> None:
    terminals.append(terminal := drill.start_task(3600.0, "--until-idle"))
    terminal.press(CTRL_C)
    drill.until_said(b"Ctrl-C again", terminal)
    terminal.press(CTRL_C)
    drill.check(terminal, 130, TaskStatus.QUEUED, TaskEvent.RELEASED)


def a_stop_request_lets_the_task_finish(drill: Drill, terminals: list[Terminal]) -> None:
    terminals.append(terminal := drill.start_task(3.0))
    drill.stop()
    drill.check(terminal, 0, TaskStatus.COMPLETED, TaskEvent.COMPLETED)


DRILLS = (
    ctrl_c_while_the_worker_starts_is_no_crash,
    ctrl_c_lets_the_task_finish,
    ctrl_c_twice_hands_the_task_back,
    a_stop_request_lets_the_task_finish,
)


def main() -> int:
    """Run all; how many failed."""
    failed = 0
    for run in DRILLS:
        terminals: list[Terminal] = []
        with tempfile.TemporaryDirectory() as folder:
            began = time.monotonic()
            try:
                run(Drill(sys.argv[1:], Path(folder)), terminals)
                result = "passed"
            except (AssertionError, subprocess.SubprocessError) as error:
                failed += 1
                result = f"FAILED: {error}"
            print(f"{run.__name__} {result} ({time.monotonic() - began:.1f} s)")
            if result != "passed":
                print(*(each.printed.decode(errors="replace") for each in terminals), sep="\n")
            for each in terminals:
                each.close()
    return min(failed, 1)


if __name__ == "__main__":
    sys.exit(main())
