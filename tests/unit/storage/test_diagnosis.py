"""What can be seen of a database that cannot, or must not, be opened as a queue."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.support import make_foreign, not_a_database
from tubeq import QueueManager
from tubeq.domain.errors import InvalidParameters, StorageError
from tubeq.storage import diagnose, engine
from tubeq.storage.ports.diagnosis import Diagnosis
from tubeq.workers.opening import worker_info


@pytest.fixture
def path(path: Path) -> Path:
    with QueueManager(path) as queue:
        queue.create_task("video")
        queue.register.add(worker_info("w", "video", 1))
    return path


def test_a_sound_database(path: Path) -> None:
    found = diagnose(path)
    assert (found.exists, found.unreadable, found.damage) == (True, None, ())
    assert found.journal_mode == "wal"
    assert found.schema is not None and found.schema > 0
    assert [each.task_type for each in found.open_types] == ["video"]
    assert found.workers is not None and [each.worker_id for each in found.workers] == ["w"]


def test_one_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    assert diagnose(tmp_path / "none.db") == Diagnosis(tmp_path / "none.db", exists=False)
    assert list(tmp_path.iterdir()) == []


def test_one_that_is_not_a_database(tmp_path: Path) -> None:
    path = tmp_path / "text.db"
    not_a_database(path)
    found = diagnose(path)
    assert found.unreadable == "file is not a database"
    assert found.damage == (found.unreadable,)
    assert not found.is_locked


def test_one_that_is_locked(path: Path) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as file:
        file.execute("PRAGMA journal_mode = DELETE")
        file.execute("BEGIN EXCLUSIVE")
        file.execute("CREATE TABLE other (x)")
        found = diagnose(path)
        file.execute("ROLLBACK")
    assert found.is_locked and found.unreadable is not None


def test_another_programs_database_has_no_workers(tmp_path: Path) -> None:
    path = tmp_path / "other.db"
    make_foreign(path)
    found = diagnose(path)
    assert (found.schema, found.workers, found.open_types) == (0, None, ())


def test_a_place_where_nothing_can_be_kept_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="is a folder"):
        diagnose(tmp_path)
    with pytest.raises(InvalidParameters):
        diagnose("")


def test_the_engine_is_this_pythons_sqlite() -> None:
    found = engine()
    assert found.version == sqlite3.sqlite_version
    assert found.is_supported


def test_a_queue_that_is_opened_to_be_read_is_the_same_queue(path: Path) -> None:
    with QueueManager(path, read_only=True) as queue:
        assert queue.is_read_only
        assert len(queue.list_tasks()) == 1
        with pytest.raises(StorageError):
            queue.create_task("video")
