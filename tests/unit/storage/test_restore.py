"""The way back from a backup: what it takes, what it refuses, and what old claims are worth."""

from __future__ import annotations

import os
import shutil
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path

import pytest

from tests.support import (
    FIRST_SCHEMA,
    claimed,
    cut,
    leave_log,
    make_foreign,
    make_newer,
    not_a_database,
    overwrite,
    rows,
    run_sql,
    until,
)
from tubeq import ClaimLost, ClaimRequest, InvalidParameters, QueueManager, StorageError
from tubeq.domain import held_files
from tubeq.domain.errors import SchemaMismatch, StorageBusy, StorageCorrupt
from tubeq.domain.limits import Grant, Holder, LimitRule
from tubeq.domain.models import Task
from tubeq.domain.states import TaskEvent, TaskStatus
from tubeq.storage import restore
from tubeq.storage.ports.tasks import WorkerInfo
from tubeq.storage.sqlite import migrate
from tubeq.storage.sqlite import restore as sqlite_restore
from tubeq.storage.sqlite.file.kept_names import count_own_links
from tubeq.storage.sqlite.replace import replace_database

TYPE = "video"


def make(path: Path, tasks: int = 1) -> list[str]:
    """A queue with these tasks, closed."""
    with QueueManager(path) as queue:
        return [queue.create_task(TYPE, {"number": number}) for number in range(tasks)]


def backed_up(folder: Path, tasks: int = 1) -> tuple[Path, Path]:
    """A database, and a backup of it."""
    path, copy = folder / "queue.db", folder / "backup.db"
    make(path, tasks)
    with QueueManager(path) as queue:
        queue.maintenance.backup(copy)
    return path, copy


def ids(path: Path) -> set[str]:
    with QueueManager(path) as queue:
        assert queue.maintenance.check() == []
        return {task.task_id for task in queue.list_tasks(limit=1000)}


def worker(pid: int, **fields: object) -> WorkerInfo:
    known = WorkerInfo(
        "w", TYPE, socket.gethostname(), pid, "2027-01-15 08:00:00.000000", time.time(), False
    )
    return known._replace(**fields)  # type: ignore[arg-type]


def test_a_restored_database_is_the_backup_and_the_old_one_is_kept(tmp_path: Path) -> None:
    path, copy = backed_up(tmp_path, 3)
    before = ids(path)
    lost = make(path, 2)
    restored = restore(path, copy)
    assert (restored.tasks, restored.released, restored.problems) == (3, 0, [])
    assert restored.kept is not None
    assert ids(path) == before
    assert ids(restored.kept) == before | set(lost)
    assert rows(path, "PRAGMA journal_mode") == [("wal",)]
    assert restore(path, copy).kept not in (None, restored.kept)
    assert not list(tmp_path.glob("*.restoring*"))


def test_the_log_of_the_old_database_is_not_replayed(tmp_path: Path) -> None:
    path, copy = backed_up(tmp_path)
    before = ids(path)
    leave_log(path)
    control = tmp_path / "control"
    control.mkdir()
    for end in ("", "-wal", "-shm"):
        shutil.copy(f"{path}{end}", f"{control / 'queue.db'}{end}")
    restored = restore(path, copy)
    assert ids(path) == before
    assert len(ids(restored.kept or path)) == len(before) + 50
    # To rename the backup into place would not have done.
    shutil.copy(copy, control / "queue.db")
    assert rows(control / "queue.db", "SELECT count(*) FROM task_queue") != [(len(before),)]


@pytest.mark.parametrize("end", ["-wal", "-shm", "-journal"])
def test_side_files_of_a_database_that_is_gone_do_no_harm(tmp_path: Path, end: str) -> None:
    path, copy = backed_up(tmp_path)
    before = ids(path)
    path.unlink()
    Path(f"{path}{end}").write_bytes(b"whatever" * 4096)
    assert restore(path, copy).kept is None
    assert ids(path) == before


@pytest.mark.parametrize("what", ["damaged", "gone"])
def test_the_log_of_a_database_that_cannot_be_read_is_not_replayed(
    tmp_path: Path, what: str
) -> None:
    path, copy = backed_up(tmp_path)
    before = ids(path)
    leave_log(path)
    REPLACED[what](path)
    kept = restore(path, copy).kept
    assert ids(path) == before
    if kept is not None:  # to save what is in it
        assert Path(f"{kept}-wal").stat().st_size


