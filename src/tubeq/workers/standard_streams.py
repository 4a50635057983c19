"""Standard streams that are closed, full or broken: only what was printed is lost.

A process that is started with a closed descriptor gives its number to the next file that it opens,
and what it, or a program that it starts, then prints goes into that file. SQLite's own files are
safe from that, others are not: `open_closed_descriptors` comes first of all.

`guard` turns an output that cannot be written into an error that a program can handle.
"""

from __future__ import annotations

import io
import os
import sys
from typing import Any


class OutputLost(Exception):
    """Standard output cannot be written; `reason` is the system's.

    Not an OSError: libraries in between handle those themselves, such as a broken pipe.
    """

    def __init__(self, reason: OSError) -> None:
        super().__init__(reason.strerror or str(reason))
        self.reason = reason


class GuardedOutput(io.RawIOBase):
    """What a stream writes to; after a failure, output is discarded without further errors.

    Args:
        stream: the original stream; it is kept, since deleting it would close the file.
        raising: whether the first failure is raised, as OutputLost.
    """

    def __init__(self, stream: io.TextIOWrapper, *, raising: bool) -> None:
        super().__init__()
        self._stream = stream
        self._raw: Any = getattr(stream.buffer, "raw", stream.buffer)
        self._raising = raising
        self.lost: OSError | None = None

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        number: int = self._raw.fileno()
        return number

    def isatty(self) -> bool:
        return bool(self._raw.isatty())

    def write(self, data: Any) -> int | None:
        if self.lost is None:
            try:
                written: int | None = self._raw.write(data)
                return written
            except OSError as error:
                self.lost = error
                if self._raising:
                    raise OutputLost(error) from None
        return len(data)


def open_closed_descriptors() -> None:
    """Open those of the descriptors 0, 1 and 2 that are closed: what is written there is discarded.

    Reading from a closed input fails as before, since it is opened for writing.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            opened = os.open(os.devnull, os.O_WRONLY)  # the lowest free number: this one
            os.set_inheritable(opened, True)


def guard() -> GuardedOutput | None:
    """Guard both outputs of this process, and create the streams that Python left out because their
    descriptors were closed. No character makes them fail, either: a Windows pipe may be cp1252.

    A message that cannot be written to standard error is ignored; output that cannot be written
    raises OutputLost, once. None where standard output is not a file, as in a test.
    """
    if sys.stdin is None:
        sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115
    if sys.stdout is None:
        sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    if sys.stderr is None:
        sys.stderr = open(2, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    guarded, output = _guarded(sys.stdout, raising=True)
    errors, _ = _guarded(sys.stderr, raising=False)
    sys.stdout, sys.stderr = guarded, errors
    return output


def _guarded(stream: Any, *, raising: bool) -> tuple[Any, GuardedOutput | None]:
    if not isinstance(stream, io.TextIOWrapper):
        return stream, None
    stream.flush()
    output = GuardedOutput(stream, raising=raising)
    guarded = io.TextIOWrapper(
        io.BufferedWriter(output),
        encoding=stream.encoding,
        errors="backslashreplace",
        line_buffering=stream.line_buffering,
        write_through=stream.write_through,
    )
    return guarded, output
