"""Every program in examples/ runs, prints what it should, and is linked from the documents."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PRINTED = {
    "batch_claims": ["10 batches", "1000 completed"],
    "first_queue": ["COMPLETED", "Hello, Ada!"],
    "from_asyncio": ["10 fetched, each once: True"],
    "limits": ["at most 2 at once"],
    "own_plugin": [
        "the server is busy", "done", "pages asked for: [0, 1, 1, 2]", "Ant Bee Cat Dog Elk",
    ],
    "own_task_type": [
        "unknown parameter 'at_leest', did you mean at_least?; it takes text, at_least",
        "be 2", "not 1", "or 1", "to 2",
    ],
    "retries": [
        "gone FAILED after 0 failures", "soon QUEUED after 0 failures",
        "busy FAILED after 3 failures",
    ],
    "schedule_and_priority": [
        "the same task: True", "urgent", "routine", "month", "waits: tomorrow",
    ],
    "several_processes": ["20 completed, 0 failed"],
    "testing_a_plugin": ["2 passed"],
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(PRINTED))
def test_the_example_runs(name: str, tmp_path: Path) -> None:
    run = subprocess.run(
        [sys.executable, "-W", "error", str(ROOT / "examples" / f"{name}.py")],
        cwd=tmp_path, capture_output=True, text=True, timeout=50, check=False,
    )  # fmt: skip
    assert (run.returncode, run.stderr) == (0, "")
    assert run.stdout.splitlines() == PRINTED[name]


def test_each_example_is_tested_and_listed() -> None:
    programs = {path.stem for path in (ROOT / "examples").glob("*.py")}
    listed = (ROOT / "examples" / "README.md").read_text("utf-8")
    assert programs == set(PRINTED)
    assert [name for name in programs if f"({name}.py)" not in listed] == []
