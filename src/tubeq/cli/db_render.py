"""What prunable tasks look like in a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from tubeq.cli.tables import Table
from tubeq.cli.words import counted
from tubeq.storage.ports.maintenance import PruneCount


def sums_of(counts: Sequence[PruneCount]) -> tuple[int, int]:
    """How many tasks, and how many ideas."""
    return sum(each.tasks for each in counts), sum(each.results for each in counts)


def prune_words(counts: Sequence[PruneCount]) -> str:
    """ "3 tasks with 7 ideas"."""
    tasks, results = sums_of(counts)
    return f"{counted(tasks, 'task')} with {counted(results, 'idea')}"


def prune_table(counts: Sequence[PruneCount]) -> Table:
    """One row a task type and status."""
    return Table(
        "type", "status", "tasks", "ideas", "finished (UTC)",
        right=("tasks", "ideas"), elastic=("type",),
        rows=(
            (each.task_type, each.status, each.tasks, each.results,
             f"{each.oldest[:16]} to {each.newest[:16]}")
            for each in counts
        ),
    )  # fmt: skip
