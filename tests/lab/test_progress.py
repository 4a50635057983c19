"""Signs of life: lines now and then where nobody looks, one live line on a terminal."""

from __future__ import annotations

import io
from itertools import count

from benchmarks.common.progress import Progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Full(io.StringIO):
    def write(self, text: str) -> int:
        raise OSError(28, "No space left on device")


def test_lines_are_seconds_apart() -> None:
    stream = io.StringIO()
    seconds = count()
    with Progress(stream=stream, clock=lambda: float(next(seconds))) as progress:
        for number in range(31):
            progress.tell("measuring", number, 30)
    lines = stream.getvalue().splitlines()
    assert len(lines) == 7
    assert lines[0].endswith("measuring 0/30")
    assert lines[-1].endswith("measuring 30/30")
    assert "\x1b" not in stream.getvalue()


def test_the_first_line_comes_at_once() -> None:
    stream = io.StringIO()
    Progress(stream=stream).tell("preparing")
    assert stream.getvalue().endswith("preparing\n")


def test_a_terminal_has_one_line_and_none_at_the_end() -> None:
    stream = Terminal()
    seconds = count()
    with Progress(stream=stream, clock=lambda: float(next(seconds))) as progress:
        for _ in range(3):
            progress.tell("x" * 500)
    assert "\n" not in stream.getvalue()
    assert stream.getvalue().endswith("\r\x1b[K")
    assert max(map(len, stream.getvalue().split("\r"))) < 300


def test_quiet_is_quiet_and_an_output_that_fails_ends_nothing() -> None:
    stream = io.StringIO()
    Progress(quiet=True, stream=stream).tell("x")
    assert stream.getvalue() == ""
    full = Progress(stream=Full())
    full.tell("x")
    full.tell("x")
