"""The commands `tubeq db`: check, backup, restore, migrate, prune, import."""

from __future__ import annotations

import sys
import time
from argparse import Namespace
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from tubeq.cli import live
from tubeq.cli.console import answer, draw, say, say_error, write_json
from tubeq.cli.exit_codes import EXIT_INTERRUPTED, EXIT_WORK_FAILED
from tubeq.cli.opening import command_for, open_queue, quoted, read_settings
from tubeq.cli.options import COMMON, limit_option, span_s
from tubeq.cli.parser import argument, command, flag
from tubeq.cli.tables import Table
from tubeq.cli.words import counted, size
from tubeq.domain.errors import InvalidParameters, StorageCorrupt, StorageFull
from tubeq.storage import diagnose
from tubeq.storage import restore as restore_database
from tubeq.storage.ports.maintenance import PruneCount

_MIN_REPORTED_PAGES = 10_000
"""The progress of a smaller restore is not shown."""


@command(*COMMON)
def check(given: Namespace) -> None:
    """Check the file and its contents.

    The exit code is 1 where something is wrong.
    """
    settings = read_settings(given)
    try:
        with open_queue(settings, reading=True) as queue:
            problems = queue.maintenance.check()
    except StorageCorrupt as error:
        # Too damaged to be opened: report what can still be found out.
        problems = list(diagnose(settings.db_path).damage or ())
        if not problems or "not a database" in problems[0]:
            raise
        problems = [str(error), *(each for each in problems if each != str(error))]
    answer(
        given,
        {"database": str(settings.db_path), "problems": problems},
        note="" if problems else f"{settings.db_path}: no problems found",
    )
    for problem in problems:
        say_error(problem)
    if problems:
        raise SystemExit(EXIT_WORK_FAILED)


@command(argument("target", "FILE", "The copy; it must not exist yet.", type=Path), *COMMON)
def backup(given: Namespace) -> None:
    """Copy the database while workers run.

    The copy is checked.
    """
    if given.target.exists():
        raise InvalidParameters(f"{given.target} already exists: give another name")
    with open_queue(read_settings(given), reading=True) as queue:
        copy = queue.maintenance.backup(given.target)
    byte_count = copy.stat().st_size
    answer(given, {"backup": str(copy), "bytes": byte_count}, f"{copy}: {size(byte_count)}")


@command(
    argument("backup", "BACKUP", "A file that `tubeq db backup` made.", type=Path),
    flag("--force", "Restore even while workers run; they are asked to stop."),
    *COMMON,
)
def restore(given: Namespace) -> None:
    """Replace the database with a backup.

    A checked copy of BACKUP takes its place; the replaced database is kept next to it. An older
    backup is migrated. Tasks that were being worked on when it was made are queued again, and
    workers of the replaced database can no longer report anything.
    """
    settings = read_settings(given)
    if str(settings.db_path) == ":memory:":
        raise InvalidParameters("an in-memory queue has no file: name one with --db")
    with live.status("checking the backup", when=not given.as_json) as update:

        def report(done: int, of: int) -> None:
            if of >= _MIN_REPORTED_PAGES:
                update(f"{100 * done // of} % copied" if done < of else "checking the copy")

        restored = restore_database(
            settings.db_path, given.backup, force=given.force, progress=report
        )
    kept = None if restored.kept is None else str(restored.kept)
    paths = {"database": str(settings.db_path), "backup": str(given.backup)}
    if given.as_json:
        write_json({**paths, **restored._asdict(), "kept": kept})
        return
    say(f"{settings.db_path}: {counted(restored.tasks, 'task')} restored from {given.backup}")
    if restored.released:
        say(f"{counted(restored.released, 'task')} that workers held at that time: queued again")
    if kept is not None:
        say(f"the old database is kept as {kept}: delete it when you no longer need it")
    if restored.problems:
        see = command_for(settings, "db check")
        say_error(f"{restored.problems[0]} (the backup has this problem, too): see {see}")


@command(*COMMON)
def migrate(given: Namespace) -> None:
    """Migrate the database to the current schema.

    Every command does this when it opens an older database; this one does nothing else.
    """
    settings = read_settings(given)
    before = _schema(settings.db_path)
    with open_queue(settings):
        pass
    after = _schema(settings.db_path)
    answer(
        given,
        {"schema_before": before, "schema_after": after},
        note=f"{settings.db_path} has schema {after}: up to date"
        if before == after
        else f"{settings.db_path} was migrated from schema {before} to {after}",
    )


def _schema(path: Path) -> int | None:
    return diagnose(path, within_s=0.0).schema if path.is_file() else None