def test_what_is_in_the_log_of_a_backup_counts(tmp_path: Path) -> None:
    path, copied = tmp_path / "queue.db", tmp_path / "copied.db"
    make(copied)
    leave_log(copied)
    assert restore(path, copied).tasks == 51
    assert len(ids(path)) == 51


def test_nothing_is_left_beside_the_backup(tmp_path: Path) -> None:
    path, copy = backed_up(tmp_path)
    shelf = tmp_path / "shelf"
    shelf.mkdir()
    copy = copy.rename(shelf / "backup.db")
    was = copy.read_bytes()
    restore(path, copy)
    assert list(shelf.iterdir()) == [copy]
    assert copy.read_bytes() == was


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such modes")
@pytest.mark.parametrize("mode", [0o600, 0o660])
def test_the_mode_is_that_of_the_replaced_file(tmp_path: Path, mode: int) -> None:
    path, copy = backed_up(tmp_path)
    path.chmod(mode)
    copy.chmod(0o644)
    restore(path, copy)
    assert path.stat().st_mode & 0o777 == mode
    path.unlink()
    restore(path, copy)
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    path, copy = backed_up(tmp_path)
    make(path)
    link = tmp_path / "link.db"
    link.symlink_to(path)
    restore(link, copy)
    assert link.is_symlink()
    assert len(ids(path)) == 1
    with pytest.raises(InvalidParameters, match="itself"):
        restore(path, link)


# Claims -----------------------------------------------------------------------------------------


REPLACED: dict[str, Callable[[Path], object]] = {
    "whole": lambda path: None,
    "damaged": not_a_database,
    "gone": lambda path: path.unlink(),
    "pruned": lambda path: run_sql(path, "DELETE FROM task_queue"),
}


def late_claim(tmp_path: Path) -> tuple[Path, Path, Task]:
    """A task that was claimed after the backup, for the third time."""
    path, copy = backed_up(tmp_path)
    with QueueManager(path) as queue:
        for _ in range(2):
            queue.release_task(queue.claim_next_task(TYPE, "early") or pytest.fail())
        return path, copy, queue.claim_next_task(TYPE, "late") or pytest.fail()


def claimed_again(path: Path, late: Task, times: int = 3) -> QueueManager:
    """As often as before, so that a counter that went on from the backup's would say the same."""
    queue = QueueManager(path)
    for _ in range(times - 1):
        queue.release_task(queue.claim_next_task(TYPE, "new") or pytest.fail())
    claim = queue.claim_next_task(TYPE, "new")
    assert claim is not None
    assert (claim.row_id, claim.task_id) == (late.row_id, late.task_id)
    return queue


@pytest.mark.parametrize("what", REPLACED)
def test_a_claim_from_before_the_restore_is_lost(tmp_path: Path, what: str) -> None:
    path, copy, late = late_claim(tmp_path)
    REPLACED[what](path)
    restore(path, copy)
    with claimed_again(path, late) as queue:
        for verb in (queue._storage.complete, lambda claim: queue._storage.heartbeat(claim, 60.0)):
            with pytest.raises(ClaimLost):
                verb(late)  # type: ignore[operator]
        assert queue.get_task(late.task_id).status is TaskStatus.CLAIMED


