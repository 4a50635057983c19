"""The way back and the way out: `db restore` and `db prune` as they are typed."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support import claimed, cut, make_newer, overwrite
from tests.unit.cli.conftest import Command
from tubeq.domain.errors import StorageCorrupt
from tubeq.domain.models import Idea
from tubeq.queue.queue_manager import QueueManager
from tubeq.storage.ports.tasks import WorkerInfo

TYPE = "anything"


def make(path: Path, tasks: int = 400) -> None:
    with QueueManager(path, durability="fast") as queue:
        for _ in range(tasks):
            queue.create_task(TYPE, {"text": "x" * 200})


def spoil(path: Path) -> None:
    """Some pages in the middle; the first ones, with the schema, stay."""
    middle = path.stat().st_size // 2
    overwrite(path, middle, middle + 20 * 2048)


@pytest.fixture
def finished(queue: QueueManager) -> QueueManager:
    """With three completed tasks, and one that waits."""
    for number in range(3):
        queue.complete_task(claimed(queue, TYPE), [Idea(f"v{number}")])
    queue.create_task(TYPE)
    return queue


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """The default database, with enough tasks for some pages in the middle."""
    make(tmp_path / "tubeq.db")
    return tmp_path / "tubeq.db"


# restore ----------------------------------------------------------------------------------------


def test_restore_says_what_it_did(tubeq: Command, tmp_path: Path) -> None:
    make(tmp_path / "tubeq.db", 3)
    tubeq("db", "backup", "copy.db")
    with QueueManager("tubeq.db") as queue:
        queue.create_task(TYPE)
    outcome = tubeq("db", "restore", "copy.db")
    assert (outcome.exit_code, outcome.out) == (0, "")
    first, second = outcome.err.splitlines()
    assert first == "tubeq.db: 3 tasks restored from copy.db"
    kept = re.search(r"kept as (\S+):", second)
    assert kept is not None
    assert len(tubeq("tasks", "--json").json) == 3
    assert len(tubeq("tasks", "--json", "--db", kept[1]).json) == 4
    told = tubeq("db", "restore", kept[1], "--json").json
    assert (told["tasks"], told["problems"]) == (4, [])
    assert len(tubeq("tasks", "--json").json) == 4


def test_restore_beside_live_workers_needs_force(tubeq: Command, queue: QueueManager) -> None:
    queue.create_task(TYPE)
    tubeq("db", "backup", "copy.db")
    started = "2027-01-15 08:00:00.000000"
    worker = WorkerInfo("w", TYPE, "elsewhere", 1, started, time.time(), False)
    queue.register.add(worker)
    queue.close()
    assert "--force" in tubeq.refused("db", "restore", "copy.db")
    assert tubeq("db", "restore", "copy.db", "--force").exit_code == 0


@pytest.mark.parametrize("given", ["none.db", ".", "tubeq.db", "tubeq.db-lock"])
def test_restore_refuses_what_is_no_backup(tubeq: Command, queue: QueueManager, given: str) -> None:
    queue.create_task(TYPE)
    queue.close()
    before = Path("tubeq.db").read_bytes()
    tubeq.refused("db", "restore", given)
    assert Path("tubeq.db").read_bytes() == before


# damage -----------------------------------------------------------------------------------------


def test_what_is_seen_of_a_damaged_database(tubeq: Command, path: Path) -> None:
    tubeq("db", "backup", "good.db")
    spoil(path)
    before = path.read_bytes()
    checked = tubeq("db", "check")
    assert checked.exit_code == 1
    assert checked.err.startswith("error: ")
    assert tubeq("db", "check", "--json").json["problems"]
    facts = {each["name"]: each for each in tubeq("doctor", "--json").json}
    assert facts["contents"]["problem"]
    assert "tubeq db restore" in facts["contents"]["fact"]
    assert tubeq("doctor").exit_code == 2
    refused = tubeq.refused("db", "backup", "copy.db")
    assert "tubeq db restore" in refused
    assert not list(path.parent.glob("copy*"))
    assert path.read_bytes() == before
    assert tubeq("db", "restore", "good.db").exit_code == 0  # what the messages say to do
    assert tubeq("db", "check").exit_code == 0
    assert len(tubeq("tasks", "--json", "--limit", "1000").json) == 400


def test_a_database_that_was_cut_short_is_not_used(tubeq: Command, path: Path) -> None:
    cut(path, 1 / 2)
    before = path.read_bytes()
    assert "damaged" in tubeq.refused("add", TYPE)
    checked = tubeq("db", "check")
    assert checked.exit_code == 1
    assert "damaged" in checked.err
    assert path.read_bytes() == before


def test_what_met_damage_writes_no_more(path: Path) -> None:
    spoil(path)
    with QueueManager(path) as queue:
        with pytest.raises(StorageCorrupt):
            queue.list_tasks(limit=1000)
        with pytest.raises(StorageCorrupt, match="tubeq db restore"):
            queue.create_task(TYPE)


def test_a_damaged_old_database_is_not_imported(tubeq: Command, queue: QueueManager) -> None:
    Path("text.db").write_text("no database at all, " * 500)
    Path("empty.db").touch()
    for name in ("text.db", "empty.db", "."):
        told = tubeq.refused("db", "import", name)
        assert name in told
        assert "restore" not in told  # that would be the queue


@pytest.mark.parametrize(("free", "code"), [(0, 2), (1_000_000, 2), (10**10, 0)])
def test_doctor_judges_the_free_space(
    tubeq: Command, queue: QueueManager, monkeypatch: pytest.MonkeyPatch, free: int, code: int
) -> None:
    usage = type("Usage", (), {"free": free})()
    monkeypatch.setattr("tubeq.cli.doctor.shutil.disk_usage", lambda folder: usage)
    outcome = tubeq("doctor", "--json")
    assert outcome.exit_code == code
    (space,) = [each for each in outcome.json if each["name"] == "free space"]
    assert space["problem"] is (code == 2)


# backup -----------------------------------------------------------------------------------------


def test_a_backup_that_cannot_be_made_is_told_in_the_users_words(
    tubeq: Command, queue: QueueManager, tmp_path: Path
) -> None:
    queue.create_task(TYPE)
    names = {each.name for each in tmp_path.iterdir()}
    for target in ("none/b.db", "tubeq.db", "tubeq.db-wal", "tubeq.db-lock", "."):
        told = tubeq.refused("db", "backup", target)
        assert ".partial" not in told
        assert target.split("/")[0] in told
    link = tmp_path / "link.db"
    link.symlink_to(tmp_path / "tubeq.db")
    tubeq.refused("db", "backup", link)
    link.unlink()
    assert {each.name for each in tmp_path.iterdir()} == names


# prune ------------------------------------------------------------------------------------------


def test_a_bare_number_is_no_age(tubeq: Command, finished: QueueManager) -> None:
    for bare in ("30", "0", "1.5", " 7 "):
        told = tubeq.refused("db", "prune", "--yes", "--older-than", bare)
        assert f"{bare.strip()}d" in told
    assert len(finished.list_tasks()) == 4
    tubeq.refused("items", "--over", "7")


def test_scripts_say_yes(tubeq: Command, finished: QueueManager) -> None:
    told = tubeq.refused("db", "prune", "--older-than", "0s")
    assert "--yes" in told
    assert "--dry-run" in told
    assert len(finished.list_tasks()) == 4
    assert tubeq("db", "prune", "--older-than", "0s", "--yes").out == "3 tasks deleted\n"


def test_a_dry_run_says_what_would_go(tubeq: Command, finished: QueueManager) -> None:
    told = tubeq("db", "prune", "--older-than", "0s", "--dry-run", "--json").json
    (count,) = told.pop("counts")
    assert told == {"would_prune": 3, "results": 3}
    assert (count["task_type"], count["status"], count["tasks"]) == (TYPE, "COMPLETED", 3)
    assert count["oldest"] < count["newest"]
    assert count["oldest"].endswith("Z")
    outcome = tubeq("db", "prune", "--older-than", "0s", "--dry-run")
    assert "3 tasks with 3 ideas would be deleted" in outcome.err
    assert len(finished.list_tasks()) == 4


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such terminals")
@pytest.mark.parametrize(("answer", "left"), [("y", 1), ("n", 4), ("", 4)])
def test_people_are_asked(finished: QueueManager, tmp_path: Path, answer: str, left: int) -> None:
    terminal, end = os.openpty()
    command = [sys.executable, "-m", "tubeq", "db", "prune", "--older-than", "0s"]
    with subprocess.Popen(command, stdin=end, stdout=end, stderr=end, cwd=tmp_path) as process:
        os.close(end)
        seen = b""
        while b"[y/N]" not in seen:
            seen += os.read(terminal, 4096)
        assert b"3 tasks with 3 ideas" in seen
        assert b"COMPLETED" in seen
        assert len(finished.list_tasks()) == 4
        os.write(terminal, answer.encode() + b"\n")
        assert process.wait() == (0 if left == 1 else 1)
    os.close(terminal)
    assert len(finished.list_tasks()) == left


def test_the_help_says_why_the_newest_stays(tubeq: Command, queue: QueueManager) -> None:
    for _ in range(2):
        queue.cancel_task(queue.create_task(TYPE))
    assert tubeq("db", "prune", "--older-than", "0s", "--yes").out == "1 task deleted\n"
    assert "newest task stays" in " ".join(tubeq("db", "prune", "--help").out.split())


def test_a_newer_schema_is_named_in_check(tubeq: Command, tmp_path: Path) -> None:
    make_newer(tmp_path / "tubeq.db")
    assert "upgrade tubeq" in tubeq.refused("db", "check")


# every kind of damage, every command ------------------------------------------------------------


DAMAGES: dict[str, Callable[[Path], None]] = {
    "spoil": spoil,
    "header": lambda path: overwrite(path, 0, 100),
    "first page": lambda path: overwrite(path, 100, 2048),
    "cut": lambda path: cut(path, 1 / 3),
    "cut in the first page": lambda path: cut(path, 1000 / path.stat().st_size),
}
USES = (
    ["tasks"], ["stats"], ["results"], ["items"], ["export", "out.jsonl", "--force"], ["workers"],
    ["limits"], ["add", TYPE], ["requeue", "--error", "network"], ["cancel", "abcdef"],
    ["db", "check"], ["db", "migrate"], ["db", "backup", "copy.db"], ["doctor"],
    ["db", "prune", "--yes", "--older-than", "0s"],
    ["db", "prune", "--dry-run", "--older-than", "0s"],
)  # fmt: skip


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_database_ends_in_a_line_and_stays_as_it_is(
    tubeq: Command, path: Path, damage: str
) -> None:
    tubeq("db", "backup", "good.db")
    DAMAGES[damage](path)
    before = path.read_bytes()
    for words in USES:
        outcome = tubeq(*words)
        if outcome.exit_code == 2 and words != ["doctor"]:
            assert outcome.err.startswith("error: "), words
            assert outcome.err.count("\n") == 1, words
        if damage != "spoil":  # there, a command that meets nothing of it does its work
            assert outcome.exit_code in (1, 2), words
            assert path.read_bytes() == before, words
        Path("copy.db").unlink(missing_ok=True)
    assert tubeq("db", "restore", "good.db").exit_code == 0
    assert tubeq("db", "check").exit_code == 0


@pytest.mark.parametrize("end", ["-wal", "-shm", "-lock", "-wake"])
def test_garbage_beside_a_database_does_no_harm(tubeq: Command, tmp_path: Path, end: str) -> None:
    make(tmp_path / "tubeq.db", 3)
    Path(f"tubeq.db{end}").write_bytes(b"\xa5" * 40_000)
    for words in (["db", "check"], ["db", "backup", "copy.db"], ["add", TYPE]):
        assert tubeq(*words).exit_code == 0, words
    assert len(tubeq("tasks", "--json").json) == 4
