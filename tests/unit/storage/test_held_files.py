"""Files that another program holds for a moment, as virus scanners do: only Windows lets them."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.command_line import Tubeq, environment
from tests.support import leave_log
from tubeq import QueueManager
from tubeq.domain import held_files
from tubeq.domain.errors import StorageBusy
from tubeq.plugins.youtube.cookies import read_cookies
from tubeq.queue.export import ExportFormat, What
from tubeq.settings import Settings
from tubeq.storage import restore

RELEASED_S = 0.2
PATIENCE_S = 0.4


@contextmanager
def held(path: Path, seconds: float | None = None) -> Iterator[None]:
    """The file is open without being shared: until the end of the block, or for these seconds."""
    import ctypes

    kernel32 = ctypes.WinDLL("kernel32", use_last_error=True)  # type: ignore[attr-defined]
    kernel32.CreateFileW.restype = ctypes.c_void_p
    generic_read, share_none, open_existing = 0x80000000, 0, 3
    handle = kernel32.CreateFileW(str(path), generic_read, share_none, None, open_existing, 0, None)
    assert handle != ctypes.c_void_p(-1).value, ctypes.get_last_error()  # type: ignore[attr-defined]
    release = threading.Timer(
        1000.0 if seconds is None else seconds, kernel32.CloseHandle, [ctypes.c_void_p(handle)]
    )
    release.start()
    try:
        yield
    finally:
        if seconds is None:
            release.cancel()
            release.function(*release.args)
        release.join()


def opened(path: Path) -> None:
    with QueueManager(path, busy_timeout_s=PATIENCE_S) as queue:
        queue.stats()


def backed_up(path: Path) -> None:
    with QueueManager(path) as queue:
        queue.maintenance.backup(path.with_name("backup.db"))


def restored(path: Path) -> None:
    restore(path, path.with_name("backup.db"))


def exported(path: Path) -> None:
    with QueueManager(path) as queue:
        queue.items.export(
            path.with_name("ideas.csv"), What.RESULTS, ExportFormat.CSV, replace=True
        )


def replace(path: Path) -> None:
    """A log is there that belongs to another database."""
    leave_log(path)
    path.unlink()
    with QueueManager(path.with_name("other.db")) as other:
        other.create_task("other")
    path.with_name("other.db").rename(path)


def save_cookies(path: Path) -> None:
    cookie = (".youtube.com", "TRUE", "/", "TRUE", "0", "name", "value")
    path.with_name("cookies.txt").write_text("\t".join(cookie))


def save_settings(path: Path) -> None:
    path.with_name("tubeq.toml").write_text("max_retries = 2\n")


HELD: dict[str, tuple[str, Callable[[Path], Any], Callable[[Path], Any]]] = {
    "the database": ("queue.db", lambda path: None, opened),
    "the locks": ("queue.db-lock", lambda path: None, opened),
    "a log that a crash left": ("queue.db-wal", leave_log, opened),
    "another database's log": ("queue.db-wal", replace, opened),
    "an earlier backup": ("backup.db", lambda path: None, backed_up),
    "the database to be replaced": ("queue.db", lambda path: None, restored),
    "its log": ("queue.db-wal", leave_log, restored),
    "an earlier export": ("ideas.csv", exported, exported),
    "cookies": (
        "cookies.txt", save_cookies, lambda path: read_cookies(path.with_name("cookies.txt"))
    ),
    "settings": ("tubeq.toml", save_settings, lambda path: Settings.read({}, path.parent)),
}  # fmt: skip


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A database with one task, and a backup of it."""
    path = tmp_path / "queue.db"
    with QueueManager(path) as queue:
        queue.create_task("video")
        queue.maintenance.backup(tmp_path / "backup.db")
    return path


@pytest.mark.windows
@pytest.mark.parametrize("what", HELD)
def test_a_file_that_is_held_for_a_moment_is_waited_for(path: Path, what: str) -> None:
    name, prepare, act = HELD[what]
    prepare(path)
    with held(path.with_name(name), RELEASED_S):
        act(path)


@pytest.mark.windows
@pytest.mark.parametrize("what", HELD)
def test_a_file_that_stays_held_is_named_and_nothing_is_changed(
    path: Path, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(held_files, "_PATIENCE_S", PATIENCE_S)
    name, prepare, act = HELD[what]
    prepare(path)
    before = contents(path.parent, but=name)
    with held(path.with_name(name)):
        with pytest.raises(StorageBusy, match="another program") as refused:
            act(path)
        assert "\n" not in str(refused.value)
        assert contents(path.parent, but=name).items() >= before.items()
        assert not list(path.parent.glob("*.before-restore*"))
    act(path)


def contents(folder: Path, but: str) -> dict[str, bytes]:
    """Of what was stored: neither locks nor indexes."""
    passing = (but, "queue.db-lock", "queue.db-wake", "queue.db-shm")
    return {each.name: each.read_bytes() for each in folder.iterdir() if each.name not in passing}


@pytest.mark.windows
def test_the_command_line_says_it_in_one_line(path: Path) -> None:
    with held(path):
        refusal = Tubeq(path.parent, environment(TUBEQ_BUSY_TIMEOUT_S="0.1")).refused(
            "tasks", "--db", path
        )
    assert "held by another program" in refusal


@pytest.mark.skipif(sys.platform == "win32", reason="there it is tried again")
def test_elsewhere_a_refusal_is_final(tmp_path: Path) -> None:
    tries = []

    def refuse() -> None:
        tries.append(1)
        raise PermissionError

    with suppress(PermissionError):
        held_files.retried(refuse, tmp_path)
    assert len(tries) == 1
