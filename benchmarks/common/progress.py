"""Progress on standard error while a command measures, without a thread that could disturb it.

On a terminal one line that is rewritten; elsewhere plain lines, at most one every few seconds.
"""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from typing import TextIO, TypeVar

LINE_EVERY_S = 5.0
_REDRAW_EVERY_S = 0.2
_T = TypeVar("_T")


class Progress:
    """Shows what is being done. A context manager: the live line is cleared at its end.

    Args:
        quiet: show nothing.
        stream: standard error if None.
        clock: in seconds.
    """

    def __init__(
        self, quiet: bool = False, stream: TextIO | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:  # fmt: skip
        self._stream = stream if stream is not None else sys.stderr
        self._is_live = self._stream.isatty()
        self._quiet = quiet
        self._clock = clock
        self._began = clock()
        self._said_at = float("-inf")

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *_: object) -> None:
        """Clear the live line, so that other output does not follow on it."""
        if self._is_live:
            self._write("\r\x1b[K")

    def tell(self, text: str, done: int = 0, total: int = 0) -> None:
        """Show what is being done, with the progress where `total` is not 0; skipped shortly after
        another message."""
        now = self._clock()
        if now - self._said_at < (_REDRAW_EVERY_S if self._is_live else LINE_EVERY_S):
            return
        self._said_at = now
        share = f" {min(done, total)}/{total}" if total else ""
        line = f"{now - self._began:5.0f} s  {text}{share}"
        if self._is_live:
            self._write(f"\r\x1b[K{line[: shutil.get_terminal_size().columns - 1]}")
        else:
            self._write(f"{line}\n")

    def each(
        self, jobs: Sequence[_T], what: Callable[[_T], str], unit: str, ends_at: float
    ) -> Iterator[tuple[_T, Callable[..., None]]]:
        """The jobs one by one, each with a function that tells again what is done and how long it
        will take; no further one is begun after that time.monotonic()."""
        began, total = time.monotonic(), len(jobs)
        for done, job in enumerate(jobs):
            if time.monotonic() > ends_at:
                return

            def tell(*_: object, done: int = done, job: _T = job) -> None:
                about = left_in_words(began, done, total)
                self.tell(f"{what(job)}{about}; {unit}", done, total)

            tell()
            yield job, tell

    def _write(self, text: str) -> None:
        if self._quiet:
            return
        try:
            self._stream.write(text)
            self._stream.flush()
        except (OSError, ValueError):  # not a reason to stop measuring
            self._quiet = True


def left_in_words(began: float, done: int, total: int) -> str:
    """ ", about 35 min left" for work that began at that time.monotonic(); "" while nothing is
    done."""
    if not done:
        return ""
    left_s = (time.monotonic() - began) / done * (total - done)
    about = f"{left_s / 3600:.1f} h" if left_s > 5400 else f"{max(1, round(left_s / 60))} min"
    return f", about {about} left"
