"""Tasks, ideas and counts as tables for people."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from tubeq.cli.console import safe_text
from tubeq.domain.clock import from_timestamp
from tubeq.domain.models import HistoryEntry, QueueStats, Result, Task
from tubeq.domain.states import ACTIVE, FINISHED, TaskStatus
from tubeq.storage.ports.tasks import WorkerInfo

if TYPE_CHECKING:
    from rich.table import Table

STATUS_STYLES: Mapping[str, str] = {
    TaskStatus.QUEUED: "blue",
    TaskStatus.CLAIMED: "cyan",
    TaskStatus.RUNNING: "cyan",
    TaskStatus.COMPLETED: "green",
    TaskStatus.FAILED: "red",
    TaskStatus.CANCELLED: "yellow",
}
IDEA_COLUMNS = (
    "task_id",
    "source_id",
    "title",
    "score",
    "views",
    "duration_s",
    "published_at",
    "url",
    "description",
    "extra",
    "created_at",
)


def age(seconds: float) -> str:
    """A span of time as people say it: "42s", "7m", "3h", "12d"; the future as "in 5m"."""
    if seconds <= -0.5:
        return f"in {age(-seconds)}"
    for unit, length, limit in (("s", 1, 120), ("m", 60, 120), ("h", 3600, 48)):
        if round(seconds / length) < limit:
            return f"{max(round(seconds / length), 0)}{unit}"
    return f"{round(seconds / 86_400)}d"


def since(timestamp: str | None, now: float | None = None) -> str:
    """How long ago a database timestamp was; "" for none."""
    if timestamp is None:
        return ""
    return age((time.time() if now is None else now) - from_timestamp(timestamp).timestamp())


def attempts(task: Task) -> int:
    """How often a worker took the task up, as far as its counters tell."""
    settled = task.status in ACTIVE or task.status is TaskStatus.COMPLETED
    permanent = task.status is TaskStatus.FAILED and not task.retry_count and not task.crash_count
    return task.retry_count + task.crash_count + (1 if settled or permanent else 0)


def counted(count: int, noun: str) -> str:
    """A number and its noun: "1 task", "1,200 tasks"."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def size(byte_count: int) -> str:
    """A file size as people say it: "512 B", "1.4 MB"."""
    if byte_count < 1000:
        return f"{byte_count} B"
    value = float(byte_count)
    for unit in ("kB", "MB", "GB"):
        value /= 1000
        if value < 999.5:
            return f"{value:.1f} {unit}"
    return f"{value / 1000:.1f} TB"


