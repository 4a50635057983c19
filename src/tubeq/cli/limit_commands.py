"""The commands `tubeq limits`: what is limited, who holds a part of it, and what is paused."""

from __future__ import annotations

import time
from collections.abc import Iterable
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from tubeq.cli.console import output, safe_text, say, write_json
from tubeq.cli.options import (
    DatabaseOption,
    JsonOption,
    channel_name,
    command_for,
    open_queue,
    read_settings,
)
from tubeq.cli.render import age, counted
from tubeq.cli.render_limits import (
    pause_dict,
    pause_table,
    permit_dict,
    permit_table,
    rule_dict,
    rule_table,
    rule_words,
)
from tubeq.domain.breaker import State
from tubeq.domain.errors import InvalidParameters, StorageReplaced
from tubeq.domain.limits import checked_key
from tubeq.queue.queue_manager import QueueManager
from tubeq.settings import Settings

if TYPE_CHECKING:
    from rich.console import Console

app = typer.Typer(invoke_without_command=True)


def _read_key(key: str) -> str:
    """The key, a channel in it as plugins name it, however it was written."""
    kind, _, name = key.partition(":")
    return f"channel:{channel_name(name)}" if kind == "channel" else key


KeyArgument = Annotated[
    str,
    typer.Argument(
        metavar="KEY",
        callback=_read_key,
        help="host:NAME, channel:@HANDLE or type:TASK_TYPE; channel:* is each channel by itself.",
    ),
]


@app.callback()
def show(ctx: typer.Context, as_json: JsonOption = False, db_path: DatabaseOption = None) -> None:
    """Say how much at once and how often; alone: list limits, permits held and pauses."""
    if ctx.invoked_subcommand is not None:
        if as_json or db_path is not None:
            raise InvalidParameters(
                f"write --db and --json at the end: tubeq limits {ctx.invoked_subcommand} KEY --db "
                "PATH"
            )
        return
    settings = read_settings(db_path)
    with open_queue(settings, reading=True) as queue:
        rules, permits, pauses = queue.limits.list(), queue.limits.slots(), queue.limits.pauses()
    now = time.time()
    if as_json:
        write_json(
            {
                "rules": [rule_dict(rule) for rule in rules],
                "permits": [permit_dict(permit) for permit in permits],
                "pauses": [pause_dict(pause, now) for pause in pauses],
            }
        )
        return
    if rules:
        output().print(rule_table(rules, permits))
    else:
        command = command_for(settings, "limits set host:www.youtube.com --per-second 2")
        say(f"nothing is limited: {command}")
    if permits:
        output().print(permit_table(permits, now))
    if pauses:
        output().print(pause_table(pauses, now))


@app.command("set")
def set_(
    key: KeyArgument,
    concurrency: Annotated[int | None, typer.Option(help="At most so many at once.")] = None,
    per_second: Annotated[
        float | None, typer.Option(help="At most so many a second, evenly spaced; 0.5 is allowed.")
    ] = None,
    burst: Annotated[int, typer.Option(help="So many may come at once after a rest.")] = 1,
    as_json: JsonOption = False,
    db_path: DatabaseOption = None,
) -> None:
    """Limit KEY, instead of what limited it before. Running workers go by it within a second.

    A request takes a permit for its host, a task one for its type, and one for its channel.
    """
    with open_queue(read_settings(db_path), create=True) as queue:
        rule = queue.limits.set(key, concurrency, per_second, burst)
    if as_json:
        write_json(rule_dict(rule))
    else:
        output().print(safe_text(f"{rule.key}: {rule_words(rule)}"))


@app.command()
def remove(key: KeyArgument, as_json: JsonOption = False, db_path: DatabaseOption = None) -> None:
    """Limit KEY no more."""
    with open_queue(read_settings(db_path)) as queue:
        wanted = checked_key(key, prefix=True)
        if not queue.limits.delete(wanted):
            _complain(f"{wanted} has no limit", "limited", queue.limits.list())
    _tell(wanted, "removed", as_json)


@app.command()
def resume(key: KeyArgument, as_json: JsonOption = False, db_path: DatabaseOption = None) -> None:
    """End the pause of KEY at once."""
    with open_queue(read_settings(db_path)) as queue:
        wanted = checked_key(key)
        if not queue.limits.resume(wanted):
            _complain(f"{wanted} is not paused", "paused", queue.limits.pauses())
    _tell(wanted, "resumed", as_json)


def _complain(wrong: str, what: str, others: Iterable[Any]) -> NoReturn:
    names = ", ".join(each.key for each in others)
    raise InvalidParameters(f"{wrong}: {f'choose from {names}' if names else f'nothing is {what}'}")


def _tell(key: str, done: str, as_json: bool) -> None:
    if as_json:
        write_json({done: key})
    else:
        output().print(safe_text(f"{key} is {done}"))


def pauses_of(queue: QueueManager) -> list[dict[str, Any]]:
    """The pauses, for `tubeq stats --json`."""
    now = time.time()
    return [pause_dict(pause, now) for pause in queue.limits.pauses()]


class PauseWatch:
    """Tells a user who waits for tasks of these types that they are paused.

    Args:
        console: where it is told, if something moves on it; else on stderr.
    """

    def __init__(
        self,
        settings: Settings,
        queue: QueueManager,
        task_types: Iterable[str],
        console: Console | None = None,
    ) -> None:
        self._settings = settings
        self._queue = queue
        self._types = {f"type:{each}": each for each in task_types}
        self._console = console
        self._told: set[tuple[str, float]] = set()

    def look(self) -> None:
        """Write a line for each pause that was not told yet. Reads at most once a second."""
        with suppress(StorageReplaced):  # the workers report that
            self._look()

    def _look(self) -> None:
        paused_s = self._queue.limits.pause_s
        if not any(map(paused_s, self._types)):
            return
        now = time.time()
        for pause in self._queue.limits.pauses():
            which = pause.key, pause.opened_at
            if (
                pause.key not in self._types
                or pause.state(now) is not State.OPEN
                or which in self._told
            ):
                continue
            self._told.add(which)
            goes_on = age(now - pause.paused_until)
            command = command_for(self._settings, f"limits resume {pause.key}")
            say(
                f"{self._types[pause.key]} is paused and goes on {goes_on} ({pause.code}); "
                f"at once: {command}",
                self._console,
            )


def say_pauses(pauses: list[dict[str, Any]]) -> None:
    """One line where something is paused."""
    if pauses:
        names = ", ".join(pause["key"] for pause in pauses)
        output().print(safe_text(f"  {counted(len(pauses), 'pause')}: {names} (`tubeq limits`)"))