def test_it_would_be_accepted_if_tokens_were_not_raised(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So the test above can fail."""
    path, copy, late = late_claim(tmp_path)
    monkeypatch.setitem(sqlite_restore._SQL, "raise_tokens", "SELECT :token")
    restore(path, copy)
    with claimed_again(path, late) as queue:
        queue._storage.complete(late)
        assert queue.get_task(late.task_id).status is TaskStatus.COMPLETED


def test_a_task_of_the_lost_time_is_not_taken_for_a_new_one(tmp_path: Path) -> None:
    path, copy = backed_up(tmp_path)
    with QueueManager(path) as queue:
        late = claimed(queue, "other", "late")
    restore(path, copy)
    with QueueManager(path) as queue:
        claim = claimed(queue, "other", "late")
        assert (claim.row_id, claim.claim_token) == (late.row_id, late.claim_token)
        with pytest.raises(ClaimLost):
            queue._storage.complete(late)
        queue._storage.complete(claim)


def test_tokens_grow_from_restore_to_restore(tmp_path: Path) -> None:
    """Of the same backup: what the replaced file had issued is in that file only."""
    path, copy, late = late_claim(tmp_path)
    tokens = [late.claim_token]
    for _ in range(6):
        restore(path, copy)
        with QueueManager(path) as queue:
            tokens.append(queue.get_task(late.task_id).claim_token)
    assert tokens == sorted(set(tokens))


def test_tokens_of_two_restores_differ_though_nothing_can_be_read(tmp_path: Path) -> None:
    path, copy, late = late_claim(tmp_path)
    tokens = set()
    for _ in range(5):
        not_a_database(path)
        restore(path, copy)
        with QueueManager(path) as queue:
            tokens.add(queue.get_task(late.task_id).claim_token)
    assert len(tokens) == 5
    assert all(3 < token < 2**53 for token in tokens)


def test_what_was_held_when_the_backup_was_taken_is_queued(tmp_path: Path) -> None:
    path, copy = tmp_path / "queue.db", tmp_path / "backup.db"
    with QueueManager(path) as queue:
        for _ in range(2):
            queue.create_task(TYPE)
        queue.limits.set("type:video", concurrency=1)
        cancelled, held = queue.claim(ClaimRequest(TYPE, "w"), 2)
        queue.cancel_task(cancelled.task_id)
        queue.register.add(worker(os.getpid()))
        holder = Holder("w", held.row_id, held.claim_token)
        assert isinstance(queue.limits.take(["type:video"], holder, 60.0), Grant)
        assert queue.limits.slots()
        queue.maintenance.backup(copy)
    restored = restore(path, copy, force=True)
    assert (restored.released, restored.problems) == (2, [])
    with QueueManager(path) as queue:
        task = queue.get_task(held.task_id)
        assert (task.status, task.retry_count, task.crash_count) == (TaskStatus.QUEUED, 0, 0)
        assert queue.get_task(cancelled.task_id).status is TaskStatus.CANCELLED
        events = [(entry.event, entry.detail) for entry in queue.get_task_history(held.task_id)]
        assert events[-1] == (TaskEvent.RELEASED, "the database was restored from a backup")
        assert queue.workers() == []
        assert queue.limits.slots() == []
        assert queue.limits.list() == [LimitRule("type:video", 1)]
        assert queue.claim_next_task(TYPE, "w") is not None


# Who has it open --------------------------------------------------------------------------------


def a_dead_pid() -> int:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


@pytest.mark.parametrize(
    ("info", "is_live"),
    [
        (lambda: worker(os.getpid()), True),
        (lambda: worker(a_dead_pid()), False),
        (lambda: worker(1, host="elsewhere"), True),
        (lambda: worker(1, host="elsewhere", last_seen=time.time() - 3600), False),
    ],
)
def test_live_workers_are_in_the_way(
    tmp_path: Path, info: Callable[[], WorkerInfo], is_live: bool
) -> None:
    path, copy = backed_up(tmp_path)
    with QueueManager(path) as queue:
        queue.register.add(info())
    if is_live:
        with pytest.raises(StorageBusy, match="tubeq stop"):
            restore(path, copy)
    restored = restore(path, copy, force=is_live)
    with QueueManager(restored.kept or path) as queue:
        assert queue.workers()[0].stop_requested is is_live


@pytest.mark.skipif(sys.platform == "win32", reason="Windows replaces no file that is open")
def test_who_has_it_open_is_in_the_way_registered_or_not(tmp_path: Path) -> None:
    path, copy = backed_up(tmp_path)
    with QueueManager(path) as queue:
        claim = queue.claim_next_task(TYPE, "w")
        assert claim is not None
        with pytest.raises(StorageBusy, match="open in another program"):
            restore(path, copy)
        restored = restore(path, copy, force=True)
        assert restored.kept is not None
    with QueueManager(path) as queue:
        assert queue.get_task(claim.task_id).status is TaskStatus.QUEUED
    assert len(ids(restored.kept)) == 1


@pytest.mark.parametrize("what", ["whole", "damaged"])
def test_a_file_that_cannot_be_put_in_place_leaves_what_was_there(
    tmp_path: Path, what: str
) -> None:
    path, _ = backed_up(tmp_path)
    leave_log(path)
    REPLACED[what](path)
    log = Path(f"{path}-wal")
    before = log.read_bytes()
    with pytest.raises(StorageError):
        replace_database(path, tmp_path / "missing.db")
    assert not list(tmp_path.glob("*.before-restore*"))
    if what == "damaged":
        assert log.read_bytes() == before
    else:
        assert len(ids(path)) == 1 + 50


@pytest.mark.windows
@pytest.mark.parametrize("force", [False, True])
def test_on_windows_what_has_it_open_is_in_the_way_whatever_is_asked_for(
    tmp_path: Path, force: bool
) -> None:
    path, copy = backed_up(tmp_path)
    with QueueManager(path) as queue:
        late = queue.create_task(TYPE)
        names = {each.name for each in tmp_path.iterdir()}
        with pytest.raises(StorageBusy, match="open in another program: end that") as refused:
            restore(path, copy, force=force)
        assert "\n" not in str(refused.value) and "--force" not in str(refused.value)
        assert {each.name for each in tmp_path.iterdir()} == names
        assert queue.get_task(late).status is TaskStatus.QUEUED
        queue.create_task(TYPE)
    assert restore(path, copy).tasks == 1


@pytest.mark.windows
@pytest.mark.parametrize("what", ["whole", "damaged"])
def test_on_windows_what_reads_the_file_otherwise_is_in_the_way(
    tmp_path: Path, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(held_files, "_PATIENCE_S", 0.2)
    path, copy = backed_up(tmp_path)
    leave_log(path)
    REPLACED[what](path)
    names = {each.name for each in tmp_path.iterdir()}
    log = Path(f"{path}-wal").read_bytes()
    with path.open("rb"), pytest.raises(StorageBusy, match="open in another program"):
        restore(path, copy)
    assert {each.name for each in tmp_path.iterdir()} == names
    assert Path(f"{path}-wal").read_bytes() == log


@pytest.mark.skipif(sys.platform == "win32", reason="Windows replaces no file that is open")
def test_closing_an_old_handle_does_not_take_the_new_log_along(tmp_path: Path) -> None:
    path, copy = backed_up(tmp_path)
    old = QueueManager(path)
    old.create_task(TYPE)
    restore(path, copy, force=True)
    with QueueManager(path) as new:
        task_id = new.create_task("new")
        old.close()
        assert Path(f"{path}-wal").stat().st_size
        new.create_task("new")
        with QueueManager(path) as other:
            assert other.get_task(task_id).task_type == "new"
    assert len(ids(path)) == 3


# Refused ----------------------------------------------------------------------------------------


BAD: dict[str, tuple[Callable[[Path], object], type[Exception]]] = {
    "missing": (lambda path: None, InvalidParameters),
    "folder": (lambda path: path.mkdir(), InvalidParameters),
    "text": (not_a_database, StorageCorrupt),
    "empty": (lambda path: path.touch(), SchemaMismatch),
    "another program's": (make_foreign, SchemaMismatch),
    "newer": (make_newer, SchemaMismatch),
    "malformed": (
        lambda path: (make(path, 500), overwrite(path, 6 * 2048, 60 * 2048)),
        StorageCorrupt,
    ),
    "cut short": (lambda path: (make(path, 500), cut(path, 1 / 2)), StorageCorrupt),
}


@pytest.mark.parametrize("what", BAD)
def test_a_bad_backup_changes_nothing(tmp_path: Path, what: str) -> None:
    path, backup = tmp_path / "queue.db", tmp_path / "given.db"
    make(path)
    spoil, error = BAD[what]
    spoil(backup)
    before = path.read_bytes()
    names = {each.name for each in tmp_path.iterdir()}
    with pytest.raises(error, match=r"given\.db"):
        restore(path, backup)
    assert path.read_bytes() == before
    assert {each.name for each in tmp_path.iterdir()} == names


def test_a_database_of_another_program_is_not_replaced(tmp_path: Path) -> None:
    _, copy = backed_up(tmp_path)
    path = tmp_path / "foreign.db"
    make_foreign(path)
    with pytest.raises(SchemaMismatch, match="another program"):
        restore(path, copy)


def test_a_place_that_is_none_is_named(tmp_path: Path) -> None:
    _, copy = backed_up(tmp_path)
    with pytest.raises(StorageError, match="a folder"):
        restore(tmp_path, copy)
    with pytest.raises(StorageError, match="not a folder"):
        restore(tmp_path / "none" / "queue.db", copy)


@pytest.mark.parametrize("version", [1, 4])
def test_an_older_backup_is_migrated(
    tmp_path: Path, version: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    older = tmp_path / "older.db"
    known = migrate.known_migrations()
    with monkeypatch.context() as patch:
        patch.setattr(migrate, "known_migrations", lambda: known[:version])
        with closing(sqlite3.connect(older, isolation_level=None)) as file:
            migrate.migrate(file, older, "2027-01-15 08:00:00.000000")
            file.execute("INSERT INTO task_queue (task_type) VALUES ('video')")
    restored = restore(tmp_path / "queue.db", older)
    assert (restored.schema_before, restored.tasks) == (version, 1)
    assert len(ids(tmp_path / "queue.db")) == 1
    assert rows(older, "PRAGMA user_version") == [(version,)]


FIRST_PROGRAMS = FIRST_SCHEMA + (
    "INSERT INTO task_queue (task_id, task_type, parameters, status) "
    "VALUES ('a', 'video', '{}', 'RUNNING');"
)


def test_a_database_of_the_first_program_is_a_backup_too(tmp_path: Path) -> None:
    old = tmp_path / "old.db"
    run_sql(old, FIRST_PROGRAMS)
    restored = restore(tmp_path / "queue.db", old)
    assert (restored.tasks, restored.released, restored.schema_before) == (1, 1, 0)
    assert ids(tmp_path / "queue.db") == {"a"}


# Killed -----------------------------------------------------------------------------------------

_KILLED = """
import os, pathlib, sqlite3, sys
from tubeq.domain import held_files
from tubeq.storage import restore

left = int(sys.argv[3])


def killed_before(home, name):
    real = getattr(home, name)

    def step(*arguments, **named):
        global left
        left -= 1
        if not left:
            os._exit(9)
        return real(*arguments, **named)

    setattr(home, name, step)


for home, name in (
    (os, "link"), (os, "fsync"), (pathlib.Path, "unlink"), (pathlib.Path, "replace"),
    (pathlib.Path, "chmod"),
):
    killed_before(home, name)
restore(sys.argv[1], sys.argv[2])
"""


@pytest.mark.timeout(240 if sys.platform == "win32" else 60)  # a process a step
def test_killed_at_any_step_one_whole_database_is_there(tmp_path: Path) -> None:
    """Old or new, and the old one with what was in its log only."""
    copy, live = tmp_path / "backup.db", tmp_path / "live"
    live.mkdir()
    make(copy, 3)
    make(live / "queue.db", 200)  # more than the log holds: it makes no sense beside another file
    leave_log(live / "queue.db", 20)
    found = []
    for step in range(1, 100):
        folder = tmp_path / str(step)
        shutil.copytree(live, folder)
        path = folder / "queue.db"
        arguments = [sys.executable, "-c", _KILLED, str(path), str(copy), str(step)]
        ended = subprocess.run(arguments, check=False).returncode
        assert path.stat().st_nlink - count_own_links(path) == 1
        found.append(len(ids(path)))
        assert restore(path, copy).tasks == 3
        assert {each.stat().st_nlink for each in folder.glob("*.db*")} == {1}
        assert len(ids(path)) == 3
        assert not list(folder.glob("*.restoring*"))
        if ended == 0:
            break
        assert ended == 9
    before = found.index(3)
    assert found == [220] * before + [3] * (len(found) - before)
    assert len(found) > 10


_OPENING = """
import sys
from tubeq import QueueManager, StorageError
try:
    with QueueManager(sys.argv[1]) as queue:
        queue.create_task("late")
except StorageError as error:
    print(type(error).__name__)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
@pytest.mark.parametrize("was_there", [False, True], ids=["gone", "of the first program"])
def test_who_waits_to_make_or_migrate_it_meanwhile_does_not_write_into_the_new_one(
    tmp_path: Path, was_there: bool
) -> None:
    """He has the old file open, and SQLite would give him the new one's log."""
    path, copy = backed_up(tmp_path, 3)
    before = ids(copy)
    path.unlink()
    if was_there:
        run_sql(path, FIRST_PROGRAMS)
    others: list[subprocess.Popen[str]] = []

    def meanwhile(*_: int) -> None:
        if not others:
            command = [sys.executable, "-c", _OPENING, str(path)]
            others.append(subprocess.Popen(command, stdout=subprocess.PIPE, text=True))
            until(lambda: is_open_in(others[0].pid, path), 60)
            time.sleep(0.2)  # until it waits

    assert restore(path, copy, progress=meanwhile).tasks == 3
    assert others[0].communicate(timeout=60)[0] == "StorageReplaced\n"
    assert ids(path) == before


def is_open_in(pid: int, path: Path) -> bool:
    with suppress(OSError):
        return any(os.path.realpath(fd) == str(path) for fd in Path(f"/proc/{pid}/fd").iterdir())
    return False
