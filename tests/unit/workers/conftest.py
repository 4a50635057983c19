"""A queue on each back end, with a real clock: leases and timeouts are what is tested."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tubeq.queue.queue_manager import QueueManager


@pytest.fixture(params=["memory", "sqlite"])
def queue(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[QueueManager]:
    target = ":memory:" if request.param == "memory" else tmp_path / "queue.db"
    with QueueManager(target) as queue:
        yield queue


@pytest.fixture
def stop() -> threading.Event:
    return threading.Event()


@pytest.fixture
def quick_queue(file_queue: QueueManager, monkeypatch: pytest.MonkeyPatch) -> QueueManager:
    """The real one only: what is tested is time, and the contract suite compares the back ends."""
    monkeypatch.setattr("tubeq.workers.watch._SEEN_INTERVAL_S", 0.1)
    monkeypatch.setattr("tubeq.workers.watch._LEAVE_S", 0.2)
    return file_queue
