"""What a storage promises of tasks that have children, and of tasks that resume."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from tubeq.domain.children import EncodedChild, Progress, Saved
from tubeq.domain.models import Idea, Result, Task
from tubeq.domain.states import TaskStatus


class Children(Protocol):
    """The verbs; `Storage.children` is one. They keep the rules of `tubeq.storage.ports.tasks`."""

    def save(
        self,
        claim: Task,
        ideas: Sequence[Idea] = (),
        children: Sequence[EncodedChild] = (),
        cursor: str | None = None,
        *,
        when_visible: Callable[[], None] | None = None,
    ) -> Saved:
        """Store ideas of a held task, create children of it and remember where it is: one
        transaction.

        Ideas are stored once per `source_id`; the last one wins. A child is created once per
        `source_id`, whichever attempt asks for it, and becomes a task like any other. `cursor`
        replaces the earlier one; None keeps the earlier one. Where anything was new, the task has
        made progress: its counts of failures and crashes are reset to 0. Where a cancel was asked
        for, nothing is written. Durable when it returns, unless durability is `fast`.

        `when_visible` is called as soon as workers can claim the children.
        """

    def cursor(self, claim: Task) -> str | None:
        """What was last saved of this task, in any attempt since it was created or requeued."""

    def count_ideas(self, claim: Task) -> int:
        """How many ideas of this task are stored."""

    def progress(self, task_id: str) -> Progress:
        """How many children there are, by status and error code. Reads no other tasks."""

    def of(self, task_id: str, *, status: TaskStatus | None = None, limit: int = 100) -> list[Task]:
        """Children, newest first."""

    def results(self, task_id: str, *, limit: int = 1_000_000) -> list[Result]:
        """The ideas that the children found, in the order in which the children were created."""

    def parents(self, task_ids: Sequence[str]) -> dict[str, str]:
        """The ids of the parents of those of these tasks that have one."""

    def with_children(self, task_ids: Sequence[str]) -> list[str]:
        """Those of these tasks that have children, in the order given."""

    def cancel(self, task_id: str) -> int:
        """Cancel the children that are not finished, as `Storage.cancel` does, in short
        transactions; how many.
        """
