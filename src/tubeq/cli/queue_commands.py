"""Commands that look at the queue and steer single tasks."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext, suppress
from dataclasses import asdict
from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

from tubeq.cli import enriching, render
from tubeq.cli.console import (
    for_machines,
    messages,
    output,
    safe_text,
    say,
    say_error,
    write_csv,
    write_json,
)
from tubeq.cli.limit_commands import pauses_of, say_pauses
from tubeq.cli.options import (
    EXIT_BAD_INPUT,
    MOST,
    DatabaseOption,
    JsonOption,
    RawOption,
    command_for,
    full_task_id,
    open_queue,
    read_settings,
)
from tubeq.cli.worker_types import unworked_words
from tubeq.domain.errors import (
    IllegalTransition,
    InvalidParameters,
    StorageError,
    TaskNotFound,
)
from tubeq.domain.models import Task
from tubeq.domain.states import TaskStatus
from tubeq.queue.coverage import unworked_types
from tubeq.queue.queue_manager import QueueManager

TaskIdArgument = Annotated[
    str, typer.Argument(metavar="TASK_ID", help="The id, or its first or last digits.")
]
TaskIdsArgument = Annotated[
    list[str], typer.Argument(metavar="TASK_ID", help="Ids, or their first or last digits.")
]


_PAGE = 500


class Format(str, Enum):
    """How results are printed."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"


