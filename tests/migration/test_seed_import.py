"""Taking over the seed's tables from another file."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support import make_first, not_a_database, run_sql
from tubeq import QueueManager
from tubeq.domain.errors import InvalidParameters, SchemaMismatch, StorageCorrupt, StorageError

TASKS = [
    ("old-1", "scrape", '{"n": 1}', "QUEUED", 3, "2025-01-01 00:00:01", None),
    ("old-2", "scrape", '{"n": 2}', "COMPLETED", 0, "2025-01-01 00:00:02", "w"),
    ("old-3", "scrape", '{"n": 3}', "running", None, "2025-01-01 00:00:03", None),
    (None, "scrape", '{"n": 4}', None, 0, None, None),
    (None, "scrape", '{"n": 4}', None, 0, None, None),
]
RESULTS = [
    ("r1", "old-2", "v1", "first", 1.5), ("r2", "old-2", "v1", "again", 2.5),
    (None, "old-2", None, "nothing", None), (None, "old-2", None, "nothing", None),
    ("r5", "old-1", "v2", "other", 3.5),
]  # fmt: skip


@pytest.fixture
def old(tmp_path: Path) -> Path:
    return make_first(tmp_path / "old.db", TASKS, RESULTS)


@pytest.fixture
def queue(tmp_path: Path) -> Any:
    with QueueManager(tmp_path / "queue.db") as queue:
        yield queue


def test_tasks_and_results_are_taken_over(queue: QueueManager, old: Path) -> None:
    before = old.read_bytes()
    mine = queue.create_task("scrape", {"n": 0})
    told: list[tuple[int, int]] = []
    done = queue.maintenance.import_legacy(old, lambda done, of: told.append((done, of)))
    assert done == (5, 5, 0, [], 0)
    assert told[-1] == (10, 10)
    assert old.read_bytes() == before
    tasks = {task.task_id: task for task in queue.list_tasks()}
    assert len(tasks) == 6
    assert mine in tasks
    assert tasks["old-1"].priority == 3
    assert tasks["old-1"].created_at == "2025-01-01 00:00:01"
    assert tasks["old-2"].status == "COMPLETED"
    titles = [result.title for result in queue.get_task_results("old-2")]
    assert titles == ["first", "again", "nothing", "nothing"]
    assert queue.items.get("v1").title == "again"
    assert queue.maintenance.check() == []
    assert queue.rescue().requeued == ["old-3"]
    assert queue.maintenance.check() == []
    assert queue.stats().by_status["QUEUED"] == 5


def test_twice_adds_nothing(queue: QueueManager, old: Path) -> None:
    queue.maintenance.import_legacy(old)
    tasks, results = queue.list_tasks(), queue.list_results()
    assert queue.maintenance.import_legacy(old) == (0, 0, 10, [], 0)
    assert (queue.list_tasks(), queue.list_results()) == (tasks, results)


def test_a_task_that_was_worked_on_since_is_left_alone(queue: QueueManager, old: Path) -> None:
    queue.maintenance.import_legacy(old)
    while claim := queue.claim_next_task("scrape", "w"):
        queue.complete_task(claim, [{"source_id": "v2", "title": "newer"}])
    assert queue.maintenance.import_legacy(old).tasks == 0
    assert queue.get_task("old-1").status == "COMPLETED"
    assert [each.title for each in queue.get_task_results("old-1")] == ["newer"]


def test_other_tasks_of_the_same_id_are_named(
    queue: QueueManager, old: Path, tmp_path: Path
) -> None:
    queue.maintenance.import_legacy(old)
    other = make_first(
        tmp_path / "other.db",
        [("old-2", "scrape", '{"n": 99}', "COMPLETED", 0, "2025-05-05 00:00:00", None)],
        [("x", "old-2", "v9", "theirs", 1.0), ("y", "gone", "v8", "orphan", 1.0)],
    )
    assert queue.maintenance.import_legacy(other) == (0, 0, 0, ["old-2"], 1)
    assert len(queue.get_task_results("old-2")) == 4


def test_files_that_are_none(queue: QueueManager, tmp_path: Path) -> None:
    def refused(path: Path, error: type[Exception], said: str) -> None:
        with pytest.raises(error, match=said):
            queue.maintenance.import_legacy(path)
        assert queue.list_tasks() == []

    refused(tmp_path / "none.db", StorageError, "not a file")
    refused(tmp_path, StorageError, "not a file")
    refused(tmp_path / "queue.db", InvalidParameters, "itself")
    not_a_database(tmp_path / "text.db")
    refused(tmp_path / "text.db", StorageCorrupt, "not a SQLite database")
    (tmp_path / "empty.db").touch()
    refused(tmp_path / "empty.db", SchemaMismatch, "no table task_queue")
    QueueManager(tmp_path / "tubeq.db").close()
    refused(tmp_path / "tubeq.db", SchemaMismatch, "tubeq's own")
    run_sql(tmp_path / "foreign.db", "CREATE TABLE task_queue (task_id TEXT)")
    refused(tmp_path / "foreign.db", SchemaMismatch, "lacks")
    strange = make_first(tmp_path / "s.db", [("a", "t", "{}", "PAUSED", 0, None, None)], [])
    refused(strange, SchemaMismatch, "PAUSED")


def test_a_queue_in_memory_takes_nothing_over(old: Path) -> None:
    with QueueManager(":memory:") as queue, pytest.raises(StorageError, match="memory"):
        queue.maintenance.import_legacy(old)


_IMPORT = """
import sys
from tubeq import QueueManager
with QueueManager(sys.argv[1], durability="fast") as queue:
    print("ready", flush=True)
    queue.maintenance.import_legacy(sys.argv[2], lambda *done: print(*done, flush=True))
"""


@pytest.mark.slow
def test_an_import_that_is_killed_is_finished_by_the_next(tmp_path: Path) -> None:
    tasks = [(f"t{n}", "scrape", "{}", "COMPLETED", 0, f"2025-01-01 00:00:{n % 60:02}", None)
             for n in range(3_000)]  # fmt: skip
    results = [(f"r{n}", f"t{n % 3_000}", f"v{n}", "title", 1.0) for n in range(9_000)]
    old = make_first(tmp_path / "old.db", tasks, results)
    path = tmp_path / "queue.db"
    QueueManager(path).close()
    found = []
    for reports in (1, 2, 3, 4):
        process = subprocess.Popen(
            [sys.executable, "-c", _IMPORT, str(path), str(old)],
            stdout=subprocess.PIPE, text=True, env={**os.environ},
        )  # fmt: skip
        assert process.stdout is not None
        for _ in range(1 + reports):  # "ready", then what it has done so far
            process.stdout.readline()
        process.kill()
        process.wait()
        process.stdout.close()
        with QueueManager(path) as queue:
            found.append(queue.stats().by_status["COMPLETED"] + queue.stats().results)
    assert any(0 < count < 12_000 for count in found), f"none was killed half way: {found}"
    with QueueManager(path) as queue:
        queue.maintenance.import_legacy(old)
        assert queue.stats().by_status["COMPLETED"] == 3_000
        assert queue.stats().results == 9_000
        assert queue.maintenance.import_legacy(old) == (0, 0, 12_000, [], 0)
