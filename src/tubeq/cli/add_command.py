"""`tubeq add`: one task from options, or many from a file."""

from __future__ import annotations

import itertools
import json
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from tubeq.cli.console import messages, reporting, say, write_json
from tubeq.cli.options import (
    DatabaseOption,
    JsonOption,
    moment,
    open_queue,
    read_settings,
    span_s,
)
from tubeq.cli.render import counted
from tubeq.cli.worker_types import untaken_types, unworked_words
from tubeq.domain.errors import InvalidParameters, StorageError
from tubeq.domain.models import NewTask
from tubeq.plugins import registry
from tubeq.plugins.registry import Checker, checker, declared_by
from tubeq.queue.queue_manager import QueueManager
from tubeq.queue.validation import checked_task, encoded_parameters

_BATCH = 5000
"""Tasks a transaction: large enough to be fast, small enough that workers can claim meanwhile."""


def add(
    task_type: Annotated[
        str, typer.Argument(metavar="TYPE", help="What is to be done: one of `tubeq types`.")
    ],
    param: Annotated[
        list[str] | None,
        typer.Option(
            "--param",
            "-p",
            metavar="NAME=VALUE",
            help="A parameter; once for each. The value is taken as the type declares it; where "
            "the type's plugin declares nothing, it is JSON if it can be, else text.",
        ),
    ] = None,
    parameters: Annotated[
        str | None, typer.Option(metavar="JSON", help="All parameters as one JSON object.")
    ] = None,
    from_file: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="Many tasks: a file with the parameters of a task, a JSON object, on each line; "
            "- is standard input. A bad line anywhere, and none is added.",
        ),
    ] = None,
    priority: Annotated[int, typer.Option(help="Larger is sooner (strategy priority).")] = 0,
    delay: Annotated[
        str | None, typer.Option(metavar="SPAN", help="Not before this has passed: 90s, 5m, 2h.")
    ] = None,
    run_after: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="Not before: 2027-01-31T08:00 (local), or with +02:00."),
    ] = None,
    idempotency_key: Annotated[
        str | None,
        typer.Option(
            metavar="KEY",
            help="A second task with this key is not added: the first one's id is printed. "
            "With --from-file, each line's key is KEY:LINE.",
        ),
    ] = None,
    as_json: JsonOption = False,
    db_path: DatabaseOption = None,
) -> None:
    """Add a task, or with --from-file many, and print the ids."""
    settings = read_settings(db_path)
    check = checker(task_type)
    template = NewTask("", {}, priority, _due_at(delay, run_after), idempotency_key)
    if from_file is not None and (param or parameters):
        raise InvalidParameters("--from-file brings the parameters: leave out the others")
    with registry.around_plugins():  # checked before a database file is made
        if from_file is None:
            tasks = [_checked(template, _parameters(task_type, param or [], parameters), check)]
        else:
            tasks = list(_tasks_from(from_file, template, check))
    with open_queue(settings, create=True) as queue:
        task_ids = _create_in_batches(queue, tasks)
        unworked = untaken_types(queue)
    added = counted(len(task_ids), "task")
    with reporting(f"added: {added if from_file is not None else f'task {task_ids[0]}'}"):
        if as_json:
            told = {"count": len(task_ids), "task_ids": task_ids}
            write_json({**told, "types_without_worker": unworked})
        else:
            print(task_ids[0] if from_file is None else f"{added} added")
        if unworked:
            say(unworked_words(settings, unworked))


def _due_at(delay: str | None, run_after: str | None) -> float | None:
    if delay is not None and run_after is not None:
        raise InvalidParameters("give --delay or --run-after, not both")
    if delay is not None:
        return time.time() + span_s(delay)
    return moment(run_after) if run_after is not None else None


def _parameters(task_type: str, pairs: Sequence[str], text: str | None) -> dict[str, Any]:
    """What `--param` says, and beside it `--parameters`."""
    declared = declared_by(task_type)
    given: dict[str, Any] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not name or not equals:
            raise InvalidParameters(f"--param takes NAME=VALUE, not {pair!r:.60}")
        if name in given:
            raise InvalidParameters(f"{name!r:.60} is given twice: give each parameter once")
        if declared is None:
            given[name] = _guessed(value)
        else:
            given[name] = declared[name].from_text(value) if name in declared else value
    return {**({} if text is None else _object(text, "--parameters")), **given}


def _guessed(value: str) -> Any:
    """JSON if it can be, else text."""
    try:
        return _decoded(value)
    except (ValueError, RecursionError):
        return value


def _decoded(text: str) -> Any:
    """
    Raises:
        ValueError: it is no JSON, or says something twice.
        RecursionError: it is nested too deeply.
    """
    return json.loads(text, parse_constant=_not_json, object_pairs_hook=_each_once)


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"it says {twice!r:.60} twice")
    return made


def _object(text: str, origin: str) -> dict[str, Any]:
    try:
        value = _decoded(text)
    except (ValueError, RecursionError) as error:
        raise InvalidParameters(f"{origin} is no JSON: {error}") from None
    if not isinstance(value, dict):
        raise InvalidParameters(f'{origin} must be a JSON object, such as {{"max_results": 5}}')
    return value


def _not_json(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")


def _checked(template: NewTask, parameters: dict[str, Any], check: Checker) -> NewTask:
    """A task that can be queued, and will then be accepted by its plugin."""
    encoded_parameters(parameters)  # first of all: what is too large need not be looked into
    task_type, told = check(parameters)
    task = replace(template, task_type=task_type, parameters=told)
    checked_task(task)
    return task


def _tasks_from(source: str, template: NewTask, check: Checker) -> Iterator[NewTask]:
    """The tasks of a file, each checked."""
    for number, line in enumerate(_lines(source), start=1):
        if not line.strip():
            continue
        key = template.idempotency_key and f"{template.idempotency_key}:{number}"
        try:
            task = _checked(replace(template, idempotency_key=key), _object(line, "it"), check)
        except InvalidParameters as error:
            where = f"{_called(source)}, line {number}"
            raise InvalidParameters(f"{where}: {error}; nothing was added") from None
        yield task


def _lines(source: str) -> Iterator[str]:
    try:
        if source == "-":
            for line in sys.stdin.buffer:
                yield line.decode("utf-8-sig")
        else:
            with Path(source).open(encoding="utf-8-sig") as file:
                yield from file
    except OSError as error:
        raise InvalidParameters(f"{_called(source)} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise InvalidParameters(f"{_called(source)} is not UTF-8 text; nothing was added") from None


def _called(source: str) -> str:
    return "standard input" if source == "-" else source or "a file without a name"


def _create_in_batches(queue: QueueManager, tasks: Sequence[NewTask]) -> list[str]:
    if len(tasks) == 1:
        return queue.create_tasks(tasks)
    from rich.progress import track

    task_ids: list[str] = []
    starts = range(0, len(tasks), _BATCH)
    console = messages()
    try:
        for start in track(starts, "adding", console=console, disable=not console.is_terminal):
            task_ids += queue.create_tasks(itertools.islice(tasks, start, start + _BATCH))
    except KeyboardInterrupt:
        say(f"interrupted: {len(task_ids):,} of {len(tasks):,} tasks were added")
        raise
    except StorageError:
        if task_ids:  # or the error would read as if nothing had been
            say(f"the first {len(task_ids):,} of {len(tasks):,} tasks were added")
        raise
    return task_ids
