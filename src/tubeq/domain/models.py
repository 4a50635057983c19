"""The values that pass between the queue, the workers and the plugins.

Named tuples, with annotations that are evaluated as they are read: data classes, or annotations as
text, would double the time that importing the queue takes.
"""

import json
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Union

from tubeq.domain.errors import InvalidParameters
from tubeq.domain.states import TaskEvent, TaskStatus

if TYPE_CHECKING:
    from datetime import datetime

_NOTHING: Mapping[str, Any] = MappingProxyType({})


class Columns:
    """Subscripts by column name for a named tuple, as sqlite3.Row has them."""

    __slots__ = ()

    def keys(self) -> Sequence[str]:
        """The column names."""
        names: tuple[str, ...] = self._fields  # type: ignore[attr-defined]
        return names

    def get(self, name: str, default: Any = None) -> Any:
        """The column called `name`, or `default` where there is no such column."""
        return getattr(self, name, default)

    def time(self, name: str) -> "datetime | None":
        """The time in the column called `name` as an aware UTC datetime, whether the column holds
        text, as those that end in `_at` do, or epoch seconds.

        Raises:
            KeyError: there is no such column.
            ValueError: it holds no time.
        """
        from tubeq.domain.clock import as_datetime

        return as_datetime(self[name])

    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, str):
            try:
                return getattr(self, key)
            except AttributeError:
                raise KeyError(key) from None
        return tuple.__getitem__(self, key)  # type: ignore[call-overload]


class _TaskColumns(NamedTuple):
    """The columns of table task_queue, in the order in which the storages return them."""

    row_id: int
    task_id: str
    task_type: str
    parameters_json: str
    status: TaskStatus
    priority: int
    created_at: str
    run_after: float | None
    worker_id: str | None
    claimed_at: str | None
    started_at: str | None
    completed_at: str | None
    last_heartbeat: float | None
    lease_expires_at: float | None
    claim_token: int
    cancel_requested: int
    retry_count: int
    crash_count: int
    error_code: str | None
    error_message: str | None
    result_json: str | None
    idempotency_key: str | None


class Task(Columns, _TaskColumns):
    """One task as it was when it was read: a snapshot, never refreshed.

    Fields read as attributes or as columns: `task.status`, `task["status"]`. Fields that end in
    `_at` are UTC "YYYY-MM-DD HH:MM:SS.ffffff"; `run_after`, `last_heartbeat` and
    `lease_expires_at` are epoch seconds, as the table stores them. `task.time("run_after")` and
    `task.time("created_at")` are datetimes.
    """

    __slots__ = ()

    @property
    def parameters(self) -> dict[str, Any]:
        """The plugin's arguments. Decoded at each access: most reads never need them."""
        decoded: dict[str, Any] = json.loads(self.parameters_json)
        return decoded

    @property
    def result(self) -> dict[str, Any] | None:
        """What the worker reported at completion."""
        return None if self.result_json is None else json.loads(self.result_json)

    def as_dict(self) -> dict[str, Any]:
        """A plain dictionary for machines: JSON columns decoded, internal row id left out."""
        columns = self._asdict()
        del columns["row_id"], columns["parameters_json"], columns["result_json"]
        columns["status"] = str(self.status)
        return {**columns, "parameters": self.parameters, "result": self.result}


class NewTask(NamedTuple):
    """A task to be created.

    Args:
        task_type: names the plugin.
        parameters: a JSON object, at most 64 KiB as text.
        priority: larger is sooner, for the strategies that look at it.
        run_after: epoch seconds before which it is not claimed.
        idempotency_key: a second task with the same key is not created.
    """

    task_type: str
    parameters: Mapping[str, Any] = _NOTHING
    priority: int = 0
    run_after: float | None = None
    idempotency_key: str | None = None


class EncodedTask(NamedTuple):
    """A NewTask that passed validation, its parameters as JSON text: what storages take."""

    task_type: str
    parameters_json: str
    priority: int = 0
    run_after: float | None = None
    idempotency_key: str | None = None


