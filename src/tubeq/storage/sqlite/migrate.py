"""Brings a database file to this program's schema, or says why it cannot."""

from __future__ import annotations

import hashlib
import sqlite3
from contextlib import closing
from functools import cache
from pathlib import Path
from typing import NamedTuple

from tubeq.domain.errors import SchemaMismatch
from tubeq.domain.states import TaskStatus
from tubeq.storage.queries import load_queries

APPLICATION_ID = 0x54554251  # "TUBQ": tells tools, and us, whose file it is
_SQL = Path(__file__).parent / "sql"
SEED_TABLES = {"task_queue", "results"}


class Migration(NamedTuple):
    """One step of the schema: its number, its name and its SQL."""

    version: int
    name: str
    sql: str

    @property
    def checksum(self) -> str:
        """SHA-256 of the SQL, with line ends normalized."""
        return hashlib.sha256("\n".join(self.sql.splitlines()).encode()).hexdigest()


@cache
def known_migrations() -> tuple[Migration, ...]:
    """This program's migrations, in order."""
    files = sorted((_SQL / "migrations").glob("[0-9]*_*.sql"))
    named = ((file.stem.partition("_"), file) for file in files)
    return tuple(Migration(int(n), name, file.read_text("utf-8")) for (n, _, name), file in named)


@cache
def expected_objects() -> dict[str, str]:
    """The schema's tables, indexes and views: name to SQL, as SQLite keeps it."""
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.executescript((_SQL / "schema.sql").read_text("utf-8"))
        return _objects(connection)


def is_current(connection: sqlite3.Connection, path: Path) -> bool:
    """Whether the file has this program's schema; False when it is new, older or from the original
    specification.

    Raises:
        SchemaMismatch: it is newer, tampered with, or of another program.
    """
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    application: int = connection.execute("PRAGMA application_id").fetchone()[0]
    if application != APPLICATION_ID:
        try:
            _require_adoptable(connection, path)
        except SchemaMismatch:
            # Another process may have made the schema since the number was read.
            if connection.execute("PRAGMA application_id").fetchone()[0] != APPLICATION_ID:
                raise
        return False
    latest = known_migrations()[-1].version
    if version > latest:
        raise SchemaMismatch(
            f"{path} has schema {version}, this tubeq knows up to {latest}: upgrade tubeq"
        )
    applied = dict(connection.execute("SELECT version, checksum FROM migration"))
    for migration in known_migrations()[:version]:
        if applied.get(migration.version) != migration.checksum:
            raise SchemaMismatch(
                f"{path}: migration {migration.version} is not the one this tubeq knows: "
                "it was made by a changed program; use that program, or restore a backup with "
                "'tubeq db restore BACKUP'"
            )
    if version == latest:
        _require_untampered(connection, path)
    return version == latest


def migrate(connection: sqlite3.Connection, path: Path, now: str) -> None:
    """Apply the missing migrations, each in one transaction that records `now` (UTC text); convert
    a database of the original specification, with its rows.

    The connection is in autocommit mode, and its user holds the lock for opening.

    Raises:
        SchemaMismatch: as is_current; nothing was changed.
    """
    # For a new file only. A write logs whole pages: with rows of a few hundred bytes, pages of half
    # SQLite's 4096 make a lifecycle a sixth faster.
    connection.execute("PRAGMA page_size = 2048")
    connection.execute("PRAGMA journal_mode = WAL")
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    for migration in known_migrations():
        if migration.version <= version:
            continue
        connection.execute("BEGIN IMMEDIATE")
        try:
            _apply(connection, migration, path, now)
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise


def _apply(connection: sqlite3.Connection, migration: Migration, path: Path, now: str) -> None:
    adopting = False
    if migration.version == 1:
        connection.execute(
            "CREATE TABLE migration (version INTEGER PRIMARY KEY, name TEXT NOT NULL, "
            "checksum TEXT NOT NULL, applied_at TIMESTAMP NOT NULL)"
        )
        adopting = table_names(connection) >= SEED_TABLES
        if adopting:
            _set_seed_aside(connection, path)
    for statement in _statements(migration.sql):
        connection.execute(statement)
    if adopting:
        _copy_seed(connection, path, now)
    connection.execute(
        "INSERT INTO migration VALUES (?, ?, ?, ?)",
        (migration.version, migration.name, migration.checksum, now),
    )
    connection.execute(f"PRAGMA user_version = {migration.version}")
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")


