"""A process of workers under a Runner: `work` is what it runs.

It takes its orders from a pipe: STOP, HURRY, or end of file, which means that the supervisor died.
Signals of the terminal reach it too; it leaves them to the supervisor.
"""

from __future__ import annotations

import importlib
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from multiprocessing.connection import Connection
from typing import Any, NamedTuple

from tubeq.domain.errors import BUSY_OR_FULL, PluginNotFound, StorageError, TubeqError
from tubeq.plugins.base import current_saver
from tubeq.plugins.registry import get_plugin
from tubeq.workers.config import RunnerConfig, WorkerConfig
from tubeq.workers.plugin_output import own_no_output
from tubeq.workers.shared_stats import SharedStats
from tubeq.workers.standard_streams import guard, open_closed_descriptors
from tubeq.workers.worker_threads import EXIT_DONE, WorkerThreads

STOP, HURRY = "stop", "hurry"
EXIT_FAILED = 1
EXIT_NOT_STARTED = 3
_EXIT_S = 5.0
_OPENING_REST_S = 1.0
_LEFT_TO_SUPERVISOR = ("SIGINT", "SIGHUP", "SIGBREAK")
_logger = logging.getLogger("tubeq.worker")


class Assignment(NamedTuple):
    """The orders of a worker's process at its start.

    Args:
        db_path: the database.
        config: with a unique worker_id.
        idle_types: see BaseWorker.run.
    """

    db_path: str
    config: RunnerConfig
    idle_types: tuple[str, ...]


def load_plugin(task_type: str, path: str | None) -> Any:
    """A plugin object: registered for the task type, or found by its import path.

    Args:
        task_type: names the registered one, used without a path.
        path: "module:attribute"; a class is called without arguments.

    Raises:
        PluginNotFound: there is none; the message says why.
    """
    if path is None:
        return get_plugin(task_type)
    module_name, _, attribute = path.partition(":")
    try:
        found = getattr(importlib.import_module(module_name), attribute)
    except (ImportError, AttributeError, ValueError) as error:
        raise PluginNotFound(f"plugin {path!r} cannot be imported: {error}") from error
    plugin = found() if isinstance(found, type) else found
    if not callable(getattr(plugin, "scrape", None)):
        raise PluginNotFound(f"plugin {path!r} has no method scrape")
    return plugin


def load_plugins(config: WorkerConfig, path: str | None) -> tuple[WorkerConfig, Any]:
    """The plugin of a worker, or of each of its types, and the config for what could be loaded:
    of several types, those whose plugin is broken are skipped.

    Raises:
        PluginNotFound: there is none; the message says why.
    """
    if path is not None or len(config.task_types) == 1:
        return config, load_plugin(config.task_types[0], path)
    plugins, broken = {}, []
    for task_type in config.task_types:
        try:
            plugins[task_type] = load_plugin(task_type, None)
        except Exception as error:  # noqa: BLE001 - a plugin may raise anything
            broken.append(f"{task_type}: {error}")
    if not plugins:
        raise PluginNotFound("; ".join(broken))
    for each in broken:
        _logger.warning("skipped: %s", each)
    config = replace(config, task_type=tuple(plugins))
    return config, plugins if len(plugins) > 1 else plugins[config.task_types[0]]


def _awaited_types(assignment: Assignment, config: WorkerConfig) -> tuple[str, ...]:
    """The types that keep this worker from being idle: not one that it skipped, whose tasks it
    would wait for endlessly."""
    passed_over = {*assignment.config.worker.task_types} - {*config.task_types}
    return tuple(each for each in assignment.idle_types if each not in passed_over)


def work(assignment: Assignment, orders: Connection, stats: Sequence[SharedStats]) -> None:
    """Work until there is nothing to do or an order to stop comes. Exits the process."""
    open_closed_descriptors()
    guard()
    opened: list[WorkerThreads] = []
    output = own_no_output(lambda: _task_of_this_thread(opened))
    stop = threading.Event()
    _arrange_signals(stop)

    def hurry() -> None:
        for threads in opened:
            threads.hurry()

    threading.Thread(
        target=_follow_orders, args=(orders, stop, hurry), name="tubeq-orders", daemon=True
    ).start()
    try:
        config, plugin = load_plugins(assignment.config.worker, assignment.config.plugin)
        threads = _opened_threads(config, assignment.db_path, plugin, stats, stop)
        opened.append(threads)
    except Exception as error:
        if not isinstance(error, TubeqError):
            _logger.exception("the worker cannot start")
        with suppress(OSError):
            orders.send((type(error).__name__, str(error)))
        raise SystemExit(EXIT_NOT_STARTED) from None
    exit_code = EXIT_FAILED
    try:
        threads.run(
            stop,
            until_idle=assignment.config.until_idle,
            idle_types=_awaited_types(assignment, config),
            wait_scheduled_s=assignment.config.wait_scheduled_s,
        )
        exit_code = EXIT_DONE
    except StorageError as error:  # its supervisor reports it, in one line
        with suppress(OSError):
            orders.send((type(error).__name__, str(error)))
        raise SystemExit(exit_code) from None
    finally:
        for each in plugin.values() if isinstance(plugin, dict) else [plugin]:
            close = getattr(each, "close", None)
            if callable(close):
                close()
        threads.close()
        output.end_lines()
        _exit_within(_EXIT_S, exit_code)


def _task_of_this_thread(opened: Sequence[WorkerThreads]) -> str | None:
    """The task that prints. Threads that a plugin started cannot be assigned to a task, unless only
    one task is being run."""
    task_id: str | None = getattr(current_saver(), "task_id", None)
    if task_id is None:
        running = [each for threads in opened for each in threads.task_ids()]
        task_id = running[0] if len(running) == 1 else None
    return task_id


def _opened_threads(
    config: WorkerConfig,
    db_path: str,
    plugin: Any,
    stats: Sequence[SharedStats],
    stop: threading.Event,
) -> WorkerThreads:
    """The workers, with their database open: one that is busy or full is waited for.

    Raises:
        StorageError: the database cannot be used, or not before this process was to stop.
    """
    is_told = False
    while True:
        try:
            return WorkerThreads(config, db_path, plugin, stats)
        except BUSY_OR_FULL as error:
            if not is_told:
                _logger.warning("worker %s waits for the database: %s", config.worker_id, error)
            is_told = True
            if stop.wait(_OPENING_REST_S):
                raise


def _follow_orders(orders: Connection, stop: threading.Event, hurry: Callable[[], None]) -> None:
    while True:
        try:
            if orders.recv() == HURRY:
                hurry()
        except (EOFError, OSError):
            stop.set()  # the supervisor is gone: no successor would be started
            return
        stop.set()


def _arrange_signals(stop: threading.Event) -> None:
    """Leave the terminal's signals to the supervisor; handle those sent to this process alone."""
    for name in _LEFT_TO_SUPERVISOR:
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    if sys.platform != "win32":
        # The supervisor blocked them while it started this process: until now they had no handler.
        signal.pthread_sigmask(signal.SIG_UNBLOCK, supervised_signals())


def supervised_signals() -> list[signal.Signals]:
    """The signals that ask a Runner to stop, as far as this platform has them."""
    names = (*_LEFT_TO_SUPERVISOR, "SIGTERM")
    return [getattr(signal, name) for name in names if hasattr(signal, name)]


def _exit_within(seconds: float, exit_code: int) -> None:
    """Exit soon, even if a thread that a plugin left behind never ends."""

    def wait_and_exit() -> None:
        time.sleep(seconds)
        os._exit(exit_code)

    threading.Thread(target=wait_and_exit, name="tubeq-exit", daemon=True).start()
