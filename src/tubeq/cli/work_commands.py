"""Commands about workers: demo, worker, workers, stop."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tubeq.cli import render
from tubeq.cli.access_options import AccessOptions, with_access_options
from tubeq.cli.console import messages, output, say, write_json
from tubeq.cli.limit_commands import PauseWatch
from tubeq.cli.options import (
    EXIT_INTERRUPTED,
    EXIT_WORK_FAILED,
    DatabaseOption,
    JsonOption,
    open_queue,
    read_settings,
    span_s,
    worker_config,
)
from tubeq.cli.worker_types import (
    all_types,
    known_task_type,
    untaken_types,
    unworked_words,
)
from tubeq.domain.errors import InvalidParameters
from tubeq.domain.policies import ClaimStrategy, Durability
from tubeq.domain.states import FINISHED, TaskStatus
from tubeq.settings import Settings

if TYPE_CHECKING:
    from tubeq.workers.config import RunnerConfig
    from tubeq.workers.report import RunnerEvent, RunSummary

# What starts workers is imported where it is used: `tubeq tasks` needs none of it.

_TypesOption = Annotated[
    list[str] | None,
    typer.Option(
        "--type",
        help="Tasks to do; may be repeated. (default: every type that a plugin here can do)",
    ),
]


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


@with_access_options
def worker(
    task_types: _TypesOption = None,
    processes: Annotated[int, typer.Option(min=1, max=256, help="How many; for each --type.")] = 1,
    threads: Annotated[int, typer.Option(min=1, max=64, help="Tasks at once in each process.")] = 1,
    until_idle: Annotated[
        bool, typer.Option("--until-idle", help="End when nothing is left to do.")
    ] = False,
    wait_scheduled: Annotated[
        str,
        typer.Option(
            metavar="SPAN",
            help="With --until-idle: wait for what falls due within it, later tasks are left; 0: "
            "wait for nothing.",
        ),
    ] = "15m",
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
        typer.Option(metavar="SPAN", help="So long without a sign of life, and others take over."),
    ] = None,
    durability: Annotated[
        Durability | None, typer.Option(case_sensitive=False, help="What survives a power cut.")
    ] = None,
    access: AccessOptions = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Report troubles only.")] = False,
    as_json: JsonOption = False,
    db_path: DatabaseOption = None,
) -> None:
    """Work on tasks until Ctrl-C, which ends each worker after its task.

    That is its normal end, with exit code 0; with --until-idle it is 130, and 1 if tasks failed.
    """
    from tubeq.workers.config import RunnerConfig

    types = [known_task_type(each) for each in dict.fromkeys(task_types or [])] or all_types()
    wait_s = 0.0 if wait_scheduled.strip() == "0" else span_s(wait_scheduled)
    settings = read_settings(
        db_path,
        max_retries=max_retries,
        backoff_s=None if backoff is None else span_s(backoff),
        task_timeout_s=None if timeout is None else span_s(timeout),
        lease_s=None if lease is None else span_s(lease),
        durability=durability,
        **(access or {}),
    )
    if settings.lease_s < 1:
        raise InvalidParameters("a lease must be at least 1s")
    # Of types that were named each has processes of its own; else each process works all of them.
    first, *others = (
        RunnerConfig(
            worker=worker_config(settings, each, strategy),
            processes=processes,
            threads=threads,
            until_idle=until_idle,
            wait_scheduled_s=wait_s,
        )
        for each in (types if task_types else [types])
    )
    _work(settings, replace(first, also=tuple(others)), types, quiet=quiet, as_json=as_json)


def _work(
    settings: Settings, config: RunnerConfig, types: Sequence[str], *, quiet: bool, as_json: bool
) -> None:
    """Run workers, and end with what became of the tasks."""
    from tubeq.cli.progress import environment, words_of

    variables = settings.worker_environment()
    failed_before = _failed_count(settings, types)
    with environment(variables):
        summary = _run(settings, config, types, quiet=quiet)
    failed = _failed_count(settings, types, create=False) - failed_before
    if as_json:
        with open_queue(settings) as queue:
            unworked = untaken_types(queue)
        told = {**asdict(summary), "left": [each._asdict() for each in summary.left]}
        write_json({**told, "tasks_failed": failed, "types_without_worker": unworked})
    else:
        print(f"{words_of(summary)}; {render.counted(failed, 'task')} failed for good")
    if config.until_idle and (summary.stopped or failed > 0):
        raise typer.Exit(EXIT_INTERRUPTED if summary.stopped else EXIT_WORK_FAILED)


def _run(
    settings: Settings, config: RunnerConfig, types: Sequence[str], *, quiet: bool
) -> RunSummary:
    """Run workers, and tell on stderr what they do and what they wait for."""
    from tubeq.cli.progress import report_of_run
    from tubeq.workers.runner import Runner

    with open_queue(settings, create=True) as queue, report_of_run(quiet=quiet) as report:
        pauses = PauseWatch(settings, queue, types, messages())

        def tell(event: RunnerEvent) -> None:
            pauses.look()
            report(event)

        pauses.look()
        if unworked := untaken_types(queue, besides=types):
            say(unworked_words(settings, unworked), messages())
        return Runner(settings.db_path, config, on_event=tell).run()


def _failed_count(settings: Settings, task_types: Sequence[str], *, create: bool = True) -> int:
    with open_queue(settings, create=create) as queue:
        by_type = queue.stats().by_type
    return sum(by_type.get(each, {}).get(TaskStatus.FAILED, 0) for each in task_types)


def workers(as_json: JsonOption = False, db_path: DatabaseOption = None) -> None:
    """List the running workers."""
    with open_queue(read_settings(db_path), reading=True) as queue:
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
