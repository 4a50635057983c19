"""Which task types workers take, and which queued ones nobody takes."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from tubeq.cli.console import say_error
from tubeq.cli.options import command_for
from tubeq.domain.errors import PluginNotFound, StorageError
from tubeq.plugins.registry import importable_types, plugin_types
from tubeq.queue.coverage import unworked_types
from tubeq.queue.queue_manager import QueueManager
from tubeq.settings import Settings


def known_task_type(task_type: str) -> str:
    """The task type, if a plugin here can do it: a mistyped one would wait for ever.

    Raises:
        PluginNotFound: none can.
    """
    known = plugin_types()
    if task_type not in known:
        names = ", ".join(known) or "none"
        raise PluginNotFound(f"no plugin does task type {task_type!r:.120}; known types: {names}")
    return task_type


def all_types() -> list[str]:
    """Every task type that can be done here. One whose plugin is broken is named, and passed over.

    Raises:
        PluginNotFound: none can.
    """
    importable, broken = importable_types()
    for reason in broken.values():
        say_error(f"{reason}; its tasks wait")
    if not importable:
        raise PluginNotFound("no plugin can be imported here: there is nothing that could be done")
    return importable


def unworked_words(settings: Settings, task_types: Sequence[str]) -> str:
    """What to tell of types that no live worker takes, with the command that does."""
    known = set(plugin_types())
    words = f"no live worker takes {', '.join(task_types)}"
    doable = [each for each in task_types if each in known]
    foreign = [each for each in task_types if each not in known]
    if doable:
        words += f": start `{command_for(settings, 'worker')}`"
    if foreign:
        words += f"; no plugin here does {', '.join(foreign)}"
    return words


def untaken_types(queue: QueueManager, besides: Collection[str] = ()) -> list[str]:
    """The types that are queued and that no live worker takes, but for these, which are about to
    be taken. Only a hint: where it cannot be read, there are none, and nothing fails for it."""
    try:
        return [each for each in unworked_types(queue) if each not in besides]
    except StorageError:
        return []
