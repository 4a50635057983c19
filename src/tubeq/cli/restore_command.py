"""The command that puts a backup in the place of the database."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import Annotated

import typer

from tubeq.cli.console import messages, say, say_error, write_json
from tubeq.cli.options import DatabaseOption, JsonOption, command_for, read_settings
from tubeq.cli.render import counted
from tubeq.domain.errors import InvalidParameters
from tubeq.storage import restore as restore_database

_NEWS_FROM = 10_000
"""Pages: below, it is done before anybody could read."""


def restore(
    backup: Annotated[
        Path, typer.Argument(metavar="BACKUP", help="What `tubeq db backup` made; only read.")
    ],
    force: Annotated[
        bool, typer.Option("--force", help="Also while workers live: they are asked to stop.")
    ] = False,
    as_json: JsonOption = False,
    db_path: DatabaseOption = None,
) -> None:
    """Put a checked copy of BACKUP in the place of the database, which is kept beside it.

    An older backup is migrated. Tasks that were being worked on when it was taken are queued again,
    and what workers of the replaced database still report is refused.
    """
    settings = read_settings(db_path)
    if str(settings.db_path) == ":memory:":
        raise InvalidParameters("a queue in memory has no file: name one with --db")
    console = messages()
    watched = console.is_terminal and not as_json
    with console.status("checking the backup") if watched else nullcontext() as status:

        def tell(done: int, of: int) -> None:
            if status is not None and of >= _NEWS_FROM:
                words = f"{100 * done // of} % copied" if done < of else "checking the copy"
                status.update(words)

        restored = restore_database(settings.db_path, backup, force=force, progress=tell)
    kept = None if restored.kept is None else str(restored.kept)
    if as_json:
        write_json(
            {"database": str(settings.db_path), "backup": str(backup), **restored._asdict()}
            | {"kept": kept}
        )
        return
    say(f"{settings.db_path}: {counted(restored.tasks, 'task')} restored from {backup}")
    if restored.released:
        say(f"{counted(restored.released, 'task')} that workers held then: queued again")
    if kept is not None:
        say(f"what was there is kept as {kept}: delete it when you no longer need it")
    if restored.problems:
        check = command_for(settings, "db check")
        say_error(f"{restored.problems[0]} (so it was in the backup): see {check}")
