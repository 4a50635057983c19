"""The commands `tubeq limits`: what is limited, which slots are held, and what is paused."""

from __future__ import annotations

import time
from argparse import Namespace
from collections.abc import Iterable
from typing import Any, NoReturn

from tubeq.cli import limits_render
from tubeq.cli.console import draw, say, write_json, write_line
from tubeq.cli.opening import command_for, open_queue, read_settings
from tubeq.cli.options import COMMON, channel_name
from tubeq.cli.parser import argument, command, number, whole
from tubeq.domain.errors import InvalidParameters
from tubeq.domain.limits import checked_key


def _read_key(key: str) -> str:
    """The key, with a channel in it as plugins name it, however it was written."""
    kind, _, name = key.partition(":")
    return f"channel:{channel_name(name)}" if kind == "channel" else key


KEY = argument(
    "key", metavar="KEY", type=_read_key,
    help="host:NAME, channel:@HANDLE or type:TASK_TYPE; channel:* limits each channel separately.",
)  # fmt: skip


@command(*COMMON)
def limits(given: Namespace) -> None:
    """List limits, held slots and pauses.

    A limit says how many tasks or requests may run at once, and how many may start per second.
    """
    settings = read_settings(given.db_path)
    with open_queue(settings, reading=True) as queue:
        rules, slots, pauses = queue.limits.list(), queue.limits.slots(), queue.limits.pauses()
    now = time.time()
    if given.as_json:
        write_json(
            {
                "rules": [limits_render.rule_dict(rule) for rule in rules],
                "permits": [limits_render.slot_dict(slot) for slot in slots],
                "pauses": [limits_render.pause_dict(pause, now) for pause in pauses],
            }
        )
        return
    if rules:
        draw(limits_render.rule_table(rules, slots))
    else:
        example = command_for(settings, "limits set host:www.youtube.com --per-second 2")
        say(f"nothing is limited: {example}")
    if slots:
        draw(limits_render.slot_table(slots, now))
    if pauses:
        draw(limits_render.pause_table(pauses, now))


@command(
    KEY,
    argument("--concurrency", type=whole(), metavar="N", help="Maximum at once. (default: none)"),
    argument(
        "--per-second", type=number, metavar="RATE",
        help="Maximum per second, evenly spaced, such as 0.5. (default: none)",
    ),
    argument(
        "--burst", type=whole(), metavar="N", default=1,
        help="How many may start at once after a time without any.",
    ),
    *COMMON,
)  # fmt: skip
def set_(given: Namespace) -> None:
    """Set the limit of KEY.

    It replaces the one that KEY had. Running workers apply it within a second. A request takes a
    slot of its host; a task takes one of its type and one of its channel.
    """
    with open_queue(read_settings(given.db_path), create=True) as queue:
        rule = queue.limits.set(given.key, given.concurrency, given.per_second, given.burst)
    if given.as_json:
        write_json(limits_render.rule_dict(rule))
    else:
        write_line(f"{rule.key}: {limits_render.rule_words(rule)}")


@command(KEY, *COMMON)
def remove(given: Namespace) -> None:
    """Remove the limit of KEY."""
    with open_queue(read_settings(given.db_path)) as queue:
        wanted = checked_key(given.key, prefix=True)
        if not queue.limits.delete(wanted):
            _refuse(f"{wanted} has no limit", "limited", queue.limits.list())
    _report(wanted, "removed", given.as_json)


@command(KEY, *COMMON)
def resume(given: Namespace) -> None:
    """End the pause of KEY now."""
    with open_queue(read_settings(given.db_path)) as queue:
        wanted = checked_key(given.key)
        if not queue.limits.resume(wanted):
            _refuse(f"{wanted} is not paused", "paused", queue.limits.pauses())
    _report(wanted, "resumed", given.as_json)


def _refuse(wrong: str, state: str, others: Iterable[Any]) -> NoReturn:
    names = ", ".join(each.key for each in others)
    choice = f"choose from {names}" if names else f"nothing is {state}"
    raise InvalidParameters(f"{wrong}: {choice}")


def _report(key: str, done: str, as_json: bool) -> None:
    if as_json:
        write_json({done: key})
    else:
        write_line(f"{key} is {done}")