@command(
    argument("--older-than", "SPAN", "Tasks that finished longer ago than this: 12h, 30d, 8w.",
             type=partial(span_s, needs_unit=True), required=True),
    limit_option(),
    flag("--dry-run", "Show what would be deleted, and delete nothing."),
    flag("--yes -y", "Do not ask for confirmation."),
    *COMMON,
)  # fmt: skip
def prune(given: Namespace) -> None:
    """Delete old finished tasks.

    Their ideas and history are deleted with them; what `tubeq items` shows is kept. What would be
    deleted is shown first, and confirmed. The newest task stays, however old it is, so that no task
    number is used again; so do the tasks of an unfinished listing.
    """
    before = time.time() - given.older_than  # what is shown is what is deleted
    can_ask = sys.stdin.isatty() and sys.stderr.isatty() and not given.as_json
    if not (given.dry_run or given.yes or can_ask):
        raise InvalidParameters(
            "this deletes tasks: give --yes to confirm, or --dry-run to see what would be deleted"
        )
    settings = read_settings(given)
    with (
        _advice_on_full_disk(settings.db_path),
        open_queue(settings, reading=given.dry_run) as queue,
    ):
        if given.dry_run or not given.yes:
            counts = queue.maintenance.preview_prune(time.time() - before, given.limit)
            if given.dry_run:
                _answer_dry_run(given, counts)
                return
            if not counts:
                say("no task finished that long ago: nothing to delete")
                return
            draw(prune_table(counts), stream=sys.stderr)
            if not _confirmed(f"Delete {prune_words(counts)}?"):
                say("nothing was deleted")
                raise SystemExit(EXIT_WORK_FAILED)
        count = queue.maintenance.prune(time.time() - before, given.limit)
    answer(given, {"pruned": count}, f"{counted(count, 'task')} deleted")


def _answer_dry_run(given: Namespace, counts: list[PruneCount]) -> None:
    tasks, ideas = sums_of(counts)
    answer(
        given,
        {"would_prune": tasks, "results": ideas, "counts": counts},
        *([prune_table(counts)] if counts else []),
        note=f"{prune_words(counts)} would be deleted"
        if counts
        else "no task finished that long ago: nothing would be deleted",
    )


def sums_of(counts: Sequence[PruneCount]) -> tuple[int, int]:
    """How many tasks, and how many ideas."""
    return sum(each.tasks for each in counts), sum(each.results for each in counts)


def prune_words(counts: Sequence[PruneCount]) -> str:
    """ "3 tasks with 7 ideas"."""
    tasks, results = sums_of(counts)
    return f"{counted(tasks, 'task')} with {counted(results, 'idea')}"


def prune_table(counts: Sequence[PruneCount]) -> Table:
    """One row a task type and status."""
    return Table(
        "type", "status", "tasks", "ideas", "finished (UTC)",
        right=("tasks", "ideas"), elastic=("type",),
        rows=(
            (each.task_type, each.status, each.tasks, each.results,
             f"{each.oldest[:16]} to {each.newest[:16]}")
            for each in counts
        ),
    )  # fmt: skip


@contextmanager
def _advice_on_full_disk(path: Path) -> Iterator[None]:
    """On a full disk nothing can be deleted: SQLite first writes the change to its log."""
    try:
        yield
    except StorageFull as error:
        raise StorageFull(
            f"{path}: its disk is full, and deleting tasks first needs some space: free 20 MB; or "
            "stop the workers and continue with a copy on another disk: 'tubeq db restore "
            f"{quoted(path)} --db COPY'"
        ) from error


def _confirmed(question: str) -> bool:
    """Ask on stderr until the answer is yes or no, which is the default."""
    while True:
        sys.stderr.write(f"{question} [y/N]: ")
        sys.stderr.flush()
        answer = sys.stdin.readline()
        if not answer:
            raise SystemExit(EXIT_INTERRUPTED)
        if answer.strip().lower() in ("y", "yes", "n", "no", ""):
            return answer.strip().lower() in ("y", "yes")


@command(argument("old", "OLD.db", "The old database; it is only read.", type=Path), *COMMON)
def import_(given: Namespace) -> None:
    """Import an older program's tasks and results.

    Its database has the tables task_queue and results; stop that program first. Importing it again
    adds nothing.
    """
    settings = read_settings(given)
    # Before the queue is opened: that would create a new one, or migrate the old file in place.
    if not given.old.is_file():
        raise InvalidParameters(f"no file at {given.old}")
    if settings.db_path.exists() and given.old.samefile(settings.db_path):
        raise InvalidParameters(
            f"{given.old} is the queue itself: its tasks are imported when it is opened"
        )
    with open_queue(settings, create=True) as queue, live.counter("importing") as report:
        done = queue.maintenance.import_legacy(given.old, report)
    answer(
        given,
        done,
        note=f"{counted(done.tasks, 'task')} and {counted(done.results, 'result')} imported; "
        f"{done.known:,} were already here",
    )
    if done.orphans:
        say_error(f"{counted(done.orphans, 'result')} without a task left out")
    if done.conflicts:
        names = ", ".join(done.conflicts[:3])
        say_error(
            f"{counted(len(done.conflicts), 'task')} left out, with their results: other tasks "
            f"have these ids: {names}{', ...' if len(done.conflicts) > 3 else ''}"
        )
    if done.orphans or done.conflicts:
        raise SystemExit(EXIT_WORK_FAILED)
