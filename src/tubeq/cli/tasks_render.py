"""What tasks, ideas and counts look like in a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from tubeq.cli.tables import Cell, Sheet, Table, safe
from tubeq.cli.words import age, clock_length, in_short, one_decimal, short_json, since
from tubeq.domain.models import HistoryEntry, QueueStats, Result, Task
from tubeq.domain.states import ACTIVE, FINISHED, TaskStatus

STATUS_STYLES: Mapping[str, str] = {
    TaskStatus.QUEUED: "blue",
    TaskStatus.CLAIMED: "cyan",
    TaskStatus.RUNNING: "cyan",
    TaskStatus.COMPLETED: "green",
    TaskStatus.FAILED: "red",
    TaskStatus.CANCELLED: "yellow",
}
IDEA_COLUMNS = (
    "task_id", "source_id", "title", "score", "views", "duration_s", "published_at", "url",
    "description", "extra", "created_at",
)  # fmt: skip


def attempts(task: Task) -> int:
    """How many times a worker started the task, as far as its counters say."""
    settled = task.status in ACTIVE or task.status is TaskStatus.COMPLETED
    permanent = task.status is TaskStatus.FAILED and not task.retry_count and not task.crash_count
    return task.retry_count + task.crash_count + (1 if settled or permanent else 0)


def task_table(
    tasks: Sequence[Task], now: float, progress: Mapping[str, str] | None = None
) -> Table:
    """One row a task; columns that would say nothing are left out. `progress` is how far the
    children of tasks that have any are, by task id."""
    progress = progress or {}
    types = {task.task_type for task in tasks}
    columns: dict[str, list[object]] = {
        "task id": [task.task_id for task in tasks],
        "type": [task.task_type for task in tasks],
        "status": [_status(task, now) for task in tasks],
        "tries": [attempts(task) for task in tasks],
        "age": [since(task.created_at, now) for task in tasks],
        "worker": [task.worker_id if task.status in ACTIVE else "" for task in tasks],
        "children": [progress.get(task.task_id) for task in tasks],
        "parameters": [_what(task) for task in tasks],
    }
    hidden = {
        "type": len(types) == 1,
        "worker": not any(task.status in ACTIVE for task in tasks),
        "children": not progress,
    }
    shown = {name: cells for name, cells in columns.items() if not hidden.get(name)}
    return Table(
        *shown,
        rows=zip(*shown.values()),
        right=("tries", "age"),
        elastic=("type", "worker", "children", "parameters"),
        drop=("tries", "worker", "age", "type", "children"),
        title=f"  {types.pop()}" if len(types) == 1 else None,
    )


def _status(task: Task, now: float) -> Cell:
    words = str(task.status)
    if task.status is TaskStatus.QUEUED and task.run_after is not None and task.run_after > now:
        words = f"{words} {age(now - task.run_after)}"
    if task.status in ACTIVE and task.cancel_requested:
        words = f"{words}, cancelling"
    return Cell(words, STATUS_STYLES[task.status])


def _what(task: Task) -> str:
    unwell = task.error_message is not None and task.status is not TaskStatus.COMPLETED
    return ": ".join(
        filter(None, (in_short(task.parameters), task.error_message if unwell else ""))
    )


def task_sheet(
    task: Task, now: float, parent: str | None = None, children: str | None = None
) -> Sheet:
    """Everything about one task; what is not set is left out. `parent` is the id of the task that
    created it, `children` how far the tasks are that it created."""
    facts: dict[str, object] = {
        "task": task.task_id,
        "type": task.task_type,
        "status": _status(task, now),
        "parameters": task.parameters_json,
        "created by": parent,
        "children": children,
        "priority": str(task.priority),
        "idempotency key": task.idempotency_key,
        "created": _moment(task.created_at, now),
        "started": _moment(task.started_at, now),
        "finished": _moment(task.completed_at, now) if task.status in FINISHED else None,
        "worker": task.worker_id,
        "failed attempts": task.retry_count or None,
        "crashed workers": task.crash_count or None,
        "error": task.error_message and f"{task.error_message} ({task.error_code})",
        "result": task.result_json,
    }
    return Sheet(facts.items())


def _moment(timestamp: str | None, now: float) -> str | None:
    return timestamp and f"{timestamp[:19]} UTC, {since(timestamp, now)} ago"


def history_table(entries: Iterable[HistoryEntry]) -> Table:
    """The transitions of one task."""
    return Table(
        "at (UTC)", "event", "worker", "claim", "detail",
        right=("claim",), elastic=("worker", "detail"), drop=("claim", "worker"),
        rows=(
            (each.at[:23], each.event, each.worker_id, str(each.claim_token or ""), each.detail)
            for each in entries
        ),
    )  # fmt: skip


def idea_table(ideas: Iterable[Result], title: str | None = None) -> Table:
    """One row an idea, in stored order."""
    return Table(
        "source id", "score", "views", "length", "published (UTC)", "title",
        right=("score", "views", "length"), elastic=("title",),
        drop=("score", "published (UTC)", "length", "views"), title=title,
        rows=(
            (each.source_id, one_decimal(each.score), each.views, clock_length(each.duration_s),
             (each.published_at or "")[:10], each.title)
            for each in ideas
        ),
    )  # fmt: skip


def idea_sheet(idea: Result) -> Sheet:
    """Everything about one idea; what is not known is left out."""
    facts: dict[str, object] = {
        "title": idea.title,
        "address": idea.url,
        "score": one_decimal(idea.score),
        "views": idea.views,
        "length": clock_length(idea.duration_s),
        "published": idea.published_at and f"{idea.published_at[:19]} UTC",
        **{name.replace("_", " "): _fact(value) for name, value in idea.extra.items()},
        "description": idea.description,
    }
    return Sheet(facts.items())


def _fact(value: Any) -> object:
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return value if type(value) is int else short_json(value)


def stats_tables(stats: QueueStats) -> list[Table]:
    """The counts: by type and status, then by error code where tasks failed."""
    names = [status.lower() for status in TaskStatus]
    rows = [[name, *_counts(counts)] for name, counts in sorted(stats.by_type.items())]
    if len(rows) != 1:
        rows.append([Cell("all", "bold"), *_counts(stats.by_status)])
    tables = [Table("type", *names, right=names, rows=rows)]
    if stats.errors:
        errors = sorted(stats.errors.items(), key=lambda pair: -pair[1])
        tables.append(Table("error", "failed tasks", right=("failed tasks",), rows=errors))
    return tables


def _counts(counts: Mapping[str, int]) -> Iterator[Cell]:
    for status in TaskStatus:
        count = counts.get(status, 0)
        yield safe(count, STATUS_STYLES[status] if count else "dim")
