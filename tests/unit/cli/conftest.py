"""Commands in this process, each test in a folder of its own."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

from tubeq.cli import main
from tubeq.domain.json_format import SCHEMA
from tubeq.plugins import registry
from tubeq.queue.queue_manager import QueueManager


@dataclass(frozen=True)
class Outcome:
    """What a command left behind."""

    exit_code: int
    out: str
    err: str

    @property
    def ids(self) -> list[str]:
        """Of the tasks that it listed as JSON."""
        return [task["task_id"] for task in self.json]

    @property
    def json(self) -> Any:
        """The document, without the `schema` that each object at its top has to have."""
        document = json.loads(self.out)
        for each in document if isinstance(document, list) else [document]:
            if isinstance(each, dict):
                assert each.pop("schema") == SCHEMA
        return document


class Command:
    """Calls `tubeq` with these arguments, in this process."""

    def __call__(self, *arguments: str | Path, stdin: str | bytes = b"") -> Outcome:
        given = stdin.encode() if isinstance(stdin, str) else stdin
        streams = [
            io.TextIOWrapper(io.BytesIO(given), "utf-8"),
            *(io.TextIOWrapper(io.BytesIO(), "utf-8", newline="\n") for _ in ("out", "err")),
        ]
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("TUBEQ_TRACEBACK", "1")  # what no command foresees fails the test
            for name, stream in zip(("stdin", "stdout", "stderr"), streams):
                patch.setattr(sys, name, stream)
            code = main.run([str(each) for each in arguments])
        return Outcome(code, *map(_written, streams[1:]))

    def refused(self, *arguments: str | Path, stdin: str | bytes = b"") -> str:
        """The error of a command that has to end with exit code 2 and one line on stderr."""
        outcome = self(*arguments, stdin=stdin)
        assert (outcome.exit_code, outcome.out) == (2, ""), outcome
        assert outcome.err.startswith("error: ")
        assert outcome.err.count("\n") == 1
        return outcome.err

    def facts(self) -> dict[str, str]:
        """What `tubeq doctor` tells, by name."""
        return {each["name"]: each["fact"] for each in self("doctor", "--json").json}


def _written(stream: io.TextIOWrapper) -> str:
    stream.flush()
    buffer = stream.buffer
    assert isinstance(buffer, io.BytesIO)
    return buffer.getvalue().decode()


class Anything:
    """A plugin that does not say what it may be told."""

    def scrape(self, **parameters: Any) -> list[Any]:
        return []


@pytest.fixture
def tubeq(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    """The command, in an empty folder, with no settings but the defaults, and with one more task
    type, `anything`."""
    installed = metadata.entry_points()
    another = metadata.EntryPoint("anything", f"{__name__}:Anything", registry.GROUP)

    def entry_points(**criteria: Any) -> metadata.EntryPoints:
        found = metadata.EntryPoints([*installed.select(group=criteria["group"]), another])
        return found.select(**criteria)

    monkeypatch.setattr(metadata, "entry_points", entry_points)
    monkeypatch.chdir(tmp_path)
    for name in ("TUBEQ_DB", "TUBEQ_DB_PATH"):
        monkeypatch.delenv(name, raising=False)
    return Command()


@pytest.fixture
def queue(tubeq: Command, tmp_path: Path) -> Iterator[QueueManager]:
    """The queue in the default database of that folder."""
    with QueueManager(tmp_path / "tubeq.db") as opened:
        yield opened
