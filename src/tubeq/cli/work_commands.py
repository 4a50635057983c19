"""Commands that do the work: scrape, demo, worker, and what concerns running workers."""

from __future__ import annotations

import time
from contextlib import nullcontext
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tubeq.cli import render
from tubeq.cli.console import cut_text, messages, output, say, say_error, write_json
from tubeq.cli.options import (
    EXIT_INTERRUPTED,
    EXIT_WORK_FAILED,
    DatabaseOption,
    JsonOption,
    command_for,
    known_task_type,
    open_queue,
    read_settings,
    span_s,
)
from tubeq.domain.errors import InvalidParameters
from tubeq.domain.models import Task
from tubeq.domain.policies import ClaimStrategy, Durability
from tubeq.domain.states import ACTIVE, FINISHED, TaskStatus
from tubeq.settings import Settings

if TYPE_CHECKING:
    from tubeq.workers.base_worker import WorkerConfig

# What starts workers is imported where it is used: `tubeq tasks` needs none of it.

_YOUTUBE_CHANNEL = "youtube_channel"


def scrape(
    channel: Annotated[
        str, typer.Argument(metavar="CHANNEL", help="@handle, channel id, or the page's address.")
    ],
    max_results: Annotated[int, typer.Option(help="At most so many videos, newest first.")] = 20,
    as_json: JsonOption = False,
    db_path: DatabaseOption = None,
) -> None:
    """Scrape one YouTube channel now, and print what was found."""
    from tubeq.cli.progress import environment, run_until_finished
    from tubeq.plugins.channel_plugin import ChannelParameters
    from tubeq.workers.runner import Runner, RunnerConfig

    settings = read_settings(db_path)
    parameters = {"channel_url": channel, "max_results": max_results}
    ChannelParameters.of(parameters)  # a mistyped handle never becomes a task
    with open_queue(settings, create=True) as queue, environment(settings.worker_environment()):
        task_id = queue.create_task(_YOUTUBE_CHANNEL, parameters)
        # Newest first, so that tasks that wait already do not delay this one. Should the worker
        # have taken up the next of them by the time it is stopped, it hands that back soon.
        worker = replace(worker_config(settings, _YOUTUBE_CHANNEL), stop_grace_s=1.0)
        config = RunnerConfig(worker=worker)
        console = messages()
        watched = console.is_terminal
        with console.status("starting a worker") if watched else nullcontext() as status:

            def look(tasks: list[Task]) -> None:
                if status is not None:
                    status.update(cut_text(_progress(channel, tasks[0])))

            run_until_finished(Runner(settings.db_path, config), queue, [task_id], look)
        task = queue.get_task(task_id)
        ideas = queue.get_task_results(task_id)
    if as_json:
        write_json([idea.as_dict() for idea in ideas])
    elif ideas:
        output().print(render.idea_table(ideas, f"{channel}: {len(ideas)} ideas"))
    _end_with(task, settings)


def _progress(channel: str, task: Task) -> str:
    if task.status is TaskStatus.QUEUED and task.retry_count:
        return f"{channel}: failed, will be tried again: {task.error_message}"
    return f"{channel}: {'scraping' if task.status in ACTIVE else task.status.lower()}"


def _end_with(task: Task, settings: Settings) -> None:
    """Say what became of the task; exit code 1 unless it is completed."""
    results, show, again = (
        command_for(settings, f"{verb} {task.task_id}") for verb in ("results", "show", "requeue")
    )
    if task.status is TaskStatus.COMPLETED:
        say(f"stored in {settings.db_path}: {results}")
        return
    if task.status not in FINISHED:
        say(f"interrupted: the task waits, and is done by `{command_for(settings, 'worker')}`")
        raise typer.Exit(EXIT_INTERRUPTED)
    say_error(f"{task.status.lower()}: {task.error_message or 'no reason was given'}")
    say(f"what happened: {show}; once more: {again} and {command_for(settings, 'worker')}")
    raise typer.Exit(EXIT_WORK_FAILED)


def demo(
    workers_: Annotated[int, typer.Option("--workers", min=1, max=32, help="Processes.")] = 4,
    channels: Annotated[int, typer.Option(min=1, max=500, help="One task each.")] = 12,
    max_results: Annotated[int, typer.Option(min=1, max=500, help="Videos a channel.")] = 60,
    as_json: JsonOption = False,
    svg: Annotated[Path | None, typer.Option(hidden=True)] = None,
    db_path: Annotated[
        Path | None,
        typer.Option("--db", metavar="PATH", help="The database (default: a new temporary one)."),
    ] = None,
) -> None:
    """Watch workers scrape a simulated YouTube: needs no network.

    One of the requests fails, and is retried. Kill a worker meanwhile, if you like.
    """
    from tubeq.cli.demo import DemoPlan, run
    from tubeq.cli.demo_board import picture, print_summary

    board, path = run(DemoPlan(workers_, channels, max_results, db_path))
    if svg is not None:
        svg.write_text(picture(board, path), encoding="utf-8")
    if as_json:
        write_json(board.as_dict(path))
    else:
        print_summary(output(), board, path)
    if not board.all_completed:
        unfinished = board.count(*FINISHED) < len(board.handles)
        raise typer.Exit(EXIT_INTERRUPTED if unfinished else EXIT_WORK_FAILED)


