"""`tubeq` as processes of their own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import tubeq
from tubeq.domain.models import Task
from tubeq.queue.queue_manager import QueueManager
from tubeq.testing.youtube import SimulatedYouTube

SOURCE = str(Path(tubeq.__file__).parents[1])
"""Where the package that is tested lies: src, or the site-packages that have its wheel."""


def environment(**variables: str) -> dict[str, str]:
    """Without the settings of the user who runs the tests."""
    inherited = {name: value for name, value in os.environ.items() if "TUBEQ" not in name}
    path = os.pathsep.join(filter(None, [SOURCE, os.environ.get("PYTHONPATH")]))
    if sys.platform == "win32":  # whose Python writes to a pipe in the code page of the system
        inherited["PYTHONIOENCODING"] = "utf-8"
    return {**inherited, "PYTHONPATH": path, **variables}


def environment_of(youtube: SimulatedYouTube) -> dict[str, str]:
    """All that is scraped is the simulated YouTube."""
    return environment(**youtube.environment, TUBEQ_BACKOFF_S="0.2")


def command(*words: str | Path) -> list[str]:
    return [sys.executable, "-m", "tubeq", *map(str, words)]


class Tubeq:
    """The command line as it is used in a folder, where its database is tubeq.db."""

    def __init__(self, folder: Path, env: dict[str, str]) -> None:
        self.folder = folder
        self.env = env
        self.db_path = folder / "tubeq.db"
        self.through: tuple[str, ...] = ()
        """The beginning of a command that runs it."""

    def __call__(
        self, *words: str | Path, code: int = 0, stdin: str | None = None, **variables: str
    ) -> subprocess.CompletedProcess[str]:
        """Run it to its end, in an environment with these variables too: this is its exit code."""
        done = subprocess.run(
            [*self.through, *command(*words)], cwd=self.folder, env={**self.env, **variables},
            input=stdin, capture_output=True, encoding="utf-8", timeout=50, check=False,
        )  # fmt: skip
        assert done.returncode == code, (words, done.stdout, done.stderr)
        assert "Traceback" not in done.stderr, done.stderr
        return done

    def json(self, *words: str | Path, **variables: str) -> Any:
        """What it prints for machines."""
        return json.loads(self(*words, "--json", **variables).stdout)

    def refused(self, *words: str | Path, **variables: str) -> str:
        """The line in which it says why it does nothing."""
        done = self(*words, code=2, **variables)
        assert done.stdout == ""
        assert done.stderr.startswith("error: ")
        assert done.stderr.count("\n") == 1, done.stderr
        return done.stderr

    def start(self, *words: str | Path, **options: Any) -> subprocess.Popen[str]:
        """Begin it; its outputs are pipes unless these options of Popen say otherwise."""
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        usual = {"cwd": self.folder, "env": self.env, "encoding": "utf-8", **pipes}
        return subprocess.Popen(command(*words), **{**usual, **options})

    def queue(self) -> QueueManager:
        return QueueManager(self.db_path)

    def tasks(self, **chosen: Any) -> list[Task]:
        """Those that are stored, as `list_tasks` chooses them."""
        with self.queue() as queue:
            return queue.list_tasks(**chosen)

    def add(self, task_type: str, *words: str, **parameters: object) -> str:
        """Add a task; its id."""
        pairs = [f"{name}={value}" for name, value in parameters.items()]
        given = [word for pair in pairs for word in ("-p", pair)]
        return self("add", task_type, *given, *words).stdout.strip()
