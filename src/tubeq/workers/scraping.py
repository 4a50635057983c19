"""Calling a plugin with a task's parameters, and checking what it returns."""

from __future__ import annotations

import inspect
import json
from collections.abc import Mapping
from typing import Any

from tubeq.domain.errors import InvalidParameters, PermanentError
from tubeq.domain.models import Idea, Task
from tubeq.queue.validation import CheckedIdeas
from tubeq.queue.validation import checked_idea as idea_to_store


def scraped_ideas(plugin: Any, task: Task) -> list[Idea]:
    """Whatever the plugin finds for the task, as ideas. Generators are run to their end.

    Raises:
        InvalidParameters: the parameters are none that the plugin takes.
        PermanentError: the plugin returned something that is no idea; the message shows it.
        Exception: whatever the plugin raises.
    """
    parameters = _parameters(task)
    try:
        items = plugin.scrape(**parameters)
    except TypeError as error:
        _check_signature(plugin.scrape, parameters, error)
        raise
    try:
        items = iter(items)
    except TypeError:
        message = f"the plugin returned {items!r:.200}: it must return items"
        raise PermanentError(message, code="invalid_item") from None
    return CheckedIdeas(map(checked_idea, items))


def _parameters(task: Task) -> dict[str, Any]:
    try:
        parameters = task.parameters
    except json.JSONDecodeError as error:
        raise InvalidParameters(f"the parameters are no JSON: {error}") from None
    if not isinstance(parameters, dict):
        raise InvalidParameters(f"the parameters are no JSON object: {parameters!r:.200}")
    return parameters


def _check_signature(scrape: Any, parameters: Mapping[str, Any], error: TypeError) -> None:
    """Tell a call with the wrong parameters from a TypeError inside the plugin: after the fact,
    so that it costs nothing as a rule."""
    try:
        signature = inspect.signature(scrape)
    except (TypeError, ValueError):
        return
    try:
        signature.bind(**parameters)
    except TypeError as mismatch:
        raise InvalidParameters(f"the plugin does not take these parameters: {mismatch}") from error


def checked_idea(item: Any) -> Idea:
    """A plugin's item as an idea.

    Raises:
        PermanentError: it is none; the message shows it.
    """
    try:
        return idea_to_store(item)
    except InvalidParameters as error:
        raise PermanentError(str(error), code="invalid_item") from None
