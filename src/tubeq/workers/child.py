"""A process of workers under a Runner: `work` is what it runs.

It takes its orders from a pipe: STOP, HURRY, or its end, which means that the supervisor died.
Signals of the terminal reach it too; it leaves them to the supervisor.
"""

from __future__ import annotations

import importlib
import logging
import os
import signal
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

from tubeq.domain.errors import PluginNotFound, TubeqError
from tubeq.plugins.registry import get_plugin
from tubeq.workers.board import Board
from tubeq.workers.config import WorkerConfig
from tubeq.workers.crew import EXIT_DONE, Crew
from tubeq.workers.standard_streams import guard, open_closed_descriptors

STOP, HURRY = "stop", "hurry"
EXIT_NOT_STARTED = 3
_EXIT_S = 5.0
_LEFT_TO_SUPERVISOR = ("SIGINT", "SIGHUP", "SIGBREAK")
_logger = logging.getLogger("tubeq.worker")


@dataclass(frozen=True)
class Assignment:
    """What a worker's process is told at its start.

    Args:
        db_path: the database.
        config: with a worker_id of its own.
        until_idle, idle_types: see BaseWorker.run.
        plugin: "module:attribute", or None for the registered plugin of the task type.
        threads: how many workers there are to be.
    """

    db_path: str
    config: WorkerConfig
    until_idle: bool
    plugin: str | None
    threads: int = 1
    idle_types: tuple[str, ...] = ()


def load_plugin(task_type: str, path: str | None) -> Any:
    """A plugin object: registered for the task type, or found by its import path.

    Args:
        task_type: names the registered one, where there is no path.
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


def work(assignment: Assignment, orders: Connection, boards: Sequence[Board]) -> None:
    """Work until there is nothing to do or an order to stop comes. Exits the process."""
    open_closed_descriptors()
    guard()
    stop = threading.Event()
    _arrange_signals(stop)
    try:
        plugin = load_plugin(assignment.config.task_type, assignment.plugin)
        crew = Crew(assignment.config, assignment.db_path, plugin, boards)
    except Exception as error:
        if not isinstance(error, TubeqError):
            _logger.exception("the worker cannot start")
        with suppress(OSError):
            orders.send((type(error).__name__, str(error)))
        raise SystemExit(EXIT_NOT_STARTED) from None
    threading.Thread(
        target=_follow_orders, args=(orders, stop, crew.hurry), name="tubeq-orders", daemon=True
    ).start()
    try:
        crew.run(stop, assignment.until_idle, assignment.idle_types)
    finally:
        close = getattr(plugin, "close", None)
        if callable(close):
            close()
        crew.close()
        _exit_within(_EXIT_S)


def _follow_orders(orders: Connection, stop: threading.Event, hurry: Callable[[], None]) -> None:
    while True:
        try:
            if orders.recv() == HURRY:
                hurry()
        except (EOFError, OSError):
            stop.set()  # the supervisor is gone: nobody would start a successor
            return
        stop.set()


def _arrange_signals(stop: threading.Event) -> None:
    """Leave the terminal's signals to the supervisor; obey those sent to this process alone."""
    for name in _LEFT_TO_SUPERVISOR:
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    if hasattr(signal, "pthread_sigmask"):
        # The supervisor blocked them while it started this process: until now they had no handler.
        signal.pthread_sigmask(signal.SIG_UNBLOCK, supervised_signals())


def supervised_signals() -> list[signal.Signals]:
    """The signals that ask a Runner to stop, as far as this platform has them."""
    names = (*_LEFT_TO_SUPERVISOR, "SIGTERM")
    return [getattr(signal, name) for name in names if hasattr(signal, name)]


def _exit_within(seconds: float) -> None:
    """End the process soon even if a thread that a plugin left behind never ends."""

    def wait_and_exit() -> None:
        time.sleep(seconds)
        os._exit(EXIT_DONE)

    threading.Thread(target=wait_and_exit, name="tubeq-exit", daemon=True).start()
