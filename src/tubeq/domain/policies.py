"""Policies as values: in which order to claim, when to retry, what to fsync."""

from collections.abc import Sequence
from enum import Enum
from typing import TYPE_CHECKING, NamedTuple

from tubeq.domain.errors import InvalidParameters
from tubeq.domain.models import HistoryEntry
from tubeq.domain.numbers import checked_span, checked_whole
from tubeq.domain.states import TaskEvent

if TYPE_CHECKING:
    import random


class _Named(str, Enum):
    """A choice that callers may also give by name, in any case."""

    __str__ = str.__str__

    @classmethod
    def _missing_(cls, value: object) -> "_Named":
        for member in cls:
            if isinstance(value, str) and member.value == value.lower():
                return member
        names = ", ".join(member.value for member in cls)
        raise InvalidParameters(f"no {cls.__name__} is called {value!r}: choose one of {names}")


class ClaimStrategy(_Named):
    """Which of the due tasks of a type is claimed next. Each is one constant SQL statement.

    LIFO: newest first. FIFO: oldest first. PRIORITY: largest priority first, then oldest.
    WEIGHTED_RANDOM: a random one, drawn with a chance in proportion to 1 + priority from a sample
    buffer of 64 neighbours in the order of creation. The buffer is filled from a random position in
    the queue, and refilled when half of it was drawn, so that the cost does not grow with the
    queue; if fewer are due, it holds all due tasks. LIFO and FIFO disregard the priority.
    """

    LIFO = "lifo"
    FIFO = "fifo"
    PRIORITY = "priority"
    WEIGHTED_RANDOM = "weighted_random"


class Durability(_Named):
    """What is on the disk, not only in the operating system's cache, when a call returns.

    FULL: every write. BALANCED: what callers rely on: created tasks, and finished ones with
    their results; a power cut may undo a claim or a heartbeat, and the task is done again.
    FAST: nothing at once; a power cut may undo the last writes, in order, never out of order.
    A killed process loses nothing under any of them, and none of them can corrupt the file.
    """

    FULL = "full"
    BALANCED = "balanced"
    FAST = "fast"


MOST_WAITS = 30
"""How often in a row a task may be deferred ("not yet")."""
NEVER_CAME = "never_came"
"""The error code of a task that was deferred once too often."""
FIRST_WAIT_S, LONGEST_WAIT_S = 60.0, 86_400.0


def waits_in_a_row(history: Sequence[HistoryEntry]) -> int:
    """How often a task was deferred since it last made progress, failed otherwise, or was
    requeued."""
    waits = 0
    for entry in history:
        if entry.event in (TaskEvent.RETRIED, TaskEvent.REQUEUED):
            waits = 0
        waits += entry.event is TaskEvent.DEFERRED
    return waits


def next_wait_s(waits: int, asked_s: float, *, grows: bool = True) -> float | None:
    """How long to wait after another "not yet" without a date; None once there were too many.

    Each wait is twice as long as the last one, up to a day: most waits are short, and a site should
    not be asked every minute for a month.

    Args:
        waits: how often the task was deferred before, in a row.
        asked_s: what the site asked for.
        grows: False where something else lengthens the waits.
    """
    if waits >= MOST_WAITS:
        return None
    return max(asked_s, min(asked_s * 2.0 ** (waits if grows else 0), LONGEST_WAIT_S))


class _Retries(NamedTuple):
    max_retries: int = 3
    backoff_s: float = 0.0
    backoff_max_s: float = 3600.0


class RetryPolicy(_Retries):
    """How often a task may fail, and how long it rests in between.

    The delay before attempt n + 1 is `backoff_s * 2 ** (n - 1)`, at most `backoff_max_s`, with
    "full jitter": drawn evenly between 0 and that (M. Brooker, "Exponential backoff and jitter",
    AWS Architecture Blog, 2015), but never sooner than the server asked for.

    Args:
        max_retries: the failure with this number is final.
        backoff_s: 0 makes a retry claimable at once.
        backoff_max_s: upper bound of the drawn delay, seconds.
    """

    __slots__ = ()

    def __new__(
        cls, max_retries: int = 3, backoff_s: float = 0.0, backoff_max_s: float = 3600.0
    ) -> "RetryPolicy":
        checked_whole("max_retries", max_retries)
        checked_span("backoff_s", backoff_s)
        checked_span("backoff_max_s", backoff_max_s)
        return super().__new__(cls, max_retries, backoff_s, backoff_max_s)

    def delay_s(
        self, failures: int, retry_after_s: float | None, chance: "random.Random"
    ) -> float | None:
        """Seconds to wait before the next attempt.

        Args:
            failures: how often the task has failed, this time included.
            retry_after_s: what the server asked for.
            chance: the random source of the jitter.

        Returns:
            The delay, 0 for at once, or None when the failure is final.
        """
        if failures >= self.max_retries:
            return None
        ceiling = min(self.backoff_s * 2.0 ** min(failures - 1, 60), self.backoff_max_s)
        return max(chance.uniform(0.0, ceiling), retry_after_s or 0.0)
