"""Paths and files that cannot be a queue: each its own error, and nothing touched."""

from __future__ import annotations

import ctypes
import gc
import os
import shutil
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

import pytest

from tests.support import in_mount_namespace, make_foreign, overwrite
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
def filled(path):
    with closing(open_storage(path)) as storage:
        storage.create([EncodedTask("scrape", "{}")] * 3)
    return path


@pytest.fixture
def storage(filled):
    with closing(open_storage(filled)) as storage:
        yield storage


@pytest.mark.parametrize(("name", "named"), [(".", "folder"), ("missing/queue.db", "missing")])
def test_a_folder_or_a_missing_one_is_named(tmp_path, name, named):
    with pytest.raises(StorageError, match=named):
        open_storage(tmp_path / name)


def test_a_file_that_is_no_database_is_left_as_it_is(path):
    path.write_bytes(b"These are my notes, not a database.\n" * 100)
    with pytest.raises(StorageCorrupt):
        open_storage(path)
    assert path.read_bytes().startswith(b"These are my notes")
    assert [each.name for each in path.parent.iterdir()] == [path.name]


def test_another_programs_database_is_left_as_it_is(path):
    make_foreign(path)
    before = path.read_bytes()
    with pytest.raises(SchemaMismatch, match="users"):
        open_storage(path)
    assert path.read_bytes() == before


def test_a_damaged_database_is_named_when_the_damage_is_met(filled):
    overwrite(filled, 4096, filled.stat().st_size)
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


class MacOSStatfs(ctypes.Structure):
    """As in sys/mount.h of macOS, where inode numbers have 64 bits."""

    _fields_ = (
        ("f_bsize", ctypes.c_uint32), ("f_iosize", ctypes.c_int32), ("f_blocks", ctypes.c_uint64),
        ("f_bfree", ctypes.c_uint64), ("f_bavail", ctypes.c_uint64), ("f_files", ctypes.c_uint64),
        ("f_ffree", ctypes.c_uint64), ("f_fsid", ctypes.c_int32 * 2), ("f_owner", ctypes.c_uint32),
        ("f_type", ctypes.c_uint32), ("f_flags", ctypes.c_uint32), ("f_fssubtype", ctypes.c_uint32),
        ("f_fstypename", ctypes.c_char * 16), ("f_mntonname", ctypes.c_char * 1024),
        ("f_mntfromname", ctypes.c_char * 1024), ("f_flags_ext", ctypes.c_uint32),
        ("f_reserved", ctypes.c_uint32 * 7),
    )  # fmt: skip


@pytest.mark.parametrize("symbol", ["statfs", "statfs$INODE64"])
@pytest.mark.parametrize(
    ("kind", "found"), [("apfs", None), ("smbfs", "smbfs"), ("nfs", "nfs"), ("webdav", "webdav")]
)
def test_macos_is_asked_for_the_file_system(tmp_path, monkeypatch, symbol, kind, found):
    def statfs(folder, answer):
        assert folder == os.fsencode(tmp_path.resolve())
        filled = bytes(MacOSStatfs(f_flags=0x1000, f_fstypename=kind.encode(), f_mntonname=b"/x"))
        ctypes.memmove(answer, filled, len(filled))
        return 0

    library = type("Library", (), {symbol: staticmethod(statfs)})()
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setattr(ctypes, "CDLL", lambda name: library)
    assert connection.network_file_system(tmp_path) == found


def test_a_file_that_cannot_be_written_is_a_named_error(filled, monkeypatch):
    # By the system's own answer, which root, as whom CI may run, never gets.
    monkeypatch.setattr(os, "access", lambda place, mode: not mode & os.W_OK)
    with pytest.raises(StorageReadOnly):
        open_storage(filled)


def test_a_database_that_turns_read_only_loses_nothing(storage):
    storage._session._connection.execute("PRAGMA query_only = 1")
    with pytest.raises(StorageReadOnly):
        storage.create([EncodedTask("scrape", "{}")])
    storage._session._connection.execute("PRAGMA query_only = 0")
    assert len(storage.list_tasks()) == 3


def test_a_full_database_is_a_named_error_and_recovers_unaided(storage):
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


@pytest.mark.skipif(not shutil.which("unshare"), reason="needs a file system of its own to fill")
def test_a_full_disk_is_a_named_error_and_recovers_unaided(tmp_path):
    """A real one: a tiny file system in a mount namespace of this test's own."""
    script = tmp_path / "fill.py"
    script.write_text(_FILL_DISK)
    place = tmp_path / "tiny"
    place.mkdir()
    command = f"mount -t tmpfs -o size=2m none {place} && exec {sys.executable} {script} {place}"
    done = in_mount_namespace(command)
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


def test_a_closed_storage_says_so(storage):
    storage.close()
    storage.close()
    for call in (storage.stats, lambda: storage.create([EncodedTask("scrape", "{}")])):
        with pytest.raises(StorageError, match="closed"):
            call()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_handle_carried_through_fork_is_refused_there_and_works_on_here(filled, storage):
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


@pytest.mark.skipif(sys.platform == "win32", reason="permission bits are POSIX")
def test_the_files_are_their_owners_only(filled, storage):
    modes = {each.name: each.stat().st_mode & 0o077 for each in filled.parent.iterdir()}
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
