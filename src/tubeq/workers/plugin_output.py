"""Standard output belongs to tubeq: what plugins print goes to standard error.

In a worker's process that is all output: tubeq's own comes from the supervisor. What Python prints
there is prefixed with the id of the task that printed it; what C code, or a program that a plugin
starts, writes to descriptor 1 goes to standard error without a prefix. A program that uses
BaseWorker in its own process keeps its standard output as it is.
"""

from __future__ import annotations

import io
import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout, suppress
from typing import Any


class TaskOutput(io.TextIOBase):
    """Replaces sys.stdout: complete lines on standard error, each with its task's id.

    Args:
        task_id: of the task that the calling thread runs; None outside of one.
    """

    def __init__(self, task_id: Callable[[], str | None]) -> None:
        super().__init__()
        self._task_id = task_id
        self._begun: dict[int, tuple[str | None, str]] = {}  # by thread: a line without its end

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """The encoding of standard error."""
        return getattr(sys.stderr, "encoding", None) or "utf-8"

    @property
    def buffer(self) -> Any:
        """For code that writes bytes: standard error's own buffer."""
        return sys.stderr.buffer

    def fileno(self) -> int:
        return sys.stderr.fileno()

    def writable(self) -> bool:
        return True

    def reconfigure(self, **_: Any) -> None:
        """Does nothing: plugins may ask for an encoding, but standard error's is used."""

    def write(self, text: str) -> int:
        thread, task_id = threading.get_ident(), self._task_id()
        before, begun = self._begun.pop(thread, (task_id, ""))
        if before != task_id:
            _write_lines(before, [begun])
            begun = ""
        *lines, begun = (begun + text).split("\n")
        _write_lines(task_id, lines)
        if begun:
            self._begun[thread] = task_id, begun
        return len(text)

    def flush(self) -> None:
        """Does nothing: a line is written when it is complete, so that lines are not
        interleaved."""

    def close(self) -> None:
        """Does nothing: a plugin that closes it must not end the output of all other tasks."""

    def end_lines(self) -> None:
        """Write the incomplete last line: no more will come."""
        while self._begun:
            task_id, begun = self._begun.popitem()[1]
            _write_lines(task_id, [begun])


def _write_lines(task_id: str | None, lines: list[str]) -> None:
    origin = "[worker]" if task_id is None else f"[task {task_id}]"
    if lines and sys.stderr is not None:
        with suppress(OSError, ValueError):  # no reader: not a reason to fail a task
            sys.stderr.write("".join(f"{origin} {line}\n" for line in lines))
            sys.stderr.flush()


def own_no_output(task_id: Callable[[], str | None]) -> TaskOutput:
    """From now on nothing from this process reaches its standard output.

    Args:
        task_id: see TaskOutput.
    """
    leave_output()
    output = TaskOutput(task_id)
    sys.stdout = output
    return output


def leave_output() -> None:
    """Discard what is printed from now on, for example by a plugin's exit handlers: it is no longer
    part of the output."""
    with suppress(OSError, ValueError, AttributeError):
        sys.stdout.flush()
    with suppress(OSError):  # standard error may be closed
        os.dup2(2, 1)
    sys.stdout = sys.stderr


@contextmanager
def output_to_stderr() -> Iterator[None]:
    """While plugins are imported in the process of a command: they may print as well."""
    kept = None
    with suppress(OSError, ValueError, AttributeError):
        if sys.stdout.fileno() == 1:
            sys.stdout.flush()
            kept = os.dup(1)
            os.dup2(2, 1)
    try:
        with redirect_stdout(sys.stderr):
            yield
    finally:
        if kept is not None:
            os.dup2(kept, 1)
            os.close(kept)
