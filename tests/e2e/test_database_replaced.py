"""Running workers whose database is replaced, removed or reached by a link: real processes."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.command_line import Tubeq, environment
from tests.e2e.runner_support import PLUGINS, TASK_TYPE, Running
from tests.support import until
from tubeq.domain.errors import StorageError, StorageReplaced
from tubeq.queue.queue_manager import QueueManager
from tubeq.workers.config import RunnerConfig, WorkerConfig
from tubeq.workers.report import RunnerEvent
from tubeq.workers.runner import Runner

pytestmark = pytest.mark.skipif(os.name != "posix", reason="Windows lets nobody replace open files")


def runner(path: Path, on_event: Callable[[RunnerEvent], None] = print) -> Runner:
    worker = WorkerConfig(task_type=TASK_TYPE, poll_interval=0.2)
    config = RunnerConfig(worker=worker, processes=2, plugin=f"{PLUGINS}:Quick")
    return Runner(path, config, on_event=on_event)


def done(path: Path, task_id: str) -> bool:
    with QueueManager(path) as queue:
        return queue.get_task(task_id).status == "COMPLETED"


def create(path: Path) -> str:
    with QueueManager(path) as queue:
        return queue.create_task(TASK_TYPE, {"number": 0})


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "log").mkdir()
    monkeypatch.setenv("TUBEQ_TEST_LOG", str(tmp_path / "log"))
    return tmp_path / "queue.db"


def test_a_backup_moved_over_the_database_is_worked_on(path: Path) -> None:
    first = create(path)
    events: list[RunnerEvent] = []
    with Running(runner(path, events.append)):
        until(lambda: done(path, first))
        with QueueManager(path) as queue:
            queue.maintenance.backup(path.with_name("backup.db"))
        lost = create(path)
        path.with_name("backup.db").replace(path)
        second = create(path)
        until(lambda: done(path, second))
        until(lambda: any(event.kind == "died" for event in events))
    assert any("was replaced while it was in use" in event.detail for event in events)
    with QueueManager(path) as queue:
        assert queue.maintenance.check() == []
        assert lost not in [task.task_id for task in queue.list_tasks()]


def test_a_database_that_is_removed_ends_the_run_and_is_not_created_anew(path: Path) -> None:
    first = create(path)
    replaced = pytest.raises(StorageReplaced, match="does not exist")
    with replaced, Running(runner(path)) as running:
        until(lambda: done(path, first))
        for each in path.parent.glob("queue.db*"):
            each.unlink()
        running.wait()
    assert not path.exists()


def test_the_command_says_it_in_one_line(path: Path) -> None:
    tubeq = Tubeq(path.parent, environment())
    with tubeq.start("worker", "--db", path) as process:
        try:
            until(path.exists)

            def registered() -> bool:
                try:
                    with QueueManager(path) as queue:
                        return bool(queue.workers())
                except StorageError:
                    return False

            until(registered)
            for each in path.parent.glob("queue.db*"):
                each.unlink()
            _, errors = process.communicate(timeout=60)
        finally:
            process.kill()
    assert process.returncode == 2, errors
    assert "removed while it was in use" in errors
    assert "Traceback" not in errors
    assert not path.exists()


@pytest.mark.parametrize("relative", [True, False])
def test_workers_on_a_link_do_every_task_once(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, relative: bool
) -> None:
    (tmp_path / "data").mkdir()
    link = tmp_path / "link.db"
    link.symlink_to(tmp_path / "data" / "queue.db")
    monkeypatch.chdir(tmp_path)
    tasks = [create(link) for _ in range(4)]
    with Running(runner(Path("link.db") if relative else link)) as running:
        monkeypatch.chdir(tmp_path / "data")
        until(lambda: all(done(tmp_path / "data" / "queue.db", each) for each in tasks))
        running.runner.stop()
        summary = running.wait()
    assert (summary.crashed, summary.succeeded) == (0, 4)
    assert not list(tmp_path.glob("link.db-*"))


def test_the_command_on_a_link(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "link.db").symlink_to(Path("data") / "queue.db")
    tubeq = Tubeq(tmp_path, environment())
    tubeq("add", "youtube_video", "-p", "video=dQw4w9WgXcQ", "--db", "link.db")
    with QueueManager(tmp_path / "data" / "queue.db") as queue:
        assert len(queue.list_tasks()) == 1