class Idea(NamedTuple):
    """One scraped item.

    Args:
        source_id: the item's id at its source, such as a video id: unique within a task.
        title: as the source gives it, control characters removed.
        description: may be empty.
        score: computed by the plugin's documented formula; larger is better.
        url: a web address for people.
        views: view count, rounded as the listing rounds it.
        duration_s: length in seconds.
        published_at: UTC "YYYY-MM-DD HH:MM:SS.ffffff"; approximate where the listing's time is.
        extra: whatever else the plugin knows, as a JSON object.
    """

    source_id: str
    title: str = ""
    description: str = ""
    score: float = 0.0
    url: str | None = None
    views: int | None = None
    duration_s: float | None = None
    published_at: str | None = None
    extra: Mapping[str, Any] = _NOTHING

    @classmethod
    def of(cls, item: Union["Idea", Mapping[str, Any]]) -> "Idea":
        """An idea from what a plugin returned: keys that are no field go to `extra`.

        Raises:
            InvalidParameters: the item is not a mapping, or has no `source_id`.
        """
        if isinstance(item, Idea):
            return item
        if not isinstance(item, Mapping) or not item.get("source_id"):
            raise InvalidParameters(f"a plugin's item needs a source_id: {item!r:.200}")
        known: dict[str, Any] = {}
        others: dict[str, Any] = {}
        for name, value in item.items():
            if name not in _IDEA_FIELDS:
                others[name] = value
            elif value is not None:
                known[name] = value
        if others or "extra" not in known:
            known["extra"] = {**others, **known.get("extra", {})}
        known["source_id"] = str(known["source_id"])
        return cls(**known)


_IDEA_FIELDS = frozenset(Idea._fields)


class _ResultColumns(NamedTuple):
    """The columns of table results."""

    result_id: str
    task_id: str
    source_id: str
    title: str | None
    description: str | None
    score: float | None
    url: str | None
    views: int | None
    duration_s: float | None
    published_at: str | None
    extra_json: str | None
    created_at: str


class WithExtra(Columns):
    """Columns of which `extra_json` holds what plugins add."""

    __slots__ = ()
    _internal: ClassVar[frozenset[str]] = frozenset({"extra_json"})

    @property
    def extra(self) -> dict[str, Any]:
        """Further fields from plugins, beyond the columns."""
        return {} if self["extra_json"] is None else json.loads(self["extra_json"])

    def as_dict(self) -> dict[str, Any]:
        """A plain dictionary for machines, `extra` decoded."""
        columns = {name: self[name] for name in self.keys() if name not in self._internal}
        return {**columns, "extra": self.extra}


class Result(WithExtra, _ResultColumns):
    """A stored idea. Fields read as attributes or as columns: `result["score"]`."""

    __slots__ = ()


class HistoryEntry(NamedTuple):
    """One transition of one task.

    `at` is UTC text; `claim_token` and `worker_id` identify the claim; `detail` is the error
    message where there was one.
    """

    event: TaskEvent
    at: str
    worker_id: str | None
    claim_token: int
    detail: str | None


class TaskResult(NamedTuple):
    """What processing one task came to.

    Args:
        success: the task is COMPLETED.
        ideas_count: how many ideas were stored.
        error_message: why it failed, where `success` is False.
        error_code: the same for machines.
        claim_lost: another worker holds, or finished, the task: nothing was written.
    """

    success: bool
    ideas_count: int = 0
    error_message: str | None = None
    error_code: str | None = None
    claim_lost: bool = False


class QueueStats(NamedTuple):
    """Counts over the whole queue, and the ages that tell whether it keeps up.

    Args:
        by_status: how many tasks are in each status; every status is a key.
        by_type: the same for each task type.
        scheduled: QUEUED tasks that are not yet due.
        results: stored ideas.
        oldest_queued_s: seconds that the oldest due task has waited; None without one.
        errors: how many FAILED tasks have each error code.
    """

    by_status: Mapping[str, int]
    by_type: Mapping[str, Mapping[str, int]]
    scheduled: int
    results: int
    oldest_queued_s: float | None
    errors: Mapping[str, int]
