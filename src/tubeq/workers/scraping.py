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


class PluginCall:
    """One attempt's calls of a plugin: a task's parameters are decoded once, and checked once where
    the plugin declares them (see `tubeq.plugins.base.Plugin`).

    Args:
        plugin: processes tasks of this type.
        task: the claimed task.
    """

    __slots__ = ("_parameters", "_plugin", "_scrape_checked", "_task")

    def __init__(self, plugin: Any, task: Task) -> None:
        self._plugin = plugin
        self._task = task
        self._scrape_checked = _scrape_checked(plugin)
        self._parameters: Any = None

    def limit_keys(self) -> tuple[str, ...]:
        """The keys that the plugin says the task needs slots for. None for wrong parameters:
        `ideas` refuses them."""
        limit_keys = getattr(self._plugin, "limit_keys", None)
        if not callable(limit_keys):
            return ()
        try:
            return tuple(limit_keys(self._checked()))
        except (InvalidParameters, ValueError):
            return ()

    def ideas(self) -> list[Idea]:
        """All that the plugin finds for the task. Generators are run to their end.

        Raises:
            InvalidParameters: the plugin does not take these parameters.
            PermanentError: the plugin returned something that is not an idea; the message shows it.
            Exception: whatever the plugin raises.
        """
        parameters = self._checked()
        if self._scrape_checked is not None:
            items = self._scrape_checked(parameters)
        else:
            try:
                items = self._plugin.scrape(**parameters)
            except TypeError as error:
                _check_signature(self._plugin.scrape, parameters, error)
                raise
        try:
            items = iter(items)
        except TypeError:
            message = f"the plugin returned {items!r:.200}: it must return items"
            raise PermanentError(message, code="invalid_item") from None
        return CheckedIdeas(map(checked_idea, items))

    def _checked(self) -> Any:
        """The parameters as the plugin takes them: an object of its `parameters`, or a dict."""
        if self._parameters is None:
            given = _decoded(self._task)
            self._parameters = (
                given if self._scrape_checked is None else self._plugin.parameters.of(given)
            )
        return self._parameters


def _scrape_checked(plugin: Any) -> Any:
    """The plugin's `scrape_checked`; None where it has none, or where its `scrape` was replaced
    since, by a subclass or on the object: then that one is meant."""
    if "scrape" in getattr(plugin, "__dict__", ()):
        return None
    for each in type(plugin).__mro__:
        if "scrape_checked" in vars(each):
            return plugin.scrape_checked
        if "scrape" in vars(each):
            return None
    return None


def _decoded(task: Task) -> dict[str, Any]:
    try:
        parameters = task.parameters
    except json.JSONDecodeError as error:
        raise InvalidParameters(f"the parameters are not JSON: {error}") from None
    if not isinstance(parameters, dict):
        raise InvalidParameters(f"the parameters are not a JSON object: {parameters!r:.200}")
    return parameters


def _check_signature(scrape: Any, parameters: Mapping[str, Any], error: TypeError) -> None:
    """Distinguish a call with the wrong parameters from a TypeError inside the plugin: after the
    fact, so that it normally costs nothing."""
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
        PermanentError: it is not valid; the message shows it.
    """
    try:
        return idea_to_store(item)
    except InvalidParameters as error:
        raise PermanentError(str(error), code="invalid_item") from None
