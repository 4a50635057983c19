"""The one place through which every verb of a queue and every attempt of a worker passes.

>>> from tubeq import QueueManager
>>> from tubeq.queue import instrument
>>> queue, seen = QueueManager(":memory:"), []
>>> unsubscribe = instrument.subscribe(seen.append)
>>> task_id = queue.create_task("video")
>>> unsubscribe()
>>> [(event.name, event.outcome) for event in seen]
[('create_task', 'ok')]

Without subscribers it costs nothing: the first subscriber replaces the verbs in their classes by
functions that measure them, and when the last one unsubscribes, they are restored. So a bound
method that was looked up before is not measured. A subscriber gets the events of all queues of
its process, in the thread that called the verb, after the call: an exception of a subscriber is
logged, once, and otherwise ignored.
"""

from __future__ import annotations

import functools
import time
from _thread import allocate_lock  # threading itself takes a millisecond to import
from collections.abc import Callable, Iterator, Mapping
from types import FunctionType
from typing import Any, NamedTuple, TypeVar

from tubeq.domain.models import Task, TaskResult
from tubeq.storage.ports.tasks import ClaimRequest

OK = "ok"
_NAMED = frozenset({"code", "key", "limit", "status", "task_id", "task_type", "worker_id"})
_C = TypeVar("_C", bound=type)


class Event(NamedTuple):
    """A verb, or an attempt, that has ended.

    Args:
        name: the verb as it is called on a queue ("claim", "limits.set"), or "attempt".
        started_at: epoch seconds.
        duration_s: how long it took.
        outcome: "ok"; else the error's code ("claim_lost"), or its class's name where it has none.
            Of an attempt: the code of its result.
        attributes: what it was about, as far as known: task_id, task_type, worker_id, key,
            status, limit, code; and `count`, for a verb that returns several things.
    """

    name: str
    started_at: float
    duration_s: float
    outcome: str
    attributes: Mapping[str, Any]


Subscriber = Callable[[Event], object]


class _Subscription:
    def __init__(self, subscriber: Subscriber) -> None:
        self.subscriber = subscriber
        self.has_failed = False

    def tell(self, event: Event) -> None:
        try:
            self.subscriber(event)
        except Exception:
            if not self.has_failed:
                import logging

                _logger = logging.getLogger("tubeq.instrument")
                _logger.exception("%r failed at %s", self.subscriber, event.name)
            self.has_failed = True


class _Point(NamedTuple):
    """A method that is measured while there are subscribers."""

    owner: type
    method: str
    name: str
    plain: Callable[..., Any]

    def switch(self, *, on: bool) -> None:
        setattr(self.owner, self.method, _measured(self.name, self.plain) if on else self.plain)


_lock = allocate_lock()
_points: list[_Point] = []
_Subscriptions = tuple[_Subscription, ...]
_subscriptions: _Subscriptions = ()


def subscribe(subscriber: Subscriber) -> Callable[[], None]:
    """Have `subscriber` called after every verb and attempt of this process.

    Returns:
        A function that unsubscribes.
    """
    subscription = _Subscription(subscriber)
    _change(lambda before: (*before, subscription))
    return lambda: _change(
        lambda before: tuple(each for each in before if each is not subscription)
    )


def _change(change: Callable[[_Subscriptions], _Subscriptions]) -> None:
    global _subscriptions
    with _lock:
        before, _subscriptions = _subscriptions, change(_subscriptions)
        if bool(before) != bool(_subscriptions):
            for point in _points:
                point.switch(on=bool(_subscriptions))


def verbs(prefix: str = "") -> Callable[[_C], _C]:
    """A class decorator: its public methods are verbs.

    Args:
        prefix: what their names in events begin with.
    """

    def add(owner: _C) -> _C:
        public = {
            name: f"{prefix}{name}"
            for name, value in vars(owner).items()
            if isinstance(value, FunctionType) and not name.startswith("_")
        }
        return measured(**public)(owner)

    return add


def measured(**methods: str) -> Callable[[_C], _C]:
    """A class decorator: these methods are measured, each under its name in events."""

    def add(owner: _C) -> _C:
        with _lock:
            for method, name in methods.items():
                point = _Point(owner, method, name, vars(owner)[method])
                _points.append(point)
                point.switch(on=bool(_subscriptions))
        return owner

    return add


def _measured(name: str, plain: Callable[..., Any]) -> Callable[..., Any]:
    from inspect import signature

    parameters = tuple(signature(plain).parameters)

    @functools.wraps(plain)
    def call(*args: Any, **kwargs: Any) -> Any:
        started_at, began = time.time(), time.perf_counter()
        try:
            returned = plain(*args, **kwargs)
        except BaseException as error:
            duration_s = time.perf_counter() - began
            outcome = getattr(error, "code", None) or type(error).__name__
            about = dict(_about(parameters, args, kwargs))
            _publish(Event(name, started_at, duration_s, str(outcome), about))
            raise
        duration_s = time.perf_counter() - began
        about = {**dict(_about(parameters, args, kwargs)), **_of_returned(name, returned)}
        _publish(Event(name, started_at, duration_s, _outcome_of(returned), about))
        return returned

    return call


def _publish(event: Event) -> None:
    for subscription in _subscriptions:
        subscription.tell(event)


def _about(
    parameters: tuple[str, ...], args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> Iterator[tuple[str, Any]]:
    for name, value in (*zip(parameters, args), *kwargs.items()):
        if isinstance(value, Task):
            yield from _of_task(value).items()
        elif isinstance(value, ClaimRequest):
            yield from (("task_type", value.task_type), ("worker_id", value.worker_id))
        elif name in _NAMED and value is not None:
            yield name, value


def _of_task(task: Task) -> dict[str, Any]:
    known = {"task_id": task.task_id, "task_type": task.task_type}
    return known if task.worker_id is None else {**known, "worker_id": task.worker_id}


def _of_returned(name: str, returned: Any) -> dict[str, Any]:
    if isinstance(returned, Task):
        return {} if name.startswith("complete") else _of_task(returned)  # that is the next one
    if isinstance(returned, list):
        only = returned[0] if len(returned) == 1 else None
        return {"count": len(returned), **(_of_task(only) if isinstance(only, Task) else {})}
    return {"task_id": returned} if name == "create_task" else {}


def _outcome_of(returned: Any) -> str:
    """Of an attempt, the code of its result, which comes with the next task."""
    result = returned[0] if type(returned) is tuple and returned else returned
    if isinstance(result, TaskResult) and not result.success:
        return result.error_code or "failed"
    return OK
