"""What was stored before, or in spite of, an error is said."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import Any

import pytest

from tests.support import raising
from tubeq.domain.errors import StorageFull
from tubeq.queue.queue_manager import QueueManager
from tubeq.storage.sqlite.file.connection import ConnectionFactory

from .conftest import Command


def test_a_disk_that_does_not_confirm_is_exit_code_1_with_the_id(
    tubeq: Command, queue: QueueManager, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = raising(OSError(errno.EIO, "Input/output error"))
    monkeypatch.setattr(ConnectionFactory, "sync", broken)
    outcome = tubeq("add", "anything")
    monkeypatch.undo()
    (task,) = queue.list_tasks()
    assert outcome.exit_code == 1
    assert "is stored" in outcome.err
    assert task.task_id in outcome.err


def _fail_later(monkeypatch: pytest.MonkeyPatch, name: str, good: int) -> None:
    real, calls = getattr(QueueManager, name), []

    def later(self: QueueManager, *arguments: Any) -> Any:
        calls.append(1)
        if len(calls) > good:
            raise StorageFull("no space is left")
        return real(self, *arguments)

    monkeypatch.setattr(QueueManager, name, later)


def test_tasks_that_were_added_before_the_disk_was_full_are_counted(
    tubeq: Command, queue: QueueManager, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tubeq.cli.add._BATCH", 2)
    _fail_later(monkeypatch, "create_tasks", good=2)
    (tmp_path / "tasks.jsonl").write_text("{}\n" * 6)
    outcome = tubeq("add", "anything", "--from-file", "tasks.jsonl")
    assert outcome.exit_code == 2
    assert "the first 4 of 6 tasks were added" in outcome.err
    assert "no space is left" in outcome.err
    assert len(queue.list_tasks()) == 4


def test_tasks_that_were_cancelled_before_the_disk_was_full_are_named(
    tubeq: Command, queue: QueueManager, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = [queue.create_task("anything") for _ in range(3)]
    _fail_later(monkeypatch, "cancel_task", good=2)
    outcome = tubeq("cancel", *ids)
    assert outcome.exit_code == 2
    assert [line.split()[0] for line in outcome.out.splitlines()] == ids[:2]
    assert "no space is left" in outcome.err
