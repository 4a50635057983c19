"""Care of the database, the doctor, and databases that cannot be used."""

from __future__ import annotations

import os
import sqlite3
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support import FIRST_SCHEMA, make_foreign, make_newer, not_a_database, raising, run_sql
from tests.unit.cli.conftest import Command
from tubeq.domain.errors import StorageBusy, StorageError, StorageFull, StorageReadOnly
from tubeq.queue.maintenance import QueueMaintenance
from tubeq.queue.queue_manager import QueueManager

TYPE = "anything"


def test_check_backup_migrate_prune(tubeq: Command, queue: QueueManager, tmp_path: Path) -> None:
    for _ in range(3):
        queue.cancel_task(queue.create_task(TYPE))
    kept = queue.create_task(TYPE)
    assert tubeq("db", "check").err == "tubeq.db: no problems found\n"
    assert tubeq("db", "backup", "copy.db", "--json").json["backup"] == "copy.db"
    assert len(tubeq("tasks", "--db", "copy.db", "--json").json) == 4
    assert "already exists" in tubeq.refused("db", "backup", "copy.db")
    assert "up to date" in tubeq("db", "migrate").err
    prune = ("db", "prune", "--yes", "--older-than")
    assert tubeq(*prune, "1h").out == "0 tasks deleted\n"
    assert tubeq(*prune, "0s", "--limit", "1").out == "1 task deleted\n"
    assert tubeq(*prune, "0s", "--json").json == {"pruned": 2}
    assert tubeq("tasks", "--json").ids == [kept]


def test_check_reports_what_is_wrong(
    tubeq: Command, queue: QueueManager, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(QueueMaintenance, "check", lambda self: ["a claim without a lease"])
    outcome = tubeq("db", "check", "--json")
    assert outcome.exit_code == 1
    assert outcome.json["problems"] == ["a claim without a lease"]
    assert outcome.err == "error: a claim without a lease\n"


def test_a_seed_database_is_migrated(tubeq: Command, tmp_path: Path) -> None:
    run_sql(tmp_path / "seed.db", FIRST_SCHEMA)
    told = tubeq("db", "migrate", "--db", "seed.db", "--json").json
    assert told["schema_before"] == 0
    assert told["schema_after"] >= 1


def test_doctor_only_reads(tubeq: Command, tmp_path: Path) -> None:
    facts = tubeq.facts()
    assert "not created yet" in facts["database"]
    assert facts["SQLite"].startswith(sqlite3.sqlite_version)
    assert "yt-dlp" in facts
    assert list(tmp_path.iterdir()) == []
    tubeq("add", TYPE)
    told = tubeq("doctor")
    assert told.exit_code == 0
    assert "wal" in told.out


@pytest.mark.parametrize(
    ("version", "affected"),
    [((3, 40, 1), True), ((3, 50, 7), False), ((3, 51, 2), True), ((3, 51, 3), False)],
)
def test_doctor_knows_the_wal_reset_bug(
    version: tuple[int, int, int], affected: bool, tubeq: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tubeq.storage.ports.diagnosis import Engine
    from tubeq.storage.sqlite.file.version import wal_reset_bug

    found = Engine(sqlite3.sqlite_version, True, wal_reset_bug(version))
    monkeypatch.setattr("tubeq.cli.doctor.engine", lambda: found)
    assert ("has the WAL-reset bug" in tubeq.facts()["SQLite"]) is affected


DATABASES: dict[str, tuple[str, Callable[[Path], object]]] = {
    "missing": ("none.db", lambda path: None),
    "folder": (".", lambda path: None),
    "no folder": ("none/queue.db", lambda path: None),
    "corrupt": ("corrupt.db", not_a_database),
    "foreign": ("foreign.db", make_foreign),
    "newer": ("newer.db", make_newer),
}
UNUSABLE = ("folder", "no folder", "corrupt")
COMMANDS = (
    ["tasks"], ["show", "some-id"], ["results"], ["stats"], ["cancel", "some-id"], ["workers"],
    ["db", "check"], ["db", "migrate"], ["db", "prune", "--yes", "--older-than", "1d"],
)  # fmt: skip


@pytest.mark.parametrize("what", DATABASES)
def test_a_database_that_cannot_be_used_is_one_line_and_exit_code_2(
    what: str, tubeq: Command, tmp_path: Path
) -> None:
    name, make = DATABASES[what]
    path = tmp_path / name
    make(path)
    before = path.read_bytes() if path.is_file() else None
    for command in COMMANDS:
        tubeq.refused(*command, "--db", path)
    if what != "missing":
        tubeq.refused("add", TYPE, "--db", path)
        tubeq.refused("scrape", "@channel", "--db", path)
        assert tubeq("doctor", "--db", path).exit_code == (2 if what in UNUSABLE else 0)
    after = path.read_bytes() if path.is_file() else None
    assert after == before


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such characters in names")
def test_any_path_is_only_a_path(tubeq: Command, tmp_path: Path) -> None:
    path = tmp_path / "a?mode=memory#%41 [red].db"
    tubeq("add", TYPE, "--db", path)
    assert len(tubeq("tasks", "--db", path, "--json").json) == 1
    assert tubeq("doctor", "--db", path).exit_code == 0
    assert "[red]" in tubeq("doctor", "--db", path).out
    assert "no database" in tubeq.refused("tasks", "--db", "[red].db")


@pytest.mark.parametrize("kind", [StorageBusy, StorageFull, StorageReadOnly])
def test_what_the_storage_refuses_later_is_one_line_too(
    kind: type[StorageError], tubeq: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(QueueManager, "_create", raising(kind("tubeq.db: no, and why")))
    assert tubeq.refused("add", TYPE) == "error: tubeq.db: no, and why\n"
    assert tubeq.refused("scrape", "@channel") == "error: tubeq.db: no, and why\n"


def test_ctrl_c_is_130(tubeq: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    tubeq("add", TYPE)
    monkeypatch.setattr(QueueManager, "stats", raising(KeyboardInterrupt()))
    assert tubeq("stats").exit_code == 130


def test_doctor_tells_what_was_set_but_no_password(
    tubeq: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [each for each in os.environ if each.startswith("TUBEQ_")]:
        monkeypatch.delenv(name)
    assert tubeq.facts()["settings"] == "all defaults"
    monkeypatch.setenv("TUBEQ_BREAKER_PAUSE_S", "60")
    monkeypatch.setenv("TUBEQ_PROXY", "http://me:p@ss@proxy.example:3128/?token=pass")
    assert tubeq.facts()["settings"] == "proxy = ***@proxy.example:3128, breaker_pause_s = 60"
    monkeypatch.setenv("TUBEQ_PROXY", "me:p@ss@proxy.example:3128")
    assert tubeq.facts()["settings"] == "proxy = ***@proxy.example:3128, breaker_pause_s = 60"
