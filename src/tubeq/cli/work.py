"""Commands about workers: worker, workers, stop."""

from __future__ import annotations

import time
from argparse import Namespace
from collections.abc import Iterable, Sequence
from dataclasses import asdict, replace
from typing import TYPE_CHECKING

from tubeq.cli.console import answer, say
from tubeq.cli.exit_codes import EXIT_INTERRUPTED, EXIT_WORK_FAILED
from tubeq.cli.opening import open_queue, read_settings, worker_config
from tubeq.cli.options import ACCESS, COMMON, span_s, span_setting
from tubeq.cli.parser import argument, choice, command, flag, whole
from tubeq.cli.tables import Table
from tubeq.cli.words import age, counted, since
from tubeq.domain.errors import InvalidParameters
from tubeq.domain.policies import ClaimStrategy, Durability
from tubeq.domain.states import TaskStatus
from tubeq.queue.queue_manager import QueueManager
from tubeq.settings import Settings
from tubeq.storage.ports.tasks import WorkerInfo

if TYPE_CHECKING:
    from tubeq.workers.config import RunnerConfig
    from tubeq.workers.report import RunnerEvent, RunSummary

# What starts workers is imported where it is used: `tubeq workers` needs none of it.


@command(
    argument("--type", "TYPE",
             "Tasks to process; repeatable. (default: every type that an installed plugin has)",
             dest="task_types", action="append"),
    argument("--processes", "N", "Processes for each --type.", type=whole(1, 256), default=1),
    argument("--threads", "N", "Tasks at once per process.", type=whole(1, 64), default=1),
    flag("--until-idle", "End when there is nothing left to do."),
    argument("--wait-scheduled", "SPAN",
             "With --until-idle: wait for tasks that fall due within this, and leave later ones; "
             "0 waits for none.", type=span_s, default="15m"),
    choice("--strategy", ClaimStrategy, "Which task is claimed next.", default=ClaimStrategy.LIFO),
    argument("--max-retries", "N", "Failed attempts after which a task is FAILED. "
             f"(default: {Settings().max_retries})", type=whole(0)),
    span_setting(
        "--backoff", "backoff_s",
        "The wait before the first retry; it doubles with each further one.",
    ),
    span_setting("--timeout", "task_timeout_s", "End a task that takes longer than this."),
    span_setting("--lease", "lease_s", "Reassign a task after this long without a heartbeat."),
    choice("--durability", Durability,
           f"What survives a power cut. (default: {Settings().durability})"),
    *ACCESS,
    flag("--quiet -q", "Report only problems."),
    *COMMON,
)  # fmt: skip
def worker(given: Namespace) -> None:
    """Process tasks until Ctrl-C.

    Each worker then finishes its current task; that is the normal end, with exit code 0. With
    --until-idle the exit code is 130 after Ctrl-C, and 1 if tasks failed.
    """
    from tubeq.cli.plugin_types import all_types, known_task_type
    from tubeq.cli.progress import words_of
    from tubeq.workers.config import RunnerConfig

    types = [known_task_type(each) for each in dict.fromkeys(given.task_types or [])] or all_types()
    settings = read_settings(given)
    if settings.lease_s < 1:
        raise InvalidParameters("a lease must be at least 1s")
    # Each named type has processes of its own; without names each process takes all types.
    first, *others = (
        RunnerConfig(
            worker=worker_config(settings, each, given.strategy),
            processes=given.processes,
            threads=given.threads,
            until_idle=given.until_idle,
            wait_scheduled_s=given.wait_scheduled,
        )
        for each in (types if given.task_types else [types])
    )
    config = replace(first, also=tuple(others))
    summary, failed, unworked = _run(settings, config, types, quiet=given.quiet)
    answer(
        given,
        {**asdict(summary), "left": summary.left, "tasks_failed": failed}
        | {"types_without_worker": unworked},
        f"{words_of(summary)}; {counted(failed, 'task')} failed permanently",
    )
    if given.until_idle and (summary.stopped or failed > 0):
        raise SystemExit(EXIT_INTERRUPTED if summary.stopped else EXIT_WORK_FAILED)


def _run(
    settings: Settings, config: RunnerConfig, types: Sequence[str], *, quiet: bool
) -> tuple[RunSummary, int, list[str]]:
    """Run workers, and report on stderr what they do and what they wait for.

    Returns:
        What they did, how many tasks failed for good, and which queued types have no worker.
    """
    from tubeq.cli.plugin_types import untaken_types, unworked_words
    from tubeq.cli.progress import environment, report_of_run
    from tubeq.cli.waiting import PauseWatch
    from tubeq.workers.runner import Runner

    variables = settings.worker_environment()  # before a database file is made
    with (
        environment(variables),
        open_queue(settings, create=True) as queue,
        report_of_run(quiet=quiet) as report,
    ):
        pauses = PauseWatch(settings, queue, types)

        def hear(event: RunnerEvent) -> None:
            pauses.check()
            report(event)

        failed_before = _failed_count(queue, types)
        pauses.check()
        if unworked := untaken_types(queue, besides=types):
            say(unworked_words(settings, unworked))
        summary = Runner(settings.db_path, config, on_event=hear).run()
    with open_queue(settings) as queue:
        return summary, _failed_count(queue, types) - failed_before, untaken_types(queue)


def _failed_count(queue: QueueManager, task_types: Sequence[str]) -> int:
    by_type = queue.stats().by_type
    return sum(by_type.get(each, {}).get(TaskStatus.FAILED, 0) for each in task_types)


def worker_table(workers: Iterable[WorkerInfo], now: float) -> Table:
    """One row a registered worker."""
    return Table(
        "worker", "type", "host", "pid", "started", "seen", "",
        right=("pid",), elastic=("type", "host"), drop=("host", "started", "pid"),
        rows=(
            (each.worker_id, ", ".join(each.task_types), each.host, str(each.pid),
             f"{since(each.started_at, now)} ago", f"{age(now - each.last_seen)} ago",
             "stopping" if each.stop_requested else "")
            for each in workers
        ),
    )  # fmt: skip


@command(*COMMON)
def workers(given: Namespace) -> None:
    """List the running workers."""
    with open_queue(read_settings(given), reading=True) as queue:
        found = queue.workers()
    answer(given, found, worker_table(found, time.time()), none="no workers are running")


@command(
    argument("worker_id", "WORKER_ID", "See `tubeq workers`. (default: all)", nargs="?"), *COMMON
)
def stop(given: Namespace) -> None:
    """Ask workers to stop after their current task."""
    with open_queue(read_settings(given)) as queue:
        asked = queue.request_stop(given.worker_id)
    if given.worker_id is not None and not asked:
        raise InvalidParameters(f"there is no worker {given.worker_id!r:.120}: see `tubeq workers`")
    were = "was" if asked == 1 else "were"
    words = (
        f"{counted(asked, 'worker')} {were} asked to stop" if asked else "no workers are running"
    )
    answer(given, {"asked": asked}, note=words)
