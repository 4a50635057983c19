"""The command that deletes old tasks: it says what would go, and asks."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tubeq.cli.console import messages, output, safe_text, say, write_json
from tubeq.cli.options import (
    EXIT_WORK_FAILED,
    DatabaseOption,
    JsonOption,
    open_queue,
    quoted,
    read_settings,
    span_s,
)
from tubeq.cli.render import counted, table
from tubeq.domain.errors import InvalidParameters, StorageFull

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.table import Table

    from tubeq.storage.ports.maintenance import PruneCount


def prune(
    older_than: Annotated[
        str, typer.Option(metavar="SPAN", help="Finished longer ago than: 12h, 30d, 8w.")
    ],
    limit: Annotated[int | None, typer.Option(min=1, help="At most so many tasks.")] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would go, and delete nothing.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    as_json: JsonOption = False,
    db_path: DatabaseOption = None,
) -> None:
    """Delete finished tasks with their ideas and history, once they are old enough.

    It says what would go, and asks. What `tubeq items` shows of them stays. The newest task stays,
    too, however old it is, so that the number of a task is never used again; and so do the tasks of
    a listing that is not finished.
    """
    before = time.time() - span_s(older_than, needs_unit=True)
    can_ask = sys.stdin.isatty() and sys.stderr.isatty() and not as_json
    if not (dry_run or yes or can_ask):
        raise InvalidParameters(
            "this deletes tasks: give --yes to do so, or --dry-run to see what would go"
        )
    settings = read_settings(db_path)
    with _way_out(settings.db_path), open_queue(settings, reading=dry_run) as queue:
        counts = (
            queue.maintenance.preview_prune(time.time() - before, limit)
            if dry_run or not yes
            else []
        )
        if dry_run:
            _show(counts, as_json)
            return
        if not yes:
            if not counts:
                say("nothing has finished that long ago: nothing to delete")
                return
            messages().print(_table(counts))
            if not typer.confirm(f"Delete {_words(counts)}?", err=True):
                say("nothing was deleted")
                raise typer.Exit(EXIT_WORK_FAILED)
        count = queue.maintenance.prune(time.time() - before, limit)
    if as_json:
        write_json({"pruned": count})
    else:
        print(f"{counted(count, 'task')} deleted")


@contextmanager
def _way_out(path: Path) -> Iterator[None]:
    """On a full disk nothing can be deleted: SQLite first writes down what it is about to do."""
    try:
        yield
    except StorageFull as error:
        raise StorageFull(
            f"{path}: no space is left on its disk, and deleting tasks needs some first: free 20 "
            "MB there; or end the workers and go on with a copy on another disk: 'tubeq db restore "
            f"{quoted(path)} --db COPY'"
        ) from error


def _show(counts: Sequence[PruneCount], as_json: bool) -> None:
    if as_json:
        tasks, results = _sums(counts)
        write_json(
            {
                "would_prune": tasks,
                "results": results,
                "counts": [each._asdict() for each in counts],
            }
        )
    elif not counts:
        say("nothing has finished that long ago: nothing would be deleted")
    else:
        output().print(_table(counts))
        say(f"{_words(counts)} would be deleted")


def _sums(counts: Sequence[PruneCount]) -> tuple[int, int]:
    return sum(each.tasks for each in counts), sum(each.results for each in counts)


def _words(counts: Sequence[PruneCount]) -> str:
    tasks, results = _sums(counts)
    return f"{counted(tasks, 'task')} with {counted(results, 'idea')}"


def _table(counts: Sequence[PruneCount]) -> Table:
    drawn = table(
        "type", "status", "tasks", "ideas", "finished (UTC)", right=("tasks", "ideas"),
        elastic=("type",),
    )  # fmt: skip
    for each in counts:
        drawn.add_row(
            safe_text(each.task_type),
            each.status,
            f"{each.tasks:,}",
            f"{each.results:,}",
            f"{each.oldest[:16]} to {each.newest[:16]}",
        )
    return drawn
