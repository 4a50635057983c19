"""Running workers, and reporting their progress."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from tubeq.cli import live
from tubeq.cli.console import say
from tubeq.cli.words import counted
from tubeq.workers.report import RunnerEvent, RunSummary
from tubeq.workers.runner import Runner

_CHECK_EVERY_S = 0.1
_LOG_EVERY_S = 10.0


def run_until(runner: Runner, is_over: Callable[[], bool]) -> RunSummary:
    """Run the workers until `is_over` says so; it is called up to ten times a second, from another
    thread, and once at the end.

    Raises:
        TubeqError: what it raised, such as that the queue cannot be read; the workers were stopped.
    """
    over = threading.Event()
    failures: list[Exception] = []

    def watch() -> None:
        pause_s = _CHECK_EVERY_S
        try:
            while not over.wait(pause_s):
                began = time.monotonic()
                if is_over():
                    break
                # Counting many children takes time: at most a tenth of this thread's.
                pause_s = max(_CHECK_EVERY_S, 9 * (time.monotonic() - began))
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
    is_over()
    return summary


def words_of(summary: RunSummary) -> str:
    """The outcome of a run in one line."""
    words = [counted(summary.processed, "attempt"), f"{summary.succeeded:,} succeeded"]
    if summary.failed:
        words.append(f"{summary.failed:,} failed")
    if summary.crashed:
        were = "was" if summary.crashed == 1 else "were"
        words.append(f"{counted(summary.crashed, 'worker')} crashed and {were} replaced")
    return ", ".join(words)


@contextmanager
def report_of_run(*, quiet: bool) -> Iterator[Callable[[RunnerEvent], None]]:
    """Report on stderr what a Runner does: a moving line in a terminal, a line every ten seconds
    in a log, and a line for each problem.

    Args:
        quiet: report only problems.
    """
    moving = live.is_watched() and not quiet
    next_line = time.monotonic() + _LOG_EVERY_S
    # The Runner logs only what it also reports.
    logging.getLogger("tubeq").addHandler(logging.NullHandler())
    with live.status("starting", when=not quiet) as update:

        def report(event: RunnerEvent) -> None:
            nonlocal next_line
            words = words_of(event.summary)
            worker = f"worker {event.worker_id} (pid {event.pid})"
            if event.kind in ("died", "killed", "rescued"):
                say(f"{worker} {event.kind}: {event.detail}")
            elif event.kind == "stopping":
                again = f"; {event.detail} hands them back now" if event.detail else ""
                say(f"stopping after the current tasks{again}")
            elif event.kind == "waiting" and not quiet:
                say(f"waiting: {event.detail}")
            elif event.kind == "left":
                say(f"left: {event.detail}")
            elif event.kind == "started" and not quiet:
                say(f"{worker} started")
            elif not moving and not quiet and time.monotonic() >= next_line:
                next_line = time.monotonic() + _LOG_EVERY_S
                say(words)
            update(words)

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
