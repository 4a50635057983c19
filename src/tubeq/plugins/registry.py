"""Task types and their plugins: the entry points of group `tubeq.plugins`.

A package adds a task type by naming a factory, usually a class, and a named variant of one by
naming a Preset:

    [project.entry-points."tubeq.plugins"]
    youtube_channel = "tubeq.plugins.youtube.channel:YouTubeChannelPlugin"

    [project.entry-points."tubeq.presets"]
    "youtube_channel.shorts" = "tubeq.plugins.youtube.channel:SHORTS"

Nothing is imported before it is used, so that a plugin costs nothing until it is used.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any

from tubeq.domain.errors import PluginNotFound
from tubeq.domain.handles import composed
from tubeq.plugins.base import Plugin

if TYPE_CHECKING:
    from importlib.metadata import EntryPoints

    from tubeq.plugins.parameters import Declared, Parameters, Preset

GROUP = "tubeq.plugins"
PRESET_GROUP = "tubeq.presets"

around_plugins: Callable[[], AbstractContextManager[object]] = nullcontext
"""Entered around every import here, as imported modules may print: a program whose standard output
must stay clean, such as `tubeq`, replaces this."""

Checker = Callable[[Mapping[str, Any]], "tuple[str, dict[str, Any]]"]


def _entry_points(group: str) -> EntryPoints:
    from importlib import metadata  # which takes as long to import as the queue

    return metadata.entry_points(group=group)


def plugin_types() -> list[str]:
    """The task types that can be done here, sorted. Imports none of the plugins."""
    return sorted({entry.name for entry in _entry_points(GROUP)})


def preset_names() -> list[str]:
    """The named variants of task types, sorted. Imports none of the plugins."""
    return sorted({entry.name for entry in _entry_points(PRESET_GROUP)})


def get_plugin(task_type: str, **settings: Any) -> Plugin:
    """A new plugin object for tasks of this type.

    Args:
        task_type: the entry point's name.
        settings: passed to the factory, such as `proxy`.

    Raises:
        PluginNotFound: no installed package offers the type, or its plugin cannot be imported.
    """
    factory = _loaded(GROUP, task_type)
    with around_plugins():
        plugin: Plugin = factory(**settings)
    return plugin


def importable_types() -> tuple[list[str], dict[str, str]]:
    """The task types whose plugins can be imported, sorted; and why those of the others cannot, by
    type. Imports all of them."""
    importable, broken = [], {}
    for task_type in plugin_types():
        try:
            _loaded(GROUP, task_type)
        except PluginNotFound as error:
            broken[task_type] = str(error)
        else:
            importable.append(task_type)
    return importable, broken


def parameters_of(task_type: str) -> type[Parameters] | None:
    """The parameters that tasks of this type take; None where the plugin does not say.

    Raises:
        PluginNotFound: as `get_plugin`.
    """
    declared: type[Parameters] | None = getattr(_loaded(GROUP, task_type), "parameters", None)
    return declared


def get_preset(name: str) -> Preset:
    """The named variant of a task type.

    Raises:
        PluginNotFound: there is no preset of that name, or it cannot be imported.
    """
    preset: Preset = _loaded(PRESET_GROUP, name)
    return preset


def checker(name: str) -> Checker:
    """Checks tasks before they are queued, of a task type or a preset.

        task_type, parameters = checker("youtube_channel.shorts")({"channel_url": "@handle"})
        queue.create_task(task_type, parameters)

    Returns:
        A function from parameters, which override the preset's, to the task type and all
        parameters, with text in Unicode's composed form. It raises InvalidParameters where the
        plugin would not take them; the message says why.

    Raises:
        PluginNotFound: nothing has that name, or it cannot be imported.
    """
    preset = get_preset(name) if name in preset_names() else None
    task_type = name if preset is None else preset.task_type
    declared = parameters_of(task_type)

    def check(parameters: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
        given = {**(preset.parameters if preset else {}), **parameters}
        if declared is not None:
            declared.of(given)
            given = {
                name: composed(value) if isinstance(value, str) else value
                for name, value in given.items()
            }
        return task_type, given

    return check


def declared_by(name: str) -> dict[str, Declared] | None:
    """The parameters of a task type, or of a preset's, by name; None where its plugin does not
    declare them.

    Raises:
        PluginNotFound: as `checker`.
    """
    from tubeq.plugins.parameters import declared

    task_type = get_preset(name).task_type if name in preset_names() else name
    parameters = parameters_of(task_type)
    return None if parameters is None else {each.name: each for each in declared(parameters)}


def _loaded(group: str, name: str) -> Any:
    for entry in _entry_points(group).select(name=name):
        try:
            with around_plugins():
                return entry.load()
        except (Exception, SystemExit) as error:  # a module may raise anything when imported
            reason = error if isinstance(error, (ImportError, AttributeError)) else repr(error)
            what = "the plugin of task type" if group == GROUP else "preset"
            message = f"{what} {name!r} cannot be imported: {reason}"
            raise PluginNotFound(message, code="plugin_broken") from error
    types = ", ".join(plugin_types() if group == GROUP else preset_names()) or "none"
    raise PluginNotFound(
        f"no plugin that is installed here does task type {name!r:.120}; known types: {types}"
    )
