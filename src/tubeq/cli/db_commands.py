"""Commands that look after the database file."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Annotated

import typer

from tubeq.cli.console import output, safe_text, say, say_error, write_json
from tubeq.cli.options import (
    EXIT_BAD_INPUT,
    EXIT_WORK_FAILED,
    DatabaseOption,
    JsonOption,
    open_queue,
    read_settings,
)
from tubeq.cli.render import size
from tubeq.domain.errors import InvalidParameters, StorageCorrupt
from tubeq.storage import diagnose


def doctor(as_json: JsonOption = False, db_path: DatabaseOption = None) -> None:
    """Say what tubeq runs on here, and whether the database can be used."""
    from rich.table import Table

    from tubeq.cli.doctor import findings

    found = findings(read_settings(db_path))
    if as_json:
        write_json([finding._asdict() for finding in found])
    else:
        sheet = Table.grid(padding=(0, 2))
        for finding in found:
            style = "red" if finding.problem else ""
            sheet.add_row(safe_text(finding.name, "dim"), safe_text(finding.fact, style))
        output().print(sheet)
    if any(finding.problem for finding in found):
        raise typer.Exit(EXIT_BAD_INPUT)


def check(as_json: JsonOption = False, db_path: DatabaseOption = None) -> None:
    """Check the file and what is stored in it; exit code 1 where something is wrong."""
    settings = read_settings(db_path)
    try:
        with open_queue(settings, reading=True) as queue:
            problems = queue.maintenance.check()
    except StorageCorrupt as error:
        # So damaged that it cannot be used: what can be seen of it all the same?
        problems = list(diagnose(settings.db_path).damage or ())
        if not problems or "not a database" in problems[0]:
            raise
        problems = [str(error), *(each for each in problems if each != str(error))]
    if as_json:
        write_json({"database": str(settings.db_path), "problems": problems})
    elif not problems:
        say(f"{settings.db_path}: all is well")
    for problem in problems:
        say_error(problem)
    if problems:
        raise typer.Exit(EXIT_WORK_FAILED)


def backup(
    target: Annotated[Path, typer.Argument(metavar="FILE", help="The copy; must not exist yet.")],
    as_json: JsonOption = False,
    db_path: DatabaseOption = None,
) -> None:
    """Copy the database to FILE while workers go on; the copy is checked."""
    if target.exists():
        raise InvalidParameters(f"{target} exists already: give another name")
    with open_queue(read_settings(db_path), reading=True) as queue:
        copy = queue.maintenance.backup(target)
    byte_count = copy.stat().st_size
    if as_json:
        write_json({"backup": str(copy), "bytes": byte_count})
    else:
        output().print(safe_text(f"{copy}: {size(byte_count)}"))


def migrate(as_json: JsonOption = False, db_path: DatabaseOption = None) -> None:
    """Bring an older database to this program's schema.

    Every command does that when it opens one; this does nothing else.
    """
    settings = read_settings(db_path)
    before = _schema(settings.db_path) if settings.db_path.is_file() else None
    with open_queue(settings):
        pass
    after = _schema(settings.db_path)
    if as_json:
        write_json({"schema_before": before, "schema_after": after})
    elif before == after:
        say(f"{settings.db_path} has schema {after}: up to date")
    else:
        say(f"{settings.db_path} was migrated from schema {before} to {after}")


def _schema(path: Path) -> int | None:
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as file:
            version: int = file.execute("PRAGMA user_version").fetchone()[0]
    except sqlite3.Error:  # opening the queue says what is wrong with it
        return None
    return version
