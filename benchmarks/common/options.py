"""What the options of the commands have in common: one-line errors, and validated values."""

from __future__ import annotations

import argparse
import math
import os
from collections.abc import Callable, Iterable
from difflib import get_close_matches
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, NoReturn

from benchmarks.common.exits import BadInput, ExitCode

_EXIT_CODES = (
    "Exit codes: 0 passed; 1 a regression, a broken limit, a limit on what was not measured, a "
    "wrong result; 2 bad input; 3 the lab failed; 4 undecided; 130 interrupted (Ctrl-C, SIGTERM)."
)
_LONGEST_NAME = 255
_LONGEST_MINUTES = 60.0 * 24 * 365
_SMALLEST = 1e-9
QUIET: dict[str, Any] = {"action": "store_true", "help": "no progress on standard error"}


class Parser(argparse.ArgumentParser):
    """An argument parser with one-line errors and a list of exit codes."""

    def __init__(self, *arguments: Any, **settings: Any) -> None:
        super().__init__(*arguments, **{"epilog": _EXIT_CODES, **settings})

    def error(self, message: str) -> NoReturn:
        """Print the error, and exit."""
        self.exit(int(ExitCode.BAD_INPUT), f"error: {message} (see {self.prog} --help)\n")


def whole(least: int, most: int) -> Callable[[str], int]:
    """A whole number from `least` to `most`."""
    what = f"a whole number of at least {least} and at most {most}"
    return lambda text: int(_number(text, int, least, most, what))


def minutes(text: str) -> float:
    """A number of minutes, more than 0."""
    return _number(text, float, _SMALLEST, _LONGEST_MINUTES, "a number of minutes above 0")


def share(text: str) -> float:
    """A share between 0 and 1, which may be given as per cent: "5%" or "0.05"."""

    def parse(text: str) -> float:
        return float(text[:-1]) / 100 if text.endswith("%") else float(text)

    return _number(text, parse, _SMALLEST, 1 - _SMALLEST, "a share such as 5% or 0.05")


def _number(
    text: str, parse: Callable[[str], float], least: float, most: float, what: str
) -> float:
    try:
        value = parse(text)
    except ValueError:
        value = math.nan
    if not least <= value <= most:  # also refuses NaN
        raise argparse.ArgumentTypeError(f"{text[:40]!r} is not {what}")
    return value


def existing_folder(text: str) -> Path:
    """An existing folder."""
    path = _path(text)
    if not path.is_dir():
        raise _refused(text, "not a folder" if path.exists() else "there is no such folder")
    return path


def output_folder(text: str) -> Path:
    """A folder to write to; it may be missing if it can be created."""
    path = _writable(text)
    if path.exists() and not path.is_dir():
        raise _refused(text, "not a folder")
    return path


def output_file(text: str) -> Path:
    """A file to write; it, and the folder that it is in, may be missing."""
    path = _writable(text)
    if path.is_dir():
        raise _refused(text, "a folder, not a file")
    return path


def _path(text: str) -> Path:
    if not text.strip() or "\0" in text:
        raise argparse.ArgumentTypeError(f"{text!r} is not a path")
    if any(len(part) > _LONGEST_NAME for part in Path(text).parts):  # Windows: it is not there
        raise _refused(text[:80], f"a name of more than {_LONGEST_NAME} characters")
    try:
        Path(text).stat()
    except (FileNotFoundError, NotADirectoryError):
        pass
    except OSError as error:  # links in a circle, a name that is too long, no permission
        raise _refused(text[:80], error.strerror) from None
    return Path(text)


def _writable(text: str) -> Path:
    """A path that can be written: refused now, and not after ten minutes of measuring."""
    path = _path(text)
    try:
        ways = (path, *path.absolute().parents)
        there = next(each for each in ways if each.exists() or each.is_symlink())
    except OSError as error:
        raise _refused(text, error.strerror) from None
    if not there.exists():
        raise _refused(text, f"{there} is a link to nowhere")
    if there.is_dir() and not os.access(there, os.W_OK | os.X_OK):
        raise _refused(text, f"{there} cannot be written to")
    if not there.is_dir() and there != path:
        raise _refused(text, f"{there} is not a folder")
    return path


def _refused(text: str, why: str | None) -> argparse.ArgumentTypeError:
    return argparse.ArgumentTypeError(f"{text!r}: {why}")


JUNIT: dict[str, Any] = {"type": output_file, "metavar": "FILE", "help": "write JUnit XML, for CI"}


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Names that are close to it, else all of them: ": did you mean ...?"."""
    names = sorted(known)
    if close := get_close_matches(name, names, n=3):
        return f": did you mean {' or '.join(close)}?"
    return f"; there are {', '.join(names) or 'none'}"


def matching(what: str, patterns: Iterable[str], known: Iterable[str]) -> list[str]:
    """The known names that fit patterns such as "claim-*", each once; BadInput for a pattern that
    fits none, with what is close to it."""
    names = list(known)
    found: dict[str, None] = {}
    for pattern in patterns:
        fitting = [name for name in names if fnmatchcase(name, pattern)]
        if not fitting:
            raise BadInput(f"there is no {what} {pattern!r}{did_you_mean(pattern, names)}")
        found |= dict.fromkeys(fitting)
    return list(found)


def check_names(what: str, names: Iterable[str], known: Iterable[str]) -> None:
    """Raise BadInput for a name that is not known, with what is close to it."""
    there = set(known)
    for name in names:
        if name not in there:
            raise BadInput(f"there is no {what} {name!r}{did_you_mean(name, there)}")
