"""Several users of one group on one database: real users, which needs root."""

from __future__ import annotations

import importlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any

import pytest

import tubeq
from tubeq.cli.opening import open_queue
from tubeq.domain.errors import StorageReadOnly
from tubeq.queue.queue_manager import QueueManager
from tubeq.queue.wakeup import Waiter
from tubeq.settings import Settings

pytestmark = [
    pytest.mark.skipif(
        os.name != "posix" or os.geteuid() != 0, reason="only root can be several users"
    ),
    pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning"),
]

ANN, BOB, GROUP = 12345, 12346, 12399
_PYTHONS = (sys.executable, f"/usr/bin/python3.{sys.version_info.minor}")
_LIBRARIES = os.pathsep.join(
    [str(Path(tubeq.__file__).parents[1]), *(each for each in sys.path if "site-packages" in each)]
)


@contextmanager
def another_user(user: int, act: Callable[[], Any], umask: int = 0o077) -> Iterator[Any]:
    """A fork of this process that is that user, and of the group. Yields the pipe on which it
    writes a line for each thing that `act` yields; goes on at the end of the block."""
    ours, theirs = os.pipe()
    wait, go_on = os.pipe()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            os.close(go_on)
            os.setgroups([GROUP])
            os.setgid(user)
            os.setuid(user)
            os.umask(umask)
            for each in act() or ():
                os.write(theirs, f"{each}\n".encode())
                os.read(wait, 1)
            code = 0
        except StorageReadOnly as error:
            os.write(theirs, f"{error}\n".encode())
            code = 2
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)
    os.close(theirs)
    os.close(wait)
    with os.fdopen(ours) as said, os.fdopen(go_on, "wb") as end:
        try:
            yield said
        finally:
            end.close()
            code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert code in (0, 2)


def added(path: Path, user: int, umask: int = 0o077) -> str:
    """Add a task as that user; the reason why that cannot be, or ""."""

    def add() -> None:
        with QueueManager(path) as queue:
            queue.create_task("scrape")

    with another_user(user, add, umask) as said:
        words: str = said.read()
    return words.strip()


def held(path: Path) -> Iterator[str]:
    with QueueManager(path) as queue:
        queue.create_task("scrape")
        yield "open"


@cache
def found() -> str | None:
    """A Python that every user can start: root's own is often in a folder of root's."""
    for each in _PYTHONS:
        with suppress(OSError):
            if as_bob(each, "-c", "import tubeq").returncode == 0:
                return each
    return None


def as_bob(python: str, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [python, *words],
        user=BOB,
        group=BOB,
        extra_groups=[GROUP],
        cwd="/",
        env={**os.environ, "HOME": "/nonexistent", "COLUMNS": "400", "PYTHONPATH": _LIBRARIES},
        text=True,
        capture_output=True,
        timeout=60,
    )


def doctor(path: Path) -> tuple[int, str]:
    """Its exit code and what it prints, for bob."""
    python = found()
    if python is None:
        pytest.skip("other users can start no Python here")
    done = as_bob(python, "-m", "tubeq", "doctor", "--db", str(path))
    return done.returncode, done.stdout


@pytest.fixture(scope="module", autouse=True)
def everything_is_imported(tmp_path_factory: pytest.TempPathFactory) -> None:
    """What a fork could not: see `found`."""
    for module in ("grp", "pwd", "ctypes", "encodings.idna"):
        importlib.import_module(module)
    path = tmp_path_factory.mktemp("imported") / "queue.db"
    added(path, 0)
    with QueueManager(path) as queue:
        queue.create_task("scrape")
        queue.claim_next_task("scrape", "w")


