"""Bad input, row by row of the specification: exit code 2, one line, and the queue as it was."""

from __future__ import annotations

import os
import shutil
import sqlite3
import sys
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.command_line import Tubeq, environment
from tubeq.queue.queue_manager import QueueManager

pytestmark = pytest.mark.integration
TYPE = "youtube_channel"
ADD = ["add", TYPE, "-p", "channel_url=@a"]


@pytest.fixture
def tubeq(tmp_path: Path) -> Tubeq:
    return Tubeq(tmp_path, environment(PYTHONDONTWRITEBYTECODE="1"))


@dataclass(frozen=True)
class Existing:
    """A database with a queued and a completed task."""

    path: Path
    completed: str

    def contents(self) -> list[Any]:
        """All rows, and all history."""
        with closing(sqlite3.connect(self.path)) as file:
            tables = [
                name
                for (name,) in file.execute("SELECT name FROM sqlite_schema WHERE type='table'")
            ]
            return [file.execute(f"SELECT * FROM {name}").fetchall() for name in tables]


@pytest.fixture
def existing(tubeq: Tubeq) -> Existing:
    with tubeq.queue() as queue:
        completed = queue.create_task(TYPE, {"channel_url": "@a"})
        claim = queue.claim_next_task(TYPE, "worker")
        assert claim is not None
        queue.complete_task(claim, [{"source_id": "v1"}])
        queue.create_task(TYPE, {"channel_url": "@b"})
    return Existing(tubeq.db_path, completed)


ROWS: dict[str, tuple[list[str], str]] = {
    "unknown type": (["add", "youtube_chanel"], "youtube_chanel"),
    "unknown type to work on": (["worker", "--type", "youtube_chanel"], "youtube_chanel"),
    "no JSON object": (["add", TYPE, "--parameters", "[]"], "JSON object"),
    "over 64 KiB": (["add", TYPE, "-p", "text=" + "x" * 65_536], "limit is 65536"),
    "no such task": (["show", "0123456789abcdef0123"], "0123456789abcdef0123"),
    "no such task to cancel": (["cancel", "0123456789abcdef0123"], "0123456789abcdef0123"),
    "illegal transition": (["cancel", "COMPLETED"], "is COMPLETED"),
    "unknown parameter": ([*ADD, "-p", "max_result=5"], "did you mean max_results"),
    "missing parameter": (["add", TYPE], "channel_url"),
    "parameter out of range": ([*ADD, "-p", "max_results=200001"], "max_results"),
    "bad channel": (["scrape", "not a channel"], "channel_url"),
    "no number": (["scrape", "@a", "--max-results", "many"], "--max-results"),
    "nothing for a number": (["scrape", "@a", "--max-results", ""], "--max-results"),
    "no day": (["scrape", "@a", "--since", "yesterday"], "since"),
    "two ages": (["scrape", "@a", "--since", "2027-01-31", "--max-age-days", "3"], "not both"),
    "unknown tab": (["scrape", "@a", "--tab", "music"], "shorts"),
    "no query": (["search", " "], "query"),
    "unknown order": (["search", "tea", "--sort", "price"], "relevance"),
    "no playlist": (["playlist", "https://evil.example/playlist?list=PL0123456789"], "playlist"),
    "no video": (["video", "file:///etc/passwd"], "video"),
    "trending, too many": (["trending", "--max-results", "200001"], "--max-results"),
    "bad setting": (["worker", "--lease", "0s"], "lease"),
}


@pytest.mark.parametrize(("arguments", "named"), ROWS.values(), ids=ROWS.keys())
def test_bad_arguments(tubeq: Tubeq, existing: Existing, arguments: list[str], named: str) -> None:
    if sys.platform == "win32" and max(map(len, arguments), default=0) > 32_767:
        pytest.skip("longer than a command line of Windows can be")
    before = existing.contents()
    filled = [existing.completed if each == "COMPLETED" else each for each in arguments]
    assert named in tubeq.refused(*filled)
    assert existing.contents() == before


@pytest.mark.parametrize(
    "arguments",
    [
        ["worker", "--strategy", "newest"],
        ["tasks", "--status", "lost"],
        ["nonsense"],
        ["tasks", "-x"],
    ],
)
def test_what_the_parser_refuses(tubeq: Tubeq, existing: Existing, arguments: list[str]) -> None:
    before = existing.contents()
    done = tubeq(*arguments, code=2)
    assert done.stdout == ""
    assert arguments[-1] in done.stderr
    assert existing.contents() == before


def _folder(path: Path) -> None:
    path.mkdir()


def _corrupt(path: Path) -> None:
    path.write_bytes(b"SQLite format 3\0" + b"\xff" * 8000)


def _newer(path: Path) -> None:
    QueueManager(path).close()
    with closing(sqlite3.connect(path)) as file:
        file.execute("PRAGMA user_version = 999")


@pytest.mark.parametrize("make", [_folder, _corrupt, _newer])
def test_a_database_that_cannot_be_used(tubeq: Tubeq, make: Callable[[Path], None]) -> None:
    path = tubeq.folder / "bad.db"
    make(path)
    before = path.read_bytes() if path.is_file() else None
    for command in (ADD, ["worker", "--until-idle"], ["tasks"]):
        assert "bad.db" in tubeq.refused(*command, "--db", "bad.db")
    assert (path.read_bytes() if path.is_file() else None) == before


@pytest.fixture
def ruled(tubeq: Tubeq) -> Tubeq:
    """Its commands must obey the modes of files, even if root starts them."""
    if sys.platform == "win32":
        pytest.skip("Windows has other rights")
    if os.geteuid() == 0:
        setpriv = shutil.which("setpriv")
        if setpriv is None:
            pytest.skip("root may write everywhere, and there is no setpriv")
        tubeq.through = (setpriv, "--bounding-set=-dac_override,-dac_read_search", "--")
    return tubeq


@pytest.mark.parametrize("mode", [0o000, 0o444])
def test_a_file_without_the_rights(ruled: Tubeq, mode: int) -> None:
    path = ruled.db_path
    with ruled.queue() as queue:
        queue.create_task(TYPE)
    before = path.read_bytes()
    path.chmod(mode)
    for command in (ADD, ["worker", "--until-idle"]):
        assert "tubeq.db" in ruled.refused(*command)
    path.chmod(0o600)
    assert path.read_bytes() == before


def test_a_folder_without_the_rights(ruled: Tubeq) -> None:
    folder = ruled.folder / "closed"
    folder.mkdir()
    folder.chmod(0o555)
    assert "closed" in ruled.refused(*ADD, "--db", folder / "tubeq.db")
    assert list(folder.iterdir()) == []


def test_a_backup_into_a_folder_without_the_rights(ruled: Tubeq) -> None:
    with ruled.queue() as queue:
        queue.create_task(TYPE)
    (ruled.folder / "shut").mkdir(0o500)
    assert "shut cannot be written" in ruled.refused("db", "backup", "shut/b.db")
