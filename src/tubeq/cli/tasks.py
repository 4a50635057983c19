"""Commands about tasks: tasks, show, results, cancel, requeue, stats."""

from __future__ import annotations

import time
from argparse import Namespace
from collections.abc import Callable
from contextlib import suppress
from enum import Enum

from tubeq.cli import enriching, live, tasks_render
from tubeq.cli.console import answer, for_machines, say_error, write_csv
from tubeq.cli.exit_codes import EXIT_BAD_INPUT
from tubeq.cli.limits_render import pause_dict
from tubeq.cli.opening import command_for, full_task_id, open_queue, read_settings
from tubeq.cli.options import COMMON, DATABASE, RAW, limit_option
from tubeq.cli.parser import argument, choice, command, flag
from tubeq.cli.tables import Line
from tubeq.cli.words import age, counted
from tubeq.domain.errors import IllegalTransition, InvalidParameters, StorageError, TaskNotFound
from tubeq.domain.models import Task
from tubeq.domain.states import TaskStatus
from tubeq.queue.coverage import unworked_types
from tubeq.queue.queue_manager import QueueManager

_PAGE = 500
_IDS = "task_ids", "TASK_ID", "Ids, or their first or last digits."


class Format(str, Enum):
    """How results are printed."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"


@command(
    choice("--status", TaskStatus, "Only tasks in this status."),
    argument("--type", "TYPE", "Only tasks of this type.", dest="task_type"),
    argument("--error", "CODE", "Only tasks that last failed with this code."),
    limit_option(20),
    argument("--before", "TASK_ID", "Only tasks older than this one."),
    *COMMON,
)
def tasks(given: Namespace) -> None:
    """List tasks, newest first."""
    with open_queue(read_settings(given), reading=True) as queue:
        older_than = None if given.before is None else full_task_id(queue, given.before)
        found = queue.list_tasks(
            given.status, given.task_type, given.limit + 1, older_than, given.error
        )
        shown = found[: given.limit]
        about = enriching.relatives(queue, shown)
    progress = {
        task_id: enriching.words_of(each["children"])
        for task_id, each in about.items()
        if "children" in each
    }
    answer(
        given,
        [{**task.as_dict(), **about[task.task_id]} for task in shown],
        tasks_render.task_table(shown, time.time(), progress),
        none="no such tasks",
        note=f"more: add --before {shown[-1].task_id}, or a larger --limit"
        if len(found) > given.limit
        else "",
    )


@command(argument("task_id", "TASK_ID", "The id, or its first or last digits."), *COMMON)
def show(given: Namespace) -> None:
    """Show one task with its history."""
    settings = read_settings(given)
    with open_queue(settings, reading=True) as queue:
        task = queue.get_task(full_task_id(queue, given.task_id))
        history = queue.get_task_history(task.task_id)
        ideas_count = queue.count_ideas(task)
        about = enriching.relatives(queue, [task])[task.task_id]
    children = enriching.words_of(about["children"]) if "children" in about else None
    ideas = f"{counted(ideas_count, 'idea')}: {command_for(settings, f'results {task.task_id}')}"
    answer(
        given,
        {**task.as_dict(), **about, "ideas_count": ideas_count, "history": history},
        tasks_render.task_sheet(task, time.time(), about.get("parent"), children),
        tasks_render.history_table(history),
        note=ideas if ideas_count else "",
    )


@command(
    argument("task_id", "TASK_ID", "Only this task. (default: all)", nargs="?"),
    choice("--format", Format, "The output format.", dest="form", default=Format.TABLE),
    limit_option(),
    flag("--children", "The results of the task's children, which enriched its videos."),
    flag("--json", "Same as --format json.", dest="as_json"),
    RAW,
    DATABASE,
)
def results(given: Namespace) -> None:
    """Print the ideas that tasks found."""
    if given.raw and (given.as_json or given.form is not Format.CSV):
        raise InvalidParameters("--raw needs --format csv")
    if given.children and given.task_id is None:
        raise InvalidParameters("--children needs a TASK_ID")
    with open_queue(read_settings(given), reading=True) as queue:
        most = given.limit or 1_000_000
        if given.task_id is None:
            ideas = queue.list_results(most)
        else:
            task_id = full_task_id(queue, given.task_id)
            ideas = queue.get_task_results(task_id, most, of_children=given.children)
    if given.form is Format.CSV and not given.as_json:
        rows = map(for_machines, ideas)
        write_csv(tasks_render.IDEA_COLUMNS, rows, raw=given.raw)
    else:
        given.as_json |= given.form is Format.JSON
        answer(given, ideas, tasks_render.idea_table(ideas), none="no ideas are stored")


@command(argument(*_IDS, nargs="+"), *COMMON)
def cancel(given: Namespace) -> None:
    """Cancel tasks.

    A queued task is cancelled at once, a running one at its worker's next check. Cancelling a
    listing also cancels the tasks that would have enriched its videos.
    """
    _steer(given, QueueManager.cancel_task)


@command(
    argument(*_IDS, nargs="*"),
    argument("--error", "CODE", "Instead of ids: all that failed with this code."),
    *COMMON,
)
def requeue(given: Namespace) -> None:
    """Queue finished tasks again.

    They may be failed, cancelled or completed.
    """
    if bool(given.task_ids) == (given.error is not None):
        raise InvalidParameters("give either task ids or --error CODE; `tubeq stats` lists codes")
    if given.error is None:
        _steer(given, QueueManager.requeue_task)
    else:
        _requeue_failed(given)


def _requeue_failed(given: Namespace) -> None:
    done: list[Task] = []
    before: str | None = None
    with (
        open_queue(read_settings(given)) as queue,
        live.status("requeueing", when=not given.as_json) as update,
    ):
        while found := queue.list_tasks(TaskStatus.FAILED, None, _PAGE, before, given.error):
            before = found[-1].task_id
            for task in found:
                with suppress(IllegalTransition, TaskNotFound):  # changed in the meantime
                    done.append(queue.requeue_task(task.task_id))
            update(f"{counted(len(done), 'task')} requeued")
    answer(given, done, none="no such tasks", note=f"{counted(len(done), 'task')} requeued")


def _steer(given: Namespace, verb: Callable[[QueueManager, str], Task]) -> None:
    """Apply the verb to each task that allows it; where one does not, go on, and end with exit
    code 2."""
    done: list[Task] = []
    refused = False
    failure: StorageError | None = None
    with open_queue(read_settings(given)) as queue:
        # All ids are looked up first, so that a mistyped one changes nothing at all.
        for task_id in [full_task_id(queue, each) for each in given.task_ids]:
            try:
                done.append(verb(queue, task_id))
            except (IllegalTransition, TaskNotFound) as error:
                refused = True
                say_error(str(error))
            except StorageError as error:
                failure = error
                break
    if done or failure is None:
        answer(given, done, *map(_outcome, done))
    if failure is not None:
        raise failure
    if refused:
        raise SystemExit(EXIT_BAD_INPUT)


def _outcome(task: Task) -> str:
    later = ": its worker will end it" if task.cancel_requested else ""
    return f"{task.task_id} is {task.status}{later}"


@command(*COMMON)
def stats(given: Namespace) -> None:
    """Count tasks, ideas and errors, and list pauses."""
    settings = read_settings(given)
    with open_queue(settings, reading=True) as queue:
        counts, pauses, unworked = queue.stats(), queue.limits.pauses(), unworked_types(queue)
    waited = counts.oldest_queued_s
    due = "none is due" if waited is None else f"the oldest due task waits {age(waited)}"
    scheduled = f"{counted(counts.scheduled, 'queued task')} not yet due"
    lines: list[str | Line] = [f"  {counted(counts.results, 'idea')}; {scheduled}; {due}"]
    if pauses:
        names = ", ".join(pause.key for pause in pauses)
        lines.append(f"  {counted(len(pauses), 'pause')}: {names} (`tubeq limits`)")
    if unworked and not given.as_json:
        from tubeq.cli.plugin_types import unworked_words  # the registry takes long to import

        lines.append(Line(f"  {unworked_words(settings, unworked)}", wrap=False))
    paused = [pause_dict(pause, time.time()) for pause in pauses]
    answer(
        given,
        {**counts._asdict(), "pauses": paused, "types_without_worker": unworked},
        *tasks_render.stats_tables(counts),
        *lines,
    )
