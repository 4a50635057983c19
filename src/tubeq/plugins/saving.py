"""Saving while a task runs: for plugins that find more than fits in memory, or than one failed
attempt should lose.

    def scrape(self, channel):
        reached = cursor() or {"page": 0}
        for number, page in pages_from(channel, reached["page"]):
            tasks = [ChildTask(each.id, "video", {"video": each.id}) for each in page]
            save(page, tasks, {"page": number + 1})
        return []

What was saved stays, even if the attempt fails; the next attempt, be it after a failure or after
the worker was killed, gets the cursor and goes on from there. A plugin that returns a list does not
need this.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from tubeq.domain.children import ChildTask, Saved
from tubeq.domain.models import Idea
from tubeq.plugins.base import current_saver, running

__all__ = [
    "ChildTask",
    "Collected",
    "Saved",
    "can_save",
    "collecting",
    "cursor",
    "save",
    "saved_count",
]


def can_save() -> bool:
    """Whether what is saved is stored, as in a worker. Elsewhere a plugin returns all it found."""
    return current_saver() is not None


def save(
    ideas: Iterable[Idea | Mapping[str, Any]] = (),
    tasks: Iterable[ChildTask] = (),
    cursor: Mapping[str, Any] | None = None,
) -> Saved:
    """Store ideas of the running task, create child tasks, and remember where it is, in one atomic
    transaction.

    Ideas are stored, and child tasks created, once per `source_id`, whichever attempt saves them.
    Saving counts as a heartbeat: the task's time limit starts again, and if anything was new,
    so do its counts of failures. Outside a worker it does nothing.

    Args:
        ideas: as a plugin may return them.
        tasks: each becomes an independent task, with its own retries and failures.
        cursor: a JSON object, at most 64 KiB as text; None keeps the last one.

    Returns:
        How many of them the task did not have yet.

    Raises:
        ClaimLost: another worker has the task: nothing was written. Do not catch it.
        TaskCancelled: the task was asked to end: nothing was written. Do not catch it.
        PermanentError: an item is not an idea.
        InvalidParameters: a task or the cursor cannot be stored.
        StorageError: the database cannot be written. Do not catch it: the task is released.
    """
    saver = current_saver()
    return Saved(0, 0) if saver is None else saver.save(ideas, tasks, cursor)


def cursor() -> dict[str, Any] | None:
    """What an earlier attempt of this task, or this one, saved last; None for nothing.

    Raises:
        StorageError: the database cannot be read.
    """
    saver = current_saver()
    return None if saver is None else saver.cursor()


def saved_count() -> int:
    """How many ideas of this task are stored, from all attempts. 0 outside a worker.

    Raises:
        StorageError: the database cannot be read.
    """
    saver = current_saver()
    return 0 if saver is None else saver.saved_count()


class Collected:
    """A saver for tests of plugins: keeps what is saved in plain lists, each source id once.

    Args:
        cursor: what an earlier attempt is supposed to have saved.
    """

    def __init__(self, cursor: Mapping[str, Any] | None = None) -> None:
        self.ideas: dict[str, Idea] = {}
        self.tasks: dict[str, ChildTask] = {}
        self.cursors: list[dict[str, Any]] = [] if cursor is None else [dict(cursor)]

    def save(
        self,
        ideas: Iterable[Idea | Mapping[str, Any]],
        tasks: Iterable[ChildTask],
        cursor: Mapping[str, Any] | None,
    ) -> Saved:
        """See `save`."""
        before = len(self.ideas), len(self.tasks)
        self.ideas.update((idea.source_id, idea) for idea in map(Idea.of, ideas))
        self.tasks.update((task.source_id, task) for task in tasks)
        if cursor is not None:
            self.cursors.append(dict(cursor))
        return Saved(len(self.ideas) - before[0], len(self.tasks) - before[1])

    def cursor(self) -> dict[str, Any] | None:
        """See `cursor`."""
        return self.cursors[-1] if self.cursors else None

    def saved_count(self) -> int:
        """See `saved_count`."""
        return len(self.ideas)


@contextmanager
def collecting(cursor: Mapping[str, Any] | None = None) -> Iterator[Collected]:
    """Within this block, in this thread, what plugins save is collected."""
    collected = Collected(cursor)
    with running(lambda: None, collected):
        yield collected
