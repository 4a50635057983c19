"""Exit codes of the lab's commands, and the two kinds of errors that have a code of their own.

LabError
├── BadInput             2   a name, a number, a file that the user gave
└── InfrastructureError  3   the lab cannot do its work, whatever the code under test is like
"""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """What every command returns. CI lets PASS and INCONCLUSIVE pass, and nothing else."""

    PASS = 0
    REGRESSION = 1
    BAD_INPUT = 2
    INFRASTRUCTURE = 3
    INCONCLUSIVE = 4
    INTERRUPTED = 130


EXIT_CODES = (
    "Exit codes: 0 passed; 1 a regression, a broken limit, a limit on what was not measured, a "
    "wrong result; 2 bad input; 3 the lab failed; 4 undecided; 130 interrupted (Ctrl-C, SIGTERM)."
)
"""For the help of each command."""


class LabError(Exception):
    """Has a message for people, and an exit code."""

    exit_code = ExitCode.INFRASTRUCTURE


class InfrastructureError(LabError):
    """The lab cannot do its work, whatever the code under test is like."""


class BadInput(LabError, ValueError):
    """What the user gave is wrong; the message says what is accepted."""

    exit_code = ExitCode.BAD_INPUT


def ending(returncode: int) -> str:
    """How a process ended, in words: by itself, or by a signal (out of memory, mostly)."""
    if returncode < 0:
        return f"ended by signal {-returncode}"
    return f"ended with {returncode}"
