"""Task types, and the plugins that do them: the entry points of group `tubeq.plugins`.

A package adds a task type by naming a factory, a class as a rule:

    [project.entry-points."tubeq.plugins"]
    youtube_channel = "tubeq.plugins.channel_plugin:YouTubeChannelPlugin"
"""

from __future__ import annotations

from importlib import metadata
from typing import Any

from tubeq.domain.errors import PluginNotFound
from tubeq.plugins.base import Plugin

GROUP = "tubeq.plugins"


def plugin_types() -> list[str]:
    """The task types that can be done here, sorted. Imports none of the plugins."""
    return sorted({entry.name for entry in metadata.entry_points(group=GROUP)})


def get_plugin(task_type: str, **settings: Any) -> Plugin:
    """A new plugin object for tasks of this type.

    Args:
        task_type: the entry point's name.
        settings: handed to the factory, such as `proxy`.

    Raises:
        PluginNotFound: no installed package offers the type, or its plugin cannot be imported.
    """
    for entry in metadata.entry_points(group=GROUP, name=task_type):
        try:
            factory = entry.load()
        except (ImportError, AttributeError) as error:
            message = f"the plugin for task type {task_type!r} cannot be imported: {error}"
            raise PluginNotFound(message, code="plugin_broken") from error
        plugin: Plugin = factory(**settings)
        return plugin
    known = ", ".join(plugin_types()) or "none"
    raise PluginNotFound(f"no plugin does task type {task_type!r}; known types: {known}")
