"""EXPLAIN QUERY PLAN: what is executed all the time goes through its index, at any depth."""

from __future__ import annotations

import re
import sqlite3

import pytest

from tubeq import QueueManager
from tubeq.storage.queries import load_queries
from tubeq.storage.sqlite.children import _SQL as CHILDREN
from tubeq.storage.sqlite.claims import CLAIM_MANY, CLAIM_ONE

SQL = load_queries("sqlite")


@pytest.fixture(scope="module")
def connection(tmp_path_factory):
    path = tmp_path_factory.mktemp("plans") / "queue.db"
    QueueManager(path).close()
    connection = sqlite3.connect(path)
    yield connection
    connection.close()


def plan(connection, statement):
    rows = connection.execute(f"EXPLAIN QUERY PLAN {statement}", _values_for(statement))
    return [row[3] for row in rows]


def _values_for(statement):
    if ":" in statement:
        return dict.fromkeys(
            ("id", "token", "now", "before", "after", "limit", "task_type", "queue_key",
             "worker_id", "task_id", "expires_at", "at", "status", "result", "counted", "crashed",
             "code", "message", "run_after", "scheduled", "event", "parent", "boot", "uptime_s",
             "ends_uptime_s", "set_at", "ids", "tasks")
        )  # fmt: skip
    return [None] * statement.count("?")


@pytest.mark.parametrize(
    ("pick", "index"),
    [
        ("pick_lifo", "task_queue_open"),
        ("pick_fifo", "task_queue_open"),
        ("pick_prioritised", "task_queue_prioritised"),
    ],
)
@pytest.mark.parametrize("statements", [CLAIM_ONE, CLAIM_MANY], ids=["one", "many"])
@pytest.mark.parametrize("start", [False, True])
def test_a_claim_seeks_in_its_index_and_sorts_nothing(connection, statements, pick, start, index):
    steps = plan(connection, statements[pick, start])
    assert any(f"INDEX {index}" in step for step in steps), steps
    assert not any("TEMP B-TREE" in step or step.startswith("SCAN task_queue") for step in steps)


@pytest.mark.parametrize(
    ("name", "index"),
    [
        ("neighbours", "INDEX task_queue_open"),
        ("expired", "INDEX task_queue_open"),
        ("held_by", "INDEX task_queue_open"),
        ("next_due_at", "INDEX task_queue_scheduled"),
        ("count_queued", "INDEX task_queue_scheduled"),
        ("promote_due", "INDEX task_queue_scheduled"),
        ("restart_delays", "INDEX task_queue_delayed"),
        ("is_any_due", "INDEX task_queue_delayed"),
        ("is_any_expired", "INDEX task_queue_open"),
        ("restart_leases", "INDEX task_queue_open"),
        ("unpromote", "INDEX task_queue_open"),
        ("put_back", "INTEGER PRIMARY KEY"),
        ("get_task", "INDEX task_queue_task_id"),
        ("task_id_of_key", "INDEX task_queue_idempotency_key"),
        ("results_of_task", "INDEX results_task_source"),
        ("start", "INTEGER PRIMARY KEY"),
        ("heartbeat", "INTEGER PRIMARY KEY"),
        ("complete", "INTEGER PRIMARY KEY"),
        ("finish", "INTEGER PRIMARY KEY"),
        ("return_to_queue", "INTEGER PRIMARY KEY"),
        ("history", "INDEX task_event_task"),
    ],
)
def test_a_verb_seeks_in_its_index(connection, name, index):
    steps = plan(connection, SQL[name])
    assert any(index in step for step in steps), steps
    assert not any(step.startswith("SCAN task_queue") for step in steps), steps


def test_the_keys_of_the_queue_are_found_by_skipping(connection):
    steps = plan(connection, SQL["queue_keys"])
    assert sum("USING INDEX task_queue_open" in step for step in steps) == 2, steps


def test_the_open_types_are_found_by_skipping(connection):
    steps = plan(connection, SQL["open_types"])
    # Since SQLite 3.45 it is told that the index covers the query.
    index = re.compile("USING (COVERING )?INDEX task_queue_scheduled")
    assert sum(bool(index.search(step)) for step in steps) == 4, steps
    assert not any(step.startswith("SCAN task_queue") for step in steps), steps


def test_a_statement_without_its_index_would_be_seen(connection):
    """So the tests above can fail."""
    steps = plan(connection, "SELECT id FROM task_queue WHERE error_code = ? ORDER BY priority")
    assert any(step.startswith("SCAN task_queue") for step in steps)


@pytest.mark.parametrize("name", ["slots_of_key", "due_at", "delete_slot", "breaker"])
def test_limits_are_looked_up_by_their_keys(connection, name):
    steps = plan(connection, load_queries("sqlite", "limits")[name])
    assert all(step.startswith("SEARCH limit_") for step in steps), steps


@pytest.mark.parametrize(
    ("name", "index"),
    [
        ("held_for_saving", "INTEGER PRIMARY KEY"),
        ("is_stored", "INDEX results_task_source"),
        ("is_child", "INDEX task_child_parent"),
        ("insert_child", "INDEX task_queue_task_id"),
        ("gets_on", "INTEGER PRIMARY KEY"),
        ("cursor", "INTEGER PRIMARY KEY"),
        ("progress", "INDEX task_child_parent"),
        ("children", "INDEX task_child_parent"),
        ("some_children", "INDEX task_child_parent"),
        ("parent_of", "INDEX task_queue_task_id"),
        ("let_go_of_finished", "INDEX task_child_parent"),
    ],
)
def test_a_verb_about_children_looks_at_no_other_task(connection, name, index):
    steps = plan(connection, CHILDREN[name])
    assert any(index in step for step in steps), steps
    assert not any(step.startswith("SCAN") for step in steps), steps


@pytest.mark.parametrize(
    ("name", "index"),
    [
        ("still_finished", "INTEGER PRIMARY KEY"),
        ("some_results", "INDEX results_task_source"),
        ("is_any_unfolded", "item_again USING INTEGER PRIMARY KEY"),
        ("delete_results", "INTEGER PRIMARY KEY"),
        ("delete_events", "INDEX task_event_task"),
        ("delete_children", "INDEX task_child_parent"),
        ("delete_parents", "INTEGER PRIMARY KEY"),
        ("delete_cursors", "INTEGER PRIMARY KEY"),
        ("delete_tasks", "INTEGER PRIMARY KEY"),
    ],
)
def test_what_a_prune_does_under_the_lock_looks_at_its_own_rows_only(connection, name, index):
    steps = plan(connection, load_queries("sqlite", "prune")[name])
    assert any(index in step for step in steps), steps
    scans = [step for step in steps if step.startswith("SCAN")]
    small = ("json_each", "CONSTANT ROW", "item_fold")  # the last has one row
    assert all(any(each in step for each in small) for step in scans), steps
