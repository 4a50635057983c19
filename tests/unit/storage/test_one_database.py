"""One database, by whatever name it is reached."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import pytest

from tests.support import in_mount_namespace
from tubeq import QueueManager
from tubeq.domain.errors import InvalidParameters, StorageError, UnsafeStorage
from tubeq.queue.wakeup import Waiter, Waker
from tubeq.storage import open_storage, restore
from tubeq.storage.sqlite.file import connection

posix = pytest.mark.skipif(os.name != "posix", reason="links need POSIX, or rights on Windows")


@pytest.fixture
def real(tmp_path):
    (tmp_path / "data").mkdir()
    path = tmp_path / "data" / "queue.db"
    QueueManager(path).close()
    return path


def names_in(folder):
    return sorted(each.name for each in folder.iterdir())


def link_to_file(tmp_path, real):
    return _link(tmp_path / "link.db", real)


def way_round(tmp_path, real):
    (tmp_path / "else" / "where").mkdir(parents=True)
    return _link(tmp_path / "here", tmp_path / "else" / "where") / ".." / ".." / "data" / real.name


def _link(link, target):
    link.symlink_to(target)
    return link


WAYS = {
    "link to file": link_to_file,
    "relative link": lambda here, real: _link(here / "link.db", Path("data") / real.name),
    "chain of links": lambda here, real: _link(here / "1.db", _link(here / "2.db", real)),
    "link to folder": lambda here, real: _link(here / "folder", real.parent) / real.name,
    "way round": way_round,
}


@posix
@pytest.mark.parametrize("way", WAYS)
def test_every_name_is_the_same_queue_and_side_files_stand_beside_the_file(tmp_path, real, way):
    name = WAYS[way](tmp_path, real)
    beside = {each: names_in(each) for each in {name.parent, tmp_path}}
    with QueueManager(name) as by_link, QueueManager(real) as by_path:
        task_id = by_link.create_task("scrape", {})
        claimed = by_path.claim_next_task("scrape", "w1")
        by_path.complete_task(claimed)
        assert by_link.get_task(task_id).status == "COMPLETED"
        assert names_in(real.parent) == sorted(
            [real.name, *(f"{real.name}-{end}" for end in ("lock", "shm", "wake", "wal"))]
        )
    for folder, before in beside.items():
        assert folder.resolve() == real.parent or names_in(folder) == before


@posix
def test_a_link_to_a_file_that_is_not_there_creates_it_where_the_link_points(tmp_path):
    (tmp_path / "data").mkdir()
    link = _link(tmp_path / "link.db", tmp_path / "data" / "queue.db")
    with QueueManager(link) as queue:
        queue.create_task("scrape", {})
    assert (tmp_path / "data" / "queue.db").is_file()
    assert link.is_symlink()
    with pytest.raises(StorageError, match="nowhere is not a folder"):
        QueueManager(_link(tmp_path / "other.db", tmp_path / "nowhere" / "queue.db"))


@posix
def test_a_link_to_itself_is_an_error_of_the_tree(tmp_path):
    with pytest.raises(StorageError):
        QueueManager(_link(tmp_path / "loop.db", tmp_path / "loop.db"))


@posix
def test_a_link_that_leads_nowhere_is_not_replaced_by_a_backup(tmp_path, real):
    with QueueManager(real) as queue:
        queue.maintenance.backup(tmp_path / "backup.db")
    loop = _link(tmp_path / "one.db", _link(tmp_path / "two.db", tmp_path / "one.db"))
    with pytest.raises(StorageError, match="leads back to itself"):
        restore(loop, tmp_path / "backup.db")
    assert loop.is_symlink()


def test_the_folder_of_the_process_may_change_after_opening(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "elsewhere").mkdir()
    with QueueManager("queue.db") as queue:
        monkeypatch.chdir("elsewhere")
        queue.create_task("scrape", {})
        queue.maintenance.backup("copy.db")
        queue._storage._session._checkpointer._connect()[0].close()
    assert names_in(tmp_path / "elsewhere") == ["copy.db"]


@posix
@pytest.mark.parametrize("waiting_by_link", [True, False])
def test_who_waits_by_one_name_is_woken_by_another(tmp_path, real, waiting_by_link):
    link = link_to_file(tmp_path, real)
    waiter = Waiter(link if waiting_by_link else real, "scrape")
    waker = Waker(real if waiting_by_link else link)
    waiter.prepare()
    waker.wake("scrape", 1)
    assert waiter.wait(5.0)
    waker.close()
    waiter.close()


@posix
def test_a_backup_onto_the_database_itself_is_refused_by_either_name(tmp_path, real):
    link = link_to_file(tmp_path, real)
    for opened, target in ((link, real), (real, link)):
        with QueueManager(opened) as queue, pytest.raises(StorageError, match="itself"):
            queue.maintenance.backup(target)


@pytest.mark.skipif(not hasattr(os, "link"), reason="no hard links here")
def test_a_second_hard_link_is_refused(tmp_path, real):
    """SQLite would give each name a log of its own."""
    other = tmp_path / "other.db"
    os.link(real, other)
    for name in (real, other):
        with pytest.raises(UnsafeStorage, match="2 names"):
            open_storage(name)
    assert names_in(tmp_path) == ["data", "other.db"]
    other.unlink()
    open_storage(real).close()


def test_a_single_file_that_is_mounted_is_told(tmp_path):
    mounts = tmp_path / "mounts"
    mounts.write_text("/dev/vda / ext4 rw 0 0\n/dev/vdb /data/my\\040queue.db ext4 rw 0 0\n")
    assert connection.is_mount_point(Path("/data/my queue.db"), mounts)
    assert not connection.is_mount_point(Path("/data/queue.db"), mounts)


@pytest.mark.skipif(not shutil.which("unshare"), reason="needs a mount namespace")
def test_a_single_file_that_is_mounted_is_refused(tmp_path, real):
    seen = tmp_path / "seen.db"
    seen.touch()
    command = (
        f"mount --bind {real} {seen} && exec {sys.executable} -c "
        f"'from tubeq import QueueManager; QueueManager(\"{seen}\")'"
    )
    done = in_mount_namespace(command)
    assert "UnsafeStorage" in done.stderr
    assert "mount its folder instead" in done.stderr


@posix
def test_a_link_onto_a_network_file_system_is_refused(tmp_path, real, monkeypatch):
    monkeypatch.setattr(
        connection, "network_file_system", lambda folder: "nfs4" if folder == real.parent else None
    )
    with pytest.raises(UnsafeStorage, match="nfs4"):
        open_storage(link_to_file(tmp_path, real))


@pytest.mark.parametrize(
    ("address", "advice"),
    [
        ("file:queue.db", "write queue.db"),
        ("file:///data/queue.db?mode=ro", "write /data/queue.db"),
        ("FILE:queue.db", "write queue.db"),
        ("file://localhost/data/queue.db", "write /data/queue.db"),
        ("sqlite:///queue.db", "a local file"),
        ("postgresql://host/queue", "a local file"),
        ("", "empty"),
    ],
)
def test_an_address_is_refused_with_the_form_that_is_accepted(
    tmp_path, monkeypatch, address, advice
):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InvalidParameters, match=advice.replace("?", r"\?")):
        QueueManager(address)
    assert names_in(tmp_path) == []


@posix
def test_a_file_with_the_name_of_an_address_is_reached_by_its_absolute_path(tmp_path):
    QueueManager(tmp_path / "file:queue.db").close()
    assert (tmp_path / "file:queue.db").is_file()


@posix
@pytest.mark.parametrize("kind", ["pipe", "device"])
def test_what_is_no_plain_file_is_refused(tmp_path, kind):
    path = Path("/dev/null")
    if kind == "pipe":
        path = tmp_path / "pipe.db"
        os.mkfifo(path)
    with pytest.raises(StorageError, match="not a plain file"):
        QueueManager(path)


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="no /proc here")
def test_a_folder_that_takes_no_files_is_not_called_full():
    with pytest.raises(StorageError, match="/proc takes no files") as refused:
        QueueManager("/proc/queue.db")
    assert refused.type is StorageError