def _statements(script: str) -> list[str]:
    """The single statements of a script: executescript would commit the open transaction."""
    statements, pending = [], ""
    for line in script.splitlines(keepends=True):
        pending += line
        if sqlite3.complete_statement(pending):
            statements.append(pending)
            pending = ""
    return statements


def _objects(connection: sqlite3.Connection) -> dict[str, str]:
    return dict(connection.execute("SELECT name, sql FROM sqlite_schema WHERE sql IS NOT NULL"))


def table_names(connection: sqlite3.Connection) -> set[str]:
    """The tables in a file, SQLite's own and the register of migrations left out."""
    rows = connection.execute(
        "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
    )
    return {name for (name,) in rows} - {"migration"}


def _require_untampered(connection: sqlite3.Connection, path: Path) -> None:
    """Users may add indexes, views and tables of their own; tubeq's must be unchanged."""
    found = _objects(connection)
    changed = [name for name, sql in expected_objects().items() if found.get(name) != sql]
    if changed:
        raise SchemaMismatch(
            f"{path}: the schema was changed by hand ({', '.join(sorted(changed))}): "
            "undo that, or restore a backup with 'tubeq db restore BACKUP'"
        )


def _require_adoptable(connection: sqlite3.Connection, path: Path) -> None:
    tables = table_names(connection)
    if tables and tables != SEED_TABLES:
        raise SchemaMismatch(
            f"{path} belongs to another program (it has the tables {', '.join(sorted(tables))}): "
            "give tubeq a file of its own"
        )


SEED_COLUMNS = {
    "task_queue": (
        "task_id, task_type, parameters, status, priority, created_at, worker_id, claimed_at, "
        "started_at, completed_at, error_message, result, retry_count"
    ),
    "results": "result_id, task_id, source_id, title, description, score, created_at",
}


def _set_seed_aside(connection: sqlite3.Connection, path: Path) -> None:
    """Rename the original tables, once it is certain that their rows can be imported.

    Raises:
        SchemaMismatch: a column is missing, or a status is unknown.
    """
    for table, columns in SEED_COLUMNS.items():
        present = {row[1] for row in connection.execute(f"PRAGMA table_info({table})")}
        missing = set(columns.split(", ")) - present
        if missing:
            raise SchemaMismatch(
                f"{path}: table {table} lacks {', '.join(sorted(missing))}: it is another program's"
            )
    require_known_statuses(connection, path)
    for table in SEED_COLUMNS:
        connection.execute(f"ALTER TABLE {table} RENAME TO seed_{table}")


def require_known_statuses(connection: sqlite3.Connection, path: Path) -> None:
    """
    Raises:
        SchemaMismatch: a task of the original specification has another status.
    """
    known = ", ".join(f"'{status}'" for status in TaskStatus)
    strange = connection.execute(
        f"SELECT status FROM task_queue WHERE upper(status) NOT IN ({known}) LIMIT 1"
    ).fetchone()
    if strange:
        raise SchemaMismatch(
            f"{path}: tasks have the unknown status {strange[0]!r:.60}: change it to one of {known}"
        )


def _copy_seed(connection: sqlite3.Connection, path: Path, now: str) -> None:
    """Copy the rows, see sql/original_tables.sql, then drop the old tables."""
    statements = load_queries("sqlite", "original_tables")
    for name in ("copy_tasks", "copy_results"):
        connection.execute(statements[name], {"now": now})
    for table in ("results", "task_queue"):
        (rows,) = connection.execute(f"SELECT count(*) FROM {table}").fetchone()
        (seed_rows,) = connection.execute(f"SELECT count(*) FROM seed_{table}").fetchone()
        if rows != seed_rows:
            raise SchemaMismatch(f"{path}: {seed_rows - rows} rows of {table} were not imported")
        connection.execute(f"DROP TABLE seed_{table}")
