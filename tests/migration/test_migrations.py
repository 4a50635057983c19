"""A file becomes this program's database once, whole, or not at all."""

from __future__ import annotations

import json
import multiprocessing
import re
import sqlite3
from contextlib import closing
from importlib.resources import files

import pytest

from tests.support import FIRST_SCHEMA, make_first, rows, run_sql
from tubeq import QueueManager
from tubeq.domain.errors import SchemaMismatch
from tubeq.domain.states import TaskStatus
from tubeq.storage.ports.tasks import ClaimRequest
from tubeq.storage.sqlite import migrate


@pytest.fixture
def path(tmp_path):
    return tmp_path / "queue.db"


def make_older(path, monkeypatch, migrations, insert):
    """A database that knows of these migrations only, with a row."""
    with (
        monkeypatch.context() as patched,
        closing(sqlite3.connect(path, isolation_level=None)) as file,
    ):
        patched.setattr(migrate, "known_migrations", lambda: migrations)
        migrate.migrate(file, path, "2026-11-20 00:00:00.000000")
        file.execute(insert)


def test_the_migrations_lead_to_the_schema(path):
    QueueManager(path).close()
    found = dict(rows(path, "SELECT name, sql FROM sqlite_schema WHERE sql IS NOT NULL"))
    found.pop("migration")
    assert found == migrate.expected_objects()


def test_the_schemas_states_are_the_programs(path):
    QueueManager(path).close()
    ((sql,),) = rows(path, "SELECT sql FROM sqlite_schema WHERE name = 'task_queue'")
    listed = sql.split("CHECK (")[1].split(")")[0]
    assert set(re.findall("status = '([A-Z]+)'", listed)) == set(map(str, TaskStatus))


def test_a_database_of_the_first_schema_becomes_todays_with_all_its_tasks(path, monkeypatch):
    every, first = migrate.known_migrations(), migrate.known_migrations()[:1]
    make_older(path, monkeypatch, first, "INSERT INTO task_queue (task_type) VALUES ('scrape')")
    with QueueManager(path) as queue:
        assert [task.status for task in queue.list_tasks()] == ["QUEUED"]
        assert queue.complete_task(queue.claim_next_task("scrape", "w")) is None
    assert rows(path, "PRAGMA user_version") == [(len(every),)]
    with pytest.raises(sqlite3.IntegrityError, match="CHECK"):
        run_sql(path, "UPDATE task_queue SET status = 'PAUSED'")
    assert rows(path, "PRAGMA integrity_check") == [("ok",)]
    QueueManager(path).close()


def test_a_migration_is_recorded_with_its_checksum(path):
    QueueManager(path).close()
    recorded = rows(path, "SELECT version, name, checksum FROM migration ORDER BY version")
    assert recorded == [
        (each.version, each.name, each.checksum) for each in migrate.known_migrations()
    ]


def test_checksums_do_not_depend_on_line_ends():
    (first, *_) = migrate.known_migrations()
    assert first._replace(sql=first.sql.replace("\n", "\r\n")).checksum == first.checksum


def test_migrations_are_numbered_without_gaps():
    numbers = [each.version for each in migrate.known_migrations()]
    assert numbers == list(range(1, len(numbers) + 1))


def test_opening_again_changes_nothing(path):
    QueueManager(path).close()
    before = path.read_bytes()
    QueueManager(path).close()
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ("PRAGMA user_version = 999", "999"),
        ("UPDATE migration SET checksum = 'other'", "migration 1"),
        ("DROP INDEX task_queue_open", "task_queue_open"),
        ("ALTER TABLE results ADD COLUMN mine TEXT", "results"),
    ],
)
def test_a_newer_or_tampered_schema_is_refused_and_left_as_it_is(path, change, named):
    with QueueManager(path) as queue:
        queue.create_task("scrape")
    run_sql(path, change)
    before = path.read_bytes()
    with pytest.raises(SchemaMismatch, match=named):
        QueueManager(path)
    assert path.read_bytes() == before


def test_what_users_add_is_theirs(path):
    QueueManager(path).close()
    run_sql(
        path,
        "CREATE INDEX my_index ON results (title); CREATE VIEW my_view AS SELECT 1;"
        "CREATE TABLE my_table (a)",
    )
    QueueManager(path).close()


def test_the_seeds_empty_tables_are_adopted(path):
    run_sql(path, FIRST_SCHEMA)
    with QueueManager(path) as queue:
        task_id = queue.create_task("scrape", {"a": 1})
        assert queue.claim_next_task("scrape", "w").task_id == task_id


def test_the_seeds_rows_are_adopted_whole(path):
    tasks = [
        ("old-1", "scrape", '{"n": 1}', "QUEUED", 3, "2025-01-01 00:00:01", None, 0),
        ("old-2", "scrape", '{"n": 2}', "COMPLETED", 0, "2025-01-01 00:00:02", None, 1),
        ("old-3", "scrape", '{"n": 3}', "RUNNING", 0, "2025-01-01 00:00:03", None, 0),
        (None, "scrape", '{"n": 4}', "queued", 0, "2025-01-01 00:00:04", None, 0),
    ]
    results = [("r1", "old-2", "v1", "first", 1.5), ("r2", "old-2", "v1", "again", 2.5)]
    make_first(path, tasks, results)
    with QueueManager(path) as queue:
        adopted = {task.parameters["n"]: task for task in queue.list_tasks()}
        assert [adopted[n].task_id for n in (1, 2, 3)] == ["old-1", "old-2", "old-3"]
        assert adopted[4].task_id
        assert (adopted[1].priority, adopted[1].created_at) == (3, "2025-01-01 00:00:01")
        assert (adopted[2].status, adopted[2].retry_count) == ("COMPLETED", 1)
        assert [each.title for each in queue.get_task_results("old-2")] == ["first", "again"]
        assert queue.maintenance.check() == ["task old-3 is RUNNING without a worker and a lease"]
        assert queue.rescue().requeued == ["old-3"]  # its worker belonged to the old program
        assert queue.maintenance.check() == []
        assert queue.claim_next_task("scrape", "w").parameters == {"n": 4}  # newest first


