"""What a command imports: none waits for what another one needs. Counted, since times vary."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tubeq.queue.queue_manager import QueueManager

SLOW = {"dataclasses", "importlib.metadata", "inspect", "rich", "typer", "click", "yt_dlp"}
"""What takes as long to import as the interpreter takes to start, or longer."""
NO_QUEUE = {"sqlite3", "tubeq.plugins", "tubeq.queue", "tubeq.settings", "tubeq.storage"}
IMPORT = "from tubeq import QueueManager"
COMMAND = "import sys; sys.argv[1:] = {!r}; from tubeq.cli.main import run; run(sys.argv[1:])"
CASES = {
    "import": (IMPORT, {*SLOW, "logging", "pathlib", "socket", "sqlite3", "tubeq.plugins"}, 56),
    "help": (COMMAND.format(["--help"]), {*SLOW, *NO_QUEUE, "argparse", "json"}, 48),
    "a mistake": (COMMAND.format(["--nonsense"]), {*SLOW, *NO_QUEUE}, 52),
    "help of a command": (COMMAND.format(["stats", "--help"]), SLOW - {"inspect"}, 118),
    "stats": (COMMAND.format(["stats"]), {*SLOW, "tubeq.cli.scrape", "tubeq.cli.work"}, 160),
    "tasks": (COMMAND.format(["tasks"]), {*SLOW, "tubeq.cli.scrape", "tubeq.cli.work"}, 160),
    "items": (COMMAND.format(["items"]), {*SLOW, "tubeq.cli.tasks", "tubeq.cli.work"}, 160),
}


@pytest.mark.parametrize("name", CASES)
def test_nothing_is_imported_that_is_not_needed(tmp_path: Path, name: str) -> None:
    code, needless, most = CASES[name]
    with QueueManager(tmp_path / "tubeq.db") as queue:
        queue.create_task("youtube_video", {"video": "abcdefghijk"})
    before = "import sys; before = set(sys.modules)"  # such as what measures the coverage
    report = "print(*sys.modules.keys() - before, file=sys.stderr)"
    ran = subprocess.run(
        [sys.executable, "-I", "-c", f"{before}; {code}; {report}"],
        cwd=tmp_path, capture_output=True, text=True, check=True, timeout=30,
    )  # fmt: skip
    imported = set(ran.stderr.splitlines()[-1].split())
    assert not needless & imported
    assert len(imported) <= most, sorted(imported)
