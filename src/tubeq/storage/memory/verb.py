"""What makes a method of the reference model a verb of the storage port."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Concatenate, ParamSpec, TypeVar

from tubeq.domain.errors import StorageError

if TYPE_CHECKING:
    from tubeq.storage.memory.storage import MemoryStorage

_P = ParamSpec("_P")
_R = TypeVar("_R")


def verb(
    method: Callable[Concatenate[MemoryStorage, _P], _R],
) -> Callable[Concatenate[MemoryStorage, _P], _R]:
    """One verb, one transaction: under the lock, and refused once the storage is closed.

    Verbs check and encode everything before their first change, so that none stops half way.
    """

    @functools.wraps(method)
    def locked(storage: MemoryStorage, /, *args: _P.args, **kwargs: _P.kwargs) -> _R:
        with locked_by(storage):
            return method(storage, *args, **kwargs)

    return locked


@contextmanager
def locked_by(storage: MemoryStorage) -> Iterator[None]:
    """The same for verbs that stand in objects of their own.

    Raises:
        StorageError: the storage is closed.
    """
    with storage._lock:
        if storage._closed:
            raise StorageError("this storage is closed")
        yield
