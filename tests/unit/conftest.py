"""A database of each test's own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tubeq.queue.queue_manager import QueueManager
from tubeq.storage import Storage, open_storage
from tubeq.storage.sqlite.file import futex


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where there is no database yet."""
    return tmp_path / "queue.db"


@pytest.fixture
def file_queue(path: Path) -> Iterator[QueueManager]:
    """What needs a file, such as for the one beside it, by which workers are woken."""
    with QueueManager(path) as queue:
        yield queue


@pytest.fixture
def file_storage(path: Path) -> Iterator[Storage]:
    storage = open_storage(path)
    yield storage
    storage.close()


@pytest.fixture(params=["futex", "no futex"])
def each_way_to_sleep(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Waiting as on Linux, and as on macOS and Windows."""
    if request.param == "no futex":
        monkeypatch.setattr(futex, "_futex", lambda: None)
