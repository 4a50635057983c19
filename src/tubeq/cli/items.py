"""Commands about what was found: items, export."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from tubeq.cli import items_render, live
from tubeq.cli.console import Drawable, answer, page_of, say, say_error
from tubeq.cli.opening import command_for, open_queue, open_to_read, read_settings
from tubeq.cli.options import COMMON, DATABASE, RAW, channel_name, limit_option, span_s
from tubeq.cli.parser import argument, choice, command, flag
from tubeq.cli.words import counted
from tubeq.domain.errors import InvalidParameters, StorageBusy, StorageFull
from tubeq.domain.items import Item, ItemQuery, ItemSort
from tubeq.queue.export import ExportFormat, What, format_of
from tubeq.queue.queue_manager import QueueManager
from tubeq.settings import Settings

_WIDE = 120
OVER = argument("--over", "SPAN", "The period over which growth is measured.", default="7d")


@command(
    argument("--search", "TEXT",
             'Words in the title, description or channel; "tea*" matches beginnings.'),
    argument("--channel", "NAME", "Only this channel: name, @handle, id or address."),
    choice("--sort", ItemSort, "The order. (default: newest; relevance with --search)"),
    OVER,
    limit_option(20),
    *COMMON,
)  # fmt: skip
def items(given: Namespace) -> None:
    """List the videos found, each once.

    A video that several tasks found is one item, with its counts over time.
    """
    order = given.sort or (ItemSort.NEWEST if given.search is None else ItemSort.RELEVANCE)
    named = None if given.channel is None else _known_name(given.channel)
    query = ItemQuery(given.search, named, order, given.limit, span_s(given.over, needs_unit=True))
    settings = read_settings(given)
    with _queue_with_items(settings) as queue:
        found = queue.items.list(query)
        _say_unfolded(queue)
    example = command_for(settings, f"items show {found[0].source_id}") if found else ""
    answer(
        given,
        list(map(_as_json, found)),
        items_render.item_table(found, given.over),
        none="no such items",
        note=example and f"to see one: {example}",
    )


def _as_json(item: Item) -> dict[str, Any]:
    return {**item.as_dict(), "views_exact": item.counts.views_exact}


def _known_name(text: str) -> str:
    """
    Raises:
        InvalidParameters: it is an old name, which videos do not have.
    """
    name = channel_name(text)
    is_address = name != text
    if name.startswith(("c/", "user/")) or (is_address and not name.startswith(("@", "UC"))):
        raise InvalidParameters(
            f"items have a channel's name, @handle or id, not its old name {name!r:.100}"
        )
    return name


@command(
    argument("source_id", "ID", "The item's id, such as a video id."), OVER, *COMMON, takes_ids=True
)
def show(given: Namespace) -> None:
    """Show one item with its views over time."""
    period_s = span_s(given.over, needs_unit=True)
    with _queue_with_items(read_settings(given)) as queue:
        item = queue.items.get(given.source_id, period_s)
        counts = queue.items.counts(given.source_id)
        _say_unfolded(queue)
    if item is None:
        raise InvalidParameters(f"no item has the id {given.source_id!r:.100}")
    width = page_of(sys.stdout).width or _WIDE
    shown: list[Drawable | str] = [items_render.item_sheet(item, given.over)]
    if counts:
        shown.append(items_render.counts_table(counts))
    if plot := items_render.plot(counts, sys.stdout.encoding, width):
        shown.append(plot)
    answer(given, {**_as_json(item), "counts": counts}, *shown)


@command(
    argument("target", "PATH", "The file, or - for standard output."),
    choice("--what", What, "items: each video once; results: as each task found it.",
           default=What.ITEMS),
    choice("--format", ExportFormat,
           "The file format. (default: from the file's name; jsonl for standard output)",
           dest="form"),
    flag("--force", "Replace an existing file."),
    RAW,
    DATABASE,
)  # fmt: skip
def export(given: Namespace) -> None:
    """Write everything found to a file.

    The formats are JSON lines, CSV and SQLite. JSON lines hold the data unchanged. In CSV, a
    title, description or channel name that a spreadsheet could take for a formula (it begins with
    = + - @) gets a ' in front, unless --raw is given; ids, handles, addresses, numbers and times
    are never changed.
    """
    path = None if given.target == "-" else Path(given.target)
    form = given.form or (ExportFormat.JSONL if path is None else format_of(path))
    settings = read_settings(given)
    folds = given.what is What.ITEMS
    opened = _queue_with_items(settings) if folds else open_queue(settings, reading=True)
    with opened as queue, live.counter("exporting") as progress:
        count = queue.items.export(
            path, given.what, form, replace=given.force, raw=given.raw, progress=progress
        )
        if path is None:
            sys.stdout.flush()  # it may be full: then the next lines would not be true
        if folds:
            _say_unfolded(queue)
    say(f"{given.target}: {counted(count, given.what.value[:-1])}")


@contextmanager
def _queue_with_items(settings: Settings) -> Iterator[QueueManager]:
    """The queue, with all results collected into its items, unless the disk is full or another
    program holds the write lock: then without the last results."""
    with ExitStack() as opened:
        queue = opened.enter_context(open_queue(settings, reading=True))
        try:
            with live.counter("collecting results") as progress:
                queue.items.fold(progress)
        except (StorageBusy, StorageFull):
            queue.close()
            queue = opened.enter_context(open_to_read(settings))
        yield queue


def _say_unfolded(queue: QueueManager) -> None:
    """Warn where the last results are not among the items yet."""
    unfolded = queue.items.count_unfolded() if queue.is_read_only else 0
    if unfolded:
        say_error(
            f"{counted(unfolded, 'result')} not among the items yet: run `tubeq items` when the "
            "database can be written, as a user with write permission"
        )
