"""Exit codes of the lab's commands, and the errors that have a code of their own.

LabError
├── BadInput             2   a name, a number or a file from the user is wrong
└── InfrastructureError  3   the lab cannot do its work, whatever the code under test is like
"""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """What every command returns. CI accepts only PASS and INCONCLUSIVE."""

    PASS = 0
    REGRESSION = 1
    BAD_INPUT = 2
    INFRASTRUCTURE = 3
    INCONCLUSIVE = 4
    INTERRUPTED = 130


class LabError(Exception):
    """Has a message for people, and an exit code."""

    exit_code = ExitCode.INFRASTRUCTURE


class InfrastructureError(LabError):
    """The lab cannot do its work, whatever the code under test is like."""


class BadInput(LabError, ValueError):
    """The user's input is wrong; the message says what is accepted."""

    exit_code = ExitCode.BAD_INPUT


def ending(returncode: int) -> str:
    """How a process ended, in words: by itself, or by a signal (out of memory, mostly)."""
    return f"ended by signal {-returncode}" if returncode < 0 else f"ended with {returncode}"


def in_a_line(error: Exception) -> str:
    """The end of its message, in one line."""
    return " ".join(str(error).split())[-500:]
