"""Names that moved: they lead to the new ones, with a DeprecationWarning, for one release."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from operator import attrgetter
from typing import Any, TypeVar

_C = TypeVar("_C", bound=type)
QUEUE_MANAGER = {
    "backup": "maintenance.backup",
    "check": "maintenance.check",
    "import_seed": "maintenance.import_legacy",
    "limit_rules": "limits.list",
    "pauses": "limits.pauses",
    "permits": "limits.slots",
    "preview_prune": "maintenance.preview_prune",
    "prune": "maintenance.prune",
    "remove_limit": "limits.delete",
    "resume": "limits.resume",
    "set_limit": "limits.set",
    "storage": "_storage",
}
"""Of QueueManager: old name: new spelling."""


class _Moved:
    """An attribute that returns the value of another one.

    Args:
        new: the new spelling, with dots, from the same object.
    """

    def __init__(self, new: str) -> None:
        self._new = new
        self._old = ""

    def __set_name__(self, owner: type, name: str) -> None:
        self._old = f"{owner.__name__}.{name}"

    def __get__(self, instance: object | None, owner: type) -> Any:
        if instance is None:
            return self
        import warnings

        now = "private: call the queue's verbs" if self._new.startswith("_") else self._new
        warnings.warn(
            f"{self._old} is now {now}; the old name goes with the next release",
            DeprecationWarning,
            stacklevel=2,
        )
        return attrgetter(self._new)(instance)


def moved(names: Mapping[str, str]) -> Callable[[_C], _C]:
    """A class decorator: the old names of a class's attributes, and the new spelling of each."""

    def add(owner: _C) -> _C:
        for old, new in names.items():
            alias = _Moved(new)
            setattr(owner, old, alias)
            alias.__set_name__(owner, old)
        return owner

    return add
