"""Commands that scrape at once: their options, defaults and help are the task types' parameters.

A command is built when it is called, or asked for its help: others start without any plugin.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tubeq.cli import enriching, render
from tubeq.cli.access_options import option_parameters, overrides
from tubeq.cli.console import cut_text, messages, output, say, say_error, write_json
from tubeq.cli.dashed_arguments import DashedArguments, VideoArguments
from tubeq.cli.limit_commands import PauseWatch
from tubeq.cli.options import (
    EXIT_INTERRUPTED,
    EXIT_WORK_FAILED,
    DatabaseOption,
    JsonOption,
    command_for,
    open_queue,
    read_settings,
    worker_config,
)
from tubeq.cli.waiting import Waits
from tubeq.domain.children import Progress
from tubeq.domain.models import Result, Task
from tubeq.domain.states import ACTIVE, FINISHED, TaskStatus
from tubeq.plugins import registry
from tubeq.plugins.registry import checker, parameters_of
from tubeq.settings import Settings

if TYPE_CHECKING:
    from tubeq.plugins.parameters import Declared


_MOST_SHOWN = 500


@dataclass(frozen=True)
class ScrapeCommand:
    """A command that does one task of a type.

    Args:
        argument: the parameter that is given without its name; the others are options.
        help: what the command does.
    """

    task_type: str
    argument: str | None
    help: str


COMMANDS = {
    "scrape": ScrapeCommand(
        "youtube_channel",
        "channel_url",
        "Scrape one YouTube channel now, and print what was found.",
    ),
    "search": ScrapeCommand(
        "youtube_search", "query", "Search YouTube now, and print what was found."
    ),
    "playlist": ScrapeCommand(
        "youtube_playlist", "playlist", "Scrape one YouTube playlist now, and print its videos."
    ),
    "video": ScrapeCommand(
        "youtube_video", "video", "Scrape one YouTube video now, and print all that its page tells."
    ),
    "trending": ScrapeCommand(
        "youtube_trending", None, "Say what became of YouTube's trending feed, or replace it."
    ),
}


def command(name: str, panel: str) -> Any:
    """The command of that name, for a group of commands.

    Args:
        panel: the heading under which it is listed.
    """
    return _made(name, panel, _function(COMMANDS[name]))


def listed(name: str, panel: str) -> Any:
    """The command as a list of commands shows it: without its parameters, which only its plugin
    knows, so that no plugin is loaded."""
    return _made(name, panel, lambda: None)


def _made(name: str, panel: str, function: Callable[..., None]) -> Any:
    only = typer.Typer(add_completion=False)
    dashed = VideoArguments if name == "video" else DashedArguments
    only.command(name, cls=dashed, help=COMMANDS[name].help, rich_help_panel=panel)(function)
    return typer.main.get_command(only)


def _function(about: ScrapeCommand) -> Callable[..., None]:
    """What typer makes a command of: a function with a parameter for each of the task type's."""
    from tubeq.plugins.parameters import Parameters, declared

    known = {each.name: each for each in declared(parameters_of(about.task_type) or Parameters)}

    def scrape(
        as_json: bool, db_path: Any, processes: int = 1, threads: int = 1, **given: Any
    ) -> None:
        access = overrides(given)
        told = {
            name: _meant(known[name], value)
            for name, value in given.items()
            if value is not None and value is not False  # what was not given is left to the type
        }
        settings = read_settings(db_path, **access)
        _scrape_now(about, told, as_json, settings, (processes, threads))

    signature = [_typer_parameter(each, about) for each in known.values()]
    signature += option_parameters()
    if "enrich" in known:
        signature += [
            inspect.Parameter(name, _KEYWORD, default=default, annotation=annotation)
            for name, annotation, default in (
                ("processes", _ProcessesOption, 1),
                ("threads", _ThreadsOption, 4),
            )
        ]
    signature += [
        inspect.Parameter(name, _KEYWORD, default=default, annotation=annotation)
        for name, annotation, default in (
            ("as_json", JsonOption, False),
            ("db_path", DatabaseOption, None),
        )
    ]
    scrape.__signature__ = inspect.Signature(signature)  # type: ignore[attr-defined]
    scrape.__annotations__ = {each.name: each.annotation for each in signature}
    return scrape


_KEYWORD = inspect.Parameter.KEYWORD_ONLY
_ProcessesOption = Annotated[
    int, typer.Option("--processes", min=1, max=64, help="With --enrich: processes for it.")
]
_ThreadsOption = Annotated[
    int, typer.Option("--threads", min=1, max=64, help="With --enrich: videos at once in each.")
]


def _typer_parameter(each: Declared, about: ScrapeCommand) -> inspect.Parameter:
    """Values come as text: the parameter's own kind reads them, and its own words refuse them."""
    from tubeq.plugins.parameter_types import Flag

    if each.name == about.argument:
        metavar = each.name.removesuffix("_url").upper()
        argument = typer.Argument(metavar=metavar, help=_help(each))
        return inspect.Parameter(each.name, _KEYWORD, annotation=Annotated[str, argument])
    name = "--" + each.name.replace("_", "-")
    if isinstance(each.kind, Flag):
        flag = Annotated[bool, typer.Option(name, help=_help(each))]
        return inspect.Parameter(each.name, _KEYWORD, default=False, annotation=flag)
    option = Annotated[str | None, typer.Option(name, metavar=each.kind.metavar, help=_help(each))]
    return inspect.Parameter(each.name, _KEYWORD, default=None, annotation=option)


