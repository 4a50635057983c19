"""Every command with every bad stream: no traceback, a documented exit code, a sound database."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
from rich.cells import cell_len

from tests.e2e.command_line import SOURCE, Tubeq, command, environment
from tubeq.cli import commands
from tubeq.queue.queue_manager import QueueManager

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(
        sys.platform == "win32" or not Path("/dev/full").exists(),
        reason="a shell, and a device that is full",
    ),
    pytest.mark.timeout(300),
]
DOCUMENTED = {0, 1, 2, 130}
TYPE = "youtube_channel"
NOWHERE = ["--proxy", "http://127.0.0.1:9", "--socket-timeout", "1s"]
SHORTEST: dict[str, list[str]] = {
    "": [],
    "add": [TYPE, "-p", "channel_url=@new"],
    "cancel": ["{queued}"],
    "completion": ["bash"],
    "db": [],
    "db backup": ["{folder}/backup.db"],
    "db check": [],
    "db import": ["{folder}/missing.db"],
    "db migrate": [],
    "db prune": ["--older-than", "0s", "--yes"],
    "db restore": ["{folder}/missing.db"],
    "demo": ["--channels", "1", "--workers", "1", "--max-results", "1", "--db", "{folder}/demo.db"],
    "doctor": [],
    "export": ["-"],
    "items": [],
    "items show": ["v1"],
    "limits": [],
    "limits remove": ["host:example.org"],
    "limits resume": ["type:youtube_video"],
    "limits set": ["host:example.com", "--per-second", "1"],
    "playlist": ["PL0123456789ABCDEF", *NOWHERE],
    "requeue": ["{completed}"],
    "results": [],
    "scrape": ["@nobody", *NOWHERE],
    "search": ["tea", *NOWHERE],
    "show": ["{completed}"],
    "stats": [],
    "stop": [],
    "tasks": [],
    "trending": [],
    "types": [],
    "video": ["dQw4w9WgXcQ", *NOWHERE],
    "worker": ["--type", "youtube_playlist", "--until-idle"],
    "workers": [],
}
CODES = {
    **dict.fromkeys(("", "db", "db import", "db restore", "limits resume"), 2),
    **dict.fromkeys(("playlist", "scrape", "search", "trending", "video"), 1),
}
"""Of those whose shortest form does not go well."""
REDIRECTIONS = {
    "all closed": '"$@" <&- >&- 2>&-',
    "full": '"$@" <&- >/dev/full',
    "reader gone": '{ sleep 0.2; "$@"; echo "$?" >"$CODE"; } | true; exit "$(cat "$CODE")"',
}
"""What `sh -c` does with the command."""
ONLY = {"demo": "full", "playlist": "all closed", "search": "full", "video": "reader gone"}
"""What takes seconds, and does as `scrape` does, is run once."""


COMMANDS = sorted(["", *commands.COMMANDS])


@dataclass(frozen=True)
class Outcome:
    code: int
    out: str
    err: str
    damage: list[str]


def prepare(path: Path) -> dict[str, str]:
    """A database with a bit of everything, and the ids of its tasks."""
    with QueueManager(path) as queue:
        completed = queue.create_task(TYPE, {"channel_url": "@a"})
        claim = queue.claim_next_task(TYPE, "worker")
        assert claim is not None
        queue.complete_task(claim, [{"source_id": "v1", "title": "Wörld 日本", "views": 7}])
        queued = queue.create_task(TYPE, {"channel_url": "@b"})
        queue.limits.set("host:example.org", 1)
    return {"completed": completed, "queued": queued}


def run(name: str, redirection: str, prepared: Path, ids: dict[str, str], folder: Path) -> Outcome:
    folder.mkdir(parents=True)
    path = folder / "tubeq.db"
    shutil.copy(prepared, path)
    env = environment(
        TUBEQ_DB=str(path), TUBEQ_MAX_RETRIES="0", LC_ALL="C", COLUMNS="60",
        CODE=str(folder / "code"),
    )  # fmt: skip
    env.pop("HOME", None)
    words = [each.format(folder=folder, **ids) for each in [*name.split(), *SHORTEST[name]]]
    done = subprocess.run(
        ["sh", "-c", redirection, "sh", *command(*words)],
        cwd="/",
        env=env,
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        timeout=120,
        check=False,
    )
    with closing(sqlite3.connect(path)) as file:
        damage = [row[0] for row in file.execute("PRAGMA integrity_check")]
    return Outcome(done.returncode, done.stdout, done.stderr, damage)


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str, str], Outcome]]:
    """What became of a command with streams; all are run at once, two at a time or a few more."""
    root = tmp_path_factory.mktemp("commands")
    ids = prepare(root / "prepared.db")
    with ThreadPoolExecutor((os.cpu_count() or 1) + 1) as pool:
        futures = {
            (name, streams): pool.submit(
                run, name, shell, root / "prepared.db", ids, root / f"{name or 'none'} {streams}"
            )
            for name in COMMANDS
            if name in SHORTEST
            for streams, shell in REDIRECTIONS.items()
            if ONLY.get(name, streams) == streams
        }
        yield lambda name, streams: futures[name, streams].result()


def test_every_command_has_a_shortest_form() -> None:
    assert sorted(SHORTEST) == COMMANDS


@pytest.mark.parametrize("name", sorted(SHORTEST))
def test_no_stream_ends_a_command_in_a_traceback(
    outcomes: Callable[[str, str], Outcome], name: str
) -> None:
    chosen = [ONLY[name]] if name in ONLY else list(REDIRECTIONS)
    found = {streams: outcomes(name, streams) for streams in chosen}
    for streams, outcome in found.items():
        assert "Traceback" not in outcome.err, (streams, outcome)
        assert "Exception ignored" not in outcome.err, (streams, outcome)
        assert "a bug in tubeq" not in outcome.err, (streams, outcome)
        assert outcome.code in DOCUMENTED, (streams, outcome)
        assert outcome.damage == ["ok"], (streams, outcome)
    code = CODES.get(name, 0)
    lost = "cannot be written: No space" in "".join(each.err for each in found.values())
    allowed = {"all closed": {code}, "reader gone": {0, code}, "full": {1, code or 1}}
    for streams, outcome in found.items():
        assert outcome.code in (allowed[streams] if lost or streams != "full" else {code}), found
        assert streams == "full" or "cannot be written" not in outcome.err, found


def _closed(script: str, *arguments: str | Path, cwd: Path) -> int:
    """The exit code of a Python script that starts with all three descriptors closed."""
    words = [sys.executable, "-c", script, *map(str, arguments)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([SOURCE, str(cwd)])}
    return subprocess.run(
        ["sh", "-c", '"$@" <&- >&- 2>&-', "sh", *words], cwd=cwd, env=environment, timeout=60,
        check=False,
    ).returncode  # fmt: skip


def test_no_file_gets_the_number_of_a_closed_stream(tmp_path: Path) -> None:
    script = (
        "import sys; from tubeq.workers.standard_streams import open_closed_descriptors as first\n"
        "first(); sys.exit(open(sys.argv[1], 'w').fileno())"
    )
    assert _closed(script, tmp_path / "file", cwd=tmp_path) >= 3


@pytest.fixture
def tubeq(tmp_path: Path) -> Tubeq:
    return Tubeq(tmp_path, environment())


def through(tubeq: Tubeq, shell: str) -> Tubeq:
    """The same, where `sh` does this with the command."""
    tubeq.through = ("sh", "-c", shell, "sh")
    return tubeq


def test_what_was_stored_is_not_said_to_be_refused(tubeq: Tubeq) -> None:
    full = through(tubeq, '"$@" >/dev/full')
    one = full("add", TYPE, "-p", "channel_url=@a", code=1)
    lines = '{"channel_url": "@b"}\n{"channel_url": "@c"}\n'
    many = full("add", TYPE, "--from-file", "-", "--json", code=1, stdin=lines)
    *others, first = [task.task_id for task in tubeq.tasks()]
    assert f"added: task {first}" in one.stderr
    assert "added: 2 tasks" in many.stderr
    assert len(others) == 2
    assert "stored data is kept" in one.stderr


def test_an_export_that_found_no_room_does_not_say_that_it_is_done(tubeq: Tubeq) -> None:
    prepare(tubeq.db_path)
    done = through(tubeq, '"$@" >/dev/full')("export", "-", code=1)
    assert "1 item" not in done.stderr
    assert "No space left" in done.stderr


def test_a_closed_input_cannot_be_read(tubeq: Tubeq) -> None:
    refused = through(tubeq, '"$@" <&-').refused("add", TYPE, "--from-file", "-")
    assert refused.startswith("error: standard input cannot be read")
    assert not tubeq.db_path.exists()


@pytest.mark.parametrize("kind", ["folder", "binary", "UTF-16", "nothing"])
def test_a_file_that_cannot_be_read(tubeq: Tubeq, kind: str) -> None:
    path = tubeq.folder / "tasks"
    if kind == "folder":
        path.mkdir()
    elif kind == "binary":
        path.write_bytes(bytes(range(256)) * 20)
    elif kind == "UTF-16":
        path.write_text('{"channel_url": "@a"}\n', "utf-16")
    assert tubeq.refused("add", TYPE, "--from-file", "tasks").startswith("error: tasks")
    assert not tubeq.db_path.exists()


def test_a_folder_that_is_gone(tubeq: Tubeq) -> None:
    gone = through(tubeq, 'mkdir gone; cd gone; rmdir ../gone; "$@"')
    gone.refused("add", TYPE, "-p", "channel_url=@a")


def test_a_mistyped_variable_is_named_and_refuses_nothing(tubeq: Tubeq) -> None:
    prepare(tubeq.db_path)
    done = tubeq("tasks", "--json", TUBEQ_DBB="other.db")
    assert "did you mean TUBEQ_DB?" in done.stderr


@pytest.mark.parametrize(
    ("name", "columns"),
    [("items", 60), ("results", 40), ("stats", 60), ("tasks", 60), ("types", 40)],
)
def test_a_narrow_terminal(tubeq: Tubeq, name: str, columns: int) -> None:
    import fcntl
    import pty
    import struct
    import termios

    prepare(tubeq.db_path)
    reader, terminal = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    own = {key: each for key, each in tubeq.env.items() if key != "COLUMNS"}
    process = tubeq.start(
        name, "--no-color", stdin=subprocess.DEVNULL, stdout=terminal, env={**own, "TERM": "xterm"}
    )
    os.close(terminal)
    shown = b""
    with suppress(OSError):  # the end of a terminal
        while part := os.read(reader, 65_536):
            shown += part
    os.close(reader)
    assert process.stderr is not None
    with process.stderr:
        assert "Traceback" not in process.stderr.read()
    assert process.wait(60) == 0
    lines = shown.decode().splitlines()
    assert lines
    assert [line for line in lines if cell_len(line) > columns] == []
