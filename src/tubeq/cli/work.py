"""Commands about workers: worker, workers, stop."""

from __future__ import annotations

import time
from argparse import Namespace
from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import TYPE_CHECKING

from tubeq.cli import access, work_render
from tubeq.cli.console import draw, say, write_json
from tubeq.cli.exit_codes import EXIT_INTERRUPTED, EXIT_WORK_FAILED
from tubeq.cli.opening import open_queue, read_settings, worker_config
from tubeq.cli.options import COMMON, span_s
from tubeq.cli.parser import argument, command, flag, one_of, whole
from tubeq.cli.words import counted
from tubeq.domain.errors import InvalidParameters
from tubeq.domain.policies import ClaimStrategy, Durability
from tubeq.domain.states import TaskStatus
from tubeq.settings import Settings

if TYPE_CHECKING:
    from tubeq.workers.config import RunnerConfig
    from tubeq.workers.report import RunnerEvent, RunSummary

# What starts workers is imported where it is used: `tubeq workers` needs none of it.

_DEFAULTS = Settings()


@command(
    argument(
        "--type", dest="task_types", metavar="TYPE", action="append", default=None,
        help="Tasks to process; repeatable. (default: every type that an installed plugin has)",
    ),
    argument(
        "--processes", type=whole(1, 256), metavar="N", default=1, help="Processes for each --type."
    ),
    argument(
        "--threads", type=whole(1, 64), metavar="N", default=1, help="Tasks at once per process."
    ),
    flag("--until-idle", help="End when there is nothing left to do."),
    argument(
        "--wait-scheduled", metavar="SPAN", default="15m",
        help="With --until-idle: wait for tasks due within this, and leave later ones; 0 waits for "
        "none.",
    ),
    argument(
        "--strategy", **one_of(ClaimStrategy), default=ClaimStrategy.LIFO,
        help="Which task is claimed next.",
    ),
    argument(
        "--max-retries", type=whole(0), metavar="N",
        help=f"How many failures make a task FAILED. (default: {_DEFAULTS.max_retries})",
    ),
    argument(
        "--backoff", metavar="SPAN",
        help="The wait before the first retry; it doubles with each further one. "
        f"(default: {_DEFAULTS.backoff_s:g}s)",
    ),
    argument(
        "--timeout", metavar="SPAN",
        help="End a task that takes longer than this. "
        f"(default: {_DEFAULTS.task_timeout_s:g}s)",
    ),
    argument(
        "--lease", metavar="SPAN",
        help="Reassign the task after this long without a heartbeat. "
        f"(default: {_DEFAULTS.lease_s:g}s)",
    ),
    argument(
        "--durability", **one_of(Durability),
        help=f"What survives a power cut. (default: {_DEFAULTS.durability})",
    ),
    *access.OPTIONS,
    flag("--quiet", "-q", help="Report only problems."),
    *COMMON,
)  # fmt: skip
def worker(given: Namespace) -> None:
    """Process tasks until Ctrl-C.

    Each worker then finishes its current task; that is the normal end, with exit code 0. With
    --until-idle the exit code is 130 after Ctrl-C, and 1 if tasks failed.
    """
    from tubeq.cli.plugin_types import all_types, known_task_type
    from tubeq.workers.config import RunnerConfig

    types = [known_task_type(each) for each in dict.fromkeys(given.task_types or [])] or all_types()
    wait_s = 0.0 if given.wait_scheduled.strip() == "0" else span_s(given.wait_scheduled)
    settings = read_settings(
        given.db_path,
        max_retries=given.max_retries,
        backoff_s=None if given.backoff is None else span_s(given.backoff),
        task_timeout_s=None if given.timeout is None else span_s(given.timeout),
        lease_s=None if given.lease is None else span_s(given.lease),
        durability=given.durability,
        **access.overrides(given),
    )
    if settings.lease_s < 1:
        raise InvalidParameters("a lease must be at least 1s")
    # Each named type has processes of its own; without names each process takes all types.
    first, *others = (
        RunnerConfig(
            worker=worker_config(settings, each, given.strategy),
            processes=given.processes,
            threads=given.threads,
            until_idle=given.until_idle,
            wait_scheduled_s=wait_s,
        )
        for each in (types if given.task_types else [types])
    )
    _work(
        settings,
        replace(first, also=tuple(others)),
        types,
        quiet=given.quiet,
        as_json=given.as_json,
    )


def _work(
    settings: Settings, config: RunnerConfig, types: Sequence[str], *, quiet: bool, as_json: bool
) -> None:
    """Run workers, and report what became of the tasks."""
    from tubeq.cli.plugin_types import untaken_types
    from tubeq.cli.progress import environment, words_of

    variables = settings.worker_environment()
    failed_before = _failed_count(settings, types)
    with environment(variables):
        summary = _run(settings, config, types, quiet=quiet)
    failed = _failed_count(settings, types, create=False) - failed_before
    if as_json:
        with open_queue(settings) as queue:
            unworked = untaken_types(queue)
        shown = {**asdict(summary), "left": [each._asdict() for each in summary.left]}
        write_json({**shown, "tasks_failed": failed, "types_without_worker": unworked})
    else:
        print(f"{words_of(summary)}; {counted(failed, 'task')} failed permanently")
    if config.until_idle and (summary.stopped or failed > 0):
        raise SystemExit(EXIT_INTERRUPTED if summary.stopped else EXIT_WORK_FAILED)


def _run(
    settings: Settings, config: RunnerConfig, types: Sequence[str], *, quiet: bool
) -> RunSummary:
    """Run workers, and report on stderr what they do and what they wait for."""
    from tubeq.cli.plugin_types import untaken_types, unworked_words
    from tubeq.cli.progress import report_of_run
    from tubeq.cli.waiting import PauseWatch
    from tubeq.workers.runner import Runner

    with open_queue(settings, create=True) as queue, report_of_run(quiet=quiet) as report:
        pauses = PauseWatch(settings, queue, types)

        def hear(event: RunnerEvent) -> None:
            pauses.check()
            report(event)

        pauses.check()
        if unworked := untaken_types(queue, besides=types):
            say(unworked_words(settings, unworked))
        return Runner(settings.db_path, config, on_event=hear).run()


def _failed_count(settings: Settings, task_types: Sequence[str], *, create: bool = True) -> int:
    with open_queue(settings, create=create) as queue:
        by_type = queue.stats().by_type
    return sum(by_type.get(each, {}).get(TaskStatus.FAILED, 0) for each in task_types)


@command(*COMMON)
def workers(given: Namespace) -> None:
    """List the running workers."""
    with open_queue(read_settings(given.db_path), reading=True) as queue:
        found = queue.workers()
    if given.as_json:
        write_json([each._asdict() for each in found])
    elif found:
        draw(work_render.worker_table(found, time.time()))
    else:
        say("no workers are running")


@command(
    argument(
        "worker_id", metavar="WORKER_ID", nargs="?", help="See `tubeq workers`. (default: all)"
    ),
    *COMMON,
)
def stop(given: Namespace) -> None:
    """Ask workers to stop after their current task."""
    with open_queue(read_settings(given.db_path)) as queue:
        asked = queue.request_stop(given.worker_id)
    if given.worker_id is not None and not asked:
        raise InvalidParameters(f"there is no worker {given.worker_id!r:.120}: see `tubeq workers`")
    if given.as_json:
        write_json({"asked": asked})
    else:
        were = "was" if asked == 1 else "were"
        words = f"{counted(asked, 'worker')} {were} asked to stop"
        say(words if asked else "no workers are running")