def _help(each: Declared) -> str:
    from tubeq.plugins.parameter_types import Flag, Whole

    if each.required or isinstance(each.kind, Flag):
        return each.help
    kind = each.kind
    limits = [f"{kind.least} to {kind.most}"] if isinstance(kind, Whole) else []
    default = [] if each.default is None else [f"default {each.default}"]
    return f"{each.help} ({'; '.join(limits + default)})" if limits + default else each.help


def _meant(each: Declared, value: str | bool) -> Any:
    return each.kind.from_text(value) if isinstance(value, str) else value


def _scrape_now(
    about: ScrapeCommand,
    parameters: Mapping[str, Any],
    as_json: bool,
    settings: Settings,
    crew: tuple[int, int],
) -> None:
    from tubeq.cli.progress import environment, run_until_enriched, run_until_finished
    from tubeq.workers.runner import Runner, RunnerConfig

    variables = settings.worker_environment()
    enrich = bool(parameters.get("enrich"))
    with registry.around_plugins():  # a mistake never becomes a task
        task_type, parameters = checker(about.task_type)(parameters)
    label = str(parameters[about.argument]) if about.argument else "trending"
    with open_queue(settings, create=True) as queue, environment(variables):
        task_id = queue.create_task(task_type, parameters)
        # Newest first, so that tasks that wait already do not delay this one. Should the worker
        # have taken up the next of them by the time it is stopped, it hands that back soon.
        worker = replace(worker_config(settings, task_type), stop_grace_s=1.0)
        also = (enriching.enrichers(settings, *crew),) if enrich else ()
        runner_config = RunnerConfig(worker=worker, also=also)
        runner = Runner(settings.db_path, runner_config)
        console = messages()
        watched = console.is_terminal
        types = [each.worker.task_type for each in (runner_config, *also)]
        pauses = PauseWatch(settings, queue, types, console)
        waits = Waits(queue, label, console)
        with console.status("starting a worker") if watched else nullcontext() as status:

            def look(task: Task, progress: Progress | None = None) -> None:
                if task.status not in FINISHED or (progress is not None and progress.open):
                    pauses.look()
                    waits.look(task, progress)
                if status is not None:
                    how_far = f"; {enriching.words_of(progress)}" if progress else ""
                    status.update(cut_text(_progress(label, task) + how_far))

            if enrich:
                run_until_enriched(runner, queue, task_id, look, waits)
            else:
                run_until_finished(runner, queue, [task_id], lambda each: look(each[0]), waits)
        task = queue.get_task(task_id)
        progress = queue.progress(task_id) if enrich else None
        why_open = _why_open(task, progress, waits)
        ideas = enriching.enriched_ideas(queue, task) if enrich else queue.get_task_results(task_id)
    told = [idea.as_dict() for idea in ideas] if as_json else []
    if as_json and progress is not None:
        write_json({"task_id": task_id, "children": progress.as_dict(), "ideas": told})
    elif as_json:
        write_json(told)
    elif ideas:
        _print(about, label, ideas)
    _end_with(task, settings, progress, why_open)


def _print(about: ScrapeCommand, label: str, ideas: list[Result]) -> None:
    if about.task_type == "youtube_video":
        output().print(render.idea_sheet(ideas[0]))
        return
    title = f"{label}: {render.counted(len(ideas), 'idea')}"
    if len(ideas) > _MOST_SHOWN:
        title += f", of which the first {_MOST_SHOWN}"
    output().print(render.idea_table(ideas[:_MOST_SHOWN], title))


def _progress(label: str, task: Task) -> str:
    if task.status is TaskStatus.QUEUED and task.error_message:
        return f"{label}: will be tried again: {task.error_message}"
    return f"{label}: {'scraping' if task.status in ACTIVE else task.status.lower()}"


def _why_open(task: Task, progress: Progress | None, waits: Waits) -> str | None:
    """What the task, or its children, wait for, where that is too long; None where it is not."""
    if waits.is_too_long(task):
        return waits.words_of(task)
    if task.status not in FINISHED or progress is None or not progress.open:
        return None
    if not waits.are_too_long(task.task_id, progress):
        return None
    return f"{render.counted(progress.open, 'video')} to be enriched later"


def _end_with(
    task: Task, settings: Settings, progress: Progress | None, why_open: str | None
) -> None:
    """Say what became of the task; exit code 1 unless it is completed, and, where its videos were
    to be enriched, at least one of them is.

    Args:
        why_open: what is waited for where that is too long for a command.
    """
    results, show, again = (
        command_for(settings, f"{verb} {task.task_id}") for verb in ("results", "show", "requeue")
    )
    is_open = task.status not in FINISHED or (progress is not None and progress.open > 0)
    types = [task.task_type, *([] if progress is None else [enriching.ENRICHED_BY])]
    worker = command_for(settings, " ".join(["worker", *(f"--type {each}" for each in types)]))
    if progress is not None:
        say(enriching.words_of(progress))
    if why_open is not None:
        say(f"{why_open}; the task stays queued, and is done by `{worker}`: {show}")
        if task.status is not TaskStatus.COMPLETED or not (progress and progress.completed):
            raise typer.Exit(EXIT_WORK_FAILED)
        return
    if task.status is TaskStatus.COMPLETED and not is_open:
        more = "" if progress is None else f", {results} --children"
        say(f"stored in {settings.db_path}: {results}{more}")
        if progress is not None and progress.total and not progress.completed:
            raise typer.Exit(EXIT_WORK_FAILED)
        return
    if is_open:
        say(f"interrupted: what is left waits, and is done by `{worker}`")
        raise typer.Exit(EXIT_INTERRUPTED)
    say_error(f"{task.status.lower()}: {task.error_message or 'no reason was given'}")
    say(f"what happened: {show}; once more: {again} and {worker}")
    raise typer.Exit(EXIT_WORK_FAILED)
