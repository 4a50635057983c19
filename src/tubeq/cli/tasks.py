"""Commands about tasks: tasks, show, results, cancel, requeue, stats."""

from __future__ import annotations

import time
from argparse import Namespace
from collections.abc import Callable, Sequence
from contextlib import suppress
from enum import Enum
from pathlib import Path

from tubeq.cli import enriching, live, tasks_render
from tubeq.cli.console import draw, for_machines, say, say_error, write_csv, write_json, write_line
from tubeq.cli.exit_codes import EXIT_BAD_INPUT
from tubeq.cli.limits_render import pause_dict
from tubeq.cli.opening import command_for, full_task_id, open_queue, read_settings
from tubeq.cli.options import COMMON, DATABASE, RAW, limit_option
from tubeq.cli.parser import argument, command, flag, one_of
from tubeq.cli.words import age, counted
from tubeq.domain.errors import IllegalTransition, InvalidParameters, StorageError, TaskNotFound
from tubeq.domain.models import Task
from tubeq.domain.states import TaskStatus
from tubeq.queue.coverage import unworked_types
from tubeq.queue.queue_manager import QueueManager

_PAGE = 500
_IDS_HELP = "Ids, or their first or last digits."


class Format(str, Enum):
    """How results are printed."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"


@command(
    argument("--status", **one_of(TaskStatus), help="Only tasks in this status."),
    argument("--type", dest="task_type", metavar="TYPE", help="Only tasks of this type."),
    argument("--error", metavar="CODE", help="Only tasks that last failed with this code."),
    limit_option(20),
    argument("--before", metavar="TASK_ID", help="Only tasks older than this one."),
    *COMMON,
)
def tasks(given: Namespace) -> None:
    """List tasks, newest first."""
    with open_queue(read_settings(given.db_path), reading=True) as queue:
        older_than = None if given.before is None else full_task_id(queue, given.before)
        found = queue.list_tasks(
            given.status, given.task_type, given.limit + 1, older_than, given.error
        )
        shown = found[: given.limit]
        about = enriching.relatives(queue, shown)
    if given.as_json:
        write_json([{**task.as_dict(), **enriching.as_json(about[task.task_id])} for task in shown])
    elif not shown:
        say("no such tasks")
    else:
        progress = {
            task_id: enriching.words_of(each["children"])
            for task_id, each in about.items()
            if "children" in each
        }
        draw(tasks_render.task_table(shown, time.time(), progress))
        if len(found) > given.limit:
            say(f"more: add --before {shown[-1].task_id}, or a larger --limit")


@command(
    argument("task_id", metavar="TASK_ID", help="The id, or its first or last digits."),
    *COMMON,
)
def show(given: Namespace) -> None:
    """Show one task with its history."""
    settings = read_settings(given.db_path)
    with open_queue(settings, reading=True) as queue:
        task = queue.get_task(full_task_id(queue, given.task_id))
        history = queue.get_task_history(task.task_id)
        ideas_count = queue.count_ideas(task)
        about = enriching.relatives(queue, [task])[task.task_id]
    if given.as_json:
        events = [entry._asdict() for entry in history]
        shown = {**task.as_dict(), **enriching.as_json(about)}
        write_json({**shown, "ideas_count": ideas_count, "history": events})
        return
    children = enriching.words_of(about["children"]) if "children" in about else None
    sheet = tasks_render.task_sheet(task, time.time(), about.get("parent"), children)
    draw(sheet, tasks_render.history_table(history))
    if ideas_count:
        results = command_for(settings, f"results {task.task_id}")
        say(f"{counted(ideas_count, 'idea')}: {results}")


@command(
    argument("task_id", metavar="TASK_ID", nargs="?", help="Of this task only. (default: all)"),
    argument(
        "--format", dest="form", **one_of(Format), default=Format.TABLE, help="The output format."
    ),
    limit_option(),
    flag("--children", help="The results of the task's children, which enriched its videos."),
    flag("--json", dest="as_json", help="Same as --format json."),
    RAW,
    DATABASE,
)
def results(given: Namespace) -> None:
    """Print the ideas that tasks found."""
    if given.raw and (given.as_json or given.form is not Format.CSV):
        raise InvalidParameters("--raw needs --format csv")
    if given.children and given.task_id is None:
        raise InvalidParameters("--children needs a TASK_ID")
    with open_queue(read_settings(given.db_path), reading=True) as queue:
        wanted = None if given.task_id is None else full_task_id(queue, given.task_id)
        most = given.limit or 1_000_000
        if given.children and wanted is not None:
            ideas = queue.get_task_results(wanted, most, of_children=True)
        else:
            ideas = queue.get_task_results(wanted, most) if wanted else queue.list_results(most)
    if given.as_json or given.form is Format.JSON:
        write_json([idea.as_dict() for idea in ideas])
    elif given.form is Format.CSV:
        rows = (for_machines(idea.as_dict()) for idea in ideas)
        write_csv(tasks_render.IDEA_COLUMNS, rows, raw=given.raw)
    elif not ideas:
        say("no ideas are stored")
    else:
        draw(tasks_render.idea_table(ideas))


@command(
    argument("task_ids", metavar="TASK_ID", nargs="+", help=_IDS_HELP),
    *COMMON,
)
def cancel(given: Namespace) -> None:
    """Cancel tasks.

    A queued task is cancelled at once, a running one at its worker's next check. Cancelling a
    listing also cancels the tasks that would have enriched its videos.
    """
    _steer(given.task_ids, QueueManager.cancel_task, given.as_json, given.db_path)


@command(
    argument("task_ids", metavar="TASK_ID", nargs="*", help=_IDS_HELP),
    argument("--error", metavar="CODE", help="Instead of ids: all that failed with this code."),
    *COMMON,
)
def requeue(given: Namespace) -> None:
    """Queue finished tasks again.

    They may be failed, cancelled or completed.
    """
    if bool(given.task_ids) == (given.error is not None):
        raise InvalidParameters("give either task ids or --error CODE; `tubeq stats` lists codes")
    if given.error is None:
        _steer(given.task_ids, QueueManager.requeue_task, given.as_json, given.db_path)
    else:
        _requeue_failed(given.error, given.as_json, given.db_path)


def _requeue_failed(code: str, as_json: bool, db_path: Path | None) -> None:
    done: list[Task] = []
    with (
        open_queue(read_settings(db_path)) as queue,
        live.status("requeueing", when=not as_json) as update,
    ):
        before: str | None = None
        while found := queue.list_tasks(TaskStatus.FAILED, None, _PAGE, before, code):
            before = found[-1].task_id
            for task in found:
                with suppress(IllegalTransition, TaskNotFound):  # changed in the meantime
                    done.append(queue.requeue_task(task.task_id))
            update(f"{counted(len(done), 'task')} requeued")
    if as_json:
        write_json([task.as_dict() for task in done])
    else:
        say(f"{counted(len(done), 'task')} requeued" if done else "no such tasks")


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
            later = ": its worker will end it" if task.cancel_requested else ""
            write_line(f"{task.task_id} is {task.status}{later}")
    if failure is not None:
        raise failure
    if refused:
        raise SystemExit(EXIT_BAD_INPUT)


@command(*COMMON)
def stats(given: Namespace) -> None:
    """Count tasks, ideas and errors; name what is paused."""
    settings = read_settings(given.db_path)
    with open_queue(settings, reading=True) as queue:
        counts, pauses, unworked = queue.stats(), queue.limits.pauses(), unworked_types(queue)
    if given.as_json:
        now = time.time()
        paused = [pause_dict(pause, now) for pause in pauses]
        write_json({**counts._asdict(), "pauses": paused, "types_without_worker": unworked})
        return
    draw(*tasks_render.stats_tables(counts))
    waited = counts.oldest_queued_s
    write_line(
        f"  {counted(counts.results, 'idea')}; {counted(counts.scheduled, 'queued task')} not yet "
        "due; " + ("none is due" if waited is None else f"the oldest due task waits {age(waited)}")
    )
    if pauses:
        names = ", ".join(pause.key for pause in pauses)
        write_line(f"  {counted(len(pauses), 'pause')}: {names} (`tubeq limits`)")
    if unworked:
        from tubeq.cli.plugin_types import unworked_words  # the registry takes long to import

        write_line(f"  {unworked_words(settings, unworked)}", wrap=False)