@pytest.fixture
def folder() -> Iterator[Path]:
    path = Path(tempfile.mkdtemp(prefix="tubeq-users-"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)


@pytest.fixture(params=["setgid", "plain"])
def shared(request: pytest.FixtureRequest, folder: Path) -> Path:
    """A database of ann's, for the group since a moment ago."""
    data = folder / "data"
    data.mkdir()
    os.chown(data, ANN, GROUP)
    data.chmod(0o2770 if request.param == "setgid" else 0o770)
    path = data / "queue.db"
    assert added(path, ANN) == ""
    os.chown(path, ANN, GROUP)
    path.chmod(0o660)
    return path


def shared_files(path: Path) -> dict[str, tuple[int, str]]:
    found = {each.name: each.stat() for each in path.parent.iterdir()}
    return {name: (each.st_gid, oct(each.st_mode & 0o777)) for name, each in found.items()}


def obey(refused: str, user: int | None = None) -> None:
    """Run the command that an error advises."""
    advice = re.search(r"run: (ch.*)", refused)
    assert advice is not None
    subprocess.run(["sh", "-c", advice[1]], check=True, user=user)


@pytest.mark.parametrize("umask", [0o077, 0])
@pytest.mark.parametrize("first", [ANN, BOB, 0])
def test_whoever_comes_first_leaves_files_that_the_others_can_use(
    shared: Path, first: int, umask: int
) -> None:
    for each in ("lock", "wake"):
        shared.with_name(f"queue.db-{each}").unlink(missing_ok=True)
    with another_user(first, lambda: held(shared), umask) as said:
        assert said.readline() == "open\n"
        assert set(shared_files(shared).values()) == {(GROUP, "0o660")}
        assert [added(shared, user) for user in (ANN, BOB)] == ["", ""]
    assert [added(shared, user) for user in (ANN, BOB, 0)] == ["", "", ""]


def test_files_from_before_the_database_was_shared_are_shared_by_their_owner(shared: Path) -> None:
    lock = shared.with_name("queue.db-lock")
    os.chown(lock, ANN, ANN)
    lock.chmod(0o600)
    assert added(shared, ANN) == ""
    assert (lock.stat().st_gid, lock.stat().st_mode & 0o777) == (GROUP, 0o660)


@pytest.mark.parametrize("side", ["-lock", "-wal", "-shm"])
@pytest.mark.parametrize("owner", [0, ANN])
def test_who_is_locked_out_is_told_the_command_that_helps_and_it_does(
    shared: Path, side: str, owner: int
) -> None:
    with another_user(ANN, lambda: held(shared)) as said:
        assert said.readline() == "open\n"
        file = shared.with_name(f"queue.db{side}")
        os.chown(file, owner, owner)
        file.chmod(0o600)
        refused = added(shared, BOB)
        assert str(file) in refused
        obey(refused)
        assert added(shared, BOB) == ""


@pytest.mark.parametrize("group", [GROUP, ANN])
def test_who_finds_a_database_of_its_owner_alone_is_told_how_to_share_it(
    shared: Path, group: int
) -> None:
    for each in (shared, *shared.parent.glob("queue.db-*")):
        os.chown(each, ANN, group)
        each.chmod(0o600)
    obey(added(shared, BOB).replace("GROUP", str(GROUP)))
    assert added(shared, BOB) == ""


def test_who_took_his_own_permissions_is_told_how_to_get_them_back(shared: Path) -> None:
    shared.chmod(0o440)
    obey(added(shared, ANN), user=ANN)
    assert added(shared, ANN) == ""


@pytest.mark.parametrize("shared", ["setgid"], indirect=True)
def test_doctor_tells_what_locks_a_user_out_and_wake_ups_that_are_off(shared: Path) -> None:
    assert added(shared, ANN) == ""
    assert doctor(shared)[0] == 0
    for side in ("-lock", "-wake"):
        file = shared.with_name(f"queue.db{side}")
        file.chmod(0o600)
        exit_code, told = doctor(shared)
        assert exit_code == 2
        assert f"chmod 660 {file}" in told
        file.chmod(0o660)
    shared.chmod(0o600)
    told = doctor(shared)[1]
    assert told.count("chmod") == 1, told  # nothing of side files, which follow the database


@pytest.mark.parametrize(("waits", "wakes"), [(ANN, BOB), (BOB, ANN), (0, BOB)])
def test_a_worker_of_one_user_is_woken_by_another(shared: Path, waits: int, wakes: int) -> None:
    assert added(shared, ANN) == ""
    shared.with_name("queue.db-wake").unlink(missing_ok=True)

    def wait() -> Iterator[str]:
        waiter = Waiter(shared, "scrape")
        waiter.prepare()
        os.write(announce, b"ready")
        yield str(waiter.wait(20))

    hear, announce = os.pipe()
    with another_user(waits, wait) as said:
        os.read(hear, 5)
        assert added(shared, wakes) == ""
        assert said.readline() == "True\n"
    os.close(hear)
    os.close(announce)


def test_nothing_depends_on_wake_ups(shared: Path) -> None:
    assert added(shared, ANN) == ""
    wake = shared.with_name("queue.db-wake")
    os.chown(wake, 0, 0)
    wake.chmod(0o600)
    assert added(shared, BOB) == ""


@pytest.mark.parametrize("is_open", [True, False])
def test_others_who_may_only_read_do_so_and_leave_nothing_behind(
    shared: Path, is_open: bool
) -> None:
    """A log of theirs would lock its owner out."""
    shared.parent.chmod(0o777)
    shared.chmod(0o644)
    os.chown(shared, ANN, ANN)

    def look() -> Iterator[str]:
        with open_queue(Settings(db_path=shared), reading=True) as queue:
            yield str(len(queue.list_tasks()))

    @contextmanager
    def nobody() -> Iterator[None]:
        yield

    with another_user(ANN, lambda: held(shared)) if is_open else nobody() as opened:
        if opened is not None:
            assert opened.readline() == "open\n"
        before = shared_files(shared)
        with another_user(BOB, look) as said:
            assert said.readline() == ("2\n" if is_open else "1\n")
        assert shared_files(shared) == before
        assert "queue.db cannot be read and written" in added(shared, BOB)
    assert added(shared, ANN) == ""


def test_a_stranger_is_told_whose_database_it_is(shared: Path) -> None:
    shared.parent.chmod(0o777)
    shared.chmod(0o600)
    assert f"{ANN}:{GROUP}, mode 600" in added(shared, BOB)


def test_a_side_file_that_is_a_link_is_not_followed(shared: Path, folder: Path) -> None:
    """Root would give away, and write to, whatever it leads to."""
    target = folder / "precious"
    target.write_text("precious")
    lock = shared.with_name("queue.db-lock")
    for make in (lock.symlink_to, lock.hardlink_to):
        lock.unlink(missing_ok=True)
        make(target)
        with pytest.raises(tubeq.StorageError):
            QueueManager(shared)
        assert (target.read_text(), target.stat().st_uid) == ("precious", 0)


def test_a_new_database_is_its_owners_whatever_the_umask(folder: Path) -> None:
    os.chown(folder, ANN, ANN)
    assert added(folder / "queue.db", ANN, umask=0) == ""
    assert {each.stat().st_mode & 0o777 for each in folder.iterdir()} == {0o600}
