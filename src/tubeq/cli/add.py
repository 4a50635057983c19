"""Commands that add tasks, and list which there can be: add, types."""

from __future__ import annotations

import json
import sys
import time
from argparse import Namespace
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from tubeq.cli import live
from tubeq.cli.console import answer, reporting, say, say_error
from tubeq.cli.opening import open_queue, read_settings
from tubeq.cli.options import COMMON, JSON, moment, span_s
from tubeq.cli.parser import argument, command, whole
from tubeq.cli.plugin_types import registry, untaken_types, unworked_words
from tubeq.cli.tables import Table
from tubeq.cli.words import counted, in_short, short_json
from tubeq.domain.errors import InvalidParameters, PluginNotFound, StorageError
from tubeq.domain.held_files import retried
from tubeq.domain.models import EncodedTask, NewTask
from tubeq.queue.queue_manager import QueueManager
from tubeq.queue.validation import checked_task, encoded_parameters

if TYPE_CHECKING:
    from tubeq.plugins.parameters import Preset
    from tubeq.plugins.registry import Checker

_T = TypeVar("_T")
_BATCH = 5000
"""Tasks a transaction: large enough to be fast, small enough that workers can claim meanwhile."""


@command(
    argument("task_type", "TYPE", "The task's type or preset: see `tubeq types`."),
    argument("--param -p", "NAME=VALUE", "A parameter; repeatable. The value is read as the type "
             "declares it; where its plugin declares nothing, as JSON if possible, else as a "
             "string.", dest="param", action="append"),
    argument("--parameters", "JSON", "All parameters as one JSON object."),
    argument("--from-file", "FILE", "Add many tasks: each line of the file is a JSON object, the "
             "parameters of one task; - reads standard input. If any line is invalid, no task is "
             "added."),
    argument("--priority", "N",
             "Larger runs sooner, with the strategies priority and weighted_random.", type=whole(),
             default=0),
    argument("--delay", "SPAN", "Run it no sooner than this from now: 90s, 5m, 2h.", type=span_s),
    argument("--run-after", "TIME",
             "Run it no sooner than this: 2027-01-31T08:00 (local time), or with +02:00 or Z.",
             type=moment),
    argument("--idempotency-key", "KEY", "Add no second task with this key; print the id of the "
             "first. With --from-file, the key of a line is KEY:LINE."),
    *COMMON,
)  # fmt: skip
def add(given: Namespace) -> None:
    """Add a task, or many from a file, and print the ids."""
    settings = read_settings(given)
    check = registry.checker(given.task_type)
    template = NewTask(given.task_type, {}, given.priority, _due_at(given), given.idempotency_key)
    is_one = given.from_file is None
    if not is_one and (given.param or given.parameters):
        raise InvalidParameters(
            "--from-file already gives the parameters: leave out --param and --parameters"
        )
    with registry.around_plugins():  # checked before a database file is made
        if is_one:
            tasks = [_checked(template, _parameters(given), check)]
        else:
            tasks = list(_tasks_from(given.from_file, template, check))
    with open_queue(settings, create=True) as queue:
        task_ids = _create_in_batches(queue, tasks)
        unworked = untaken_types(queue)
    added = counted(len(task_ids), "task")
    with reporting(f"added: {f'task {task_ids[0]}' if is_one else added}"):
        answer(
            given,
            {"count": len(task_ids), "task_ids": task_ids, "types_without_worker": unworked},
            task_ids[0] if is_one else f"{added} added",
        )
        if unworked and not given.as_json:
            say(unworked_words(settings, unworked))


def _due_at(given: Namespace) -> float | None:
    due: float | None = given.run_after
    if given.delay is None:
        return due
    if due is not None:
        raise InvalidParameters("give --delay or --run-after, not both")
    return time.time() + float(given.delay)


def _parameters(given: Namespace) -> dict[str, Any]:
    """What `--param` gives, over `--parameters`."""
    declared = registry.declared_by(given.task_type)
    found: dict[str, Any] = {}
    for pair in given.param or []:
        name, equals, value = pair.partition("=")
        if not name or not equals:
            raise InvalidParameters(f"--param takes NAME=VALUE, not {pair!r:.60}")
        if name in found:
            raise InvalidParameters(f"{name!r:.60} is given twice: give each parameter once")
        if declared is None:
            found[name] = _guessed(value)
        else:
            found[name] = declared[name].from_text(value) if name in declared else value
    return {**_object(given.parameters or "{}", "--parameters"), **found}


def _guessed(value: str) -> Any:
    """JSON if possible, else a string."""
    try:
        return _decoded(value)
    except (ValueError, RecursionError):
        return value


