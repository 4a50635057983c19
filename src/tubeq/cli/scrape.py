"""Commands that scrape at once: their options, defaults and help are the task types' parameters.

The plugin of a task type is imported when its command is called, or asked for its help.
"""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tubeq.cli import enriching, live, tasks_render
from tubeq.cli.commands import COMMANDS
from tubeq.cli.console import Drawable, answer, say, say_error
from tubeq.cli.exit_codes import EXIT_INTERRUPTED, EXIT_WORK_FAILED
from tubeq.cli.opening import command_for, open_queue, read_settings, worker_config
from tubeq.cli.options import ACCESS, COMMON
from tubeq.cli.parser import Argument, Command, argument, flag, whole
from tubeq.cli.plugin_types import registry
from tubeq.cli.waiting import PauseWatch, Waits
from tubeq.cli.words import counted
from tubeq.domain.children import Progress
from tubeq.domain.models import Result, Task
from tubeq.domain.states import ACTIVE, FINISHED, TaskStatus
from tubeq.settings import Settings

if TYPE_CHECKING:
    from tubeq.plugins.parameters import Declared

_MOST_SHOWN = 500
_ENRICHING = (
    argument("--processes", "N", "With --enrich: processes that fetch the videos' pages.",
             type=whole(1, 64), default=1),
    argument("--threads", "N", "With --enrich: videos at once in each process.", type=whole(1, 64),
             default=4),
)  # fmt: skip


class ScrapeCommand(Command):
    """A command that runs one task of a type. `positional` is the parameter that is given without
    its name; the others are options."""

    def __init__(
        self, name: str, task_type: str, positional: str | None, *, takes_ids: bool = False
    ) -> None:
        super().__init__(self._run, (), takes_ids=takes_ids)
        self.task_type = task_type
        self.positional = positional
        self._name = name

    @property
    def help(self) -> str:
        """What the command does."""
        return COMMANDS[self._name].summary

    @property
    def arguments(self) -> Sequence[Argument]:
        """The parameters of the task type, and how YouTube is reached."""
        known = self._parameters()
        declared = [_argument(each, self.positional) for each in known.values()]
        return (*declared, *ACCESS, *(_ENRICHING if "enrich" in known else ()), *COMMON)

    def _parameters(self) -> dict[str, Declared]:
        return registry.declared_by(self.task_type) or {}

    def _run(self, given: Namespace) -> None:
        values = {name: (each, getattr(given, name)) for name, each in self._parameters().items()}
        parameters = {
            name: each.kind.from_text(value) if isinstance(value, str) else value
            for name, (each, value) in values.items()
            if value is not None and value is not False  # the type has the defaults
        }
        _scrape_now(self, given, parameters)


def _argument(each: Declared, positional: str | None) -> Argument:
    """Values come as text: the parameter's own type reads them, and words its refusals."""
    from tubeq.plugins.parameter_types import Flag, Whole

    if each.name == positional:
        return argument(each.name, each.name.removesuffix("_url").upper(), each.help)
    name, kind = "--" + each.name.replace("_", "-"), each.kind
    if isinstance(kind, Flag):
        return flag(name, each.help)
    limits = [f"{kind.least} to {kind.most}"] if isinstance(kind, Whole) else []
    default = [] if each.default is None else [f"default: {each.default}"]
    notes = f" ({'; '.join(limits + default)})" if limits + default else ""
    return argument(name, kind.metavar, each.help + notes, dest=each.name)


scrape = ScrapeCommand("scrape", "youtube_channel", "channel_url")
search = ScrapeCommand("search", "youtube_search", "query")
playlist = ScrapeCommand("playlist", "youtube_playlist", "playlist")
video = ScrapeCommand("video", "youtube_video", "video", takes_ids=True)
trending = ScrapeCommand("trending", "youtube_trending", None)