def test_an_unknown_status_stops_the_adoption_and_changes_nothing(path):
    run_sql(
        path,
        FIRST_SCHEMA
        + "INSERT INTO task_queue (task_id, task_type, parameters, status) "
        + "VALUES ('a', 'scrape', '{}', 'PAUSED')",
    )
    with pytest.raises(SchemaMismatch, match="PAUSED"):
        QueueManager(path)
    assert rows(path, "SELECT task_id, status FROM task_queue") == [("a", "PAUSED")]


def test_a_table_that_only_shares_the_seeds_name_is_refused(path):
    run_sql(path, "CREATE TABLE task_queue (mine TEXT); CREATE TABLE results (mine TEXT)")
    with pytest.raises(SchemaMismatch, match="task_id"):
        QueueManager(path)


def test_a_migration_that_fails_half_way_changes_nothing(path, monkeypatch):
    first, *_ = migrate.known_migrations()
    broken = first._replace(sql=first.sql + "\nCREATE TABLE worker (again TEXT);")
    monkeypatch.setattr(migrate, "known_migrations", lambda: (broken,))
    with pytest.raises(Exception, match="worker"):
        QueueManager(path)
    assert rows(path, "SELECT name FROM sqlite_schema") == []
    monkeypatch.undo()
    QueueManager(path).close()


def _create_one(path, start):
    start.wait()
    with QueueManager(path) as queue:
        queue.create_task("scrape")


@pytest.mark.slow
def test_processes_that_open_a_new_file_at_once_make_one_database(path):
    context = multiprocessing.get_context("spawn")
    start = context.Barrier(6)
    processes = [context.Process(target=_create_one, args=(path, start)) for _ in range(6)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0] * 6
    with QueueManager(path) as queue:
        assert queue.stats().by_status["QUEUED"] == 6


def test_a_file_that_another_process_makes_meanwhile_is_not_another_programs(path):
    class Late(sqlite3.Connection):
        def execute(self, sql, *parameters):
            if sql == "PRAGMA application_id" and not path.stat().st_size:
                QueueManager(path).close()
                return super().execute("SELECT 0")  # what it read just before
            return super().execute(sql, *parameters)

    connection = sqlite3.connect(path, factory=Late)
    assert migrate.is_current(connection, path) is False  # now asked again, under a lock
    assert migrate.is_current(connection, path)
    connection.close()


def test_a_database_taken_out_of_wal_mode_is_put_back(path):
    QueueManager(path).close()
    run_sql(path, "PRAGMA journal_mode = DELETE")
    QueueManager(path).close()
    assert rows(path, "PRAGMA journal_mode") == [("wal",)]


def test_a_row_that_a_person_inserts_by_hand_is_a_task(path):
    """With the seed's columns only: defaults do the rest."""
    queue = QueueManager(path)
    run_sql(path, "INSERT INTO task_queue (task_type, parameters) VALUES ('scrape', '{\"a\": 1}')")
    claimed = queue.claim(ClaimRequest("scrape", "w"))
    assert [json.loads(each.parameters_json) for each in claimed] == [{"a": 1}]
    queue.complete_task(claimed[0])
    assert queue.get_task_history(claimed[0].task_id)[0].event == "created"
    queue.close()


def test_the_sql_files_are_part_of_the_package():
    folder = files("tubeq.storage.sqlite").joinpath("sql")
    assert {each.name for each in folder.iterdir()} >= {"schema.sql", "queries.sql", "migrations"}


def test_a_database_without_the_clocks_gets_them_at_once(path, monkeypatch):
    """The index over delays is handed over empty: SQLite must find it sound, and use it."""
    before = migrate.known_migrations()[:5]
    make_older(
        path, monkeypatch, before,
        "INSERT INTO task_queue (task_type, status, worker_id, claimed_at, lease_expires_at, "
        "last_heartbeat, claim_token) VALUES ('scrape', 'CLAIMED', 'w', '2026-11-20', 60, 0, 7)",
    )  # fmt: skip
    with QueueManager(path) as queue:
        assert rows(path, "SELECT name FROM sqlite_schema WHERE name = 'no_delay'") == []
        assert len(queue.rescue().requeued) == 1
        claim = queue.claim_next_task("scrape", "w")
        assert claim.claim_token == 8
        queue.fail_task(claim, "no", retry_after_s=60)
        assert queue.maintenance.check() == []
    delayed = "SELECT id FROM task_queue INDEXED BY task_queue_delayed WHERE run_after_set_at > 0"
    assert rows(path, delayed) == [(claim.row_id,)]