def _decoded(text: str) -> Any:
    """
    Raises:
        ValueError: it is not JSON, or an object has a key twice.
        RecursionError: it is nested too deeply.
    """
    return json.loads(text, parse_constant=_not_json, object_pairs_hook=_each_once)


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"it has the key {twice!r:.60} twice")
    return made


def _not_json(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _object(text: str, origin: str) -> dict[str, Any]:
    try:
        value = _decoded(text)
    except (ValueError, RecursionError) as error:
        raise InvalidParameters(f"{origin} is not JSON: {error}") from None
    if not isinstance(value, dict):
        raise InvalidParameters(f'{origin} must be a JSON object, such as {{"max_results": 5}}')
    return value


def _checked(task: NewTask, parameters: dict[str, Any], check: Checker) -> EncodedTask:
    """The task as the queue takes it, where its plugin would accept it."""
    try:
        return checked_task(task._replace(parameters=parameters), lambda _: check)
    except InvalidParameters:
        encoded_parameters(parameters)  # of what is too large only that is said
        raise


def _tasks_from(source: str, template: NewTask, check: Checker) -> Iterator[EncodedTask]:
    """The tasks of a file, each checked."""
    for number, line in enumerate(_lines(source), start=1):
        if not line.strip():
            continue
        key = template.idempotency_key and f"{template.idempotency_key}:{number}"
        try:
            task = _checked(
                template._replace(idempotency_key=key), _object(line, "the line"), check
            )
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
            path = Path(source)
            with retried(lambda: path.open(encoding="utf-8-sig"), path) as file:
                yield from file
    except OSError as error:
        raise InvalidParameters(f"{_called(source)} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise InvalidParameters(f"{_called(source)} is not UTF-8 text; nothing was added") from None


def _called(source: str) -> str:
    return "standard input" if source == "-" else source or "a file without a name"


def _create_in_batches(queue: QueueManager, tasks: Sequence[EncodedTask]) -> list[str]:
    if len(tasks) == 1:
        return queue.create_tasks(tasks)
    task_ids: list[str] = []
    try:
        with live.status("adding") as update:
            for start in range(0, len(tasks), _BATCH):
                task_ids += queue.create_tasks(tasks[start : start + _BATCH])
                update(f"adding: {len(task_ids):,} of {len(tasks):,}")
    except (KeyboardInterrupt, StorageError) as error:
        if isinstance(error, KeyboardInterrupt):
            say(f"interrupted: {len(task_ids):,} of {len(tasks):,} tasks were added")
        elif task_ids:  # or the error would read as if nothing had been added
            say(f"the first {len(task_ids):,} of {len(tasks):,} tasks were added")
        raise
    return task_ids


def type_table(schemas: Mapping[str, Mapping[str, Any]]) -> Table:
    """One row a parameter of a task type, from the types' JSON schemas."""
    rows = []
    for task_type, schema in schemas.items():
        properties = schema.get("properties") or {"": {"description": "not declared by its plugin"}}
        for number, (name, each) in enumerate(properties.items()):
            required = name in schema.get("required", ())
            default = "required" if required else short_json(each.get("default", ""))
            shown_type = "" if number else task_type
            rows.append((shown_type, name, default, each.get("description")))
    columns = "type", "parameter", "default", "description"
    return Table(*columns, elastic=("description",), rows=rows)


def preset_table(presets: Mapping[str, Preset]) -> Table:
    """One row a preset."""
    rows = ((name, in_short(each.parameters), each.help) for name, each in presets.items())
    return Table("preset", "sets", "description", elastic=("description",), rows=rows)


@command(JSON)
def types(given: Namespace) -> None:
    """List task types, their parameters and presets."""
    broken: list[PluginNotFound] = []

    def loaded(load: Callable[[str], _T], names: Sequence[str]) -> dict[str, _T]:
        found: dict[str, _T] = {}
        for name in names:
            try:
                found[name] = load(name)
            except PluginNotFound as error:
                broken.append(error)
        return found

    declared = loaded(registry.parameters_of, registry.plugin_types())
    schemas = {name: {} if each is None else each.json_schema() for name, each in declared.items()}
    presets = loaded(registry.get_preset, registry.preset_names())
    shown = {
        name: {"task_type": each.task_type, "help": each.help, "parameters": each.parameters}
        for name, each in presets.items()
    }
    answer(given, {"types": schemas, "presets": shown}, type_table(schemas), preset_table(presets))
    for failure in broken:
        say_error(str(failure))
