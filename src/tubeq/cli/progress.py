"""Running workers while somebody watches certain tasks."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext

from tubeq.cli.console import cut_text, messages, say
from tubeq.cli.render import counted
from tubeq.cli.waiting import Waits
from tubeq.domain.children import Progress
from tubeq.domain.models import Task
from tubeq.domain.states import FINISHED
from tubeq.queue.queue_manager import QueueManager
from tubeq.workers.runner import Runner, RunnerEvent, RunSummary

_LOOK_EVERY_S = 0.1
_LOG_EVERY_S = 10.0

Look = Callable[[list[Task]], None]


def run_until_finished(
    runner: Runner,
    queue: QueueManager,
    task_ids: Sequence[str],
    look: Look,
    waits: Waits | None = None,
) -> RunSummary:
    """Run the workers until all these tasks are finished, whoever finishes them.

    Args:
        waits: end also where those that are not finished wait for too long.
        look: called ten times a second, from another thread, and once at the end, with the tasks
            as they are then.

    Raises:
        TubeqError: the queue could not be read; the workers were stopped.
    """

    def step() -> bool:
        tasks = [queue.get_task(task_id) for task_id in task_ids]
        look(tasks)
        return all(
            task.status in FINISHED or (waits is not None and waits.is_too_long(task))
            for task in tasks
        )

    return _run_watched(runner, step)


def run_until_enriched(
    runner: Runner,
    queue: QueueManager,
    task_id: str,
    look: Callable[[Task, Progress], None],
    waits: Waits,
) -> RunSummary:
    """Run the workers until this task, and all tasks that it created, are finished, or what is not
    waits for too long.

    Args:
        look: called up to ten times a second, and once at the end. See `run_until_finished`.

    Raises:
        TubeqError: the queue could not be read; the workers were stopped.
    """

    def step() -> bool:
        task = queue.get_task(task_id)  # before its children: it creates none once it is finished
        progress = queue.progress(task_id)
        look(task, progress)
        over = task.status in FINISHED or waits.is_too_long(task)
        return over and waits.are_too_long(task_id, progress)

    return _run_watched(runner, step)


def _run_watched(runner: Runner, step: Callable[[], bool]) -> RunSummary:
    """Run the workers, and stop them once `step` says so."""
    over = threading.Event()
    failures: list[Exception] = []

    def watch() -> None:
        pause_s = _LOOK_EVERY_S
        try:
            while not over.wait(pause_s):
                began = time.monotonic()
                if step():
                    break
                # Of many children the counting takes its time: a tenth of it, at most.
                pause_s = max(_LOOK_EVERY_S, 9 * (time.monotonic() - began))
        except Exception as error:  # noqa: BLE001 - raised again in the caller's thread
            failures.append(error)
        finally:
            runner.stop()

    watcher = threading.Thread(target=watch, name="tubeq-watcher", daemon=True)
    watcher.start()
    try:
        summary = runner.run()
    finally:
        over.set()
        watcher.join()
    if failures:
        raise failures[0]
    step()
    return summary


def words_of(summary: RunSummary) -> str:
    """What a run came to, in a line."""
    words = [counted(summary.processed, "attempt"), f"{summary.succeeded:,} succeeded"]
    if summary.failed:
        words.append(f"{summary.failed:,} did not")
    if summary.crashed:
        were = "was" if summary.crashed == 1 else "were"
        words.append(f"{counted(summary.crashed, 'worker')} died and {were} replaced")
    return ", ".join(words)


@contextmanager
def report_of_run(*, quiet: bool) -> Iterator[Callable[[RunnerEvent], None]]:
    """Tells on stderr what a Runner does: a moving line in a terminal, now and then a line in a
    log, and a line for whatever is out of the ordinary.

    Args:
        quiet: only that.
    """
    console = messages()
    moving = console.is_terminal and not quiet
    next_line = time.monotonic() + _LOG_EVERY_S
    # What the Runner would log is what it also tells.
    logging.getLogger("tubeq").addHandler(logging.NullHandler())
    with console.status("starting") if moving else nullcontext() as status:

        def report(event: RunnerEvent) -> None:
            nonlocal next_line
            words = words_of(event.summary)
            who = f"worker {event.worker_id} (pid {event.pid})"
            if event.kind in ("died", "killed", "rescued"):
                say(f"{who} {event.kind}: {event.detail}", console)
            elif event.kind == "stopping":
                again = f"; {event.detail} hands them back at once" if event.detail else ""
                say(f"stopping after the running tasks{again}", console)
            elif event.kind == "waiting" and not quiet:
                say(f"waiting: {event.detail}", console)
            elif event.kind == "left":
                say(f"left: {event.detail}", console)
            elif event.kind == "started" and not quiet:
                say(f"{who} started", console)
            elif not moving and not quiet and time.monotonic() >= next_line:
                next_line = time.monotonic() + _LOG_EVERY_S
                say(words, console)
            if status is not None:
                status.update(cut_text(words))

        yield report


@contextmanager
def environment(variables: Mapping[str, str]) -> Iterator[None]:
    """Within this block, processes that are started inherit these variables."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
