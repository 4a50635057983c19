"""What tasks, ideas and counts look like in a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from tubeq.cli.console import safe, visible
from tubeq.cli.tables import Cell, Sheet, Table
from tubeq.cli.words import age, clock_length, number, score, short_json, since
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
    """One row a task; columns that would say nothing are left out.

    Args:
        progress: of tasks that have children, how far these are, by task id.
    """
    progress = progress or {}
    types = {task.task_type for task in tasks}
    one_type = len(types) == 1
    held = any(task.status in ACTIVE for task in tasks)
    names = ["task id", "type", "status", "tries", "age", "worker", "children", "parameters"]
    hidden = {"type": one_type, "worker": not held, "children": not progress}
    drawn = Table(
        *(name for name in names if not hidden.get(name)),
        right=("tries", "age"),
        elastic=("type", "worker", "children", "parameters"),
        drop=("tries", "worker", "age", "type", "children"),
        title=f"  {visible(types.pop())}" if one_type else None,
    )
    for task in tasks:
        cells: dict[str, Any] = {
            "task id": task.task_id,
            "type": safe(task.task_type),
            "status": safe(_status_words(task, now), STATUS_STYLES[task.status]),
            "tries": str(attempts(task)),
            "age": since(task.created_at, now),
            "worker": safe(task.worker_id or "") if task.status in ACTIVE else "",
            "children": safe(progress.get(task.task_id, "")),
            "parameters": safe(_what(task)),
        }
        drawn.add_row(*(cell for name, cell in cells.items() if not hidden.get(name)))
    return drawn


def _status_words(task: Task, now: float) -> str:
    if task.status is TaskStatus.QUEUED and task.run_after is not None and task.run_after > now:
        return f"QUEUED {age(now - task.run_after)}"
    if task.status in ACTIVE and task.cancel_requested:
        return f"{task.status}, cancelling"
    return str(task.status)


def _what(task: Task) -> str:
    parameters = " ".join(f"{name}={short_json(value)}" for name, value in task.parameters.items())
    unwell = task.error_message is not None and task.status is not TaskStatus.COMPLETED
    return ": ".join(filter(None, (parameters, task.error_message if unwell else "")))


def task_sheet(
    task: Task, now: float, parent: str | None = None, children: str | None = None
) -> Sheet:
    """Everything about one task; what is not set is left out.

    Args:
        parent: the id of the task that created it.
        children: how far the tasks are that it created.
    """
    facts: dict[str, object] = {
        "task": task.task_id,
        "type": task.task_type,
        "status": _status_words(task, now),
        "parameters": task.parameters_json,
        "created by": parent,
        "children": children,
        "priority": task.priority,
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
    styles = {"status": STATUS_STYLES[task.status]}
    return Sheet(
        [
            (name, None if fact is None else safe(fact, styles.get(name, "")))
            for name, fact in facts.items()
        ]
    )


def _moment(timestamp: str | None, now: float) -> str | None:
    return None if timestamp is None else f"{timestamp[:19]} UTC, {since(timestamp, now)} ago"


def history_table(entries: Iterable[HistoryEntry]) -> Table:
    """The transitions of one task."""
    drawn = Table(
        "at (UTC)", "event", "worker", "claim", "detail",
        right=("claim",), elastic=("worker", "detail"), drop=("claim", "worker"),
    )  # fmt: skip
    for entry in entries:
        claim = str(entry.claim_token) if entry.claim_token else ""
        drawn.add_row(
            entry.at[:23],
            str(entry.event),
            safe(entry.worker_id or ""),
            claim,
            safe(entry.detail or ""),
        )
    return drawn


def idea_table(ideas: Iterable[Result], title: str | None = None) -> Table:
    """One row an idea, in stored order."""
    drawn = Table(
        "source id", "score", "views", "length", "published (UTC)", "title",
        right=("score", "views", "length"), elastic=("title",),
        drop=("score", "published (UTC)", "length", "views"), title=title and visible(title),
    )  # fmt: skip
    for idea in ideas:
        drawn.add_row(
            safe(idea.source_id),
            score(idea.score),
            number(idea.views),
            clock_length(idea.duration_s),
            safe((idea.published_at or "")[:10]),
            safe(idea.title or ""),
        )
    return drawn


def idea_sheet(idea: Result) -> Sheet:
    """Everything about one idea; what is not known is left out."""
    facts: dict[str, Any] = {
        "title": idea.title,
        "address": idea.url,
        "score": score(idea.score),
        "views": number(idea.views),
        "length": clock_length(idea.duration_s),
        "published": idea.published_at and f"{idea.published_at[:19]} UTC",
        **{name.replace("_", " "): _fact(value) for name, value in idea.extra.items()},
        "description": idea.description,
    }
    return Sheet([(name, safe(fact) if fact else None) for name, fact in facts.items()])


def _fact(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return f"{value:,}" if isinstance(value, int) else short_json(value)


def stats_tables(stats: QueueStats) -> list[Table]:
    """The counts: by type and status, then by error code where tasks failed."""
    statuses = list(TaskStatus)
    names = [status.lower() for status in statuses]
    drawn = Table("type", *names, right=names)
    for name, counts in sorted(stats.by_type.items()):
        drawn.add_row(safe(name), *(_count(counts, status) for status in statuses))
    if len(stats.by_type) != 1:
        drawn.add_row(
            "all", *(_count(stats.by_status, status) for status in statuses), style="bold"
        )
    tables = [drawn]
    if stats.errors:
        errors = Table("error", "failed tasks", right=("failed tasks",))
        for code, count in sorted(stats.errors.items(), key=lambda pair: -pair[1]):
            errors.add_row(safe(code), str(count))
        tables.append(errors)
    return tables


def _count(counts: Mapping[str, int], status: TaskStatus) -> Cell:
    count = counts.get(status, 0)
    return safe(f"{count:,}", STATUS_STYLES[status] if count else "dim")