def tasks(
    status: Annotated[
        TaskStatus | None, typer.Option(case_sensitive=False, help="Only tasks in this status.")
    ] = None,
    task_type: Annotated[str | None, typer.Option("--type", help="Only this type.")] = None,
    error: Annotated[
        str | None, typer.Option(metavar="CODE", help="Only those that last failed for this code.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=MOST, help="At most so many.")] = 20,
    before: Annotated[
        str | None, typer.Option(metavar="TASK_ID", help="Only tasks older than this one.")
    ] = None,
    as_json: JsonOption = False,
    db_path: DatabaseOption = None,
) -> None:
    """List tasks, newest first."""
    with open_queue(read_settings(db_path), reading=True) as queue:
        older_than = None if before is None else full_task_id(queue, before)
        found = queue.list_tasks(status, task_type, limit + 1, older_than, error)
        shown = found[:limit]
        about = enriching.relatives(queue, shown)
    if as_json:
        write_json([{**task.as_dict(), **enriching.as_json(about[task.task_id])} for task in shown])
    elif not shown:
        say("no such tasks")
    else:
        progress = {
            task_id: enriching.words_of(each["children"])
            for task_id, each in about.items()
            if "children" in each
        }
        output().print(render.task_table(shown, time.time(), progress))
        if len(found) > limit:
            say(f"more: add --before {shown[-1].task_id}, or a larger --limit")


def show(
    task_id: TaskIdArgument, as_json: JsonOption = False, db_path: DatabaseOption = None
) -> None:
    """Show one task with its history."""
    settings = read_settings(db_path)
    with open_queue(settings, reading=True) as queue:
        task = queue.get_task(full_task_id(queue, task_id))
        history = queue.get_task_history(task.task_id)
        ideas_count = queue.count_ideas(task)
        about = enriching.relatives(queue, [task])[task.task_id]
    if as_json:
        events = [entry._asdict() for entry in history]
        told = {**task.as_dict(), **enriching.as_json(about)}
        write_json({**told, "ideas_count": ideas_count, "history": events})
        return
    console = output()
    children = enriching.words_of(about["children"]) if "children" in about else None
    console.print(render.task_sheet(task, time.time(), about.get("parent"), children))
    console.print(render.history_table(history))
    if ideas_count:
        command = command_for(settings, f"results {task.task_id}")
        say(f"{render.counted(ideas_count, 'idea')}: {command}")


def results(
    task_id: Annotated[
        str | None, typer.Argument(metavar="TASK_ID", help="One task's; else all tasks'.")
    ] = None,
    format_: Annotated[Format, typer.Option("--format", help="How to print.")] = Format.TABLE,
    limit: Annotated[int | None, typer.Option(min=1, max=MOST, help="At most so many.")] = None,
    children: Annotated[
        bool, typer.Option("--children", help="What the task's children found: as enriched.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Same as --format json.")] = False,
    raw: RawOption = False,
    db_path: DatabaseOption = None,
) -> None:
    """Print the ideas that tasks found."""
    if raw and (as_json or format_ is not Format.CSV):
        raise InvalidParameters("--raw goes with --format csv")
    if children and task_id is None:
        raise InvalidParameters("--children goes with a task: name it")
    with open_queue(read_settings(db_path), reading=True) as queue:
        wanted = None if task_id is None else full_task_id(queue, task_id)
        most = limit or 1_000_000
        if children and wanted is not None:
            ideas = queue.get_task_results(wanted, most, of_children=True)
        else:
            ideas = queue.get_task_results(wanted, most) if wanted else queue.list_results(most)
    if as_json or format_ is Format.JSON:
        write_json([idea.as_dict() for idea in ideas])
    elif format_ is Format.CSV:
        rows = (for_machines(idea.as_dict()) for idea in ideas)
        write_csv(render.IDEA_COLUMNS, rows, raw=raw)
    elif not ideas:
        say("no ideas are stored")
    else:
        output().print(render.idea_table(ideas))


def cancel(
    task_ids: TaskIdsArgument, as_json: JsonOption = False, db_path: DatabaseOption = None
) -> None:
    """Cancel tasks: queued ones at once, a running one when its worker next looks up.

    With a listing, the videos that it would have enriched are cancelled as well.
    """
    _steer(task_ids, QueueManager.cancel_task, as_json, db_path)


def requeue(
    task_ids: Annotated[
        list[str] | None,
        typer.Argument(metavar="TASK_ID", help="Ids, or their first or last digits."),
    ] = None,
    error: Annotated[
        str | None, typer.Option(metavar="CODE", help="All that failed for this code, instead.")
    ] = None,
    as_json: JsonOption = False,
    db_path: DatabaseOption = None,
) -> None:
    """Send finished tasks round again: failed, cancelled or completed ones."""
    if bool(task_ids) == (error is not None):
        raise InvalidParameters("give the ids of tasks, or --error CODE: see `tubeq stats`")
    if error is None:
        _steer(task_ids or [], QueueManager.requeue_task, as_json, db_path)
    else:
        _requeue_failed(error, as_json, db_path)


def _requeue_failed(code: str, as_json: bool, db_path: Path | None) -> None:
    done: list[Task] = []
    console = messages()
    watched = console.is_terminal and not as_json
    with (
        open_queue(read_settings(db_path)) as queue,
        console.status("requeueing") if watched else nullcontext() as status,
    ):
        before: str | None = None
        while found := queue.list_tasks(TaskStatus.FAILED, None, _PAGE, before, code):
            before = found[-1].task_id
            for task in found:
                with suppress(IllegalTransition, TaskNotFound):  # somebody was quicker
                    done.append(queue.requeue_task(task.task_id))
            if status is not None:
                status.update(f"{render.counted(len(done), 'task')} requeued")
    if as_json:
        write_json([task.as_dict() for task in done])
    else:
        say(f"{render.counted(len(done), 'task')} requeued" if done else "no such tasks")


def _steer(
    task_ids: Sequence[str],
    verb: Callable[[QueueManager, str], Task],
    as_json: bool,
    db_path: Path | None,
) -> None:
    """Do it to each task that allows it; where one does not, go on, and end with exit code 2."""
    done: list[Task] = []
    refused = False
    failure: StorageError | None = None
    with open_queue(read_settings(db_path)) as queue:
        # All ids are looked up first, so that a mistyped one changes nothing at all.
        for task_id in [full_task_id(queue, each) for each in task_ids]:
            try:
                done.append(verb(queue, task_id))
            except (IllegalTransition, TaskNotFound) as error:
                refused = True
                say_error(str(error))
            except StorageError as error:
                failure = error
                break
    if failure is not None and not done:
        raise failure
    if as_json:
        write_json([task.as_dict() for task in done])
    else:
        for task in done:
            later = ": its worker ends it soon" if task.cancel_requested else ""
            output().print(safe_text(f"{task.task_id} is {task.status}{later}"))
    if failure is not None:
        raise failure
    if refused:
        raise typer.Exit(EXIT_BAD_INPUT)


def stats(as_json: JsonOption = False, db_path: DatabaseOption = None) -> None:
    """Count tasks, ideas and errors; name what is paused."""
    settings = read_settings(db_path)
    with open_queue(settings, reading=True) as queue:
        counts, pauses, unworked = queue.stats(), pauses_of(queue), unworked_types(queue)
    if as_json:
        write_json({**asdict(counts), "pauses": pauses, "types_without_worker": unworked})
        return
    console = output()
    for drawn in render.stats_tables(counts):
        console.print(drawn)
    waited = counts.oldest_queued_s
    console.print(
        f"  {render.counted(counts.results, 'idea')}; "
        f"{render.counted(counts.scheduled, 'queued task')} not yet due; "
        + ("nothing waits" if waited is None else f"the oldest due task waits {render.age(waited)}")
    )
    say_pauses(pauses)
    if unworked:
        console.print(safe_text(f"  {unworked_words(settings, unworked)}"), soft_wrap=True)
