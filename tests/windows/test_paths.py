"""Paths as Windows has them: drives, long ones, folders of the network."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tubeq import QueueManager
from tubeq.domain.errors import StorageError, UnsafeStorage

pytestmark = pytest.mark.windows


def test_a_path_without_a_limit_of_length_is_on_its_drive(tmp_path: Path) -> None:
    with QueueManager("\\\\?\\" + str(tmp_path / "queue.db")) as queue:
        task_id = queue.create_task("scrape")
    with QueueManager(tmp_path / "queue.db") as queue:
        assert queue.get_task(task_id).task_type == "scrape"


def test_a_path_on_the_drive_of_this_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with QueueManager(f"{tmp_path.drive}queue.db") as queue:
        queue.create_task("scrape")
    assert (tmp_path / "queue.db").is_file()


@pytest.mark.parametrize("share", [r"\\server\share", r"\\?\UNC\server\share"])
def test_a_share_is_a_network_file_system(share: str) -> None:
    from tubeq.storage.sqlite.file.connection import network_file_system

    assert network_file_system(Path(share)) == "a Windows share"
    with pytest.raises((StorageError, UnsafeStorage)):
        QueueManager(os.path.join(share, "queue.db"))  # noqa: PTH118 - a string, as users give it


def test_a_name_that_is_too_long_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=r"name a shorter one"):
        QueueManager(tmp_path / ("n" * 300 + ".db"))
    assert list(tmp_path.iterdir()) == []
