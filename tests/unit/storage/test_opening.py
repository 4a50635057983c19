"""Paths and files that cannot be a queue: each its own error, and nothing touched."""

from __future__ import annotations

import gc
import os
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from tubeq.domain.errors import (
    SchemaMismatch,
    StorageBusy,
    StorageCorrupt,
    StorageError,
    StorageFull,
    StorageReadOnly,
    UnsafeStorage,
)
from tubeq.domain.models import EncodedTask
from tubeq.storage import open_storage
from tubeq.storage.ports.tasks import ClaimRequest
from tubeq.storage.sqlite.file import connection, session
from tubeq.storage.sqlite.file.lock_file import LockFile
from tubeq.storage.sqlite.file.write_lock import OPEN_BYTE
from tubeq.storage.sqlite.migrate import is_current


@pytest.fixture
def path(tmp_path):
    return tmp_path / "queue.db"


@pytest.fixture
def filled(path):
    storage = open_storage(path)
    storage.create([EncodedTask("scrape", "{}")] * 3)
    storage.close()
    return path


def test_a_folder_is_named_as_such(tmp_path):
    with pytest.raises(StorageError, match="folder"):
        open_storage(tmp_path)


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(StorageError, match="missing"):
        open_storage(tmp_path / "missing" / "queue.db")


def test_a_file_that_is_no_database_is_left_as_it_is(path):
    path.write_bytes(b"These are my notes, not a database.\n" * 100)
    with pytest.raises(StorageCorrupt):
        open_storage(path)
    assert path.read_bytes().startswith(b"These are my notes")
    assert [each.name for each in path.parent.iterdir()] == [path.name]


def test_another_programs_database_is_left_as_it_is(path):
    other = sqlite3.connect(path)
    other.execute("CREATE TABLE songs (title TEXT)")
    other.close()
    before = path.read_bytes()
    with pytest.raises(SchemaMismatch, match="songs"):
        open_storage(path)
    assert path.read_bytes() == before


def test_a_damaged_database_is_named_when_the_damage_is_met(filled):
    content = bytearray(filled.read_bytes())
    content[4096:] = os.urandom(len(content) - 4096)
    filled.write_bytes(content)
    with pytest.raises(StorageError):
        storage = open_storage(filled)
        storage.create([EncodedTask("scrape", "{}")])


def test_a_network_file_system_is_refused(path, monkeypatch):
    monkeypatch.setattr(connection, "network_file_system", lambda folder: "nfs4")
    with pytest.raises(UnsafeStorage, match="nfs4"):
        open_storage(path)
    assert not path.exists()


@pytest.mark.skipif(sys.platform == "win32", reason="reads /proc/self/mounts")
def test_the_innermost_mount_decides_what_file_system_it_is(tmp_path):
    mounts = tmp_path / "mounts"
    mounts.write_text(
        "/dev/vda / ext4 rw 0 0\nserver:/x /mnt/share nfs4 rw 0 0\n"
        "/dev/vdb /mnt/share/local ext4 rw 0 0\nserver:/y /mnt/two\\040words cifs rw 0 0\n"
    )
    kinds = {
        place: connection._mount_type(Path(place), mounts)
        for place in ("/home", "/mnt/share/a", "/mnt/share/local/b", "/mnt/two words", "/mnt/sha")
    }
    assert list(kinds.values()) == ["ext4", "nfs4", "ext4", "cifs", "ext4"]


def test_a_file_that_cannot_be_written_is_a_named_error(filled, monkeypatch):
    # By the system's own answer, which root, as whom CI may run, never gets.
    monkeypatch.setattr(os, "access", lambda place, mode: not mode & os.W_OK)
    with pytest.raises(StorageReadOnly):
        open_storage(filled)


def test_a_database_that_turns_read_only_loses_nothing(filled):
    storage = open_storage(filled)
    storage._session._connection.execute("PRAGMA query_only = 1")
    with pytest.raises(StorageReadOnly):
        storage.create([EncodedTask("scrape", "{}")])
    storage._session._connection.execute("PRAGMA query_only = 0")
    assert len(storage.list_tasks()) == 3
    storage.close()


def test_a_full_database_is_a_named_error_and_recovers_unaided(filled):
    storage = open_storage(filled)
    session = storage._session._connection
    (pages,) = session.execute("PRAGMA page_count").fetchone()
    session.execute(f"PRAGMA max_page_count = {pages}")
    before = storage.list_tasks()
    with pytest.raises(StorageFull):
        storage.create([EncodedTask("scrape", '{"a": "%s"}' % ("x" * 60_000))] * 10)
    assert storage.list_tasks() == before
    session.execute("PRAGMA max_page_count = 100000")
    storage.create([EncodedTask("scrape", "{}")])
    assert len(storage.list_tasks()) == 4
    storage.close()


