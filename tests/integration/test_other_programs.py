"""Users open the same file with the standard library's sqlite3 while workers run."""

from __future__ import annotations

import json
import threading

import pytest

from tests.integration.conftest import MakeWorker
from tests.integration.support import (
    TASK_TYPE,
    Scripted,
    add,
    assert_each_done_once,
    attempt,
    events,
    item,
    plain,
    running,
)
from tests.support import PATIENCE_S, at_once, until
from tubeq.domain.clock import from_timestamp
from tubeq.queue.queue_manager import QueueManager

pytestmark = pytest.mark.integration


def test_other_programs_may_read_and_write_the_file_while_workers_run(
    queue: QueueManager, make_worker: MakeWorker
) -> None:
    """With nothing but the standard library's sqlite3, opened and closed again and again: closing
    a file elsewhere in the process must not cost the workers their locks."""
    workers = [make_worker(f"worker-{number}") for number in range(2)]
    tasks_each, total = 25, 50
    finished = threading.Event()

    def work(number: int) -> None:
        with running(workers[number]):
            finished.wait(timeout=PATIENCE_S)

    def use(number: int) -> None:
        for count in range(tasks_each):
            task_id = f"plain-{number}-{count}"
            with plain(queue.db_path) as connection:
                with connection:
                    connection.execute(
                        "INSERT INTO task_queue (task_id, task_type, parameters) VALUES (?, ?, ?)",
                        (task_id, TASK_TYPE, json.dumps({"channel_url": f"@{task_id}"})),
                    )
                seen = connection.execute("SELECT status FROM task_queue").fetchall()
                assert {row["status"] for row in seen} <= {"QUEUED", "RUNNING", "COMPLETED"}
        with plain(queue.db_path) as connection:
            completed = "SELECT count(*) FROM task_queue WHERE status = 'COMPLETED'"
            until(lambda: connection.execute(completed).fetchone()[0] == total)
        finished.set()

    at_once(lambda number: work(number) if number < 2 else use(number), 4)
    created = [task.task_id for task in queue.list_tasks(limit=1000)]
    assert len(created) == total
    assert_each_done_once(queue, created)


def test_the_tables_answer_the_questions_of_plain_sql(
    queue: QueueManager, make_worker: MakeWorker
) -> None:
    task_id = add(queue)
    attempt(make_worker(plugin=Scripted([item("a", score=90.5), item("b", score=10.0)])))
    with plain(queue.db_path) as connection:
        task = connection.execute(
            "SELECT *, json_extract(result, '$.ideas_count') AS ideas,"
            " json_extract(parameters, '$.channel_url') AS channel,"
            " julianday(completed_at) >= julianday(created_at) AS in_order,"
            " abs(julianday('now') - julianday(completed_at)) < 1.0 / 24 AS just_now"
            " FROM task_queue WHERE task_id = ?",
            (task_id,),
        ).fetchone()
        assert (task["status"], task["worker_id"]) == ("COMPLETED", "worker-1")
        assert (task["ideas"], task["channel"]) == (2, "@SnappyStories_1")
        assert (task["in_order"], task["just_now"]) == (1, 1)
        best = connection.execute(
            "SELECT source_id, title, description, score, created_at FROM results"
            " WHERE task_id = ? ORDER BY score DESC",
            (task_id,),
        ).fetchall()
        assert [(row["source_id"], row["score"]) for row in best] == [("a", 90.5), ("b", 10.0)]


def test_a_task_inserted_with_plain_sql_is_worked(
    queue: QueueManager, make_worker: MakeWorker
) -> None:
    with plain(queue.db_path) as connection, connection:
        connection.execute(
            "INSERT INTO task_queue (task_id, task_type, parameters) VALUES ('mine', ?, '{}')",
            (TASK_TYPE,),
        )
    assert attempt(make_worker()).success
    task = queue.get_task("mine")
    assert task["status"] == "COMPLETED"
    assert from_timestamp(task["created_at"]) <= from_timestamp(task["completed_at"])
    assert events(queue, "mine") == ["created", "claimed", "started", "completed"]


def test_a_reader_sees_a_completion_with_all_its_results_or_not_at_all(queue: QueueManager) -> None:
    task_id = add(queue)
    claim = queue.claim_next_task(TASK_TYPE, "worker-1")
    assert claim is not None
    look = (
        "SELECT status, (SELECT count(*) FROM results WHERE results.task_id = task_queue.task_id)"
        " FROM task_queue WHERE task_id = ?"
    )
    with plain(queue.db_path) as reader:
        reader.execute("BEGIN")
        before = tuple(reader.execute(look, (task_id,)).fetchone())
        queue.complete_task(claim, [item(number) for number in range(100)])
        assert tuple(reader.execute(look, (task_id,)).fetchone()) == before == ("CLAIMED", 0)
        reader.execute("COMMIT")
        assert tuple(reader.execute(look, (task_id,)).fetchone()) == ("COMPLETED", 100)
