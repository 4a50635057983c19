"""Listings whose videos are enriched: the workers for it, and its progress in words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tubeq.cli.opening import worker_config
from tubeq.cli.words import counted
from tubeq.domain.children import Progress
from tubeq.domain.models import Result, Task
from tubeq.domain.states import TaskStatus
from tubeq.queue.queue_manager import QueueManager
from tubeq.settings import Settings

if TYPE_CHECKING:
    from tubeq.workers.config import RunnerConfig

ENRICHED_BY = "youtube_video"
_CODES = 4


def enrichers(settings: Settings, processes: int, threads: int) -> RunnerConfig:
    """The workers that enrich, next to the one that lists."""
    from tubeq.workers.config import RunnerConfig

    worker = worker_config(settings, ENRICHED_BY)
    return RunnerConfig(worker=worker, processes=processes, threads=threads)


def words_of(progress: Progress) -> str:
    """How far a task's children are: "480 of 500 enriched, 12 failed: 10 private, 2 http_429"."""
    words = f"{progress.completed:,} of {progress.total:,} enriched"
    if progress.failed:
        codes = [f"{count:,} {code}" for code, count in progress.errors.items()]
        more = [f"{counted(len(codes) - _CODES, 'other reason')}"] if len(codes) > _CODES else []
        words += f", {progress.failed:,} failed"
        words += f": {', '.join(codes[:_CODES] + more)}" if codes else ""
    cancelled = progress.by_status[TaskStatus.CANCELLED]
    if cancelled:
        words += f"; {cancelled:,} cancelled"
    if progress.open:
        words += f"; {progress.open:,} to go"
    return words


def enriched_ideas(queue: QueueManager, task: Task) -> list[Result]:
    """A listing's ideas in its order: enriched where they are, else as listed."""
    results = queue.get_task_results(task.task_id, of_children=True)
    enriched = {idea.source_id: idea for idea in results}
    return [enriched.get(idea.source_id, idea) for idea in queue.get_task_results(task.task_id)]


def relatives(queue: QueueManager, tasks: list[Task]) -> dict[str, dict[str, Any]]:
    """Of the tasks that have any: the "children" as Progress, and the "parent" by its id."""
    ids = [task.task_id for task in tasks]
    found: dict[str, dict[str, Any]] = {task_id: {} for task_id in ids}
    for task_id, parent_id in queue.parents_of(ids).items():
        found[task_id]["parent"] = parent_id
    for task_id in queue.with_children(ids):
        found[task_id]["children"] = queue.progress(task_id)
    return found