@pytest.mark.skipif(not shutil.which("unshare"), reason="needs a file system of its own to fill")
def test_a_full_disk_is_a_named_error_and_recovers_unaided(tmp_path):
    """A real one: a tiny file system in a mount namespace of this test's own."""
    script = tmp_path / "fill.py"
    script.write_text(_FILL_DISK)
    place = tmp_path / "tiny"
    place.mkdir()
    command = f"mount -t tmpfs -o size=2m none {place} && exec {sys.executable} {script} {place}"
    done = subprocess.run(
        ["unshare", "-Urm", "sh", "-c", command], capture_output=True, text=True, timeout=50
    )
    if "unshare" in done.stderr or "mount:" in done.stderr:
        pytest.skip(f"no mount namespace to be had here: {done.stderr.strip()}")
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["full", "kept", "recovered"]


_FILL_DISK = """
import sys
from pathlib import Path
from tubeq import QueueManager
from tubeq.domain.errors import StorageFull
place = Path(sys.argv[1])
(place / "ballast").write_bytes(bytes(900_000))
queue = QueueManager(place / "queue.db")
created = []
try:
    while True:
        created.append(queue.create_task("scrape", {"a": "x" * 5000}))
except StorageFull:
    print("full")
if all(queue.get_task(task_id)["status"] == "QUEUED" for task_id in created) and created:
    print("kept")
(place / "ballast").unlink()
queue.create_task("scrape", {})
claimed = queue.claim_next_task("scrape", "w")
queue.complete_task(claimed)
if not queue.maintenance.check():
    print("recovered")
"""


def test_another_programs_write_transaction_is_waited_for_and_then_named(filled):
    outsider = sqlite3.connect(filled, isolation_level=None)
    outsider.execute("BEGIN IMMEDIATE")
    storage = open_storage(filled, busy_timeout_s=0.05)
    with pytest.raises(StorageBusy):
        storage.create([EncodedTask("scrape", "{}")])
    outsider.execute("ROLLBACK")
    outsider.close()
    assert len(storage.create([EncodedTask("scrape", "{}")])) == 1
    storage.close()


def test_a_closed_storage_says_so(filled):
    storage = open_storage(filled)
    storage.close()
    storage.close()
    for call in (storage.stats, lambda: storage.create([EncodedTask("scrape", "{}")])):
        with pytest.raises(StorageError, match="closed"):
            call()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_handle_carried_through_fork_is_refused_there_and_works_on_here(filled):
    storage = open_storage(filled)
    child = os.fork()
    if child == 0:
        code = 1
        try:
            storage.create([EncodedTask("scrape", "{}")])
        except UnsafeStorage:
            own = open_storage(filled)
            own.create([EncodedTask("scrape", "{}")])
            own.close()
            code = 0
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert len(storage.claim(ClaimRequest("scrape", "w"), 10)) == 4
    storage.close()


@pytest.mark.skipif(sys.platform == "win32", reason="permission bits are POSIX")
def test_the_files_are_their_owners_only(path):
    storage = open_storage(path)
    storage.create([EncodedTask("scrape", "{}")])
    modes = {each.name: each.stat().st_mode & 0o077 for each in path.parent.iterdir()}
    storage.close()
    assert set(modes.values()) == {0}, modes


def test_one_process_at_a_time_brings_a_file_up(path):
    opener = LockFile(Path(f"{path}-lock"))
    assert opener.try_lock(OPEN_BYTE)
    with pytest.raises(StorageBusy):
        open_storage(path, busy_timeout_s=0.05)
    opener.unlock(OPEN_BYTE)
    open_storage(path).close()
    opener.close()


def test_a_database_that_is_busy_for_a_moment_is_opened_all_the_same(path, monkeypatch):
    """SQLite says BUSY at once, whatever the timeout, while another process recovers the log."""
    answers = [sqlite3.OperationalError("database is locked")]

    def busy_once(connection, where):
        if answers:
            raise answers.pop()
        return is_current(connection, where)

    monkeypatch.setattr(session, "is_current", busy_once)
    open_storage(path).close()
    assert not answers


def test_a_handle_that_nobody_closes_is_closed_when_it_is_forgotten(filled):
    storage = open_storage(filled)
    storage.create([EncodedTask("scrape", "{}")])
    del storage
    gc.collect()
    assert not Path(f"{filled}-wal").exists()  # the last connection takes the log with it
