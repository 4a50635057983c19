"""What a plugin is, how it learns that its task is to stop, and how it observes limits.

The worker calls `plugin.scrape(**parameters)` inside `running(stop)`. A long-running plugin calls
`check_stop()` between its steps; one that never does cannot be cancelled. One that finds many ideas
saves them as they come: see `tubeq.plugins.saving`. Around what is to be limited, such as a request
to a host, it writes `with slot("host:..."):`.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from contextvars import ContextVar
from typing import Any, Protocol, runtime_checkable

from tubeq.domain.children import ChildTask, Saved
from tubeq.domain.errors import TaskCancelled
from tubeq.domain.models import Idea


@runtime_checkable
class Plugin(Protocol):
    """Anything with `scrape`. A plugin may also have `close()`, called once when its worker ends,
    and its class may name its `parameters`, a subclass of `tubeq.plugins.parameters.Parameters`:
    then tasks can be checked before they are queued. With `limit_keys(parameters)` it says which
    keys, such as "channel:@handle", a task needs slots for, in addition to that of its type.

    A plugin that declares `parameters` may also have `scrape_checked(wanted)`. Then a worker checks
    a task's parameters once, and passes the object to `scrape_checked` instead of `scrape`, and to
    `limit_keys`.

    One plugin object may be called from several threads at once.
    """

    def scrape(self, **parameters: Any) -> Iterable[Idea | Mapping[str, Any]]:
        """Do one task.

        Args:
            parameters: the task's parameters, exactly as they were queued: not yet validated.

        Raises:
            InvalidParameters: they are wrong; the message names which. Never retried.
            TransientError: worth another attempt.
            PermanentError: not worth another attempt.
        """
        ...


class Limiter(Protocol):
    """Knows the limits; a plugin does not."""

    def slot(self, keys: Sequence[str], check: Callable[[], None]) -> AbstractContextManager[None]:
        """Slots for all the keys, held inside the block. While it waits for them it calls
        `check`, and what that raises ends the wait."""
        ...


Stop = Callable[[], "str | None"]
"""Returns why the task is to stop, or None while it may go on. Called often: it must be cheap."""


class Saver(Protocol):
    """Where a running task saves: its worker, or a test."""

    def save(
        self,
        ideas: Iterable[Idea | Mapping[str, Any]],
        tasks: Iterable[ChildTask],
        cursor: Mapping[str, Any] | None,
    ) -> Saved:
        """See `tubeq.plugins.saving.save`."""
        ...

    def cursor(self) -> dict[str, Any] | None:
        """See `tubeq.plugins.saving.cursor`."""
        ...

    def saved_count(self) -> int:
        """See `tubeq.plugins.saving.saved_count`."""
        ...


class running:  # noqa: N801 - used as contextlib's own are
    """Within this block, in this thread, a task is being run. Blocks nest; the innermost applies.

    A thread that a plugin starts itself inherits nothing: pass it `contextvars.copy_context()`.

    Args:
        stop: decides whether the task may go on.
        saver: stores what it saves.
        limiter: what `slot` asks.
    """

    # A class, and one variable for all three: the cost is paid by each task.
    __slots__ = ("_token", "limiter", "saver", "stop")

    def __init__(
        self,
        stop: Stop | None = None,
        saver: Saver | None = None,
        limiter: Limiter | None = None,
    ) -> None:
        self.stop = stop
        self.saver = saver
        self.limiter = limiter

    def __enter__(self) -> None:
        self._token = _run.set(self)

    def __exit__(self, *error: object) -> None:
        _run.reset(self._token)


_NOBODY = running()
_run: ContextVar[running] = ContextVar("tubeq_run", default=_NOBODY)


def current_saver() -> Saver | None:
    """The saver of the task being run in this thread; None outside a worker."""
    return _run.get().saver


def stop_requested() -> bool:
    """Whether the task being run in this thread is to stop. False outside a worker."""
    stop = _run.get().stop
    return stop is not None and stop() is not None


def check_stop() -> None:
    """Return while the task may go on.

    Raises:
        TaskCancelled: the task is to stop; the message is the reason.
    """
    stop = _run.get().stop
    reason = stop() if stop is not None else None
    if reason is not None:
        raise TaskCancelled(reason)


def permit(*keys: str, check: Callable[[], None] = check_stop) -> AbstractContextManager[None]:
    """The old name of `slot`; it goes with the next release."""
    message = "tubeq.plugins.base.permit is now slot; the old name goes with the next release"
    warnings.warn(message, DeprecationWarning, stacklevel=2)
    return slot(*keys, check=check)


def slot(*keys: str, check: Callable[[], None] = check_stop) -> AbstractContextManager[None]:
    """A `with` block that holds a slot for each of the keys that a rule limits, and waits for
    them before it begins. Outside a worker, and without a rule, it does nothing.

    Args:
        keys: such as "host:www.youtube.com".
        check: called while waiting; raises when the wait has to end.

    Raises:
        TaskCancelled: the task is to stop; or whatever `check` raises.
    """
    limiter = _run.get().limiter
    return nullcontext() if limiter is None else limiter.slot(keys, check)
