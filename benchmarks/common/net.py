"""The handler around every command: failing outputs and unexpected errors end without a traceback.

Exit code 1 means "regression", but Python also ends with it after any exception. So each command
runs in `guarded`, which reports an error in one line and with its own code.
"""

from __future__ import annotations

import errno
import io
import os
import signal
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TextIO

from benchmarks.common.exits import ExitCode, LabError
from benchmarks.common.project import lab_folder

DEBUG_VARIABLE = "LAB_DEBUG"
_READER_GONE = {errno.EPIPE, errno.EBADF, *([errno.EINVAL] if os.name == "nt" else [])}


class _Output(io.FileIO):
    """A file that never raises: what cannot be written is lost, and `failure` says why."""

    failure: OSError | None = None

    def write(self, data: Any) -> int:
        """Write, or discard after a failure."""
        try:
            written = super().write(data)
        except OSError as error:
            self.failure = self.failure or error
            return len(data)
        return len(data) if written is None else written


def guarded(command: Callable[[], int]) -> int:
    """Run a command; its exit code, or that of its error.

    A reader that goes away (`| head -1`) or an output that is closed changes no verdict. If it
    could not be written for another reason, such as a full disk, a pass becomes a failure of the
    lab.
    """
    outputs = _sound_outputs()
    ended: SystemExit | None = None
    code: int = ExitCode.INFRASTRUCTURE
    try:
        with _terminable():
            code = command()
    except SystemExit as error:  # argparse: --help, and usage errors
        ended = error
        code = error.code if isinstance(error.code, int) else int(error.code is not None)
    except KeyboardInterrupt:
        _say("interrupted: what was measured is kept")
        code = ExitCode.INTERRUPTED
    except LabError as error:
        _say(f"error: {error}")
        code = error.exit_code
    except Exception as error:  # noqa: BLE001 - whatever it is, it is no verdict
        _report(error)
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()
    for each in outputs:
        if each.failure and each.failure.errno not in _READER_GONE:
            _say(f"error: the output could not be written: {each.failure.strerror}")
            return code or ExitCode.INFRASTRUCTURE
    if ended:
        raise ended
    return code


@contextmanager
def _terminable() -> Iterator[None]:
    """SIGTERM is handled like Ctrl-C: it leaves no measuring process and no files in memory."""
    try:
        before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    except ValueError:  # not the main thread: its caller ends it in another way
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _report(error: Exception) -> None:
    """A line for people, the traceback for developers."""
    message = " ".join(f"{type(error).__name__}: {error}".split())
    text = "".join(traceback.format_exception(error))
    if os.environ.get(DEBUG_VARIABLE):
        _say(text)
    where = f"{DEBUG_VARIABLE}=1 shows where"
    with suppress(OSError):
        last = lab_folder() / "last-failure.txt"
        last.parent.mkdir(exist_ok=True)
        last.write_text(text, encoding="utf-8", errors="replace")
        where = f"where: {last}"
    _say(f"error: the lab failed: {message[:500]} ({where})")


def _say(text: str) -> None:
    with suppress(OSError, ValueError):
        print(text, file=sys.stderr, flush=True)


def _sound_outputs() -> list[_Output]:
    """Standard streams that are open, take every character, and do not raise."""
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:  # closed: a database must not become "standard output" of a child process
            os.open(os.devnull, os.O_RDWR)
    made = []
    for name, number in (("stdout", 1), ("stderr", 2)):
        stream: TextIO | None = getattr(sys, name)
        if stream is None:
            setattr(sys, name, Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115
        elif stream is getattr(sys, f"__{name}__") and isinstance(stream, io.TextIOWrapper):
            if stream.isatty():
                stream.reconfigure(errors="replace")
                continue
            output = _Output(number, "w", closefd=False)
            with suppress(OSError, ValueError):
                stream.flush()
            buffer, is_error = io.BufferedWriter(output), name == "stderr"
            setattr(sys, name, io.TextIOWrapper(buffer, stream.encoding, "replace", None, is_error))
            made.append(output)
    return made