def worker(
    task_type: Annotated[str, typer.Option("--type", help="Tasks to do.")] = _YOUTUBE_CHANNEL,
    processes: Annotated[int, typer.Option(min=1, max=256, help="How many at once.")] = 1,
    until_idle: Annotated[
        bool, typer.Option("--until-idle", help="End when nothing is left to do.")
    ] = False,
    strategy: Annotated[
        ClaimStrategy, typer.Option(case_sensitive=False, help="Which task comes next.")
    ] = ClaimStrategy.LIFO,
    max_retries: Annotated[
        int | None, typer.Option(min=0, help="The failure with this number is final.")
    ] = None,
    backoff: Annotated[
        str | None, typer.Option(metavar="SPAN", help="Wait before the first retry; then doubled.")
    ] = None,
    timeout: Annotated[
        str | None, typer.Option(metavar="SPAN", help="End a task that takes longer.")
    ] = None,
    lease: Annotated[
        str | None,
        typer.Option(
            metavar="SPAN", help="After so long without a sign of life, others take over."
        ),
    ] = None,
    durability: Annotated[
        Durability | None, typer.Option(case_sensitive=False, help="What survives a power cut.")
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Report troubles only.")] = False,
    as_json: JsonOption = False,
    db_path: DatabaseOption = None,
) -> None:
    """Work on tasks until Ctrl-C, which ends each worker after its task.

    That is its normal end, with exit code 0; with --until-idle it is 130, and 1 if tasks failed.
    """
    from tubeq.cli.progress import environment, report_of_run, words_of
    from tubeq.workers.runner import Runner, RunnerConfig

    known_task_type(task_type)
    settings = read_settings(
        db_path,
        max_retries=max_retries,
        backoff_s=None if backoff is None else span_s(backoff),
        task_timeout_s=None if timeout is None else span_s(timeout),
        lease_s=None if lease is None else span_s(lease),
        durability=durability,
    )
    if settings.lease_s < 1:
        raise InvalidParameters("a lease must be at least 1s")
    config = RunnerConfig(
        worker=worker_config(settings, task_type, strategy),
        processes=processes,
        until_idle=until_idle,
    )
    failed_before = _failed_count(settings, task_type)
    with environment(settings.worker_environment()), report_of_run(quiet=quiet) as report:
        summary = Runner(settings.db_path, config, on_event=report).run()
    failed = _failed_count(settings, task_type) - failed_before
    if as_json:
        write_json({**asdict(summary), "tasks_failed": failed})
    else:
        print(f"{words_of(summary)}; {render.counted(failed, 'task')} failed for good")
    if until_idle and (summary.stopped or failed > 0):
        raise typer.Exit(EXIT_INTERRUPTED if summary.stopped else EXIT_WORK_FAILED)


def _failed_count(settings: Settings, task_type: str) -> int:
    with open_queue(settings, create=True) as queue:
        return queue.stats().by_type.get(task_type, {}).get(TaskStatus.FAILED, 0)


def worker_config(
    settings: Settings, task_type: str, strategy: ClaimStrategy = ClaimStrategy.LIFO
) -> WorkerConfig:
    """How the command line's workers work: unlike the library's, they rest before a retry."""
    from tubeq.workers.base_worker import WorkerConfig

    return WorkerConfig(
        task_type=task_type,
        max_retries=settings.max_retries,
        backoff_s=settings.backoff_s,
        lease_s=settings.lease_s,
        strategy=strategy,
        task_timeout_s=settings.task_timeout_s or None,
        durability=settings.durability,
    )


def workers(as_json: JsonOption = False, db_path: DatabaseOption = None) -> None:
    """List the running workers."""
    with open_queue(read_settings(db_path)) as queue:
        found = queue.workers()
    if as_json:
        write_json([each._asdict() for each in found])
    elif found:
        output().print(render.worker_table(found, time.time()))
    else:
        say("no workers are running")


def stop(
    worker_id: Annotated[
        str | None, typer.Argument(metavar="WORKER_ID", help="One of `tubeq workers`; else all.")
    ] = None,
    as_json: JsonOption = False,
    db_path: DatabaseOption = None,
) -> None:
    """Ask workers to stop after the task that they are at."""
    with open_queue(read_settings(db_path)) as queue:
        asked = queue.request_stop(worker_id)
    if worker_id is not None and not asked:
        raise InvalidParameters(f"no worker is called {worker_id!r:.120}: see `tubeq workers`")
    if as_json:
        write_json({"asked": asked})
    else:
        were = "was" if asked == 1 else "were"
        words = f"{render.counted(asked, 'worker')} {were} asked to stop"
        say(words if asked else "no workers are running")
