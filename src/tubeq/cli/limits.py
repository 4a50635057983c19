"""The commands `tubeq limits`: what is limited, which slots are held, and what is paused."""

from __future__ import annotations

import time
from argparse import Namespace
from collections.abc import Iterable
from typing import Any, NoReturn

from tubeq.cli import limits_render
from tubeq.cli.console import Drawable, answer
from tubeq.cli.opening import command_for, open_queue, read_settings
from tubeq.cli.options import COMMON, channel_name
from tubeq.cli.parser import argument, command, number, whole
from tubeq.domain.errors import InvalidParameters
from tubeq.domain.limits import checked_key


def _read_key(key: str) -> str:
    """The key, with a channel in it as plugins name it, however it was written."""
    kind, _, name = key.partition(":")
    return f"channel:{channel_name(name)}" if kind == "channel" else key


KEY = argument("key", "KEY", "host:NAME, channel:@HANDLE or type:TASK_TYPE; channel:* limits "
               "each channel separately.", type=_read_key)  # fmt: skip


@command(*COMMON)
def limits(given: Namespace) -> None:
    """List limits, held slots and pauses.

    A limit says how many tasks or requests may run at once, and how many may start per second.
    """
    settings = read_settings(given)
    with open_queue(settings, reading=True) as queue:
        rules, slots, pauses = queue.limits.list(), queue.limits.slots(), queue.limits.pauses()
    now = time.time()
    tables: list[tuple[object, Drawable]] = [
        (rules, limits_render.rule_table(rules, slots)),
        (slots, limits_render.slot_table(slots, now)),
        (pauses, limits_render.pause_table(pauses, now)),
    ]
    example = command_for(settings, "limits set host:www.youtube.com --per-second 2")
    answer(
        given,
        {
            "rules": rules,
            "permits": [limits_render.slot_dict(slot) for slot in slots],
            "pauses": [limits_render.pause_dict(pause, now) for pause in pauses],
        },
        *(table for rows, table in tables if rows),
        note="" if rules else f"no limits are set; to set one: {example}",
    )


@command(
    KEY,
    argument("--concurrency", "N", "Maximum at once. (default: none)", type=whole()),
    argument("--per-second", "RATE",
             "Maximum per second, evenly spaced, such as 0.5. (default: none)", type=number),
    argument("--burst", "N", "How many may start at once after a time without any.", type=whole(),
             default=1),
    *COMMON,
)  # fmt: skip
def set_(given: Namespace) -> None:
    """Set the limit of KEY.

    It replaces an earlier limit of KEY. Running workers apply it within a second. A request takes a
    slot of its host; a task takes one of its type and one of its channel.
    """
    with open_queue(read_settings(given), create=True) as queue:
        rule = queue.limits.set(given.key, given.concurrency, given.per_second, given.burst)
    answer(given, rule, f"{rule.key}: {limits_render.rule_words(rule)}")


@command(KEY, *COMMON)
def remove(given: Namespace) -> None:
    """Remove the limit of KEY."""
    with open_queue(read_settings(given)) as queue:
        key = checked_key(given.key, prefix=True)
        if not queue.limits.delete(key):
            _refuse(f"{key} has no limit", "limited", queue.limits.list())
    answer(given, {"removed": key}, f"{key} is removed")


@command(KEY, *COMMON)
def resume(given: Namespace) -> None:
    """End the pause of KEY now."""
    with open_queue(read_settings(given)) as queue:
        key = checked_key(given.key)
        if not queue.limits.resume(key):
            _refuse(f"{key} is not paused", "paused", queue.limits.pauses())
    answer(given, {"resumed": key}, f"{key} is resumed")


def _refuse(wrong: str, state: str, others: Iterable[Any]) -> NoReturn:
    names = ", ".join(each.key for each in others)
    choice = f"choose from {names}" if names else f"nothing is {state}"
    raise InvalidParameters(f"{wrong}: {choice}")