def clock_length(seconds: float | None) -> str:
    """The length of a video: "12:34", "1:02:03"; "" where it is not known."""
    if seconds is None:
        return ""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def table(
    *columns: str,
    right: Sequence[str] = (),
    elastic: Sequence[str] = (),
    drop: Sequence[str] = (),
    title: str | None = None,
) -> Table:
    """An empty table. Where it does not fit even so, each row is a few lines.

    Args:
        right: the columns that are aligned there.
        elastic: the columns that give way, by wrapping, where the terminal is narrow.
        drop: the columns that can be missed there, the first one first.
    """
    from tubeq.cli.fitting_table import FittingTable

    made = FittingTable(title, elastic, drop)
    for name in columns:
        made.add_column(
            name,
            justify="right" if name in right else "left",
            no_wrap=name not in elastic,
            overflow="fold",
        )
    return made


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
    drawn = table(
        *(name for name in names if not hidden.get(name)),
        right=("tries", "age"),
        elastic=("type", "worker", "children", "parameters"),
        drop=("tries", "worker", "age", "type", "children"),
        title=f"  {types.pop()}" if one_type else None,
    )
    for task in tasks:
        cells: dict[str, Any] = {
            "task id": task.task_id,
            "type": safe_text(task.task_type),
            "status": safe_text(_status_words(task, now), STATUS_STYLES[task.status]),
            "tries": str(attempts(task)),
            "age": since(task.created_at, now),
            "worker": safe_text(task.worker_id or "") if task.status in ACTIVE else "",
            "children": safe_text(progress.get(task.task_id, "")),
            "parameters": safe_text(_what(task)),
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


def short_json(value: Any) -> str:
    """A value as a person would write it: JSON, but for texts."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def task_sheet(
    task: Task, now: float, parent: str | None = None, children: str | None = None
) -> Table:
    """Everything about one task, a line each; what is not set is left out.

    Args:
        parent: the id of the task that made it.
        children: how far the tasks are that it made.
    """
    from rich.table import Table

    sheet = Table.grid(padding=(0, 2))
    facts: dict[str, object] = {
        "task": task.task_id,
        "type": task.task_type,
        "status": _status_words(task, now),
        "parameters": task.parameters_json,
        "made by": parent,
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
    for name, fact in facts.items():
        if fact is not None:
            style = STATUS_STYLES[task.status] if name == "status" else ""
            sheet.add_row(safe_text(name, "dim"), safe_text(fact, style))
    return sheet


def _moment(timestamp: str | None, now: float) -> str | None:
    return None if timestamp is None else f"{timestamp[:19]} UTC, {since(timestamp, now)} ago"


def history_table(entries: Iterable[HistoryEntry]) -> Table:
    """The transitions of one task."""
    drawn = table(
        "at (UTC)", "event", "worker", "claim", "detail",
        right=("claim",), elastic=("worker", "detail"), drop=("claim", "worker"),
    )  # fmt: skip
    for entry in entries:
        claim = str(entry.claim_token) if entry.claim_token else ""
        drawn.add_row(
            entry.at[:23],
            str(entry.event),
            safe_text(entry.worker_id or ""),
            claim,
            safe_text(entry.detail or ""),
        )
    return drawn


def idea_table(ideas: Iterable[Result], title: str | None = None) -> Table:
    """One row an idea, in stored order."""
    drawn = table(
        "source id", "score", "views", "length", "published (UTC)", "title",
        right=("score", "views", "length"), elastic=("title",),
        drop=("score", "published (UTC)", "length", "views"), title=title,
    )  # fmt: skip
    for idea in ideas:
        drawn.add_row(
            safe_text(idea.source_id),
            "" if idea.score is None else f"{idea.score:.1f}",
            "" if idea.views is None else f"{idea.views:,}",
            clock_length(idea.duration_s),
            safe_text((idea.published_at or "")[:10]),
            safe_text(idea.title or ""),
        )
    return drawn


def idea_sheet(idea: Result) -> Table:
    """Everything about one idea, a line each; what is not known is left out."""
    from rich.table import Table

    sheet = Table.grid(padding=(0, 2))
    facts: dict[str, Any] = {
        "title": idea.title,
        "address": idea.url,
        "score": None if idea.score is None else f"{idea.score:.1f}",
        "views": None if idea.views is None else f"{idea.views:,}",
        "length": clock_length(idea.duration_s),
        "published": idea.published_at and f"{idea.published_at[:19]} UTC",
        **{name.replace("_", " "): _fact(value) for name, value in idea.extra.items()},
        "description": idea.description,
    }
    for name, fact in facts.items():
        if fact:
            sheet.add_row(safe_text(name, "dim"), safe_text(fact))
    return sheet


def _fact(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return f"{value:,}" if isinstance(value, int) else short_json(value)


def stats_tables(stats: QueueStats) -> list[Table]:
    """The counts: by type and status, then by error code where tasks failed."""
    statuses = list(TaskStatus)
    names = [status.lower() for status in statuses]
    drawn = table("type", *names, right=names)
    for name, counts in sorted(stats.by_type.items()):
        drawn.add_row(safe_text(name), *(_count(counts, status) for status in statuses))
    if len(stats.by_type) != 1:
        drawn.add_row(
            "all", *(_count(stats.by_status, status) for status in statuses), style="bold"
        )
    tables = [drawn]
    if stats.errors:
        errors = table("error", "failed tasks", right=("failed tasks",))
        for code, count in sorted(stats.errors.items(), key=lambda pair: -pair[1]):
            errors.add_row(safe_text(code), str(count))
        tables.append(errors)
    return tables


def _count(counts: Mapping[str, int], status: TaskStatus) -> Any:
    count = counts.get(status, 0)
    return safe_text(f"{count:,}", STATUS_STYLES[status] if count else "dim")


def worker_table(workers: Iterable[WorkerInfo], now: float) -> Table:
    """One row a registered worker."""
    drawn = table(
        "worker", "type", "host", "pid", "started", "seen", "",
        right=("pid",), elastic=("type", "host"), drop=("host", "started", "pid"),
    )  # fmt: skip
    for worker in workers:
        drawn.add_row(
            safe_text(worker.worker_id),
            safe_text(", ".join(worker.task_types)),
            safe_text(worker.host),
            str(worker.pid),
            f"{since(worker.started_at, now)} ago",
            f"{age(now - worker.last_seen)} ago",
            "stopping" if worker.stop_requested else "",
        )
    return drawn
