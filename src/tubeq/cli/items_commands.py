"""Commands about what was found: items, export, and taking over an older program's tables."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from tubeq.cli import items_render
from tubeq.cli.console import messages, output, say, say_error, write_json
from tubeq.cli.dashed_arguments import VideoArguments
from tubeq.cli.options import (
    EXIT_WORK_FAILED,
    MOST,
    DatabaseOption,
    JsonOption,
    RawOption,
    channel_name,
    command_for,
    open_queue,
    open_to_read,
    read_settings,
    span_s,
)
from tubeq.cli.render import counted
from tubeq.domain.errors import InvalidParameters, StorageBusy, StorageFull
from tubeq.domain.items import Item, ItemQuery, ItemSort
from tubeq.queue.export import ExportFormat, What, format_of
from tubeq.queue.queue_manager import QueueManager
from tubeq.settings import Settings
from tubeq.storage.database_file import SIDE_FILES, real_path, side_file
from tubeq.storage.ports.items import OnProgress

_NEWS_FROM = 2_000
"""So many and more to do are worth telling of."""

items_app = typer.Typer(
    invoke_without_command=True,
    help="List what was found, once for all tasks, or show one item with its views over time.",
)


@items_app.callback()
def items(
    context: typer.Context,
    search: Annotated[
        str | None,
        typer.Option(metavar="TEXT", help='Words in title, description or channel; "tea*" begins.'),
    ] = None,
    channel: Annotated[
        str | None, typer.Option(metavar="NAME", help="Only this one's: name, @handle or id.")
    ] = None,
    sort: Annotated[
        ItemSort | None,
        typer.Option(case_sensitive=False, help="(default: newest; with --search: relevance)"),
    ] = None,
    over: Annotated[
        str, typer.Option(metavar="SPAN", help="The period of growth: 24h, 7d, 4w.")
    ] = "7d",
    limit: Annotated[int, typer.Option(min=1, max=MOST, help="At most so many.")] = 20,
    as_json: JsonOption = False,
    db_path: DatabaseOption = None,
) -> None:
    """List what was found, once for all tasks."""
    if context.invoked_subcommand is not None:
        context.obj = (as_json, db_path)  # what was said before its name holds for it, too
        return
    order = sort or (ItemSort.NEWEST if search is None else ItemSort.RELEVANCE)
    named = None if channel is None else _known_name(channel)
    query = ItemQuery(search, named, order, limit, span_s(over, needs_unit=True))
    settings = read_settings(db_path)
    with _items_taken_in(settings) as queue:
        found = queue.items.list(query)
        _say_unfolded(queue)
    if as_json:
        write_json([_told(item) for item in found])
    elif not found:
        say("no such items")
    else:
        output().print(items_render.item_table(found, over))
        say(f"one of them: {command_for(settings, f'items show {found[0].source_id}')}")


def _told(item: Item) -> dict[str, Any]:
    return {**item.as_dict(), "views_exact": item.counts.views_exact}


def _known_name(text: str) -> str:
    """
    Raises:
        InvalidParameters: it is an old name, of which no video tells.
    """
    name = channel_name(text)
    is_address = name != text
    if name.startswith(("c/", "user/")) or (is_address and not name.startswith(("@", "UC"))):
        raise InvalidParameters(
            f"items know a channel by its name, @handle or id, not by its old name {name!r:.100}"
        )
    return name


@items_app.command("show", cls=VideoArguments)
def show_item(
    context: typer.Context,
    source_id: Annotated[str, typer.Argument(metavar="ID", help="Such as a video's id.")],
    over: Annotated[
        str, typer.Option(metavar="SPAN", help="The period of growth: 24h, 7d, 4w.")
    ] = "7d",
    as_json: JsonOption = False,
    db_path: DatabaseOption = None,
) -> None:
    """Show one item with its views over time."""
    json_before, db_before = context.obj
    as_json, db_path = as_json or json_before, db_path or db_before
    period_s = span_s(over, needs_unit=True)
    with _items_taken_in(read_settings(db_path)) as queue:
        item = queue.items.get(source_id, period_s)
        counts = queue.items.counts(source_id)
        _say_unfolded(queue)
    if item is None:
        raise InvalidParameters(f"no item has the id {source_id!r:.100}")
    if as_json:
        write_json({**_told(item), "counts": [count.as_dict() for count in counts]})
        return
    console = output()
    console.print(items_render.item_sheet(item, over))
    if counts:
        console.print(items_render.counts_table(counts))
        plot = items_render.plot(counts, sys.stdout.encoding, console.width)
        if plot:
            console.print(plot)


def export(
    target: Annotated[
        str,
        typer.Argument(metavar="PATH", help="The file, or - for standard output."),
    ],
    what: Annotated[
        What, typer.Option(case_sensitive=False, help="Each thing once, or as each task found it.")
    ] = What.ITEMS,
    form: Annotated[
        ExportFormat | None,
        typer.Option("--format", case_sensitive=False, help="(default: by the file's name)"),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace what is there.")] = False,
    raw: RawOption = False,
    db_path: DatabaseOption = None,
) -> None:
    """Write everything that was found to a file: JSON lines, CSV or SQLite.

    JSON lines hold the data as they are. In CSV, a title, a description or a channel's name that a
    spreadsheet could take for a formula (it begins with = + - @) gets a ' in front, unless --raw;
    ids, handles, addresses, numbers and times are never altered.
    """
    path = None if target == "-" else Path(target)
    if form is None:
        form = ExportFormat.JSONL if path is None else format_of(path)
    settings = read_settings(db_path)
    if path is not None and path.exists() and settings.db_path.exists():
        database = real_path(settings.db_path)
        own = (database, *(side_file(database, end) for end in SIDE_FILES))
        if any(each.exists() and path.samefile(each) for each in own):
            raise InvalidParameters(f"{path} is the queue itself: name another file")
    folds = what is What.ITEMS
    opened = _items_taken_in(settings) if folds else open_queue(settings, reading=True)
    with opened as queue, _telling("exporting") as progress:
        count = queue.items.export(path, what, form, replace=force, raw=raw, progress=progress)
        if path is None:
            sys.stdout.flush()  # it may be full: then the next lines would not be true
        if folds:
            _say_unfolded(queue)
    say(f"{target}: {counted(count, what.value[:-1])}")


def import_(
    old: Annotated[Path, typer.Argument(metavar="OLD.db", help="It is only read.")],
    as_json: JsonOption = False,
    db_path: DatabaseOption = None,
) -> None:
    """Take over tasks and results from an older program's database.

    It has the tables task_queue and results; end that program first. Doing it twice adds nothing.
    """
    settings = read_settings(db_path)
    # Before the queue is opened: that would make a new one, or adopt the old file in its place.
    if not old.is_file():
        raise InvalidParameters(f"there is no file {old}")
    if settings.db_path.exists() and old.samefile(settings.db_path):
        raise InvalidParameters(f"{old} is the queue itself: opening it takes its tasks over")
    with open_queue(settings, create=True) as queue, _telling("taking over") as progress:
        done = queue.maintenance.import_legacy(old, progress)
    if as_json:
        write_json(done._asdict())
    else:
        say(
            f"{counted(done.tasks, 'task')} and {counted(done.results, 'result')} taken over; "
            f"{done.known:,} were here already"
        )
    if done.orphans:
        say_error(f"{counted(done.orphans, 'result')} without a task left out")
    if done.conflicts:
        names = ", ".join(done.conflicts[:3])
        say_error(
            f"{counted(len(done.conflicts), 'task')} left out, with what they found: here, others "
            f"have these ids: {names}{', ...' if len(done.conflicts) > 3 else ''}"
        )
    if done.orphans or done.conflicts:
        raise typer.Exit(EXIT_WORK_FAILED)


@contextmanager
def _items_taken_in(settings: Settings) -> Iterator[QueueManager]:
    """The queue, with what was found among its items; without what was found last where that cannot
    be written now: the disk is full, or another program keeps everybody from writing."""
    with ExitStack() as opened:
        queue = opened.enter_context(open_queue(settings, reading=True))
        try:
            with _telling("taking in results") as progress:
                queue.items.fold(progress)
        except (StorageBusy, StorageFull):
            queue.close()
            queue = opened.enter_context(open_to_read(settings))
        yield queue


def _say_unfolded(queue: QueueManager) -> None:
    """Where the database cannot be written, what was found last may not be among the items yet."""
    unfolded = queue.items.count_unfolded() if queue.is_read_only else 0
    if unfolded:
        say_error(
            f"{counted(unfolded, 'result')} not among the items yet: run `tubeq items` when the "
            "database can be written, as a user who may"
        )


@contextmanager
def _telling(what: str) -> Iterator[OnProgress]:
    """Tells on stderr how far it is, where that takes a while and somebody watches."""
    console = messages()
    if not console.is_terminal:
        yield lambda _done, _of: None
        return
    with console.status("") as status:

        def tell(done: int, of: int) -> None:
            if of >= _NEWS_FROM:
                status.update(f"{what}: {done:,} of {of:,}")

        yield tell
