"""Commands that only look, where the database cannot be written; and --db that names none."""

from __future__ import annotations

import os
import re
import shutil
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

import pytest

from tests.support import claimed, in_mount_namespace, leave_log
from tubeq.domain.models import Idea
from tubeq.queue.queue_manager import QueueManager

from .conftest import Command

READING = [
    "tasks", "stats", "results", "items", "items --channel Leaves", "items --search tea",
    "items show v1", "export -", "export all.csv --what results", "workers", "limits", "types",
    "db check", "db prune --older-than 1d --dry-run", "db backup copy.db",
]  # fmt: skip


@pytest.fixture
def task_id(tubeq: Command, tmp_path: Path) -> str:
    """Of one whose result is among the items, in a database that was closed."""
    with QueueManager(tmp_path / "tubeq.db") as queue:
        created = store(queue, "v1")
        queue.items.fold()
    return created


def store(queue: QueueManager, source_id: str) -> str:
    """A new task that found this; its id."""
    claim = claimed(queue, "anything")
    queue.complete_task(claim, [Idea(source_id, title="Tea", extra={"channel": "Leaves"})])
    return claim.task_id


@pytest.fixture
def cannot_write(task_id: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the system's own answer, which root, as whom CI may run, never gets."""
    access = os.access

    def denied(place: str | os.PathLike[str], mode: int, **how: bool) -> bool:
        ours = str(Path(place).absolute()).startswith(str(tmp_path / "tubeq.db"))
        return not (ours and mode & os.W_OK) and access(place, mode, **how)

    monkeypatch.setattr(os, "access", denied)


@pytest.mark.usefixtures("cannot_write")
@pytest.mark.parametrize("words", READING)
def test_reading_needs_no_write_permission(tubeq: Command, tmp_path: Path, words: str) -> None:
    before = (tmp_path / "tubeq.db").read_bytes()
    outcome = tubeq(*words.split())
    assert outcome.exit_code == 0, outcome
    assert (tmp_path / "tubeq.db").read_bytes() == before
    assert not (tmp_path / "tubeq.db-shm").exists()


@pytest.mark.usefixtures("cannot_write")
def test_showing_a_task_needs_none_either(tubeq: Command, task_id: str) -> None:
    assert tubeq("show", task_id, "--json").json["task_id"] == task_id


@pytest.mark.usefixtures("cannot_write")
@pytest.mark.parametrize(
    "words",
    [
        "add anything", "cancel TASK", "requeue TASK", "stop",
        "limits set channel:* --concurrency 1", "worker --until-idle --type anything",
    ],
)  # fmt: skip
def test_writing_says_what_is_wrong(tubeq: Command, task_id: str, words: str) -> None:
    refusal = tubeq.refused(*words.replace("TASK", task_id).split())
    assert "cannot be read and written" in refusal


def test_items_say_what_is_not_among_them(
    tubeq: Command, task_id: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with QueueManager(tmp_path / "tubeq.db") as queue:
        store(queue, "v2")
        store(queue, "v3")
    monkeypatch.setattr(os, "access", lambda place, mode, **_: not mode & os.W_OK)
    for words in (["items"], ["items", "show", "v1"], ["export", "-"]):
        outcome = tubeq(*words)
        assert outcome.exit_code == 0
        assert "2 results not among the items yet" in outcome.err
    assert [item["source_id"] for item in tubeq("items", "--json").json] == ["v1"]


def test_items_are_read_while_another_program_keeps_everybody_from_writing(
    tubeq: Command, task_id: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TUBEQ_BUSY_TIMEOUT_S", "0.1")
    with QueueManager(tmp_path / "tubeq.db") as queue:
        store(queue, "v2")
    with closing(sqlite3.connect(tmp_path / "tubeq.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        for words in (["items"], ["items", "show", "v1"], ["export", "-"]):
            outcome = tubeq(*words)
            assert outcome.exit_code == 0, outcome.err
            assert "1 result not among the items yet" in outcome.err
            assert "Tea" in outcome.out
    assert "v2" in tubeq("export", "-").out


@pytest.mark.skipif(not shutil.which("unshare"), reason="needs a mount namespace")
@pytest.mark.parametrize("left", ["closed", "left by a crash"])
def test_a_read_only_mount(task_id: str, tmp_path: Path, left: str) -> None:
    place = tmp_path / "mounted"
    place.mkdir()
    shutil.copyfile(tmp_path / "tubeq.db", place / "tubeq.db")
    if left != "closed":
        leave_log(place / "tubeq.db", 1)
    tubeq, db = f"{sys.executable} -m tubeq", f"--db {place / 'tubeq.db'}"
    command = (
        f"mount --bind {place} {place} && mount -o remount,ro,bind {place} && "
        f"{tubeq} tasks --json {db}; {tubeq} db check {db}; {tubeq} db prune --dry-run "
        f"--older-than 1d {db}; {tubeq} db backup {tmp_path / 'copy.db'} {db}; "
        f"COLUMNS=1000 {tubeq} doctor {db}; "
        f"exec {tubeq} add youtube_video -p video=dQw4w9WgXcQ {db}"
    )
    done = in_mount_namespace(command)
    assert done.stdout.count('"task_id"') == (1 if left == "closed" else 2), done.stderr
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert "no problems found" in done.stderr
    assert (tmp_path / "copy.db").stat().st_size
    assert done.stderr.count("mounted read-only") == 1, done.stderr  # of add alone
    assert done.stdout.count("mounted read-only") == 1, done.stdout  # once by doctor
    assert "chmod" not in done.stdout
    if left == "closed":
        assert re.search(r"contents +no problems found", done.stdout)


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("", "--db is empty"),
        (":memory:", "in-memory"),
        ("file:tubeq.db", "write tubeq.db"),
        ("file:/data/q.db?mode=ro", f"write {Path('/data/q.db')}"),
        (os.devnull, "not a plain file" if os.name == "posix" else "is a device"),
    ],
    ids=["empty", "in memory", "address", "address with options", "device"],
)
@pytest.mark.parametrize("words", [["tasks"], ["add", "anything"], ["db", "check"]], ids=" ".join)
def test_what_names_no_database(
    tubeq: Command, tmp_path: Path, path: str, reason: str, words: list[str]
) -> None:
    assert reason in tubeq.refused(*words, "--db", path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("path", [":memory:", "file:tubeq.db"])
def test_what_names_no_database_by_the_environment(
    tubeq: Command, tmp_path: Path, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TUBEQ_DB", path)
    tubeq.refused("tasks")
    tubeq.refused("worker", "--until-idle")
    assert tubeq("doctor").exit_code == 2
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not hasattr(os, "link"), reason="no links here")
def test_doctor_tells_of_links(tubeq: Command, task_id: str, tmp_path: Path) -> None:
    (tmp_path / "link.db").symlink_to("tubeq.db")
    told = tubeq("doctor", "--db", "link.db", "--json")
    assert told.exit_code == 0
    assert any(str(tmp_path / "tubeq.db") in each["fact"] for each in told.json)
    os.link(tmp_path / "tubeq.db", tmp_path / "second.db")
    told = tubeq("doctor", "--json")
    assert told.exit_code == 2
    assert any("2 names" in each["fact"] for each in told.json)


def test_export_does_not_write_over_the_files_of_a_linked_database(
    tubeq: Command, task_id: str, tmp_path: Path
) -> None:
    (tmp_path / "data").mkdir()
    for each in list(tmp_path.glob("tubeq.db*")):
        each.rename(tmp_path / "data" / each.name)
    (tmp_path / "tubeq.db").symlink_to(Path("data") / "tubeq.db")
    for side in ("", "-lock", "-wake"):
        (tmp_path / "data" / f"tubeq.db{side}").touch()
        target = f"data/tubeq.db{side}"
        assert "is the queue itself" in tubeq.refused(
            "export", target, "--format", "jsonl", "--force"
        )
