"""Tasks that a task creates while it runs: a listing's videos, each to be enriched on its own."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from tubeq.domain.models import EncodedTask
from tubeq.domain.states import FINISHED, TaskStatus


class ChildTask(NamedTuple):
    """A task to be created by another, its parent, once for each `source_id`.

    Args:
        source_id: what it is about, such as a video's id: unique among the parent's children.
        task_type: names the plugin.
        parameters: a JSON object, at most 64 KiB as text.
        priority: larger is sooner, for the strategies that look at it.
    """

    source_id: str
    task_type: str
    parameters: Mapping[str, Any] = MappingProxyType({})
    priority: int = 0


class EncodedChild(NamedTuple):
    """A ChildTask that passed validation: what storages take."""

    source_id: str
    task: EncodedTask


class Saved(NamedTuple):
    """The result of saving.

    `new_ideas` and `new_tasks` count what the task did not have before, by source id. `cancelled`
    says that a cancel was asked for: then nothing was written.
    """

    new_ideas: int
    new_tasks: int
    cancelled: bool = False


class Progress(NamedTuple):
    """How far a task's children are.

    Args:
        by_status: how many are in each status; every status is a key.
        errors: how many of the FAILED ones have each error code, most frequent first.
    """

    by_status: Mapping[str, int]
    errors: Mapping[str, int]

    @property
    def total(self) -> int:
        """All children."""
        return sum(self.by_status.values())

    @property
    def open(self) -> int:
        """How many are not finished."""
        return self.total - sum(self.by_status[status] for status in FINISHED)

    @property
    def completed(self) -> int:
        """How many are COMPLETED."""
        return self.by_status[TaskStatus.COMPLETED]

    @property
    def failed(self) -> int:
        """How many are FAILED."""
        return self.by_status[TaskStatus.FAILED]

    def as_dict(self) -> dict[str, Any]:
        """A plain dictionary for machines."""
        counts = {"total": self.total, "open": self.open}
        return {**counts, "by_status": dict(self.by_status), "errors": dict(self.errors)}
