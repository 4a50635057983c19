"""Which task types can be processed here, and which queued ones no worker takes."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from tubeq.cli.console import say_error
from tubeq.cli.opening import command_for
from tubeq.domain.errors import PluginNotFound, StorageError
from tubeq.plugins import registry
from tubeq.queue.coverage import unworked_types
from tubeq.queue.queue_manager import QueueManager
from tubeq.settings import Settings
from tubeq.workers.plugin_output import output_to_stderr

__all__ = ["all_types", "known_task_type", "registry", "untaken_types", "unworked_words"]
OWN_TYPES = frozenset(
    f"youtube_{each}" for each in ("channel", "playlist", "search", "trending", "video")
)
"""What tubeq itself installs: to know these, no installed package need be read."""

registry.around_plugins = output_to_stderr  # what they print is not part of a command's output


def known_task_type(task_type: str) -> str:
    """The task type, if a plugin for it is installed: a mistyped one would wait forever.

    Raises:
        PluginNotFound: no plugin is.
    """
    known = registry.plugin_types()
    if task_type not in known:
        names = ", ".join(known) or "none"
        raise PluginNotFound(f"no plugin for task type {task_type!r:.120}; known types: {names}")
    return task_type


def all_types() -> list[str]:
    """Every task type that can be processed here; those with a broken plugin are reported.

    Raises:
        PluginNotFound: there is none.
    """
    importable, broken = registry.importable_types()
    for reason in broken.values():
        say_error(f"{reason}; its tasks wait")
    if not importable:
        raise PluginNotFound("no plugin can be imported here: there is nothing to work on")
    return importable


def unworked_words(settings: Settings, task_types: Sequence[str]) -> str:
    """A message about types that no live worker takes, with the command to start one."""
    known = OWN_TYPES if OWN_TYPES.issuperset(task_types) else {*registry.plugin_types()}
    words = f"no live worker takes {', '.join(task_types)}"
    foreign = [each for each in task_types if each not in known]
    if len(foreign) < len(task_types):
        words += f": start `{command_for(settings, 'worker')}`"
    if foreign:
        words += f"; no plugin is installed for {', '.join(foreign)}"
    return words


def untaken_types(queue: QueueManager, besides: Collection[str] = ()) -> list[str]:
    """The queued types that no live worker takes, except `besides`, which are about to be taken.
    Only a hint: where it cannot be read, there are none."""
    try:
        return [each for each in unworked_types(queue) if each not in besides]
    except StorageError:
        return []
