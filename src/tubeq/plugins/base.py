"""What a plugin is, how it learns that its task is to stop, and how it keeps to limits.

The worker calls `plugin.scrape(**parameters)` inside `running(stop)`. A plugin that takes long
calls `check_stop()` between its steps; one that never does simply cannot be cancelled. One that
finds much saves it as it comes: see `tubeq.plugins.saving`. Around what is to be spared, such as a
request to a host, it writes `with permit("host:..."):`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
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
    keys, such as "channel:@handle", a task needs permits for, beside that of its type.

    One plugin object may be called from several threads at once.
    """

    def scrape(self, **parameters: Any) -> Iterable[Idea | Mapping[str, Any]]:
        """Do one task.

        Args:
            parameters: the task's parameters, exactly as they were queued: not yet validated.

        Raises:
            InvalidParameters: they are wrong; the message names which. Never retried.
            TransientError: worth another try.
            PermanentError: not worth another try.
        """
        ...


class Limiter(Protocol):
    """Who knows the limits; a plugin does not."""

    def permit(
        self, keys: Sequence[str], check: Callable[[], None]
    ) -> AbstractContextManager[None]:
        """Permits for all the keys, held inside of the block. While it waits for them it calls
        `check`, and what that raises ends the wait."""
        ...


Stop = Callable[[], "str | None"]
"""Says why the task is to stop, or None while it may go on. Called often: it must be cheap."""

_stop: ContextVar[Stop | None] = ContextVar("tubeq_stop", default=None)
_limiter: ContextVar[Limiter | None] = ContextVar("tubeq_limiter", default=None)


class Keeper(Protocol):
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


_keeper: ContextVar[Keeper | None] = ContextVar("tubeq_keeper", default=None)


@contextmanager
def running(stop: Stop, keeper: Keeper | None = None) -> Iterator[None]:
    """Within this block, in this thread, `stop` decides whether the task may go on, and `keeper`
    keeps what it saves.

    A thread that a plugin starts itself inherits nothing: hand it `contextvars.copy_context()`.
    """
    token = _stop.set(stop)
    keeper_token = _keeper.set(keeper)
    try:
        yield
    finally:
        _keeper.reset(keeper_token)
        _stop.reset(token)


def current_keeper() -> Keeper | None:
    """Who keeps what the task being run in this thread saves; None outside of a worker."""
    return _keeper.get()


def stop_requested() -> bool:
    """Whether the task being run in this thread is to stop. False outside of a worker."""
    stop = _stop.get()
    return stop is not None and stop() is not None


def check_stop() -> None:
    """Return while the task may go on.

    Raises:
        TaskCancelled: the task is to stop; the message is the reason.
    """
    stop = _stop.get()
    reason = stop() if stop is not None else None
    if reason is not None:
        raise TaskCancelled(reason)


@contextmanager
def polite(limiter: Limiter) -> Iterator[None]:
    """Within this block, in this thread, `permit` asks `limiter`. As with `running`."""
    token = _limiter.set(limiter)
    try:
        yield
    finally:
        _limiter.reset(token)


def permit(*keys: str, check: Callable[[], None] = check_stop) -> AbstractContextManager[None]:
    """A `with` block that holds a permit for each of the keys that a rule limits, and waits for
    them before it begins. Outside of a worker, and where no rule is, it does nothing.

    Args:
        keys: such as "host:www.youtube.com".
        check: called while waiting; raises when the wait has to end.

    Raises:
        TaskCancelled: the task is to stop; or whatever `check` raises.
    """
    limiter = _limiter.get()
    return nullcontext() if limiter is None else limiter.permit(keys, check)
