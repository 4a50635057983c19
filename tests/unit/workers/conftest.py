"""A queue on each back end, with a real clock: leases and timeouts are what is tested."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tubeq.queue.queue_manager import QueueManager


@pytest.fixture(params=["memory", "sqlite"])
def queue(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[QueueManager]:
    target = ":memory:" if request.param == "memory" else str(tmp_path / "queue.db")
    with QueueManager(target) as queue:
        yield queue


@pytest.fixture
def file_queue(tmp_path: Path) -> Iterator[QueueManager]:
    """Where waking needs a file beside the database."""
    with QueueManager(str(tmp_path / "queue.db")) as queue:
        yield queue
