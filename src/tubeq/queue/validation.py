"""What may enter the queue. What may not is refused with InvalidParameters, whose message names the
value and says what would be right.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from tubeq.domain.errors import InvalidParameters
from tubeq.domain.models import EncodedTask, Idea, NewTask
from tubeq.domain.numbers import (
    MAX_WHOLE,
    checked_date,
    checked_span,
    checked_whole,
    is_number,
    shown,
)
from tubeq.domain.states import TaskStatus
from tubeq.storage.encoding import encode

if TYPE_CHECKING:
    from pathlib import Path

    from tubeq.domain.children import ChildTask, EncodedChild
    from tubeq.storage.ports.tasks import ClaimRequest

MAX_PARAMETERS_BYTES = 64 * 1024
MAX_IDEMPOTENCY_KEY_LENGTH = 200
MAX_SOURCE_ID_LENGTH = 200
MAX_PRIORITY = 2**31 - 1
_IDEA_TEXTS = ("source_id", "title", "description", "url", "published_at")
_IDEA_NUMBERS: dict[str, Any] = {"score": (int, float), "views": int, "duration_s": (int, float)}
_TEXT_KINDS = {str, type(None)}
_IDEA_RANGE = (-MAX_WHOLE, MAX_WHOLE)
_TASK_TYPE = re.compile(r"[a-z][a-z0-9_.-]{0,99}")


@lru_cache(maxsize=128)
def _is_task_type(name: str) -> bool:
    return _TASK_TYPE.fullmatch(name) is not None


def checked_task_type(task_type: object) -> str:
    """A task type: a lower-case word of few kinds of characters, since an index key holds it."""
    if not isinstance(task_type, str) or not _is_task_type(task_type):
        raise InvalidParameters(
            f"task_type {task_type!r:.120} is not a name: use lower-case letters, digits, '_', '-' "
            "and '.', at most 100, a letter first"
        )
    return task_type


def checked_path(path: str | os.PathLike[str]) -> Path:
    """The path of a database that several processes open; it need not exist.

    Returns:
        The absolute path: the current directory may change.

    Raises:
        InvalidParameters: it is empty, an address, or ":memory:", which no other process reaches.
        StorageError: it is a link that leads back to itself.
    """
    from pathlib import Path

    from tubeq.storage.database_file import real_path

    real_path(path)
    return Path(path).absolute()


def encoded_parameters(parameters: object, name: str = "parameters") -> str:
    """Parameters, a JSON object of at most 64 KiB, as text.

    Args:
        name: what messages call them.
    """
    if not isinstance(parameters, (dict, Mapping)):  # dict first: the ABC check is slow
        raise InvalidParameters(f"{name} must be a JSON object, not {type(parameters).__name__}")
    try:
        text = encode(parameters if type(parameters) is dict else dict(parameters))
        size = len(text) if text.isascii() else len(text.encode())
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidParameters(f"{name} are not a JSON object: {error}") from None
    if size > MAX_PARAMETERS_BYTES:
        raise InvalidParameters(
            f"{name} are {size} bytes as JSON: the limit is {MAX_PARAMETERS_BYTES}"
        )
    return text


CheckParameters = Callable[[str], Callable[[Mapping[str, Any]], "tuple[str, dict[str, Any]]"]]
"""Maps a task type, or a preset's name, to a function that checks parameters: it returns the task
type and all parameters, or raises InvalidParameters. `tubeq.plugins.registry.checker` is one; the
queue itself knows no plugins."""


def checked_task(task: NewTask | EncodedTask, check: CheckParameters | None = None) -> EncodedTask:
    """The task as storages take it, if it may be created; one that is already checked is returned
    unchanged.

    Args:
        check: looks up how parameters are checked; None checks only that they are JSON.

    Raises:
        PluginNotFound: `check` does not know the task type.
    """
    if isinstance(task, EncodedTask):
        return task
    task_type, parameters = task.task_type, task.parameters
    if check is not None:
        task_type, parameters = check(task_type)(parameters)
    return encoded_task(task_type, parameters, task.priority, task.run_after, task.idempotency_key)


def encoded_task(
    task_type: object, parameters: object, priority: object, run_after: object, key: object
) -> EncodedTask:
    """As checked_task, from the fields of a NewTask: a call with one task needs no NewTask."""
    name = checked_task_type(task_type)
    parameters_json = encoded_parameters(parameters)
    whole = checked_whole("priority", priority, 0, MAX_PRIORITY)
    due = None if run_after is None else checked_date("run_after", run_after)
    if key is not None and (
        not isinstance(key, str) or not 0 < len(key) <= MAX_IDEMPOTENCY_KEY_LENGTH
    ):
        raise InvalidParameters(
            f"idempotency_key must be a string of 1 to {MAX_IDEMPOTENCY_KEY_LENGTH} characters"
        )
    return EncodedTask(name, parameters_json, whole, due, key)


def checked_request(request: ClaimRequest) -> ClaimRequest:
    """The request, if it is valid."""
    checked_span("lease_s", request.lease_s, above_zero=True)
    return request


class CheckedIdeas(list[Idea]):
    """Ideas that `checked_idea` accepted: they need not be checked again."""


def checked_ideas(items: Iterable[Idea | Mapping[str, Any]]) -> list[Idea]:
    """Ideas that can be stored."""
    if type(items) is CheckedIdeas:
        return items
    return CheckedIdeas(map(checked_idea, items))


def checked_idea(item: Idea | Mapping[str, Any]) -> Idea:
    """An idea that can be stored, from an idea or a mapping."""
    idea = Idea.of(item)
    score, views, duration_s = idea.score, idea.views, idea.duration_s
    texts = {type(idea.title), type(idea.description), type(idea.url), type(idea.published_at)}
    if (  # as nearly all are: a listing has hundreds
        texts <= _TEXT_KINDS
        and type(score) is float
        and -1e18 < score < 1e18
        and (views is None or (type(views) is int and -MAX_WHOLE <= views <= MAX_WHOLE))
        and (duration_s is None or (type(duration_s) is float and -1e18 < duration_s < 1e18))
        and type(idea.source_id) is str
        and type(idea.extra) is dict
    ):
        return idea
    for name in _IDEA_TEXTS:
        value = getattr(idea, name)
        if value is not None and not isinstance(value, str):
            raise _invalid(item, name, "a string")
    for name, kinds in _IDEA_NUMBERS.items():
        value = getattr(idea, name)
        if value is not None and not (isinstance(value, kinds) and is_number(value, *_IDEA_RANGE)):
            raise _invalid(item, name, "a number")
    if not isinstance(idea.extra, Mapping):
        raise _invalid(item, "extra", "a JSON object")
    return idea


def _invalid(item: object, name: str, wanted: str) -> InvalidParameters:
    return InvalidParameters(f"a plugin's item needs {wanted} as its {name}: {shown(item, 200)}")


def checked_child(child: ChildTask) -> EncodedChild:
    """The child as storages take it, if it may be created."""
    from tubeq.domain.children import EncodedChild

    source_id = child.source_id
    if not isinstance(source_id, str) or not 0 < len(source_id) <= MAX_SOURCE_ID_LENGTH:
        raise InvalidParameters(
            f"a child's source_id must be a string of 1 to {MAX_SOURCE_ID_LENGTH} characters, "
            f"not {source_id!r:.60}"
        )
    task = NewTask(child.task_type, child.parameters, child.priority)
    return EncodedChild(source_id, checked_task(task))


def checked_status(status: TaskStatus | str) -> TaskStatus:
    """A status by its name."""
    try:
        return TaskStatus(status.upper() if isinstance(status, str) else status)
    except ValueError:
        names = ", ".join(TaskStatus)
        raise InvalidParameters(
            f"no status is called {status!r:.60}: choose one of {names}"
        ) from None
