"""What the README shows is what happens."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.command_line import Tubeq, environment

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text("utf-8")


(SAMPLE,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


def run(code, folder):
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, timeout=30
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def test_the_python_example_runs(tmp_path):
    assert run(SAMPLE, tmp_path) == ["COMPLETED", "A", "video"]


def test_the_python_example_runs_where_nothing_is_left_to_do(tmp_path):
    taken = re.sub(
        "^(task_id = .*)$", r"\1\nqueue.cancel_task(task_id)", SAMPLE, flags=re.MULTILINE
    )
    assert taken != SAMPLE
    assert run(taken, tmp_path) == ["CANCELLED"]


def test_the_python_example_is_typed(tmp_path):
    pytest.importorskip("mypy")
    (tmp_path / "sample.py").write_text(SAMPLE, "utf-8")
    done = subprocess.run(
        [
            sys.executable, "-m", "mypy", "--strict", "--config-file", os.devnull,
            "--ignore-missing-imports", "--cache-dir", str(ROOT / ".mypy_cache"), "sample.py",
        ],
        cwd=tmp_path, env={**os.environ, "MYPYPATH": str(ROOT / "src")}, capture_output=True,
        text=True, timeout=55,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout


def test_every_command_shown_exists(tmp_path):
    tubeq = Tubeq(tmp_path, environment(COLUMNS="200"))
    shown = set(re.findall(r"uv run tubeq (\w+)", README))
    there_are = set(re.findall(r"^\W*(\w+)", tubeq("--help").stdout, re.MULTILINE))
    assert {"demo", "scrape", "worker"} <= shown <= there_are
    for name in shown:
        tubeq(name, "--help")


def test_every_file_linked_exists():
    links = re.findall(r"\]\(([^)#:]+)\)", README)
    assert [link for link in links if not (ROOT / link).exists()] == []
