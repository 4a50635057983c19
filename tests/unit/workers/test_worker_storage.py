"""Workers on a database that is replaced, on one in memory, on a disk that confirms nothing."""

from __future__ import annotations

import errno
import os
import threading
from pathlib import Path
from typing import Any

import pytest

from tests.support import raising, until
from tubeq.domain.errors import InvalidParameters, StorageReplaced
from tubeq.domain.models import NewTask
from tubeq.plugins.base import check_stop
from tubeq.queue.queue_manager import QueueManager
from tubeq.storage.sqlite.file import session
from tubeq.workers.base_worker import BaseWorker, WorkerConfig
from tubeq.workers.config import RunnerConfig
from tubeq.workers.runner import Runner

from .support import GOOD, Plugin, background, counts, worker_on


def test_a_queue_in_memory_is_not_worked_by_its_name() -> None:
    with pytest.raises(InvalidParameters, match="QueueManager instead"):
        BaseWorker(WorkerConfig(task_type="video"), ":memory:", Plugin())
    with pytest.raises(InvalidParameters, match="in memory"):
        Runner(":memory:", RunnerConfig(worker=WorkerConfig(task_type="video")))


@pytest.mark.parametrize("path", ["", "file:queue.db"])
def test_what_is_no_path_is_refused(path: str) -> None:
    with pytest.raises(InvalidParameters):
        BaseWorker(WorkerConfig(task_type="video"), path, Plugin())
    with pytest.raises(InvalidParameters):
        Runner(path, RunnerConfig(worker=WorkerConfig(task_type="video")))


@pytest.mark.parametrize("target", [":memory:", "queue.db"])
def test_an_open_queue_instead_of_a_path_stays_its_owners(target: str, tmp_path: Path) -> None:
    if target != ":memory:":
        target = str(tmp_path / target)
    with QueueManager(target) as queue:
        queue.create_task("video")
        with BaseWorker(WorkerConfig(task_type="video"), queue, Plugin()) as worker:
            assert worker.run(until_idle=True) == 1
        assert counts(queue) == {"COMPLETED": 1}


def test_a_path_is_opened_and_closed_by_the_worker(tmp_path: Path) -> None:
    worker = BaseWorker(WorkerConfig(task_type="video"), tmp_path / "queue.db", Plugin())
    worker.close()
    with pytest.raises(Exception, match="closed"):
        worker.queue.stats()


@pytest.mark.parametrize("durability", ["full", "balanced"])
@pytest.mark.parametrize("fails", [False, True])
def test_a_disk_that_confirms_nothing_ends_no_worker_and_loses_no_task(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, durability: str, fails: bool
) -> None:
    monkeypatch.setattr("tubeq.workers.base_worker._STORAGE_REST_S", 0.01)
    with QueueManager(tmp_path / "queue.db", durability=durability) as queue:
        queue.create_tasks([NewTask("video") for _ in range(5)])
        broken = raising(OSError(errno.EIO, "Input/output error"))
        monkeypatch.setattr(queue._storage._session._factory, "sync", broken)  # type: ignore[attr-defined]
        scrape = raising(ValueError("no")) if fails else None
        worker_on(queue, scrape, max_retries=1).run(until_idle=True)
        assert counts(queue) == {"FAILED" if fails else "COMPLETED": 5}
        assert {task.crash_count for task in queue.list_tasks()} == {0}


@pytest.mark.skipif(os.name != "posix", reason="Windows lets nobody replace open files")
class TestReplaced:
    @pytest.fixture(autouse=True)
    def look_always(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(session, "LOOK_EVERY_S", 0.0)
        monkeypatch.setattr("tubeq.workers.watch._SEEN_INTERVAL_S", 0.05)

    def test_an_idle_worker_ends(self, file_queue: QueueManager) -> None:
        worker = worker_on(file_queue)
        with pytest.raises(StorageReplaced), background(worker.run):
            until(lambda: worker._waiter is not None)
            Path(file_queue.db_path).unlink()

    @pytest.mark.parametrize("cooperative", [True, False])
    def test_one_that_is_at_a_task_has_its_attempt_ended(
        self, file_queue: QueueManager, cooperative: bool
    ) -> None:
        begun, go_on, told = threading.Event(), threading.Event(), threading.Event()

        def scrape(**_: Any) -> Any:
            begun.set()
            if not cooperative:
                go_on.wait(10)
                return [GOOD]
            while True:
                try:
                    check_stop()
                except Exception:
                    told.set()
                    raise
                go_on.wait(0.01)

        file_queue.create_task("video")
        worker = worker_on(file_queue, scrape)
        with pytest.raises(StorageReplaced), background(worker.run):
            assert begun.wait(10)
            Path(file_queue.db_path).unlink()
            if cooperative:
                assert told.wait(10)
            go_on.set()