def _scrape_now(called: ScrapeCommand, given: Namespace, parameters: Mapping[str, Any]) -> None:
    from tubeq.cli.progress import environment, run_until
    from tubeq.workers.runner import Runner, RunnerConfig

    settings = read_settings(given)
    variables = settings.worker_environment()
    enrich = bool(parameters.get("enrich"))
    with registry.around_plugins():  # a mistake does not become a task
        task_type, parameters = registry.checker(called.task_type)(parameters)
    label = str(parameters[called.positional]) if called.positional else "trending"
    with open_queue(settings, create=True) as queue, environment(variables):
        task_id = queue.create_task(task_type, parameters)
        # Newest first, so that tasks already queued do not delay this one. If the worker has
        # claimed another by the time it is stopped, it soon hands that back.
        worker = replace(worker_config(settings, task_type), stop_grace_s=1.0)
        also = (enriching.enrichers(settings, given.processes, given.threads),) if enrich else ()
        runner_config = RunnerConfig(worker=worker, also=also)
        types = [each.worker.task_type for each in (runner_config, *also)]
        pauses = PauseWatch(settings, queue, types)
        waits = Waits(queue, label)
        with live.status("starting a worker") as update:

            def is_over() -> bool:
                task = queue.get_task(task_id)  # first: once finished it creates no more children
                progress = queue.progress(task_id) if enrich else None
                if task.status not in FINISHED or (progress is not None and progress.open):
                    pauses.check()
                    waits.check(task, progress)
                update(_progress(label, task, progress))
                over = task.status in FINISHED or waits.is_too_long(task)
                return over and (progress is None or waits.are_too_long(task_id, progress))

            run_until(Runner(settings.db_path, runner_config), is_over)
        task = queue.get_task(task_id)
        progress = queue.progress(task_id) if enrich else None
        why_open = _why_open(task, progress, waits)
        ideas = enriching.enriched_ideas(queue, task) if enrich else queue.get_task_results(task_id)
    answer(
        given,
        ideas if progress is None else {"task_id": task_id, "children": progress, "ideas": ideas},
        *([_drawn(called, label, ideas)] if ideas else []),
    )
    _end_with(task, settings, progress, why_open)


def _drawn(called: ScrapeCommand, label: str, ideas: list[Result]) -> Drawable:
    if called.task_type == "youtube_video":
        return tasks_render.idea_sheet(ideas[0])
    title = f"{label}: {counted(len(ideas), 'idea')}"
    if len(ideas) > _MOST_SHOWN:
        title += f", of which the first {_MOST_SHOWN}"
    return tasks_render.idea_table(ideas[:_MOST_SHOWN], title)


def _progress(label: str, task: Task, progress: Progress | None) -> str:
    words = "scraping" if task.status in ACTIVE else task.status.lower()
    if task.status is TaskStatus.QUEUED and task.error_message:
        words = f"will be retried: {task.error_message}"
    return f"{label}: {words}{f'; {enriching.words_of(progress)}' if progress else ''}"


def _why_open(task: Task, progress: Progress | None, waits: Waits) -> str | None:
    """What the task or its children wait for, if that is longer than a command waits; else None."""
    if waits.is_too_long(task):
        return waits.words_of(task)
    if task.status not in FINISHED or progress is None or not progress.open:
        return None
    if not waits.are_too_long(task.task_id, progress):
        return None
    return f"{counted(progress.open, 'video')} to be enriched later"


def _end_with(
    task: Task, settings: Settings, progress: Progress | None, why_open: str | None
) -> None:
    """Report the outcome; exit code 1 unless the task is completed and, with --enrich, at least one
    of its videos is enriched.

    Args:
        why_open: what the task waits for, if that is longer than a command waits.
    """
    results, show, again = (
        command_for(settings, f"{verb} {task.task_id}") for verb in ("results", "show", "requeue")
    )
    types = [task.task_type, *([] if progress is None else [enriching.ENRICHED_BY])]
    worker = command_for(settings, " ".join(["worker", *(f"--type {each}" for each in types)]))
    is_completed = task.status is TaskStatus.COMPLETED
    if progress is not None:
        say(enriching.words_of(progress))
    if why_open is not None:
        say(f"{why_open}; the task stays queued for `{worker}`: {show}")
        failed = not is_completed or not (progress and progress.completed)
    elif task.status not in FINISHED or (progress is not None and progress.open):
        say(f"interrupted: what is left stays queued for `{worker}`")
        raise SystemExit(EXIT_INTERRUPTED)
    elif is_completed:
        more = "" if progress is None else f", {results} --children"
        say(f"stored in {settings.db_path}: {results}{more}")
        failed = progress is not None and bool(progress.total) and not progress.completed
    else:
        say_error(f"{task.status.lower()}: {task.error_message or 'no reason given'}")
        say(f"details: {show}; to retry: {again} and {worker}")
        failed = True
    if failed:
        raise SystemExit(EXIT_WORK_FAILED)
