"""A database that is restored under running workers."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.e2e.runner_support import Scene
from tests.support import until
from tubeq.domain.errors import StorageBusy
from tubeq.queue.queue_manager import QueueManager
from tubeq.storage import restore

TASKS = 60
pytestmark = [
    pytest.mark.timeout(120),
    pytest.mark.skipif(sys.platform == "win32", reason="Windows replaces no file that is open"),
]


def test_workers_of_a_replaced_database_end_or_reopen_and_harm_nothing(
    scene: Scene, tmp_path: Path
) -> None:
    scene.add(TASKS, rest_s=0.1)
    copy = scene.queue.maintenance.backup(tmp_path / "copy.db")
    first = scene.process("Quick", processes=2)
    until(lambda: scene.counts().get("COMPLETED", 0) >= 3)
    scene.queue.close()
    with pytest.raises(StorageBusy, match="live workers"):
        restore(scene.db_path, copy)
    restored = restore(scene.db_path, copy, force=True)
    assert restored.tasks == TASKS
    assert restored.kept is not None
    scene.queue = QueueManager(scene.db_path)
    until(lambda: first.poll() is not None or scene.counts() == {"COMPLETED": TASKS}, 60.0)
    if scene.counts() != {"COMPLETED": TASKS}:
        scene.process("Quick", processes=2)
        until(lambda: scene.counts() == {"COMPLETED": TASKS}, 60.0)
    assert set(scene.completions().values()) == {1}
    assert len(scene.completions()) == TASKS
    assert scene.queue.maintenance.check() == []
    with QueueManager(restored.kept) as kept:
        assert kept.maintenance.check() == []
        assert kept.stats().by_status["COMPLETED"] >= 3
