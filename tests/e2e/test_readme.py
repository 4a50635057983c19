"""What the README shows is what happens."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text("utf-8")


def test_the_python_example_runs(tmp_path):
    (code,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=30
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["COMPLETED", "A", "video"]


def test_every_command_shown_exists():
    shown = set(re.findall(r"uv run tubeq (\w+)", README))
    for command in shown:
        subprocess.run(
            [sys.executable, "-m", "tubeq", command, "--help"],
            check=True,
            capture_output=True,
            timeout=30,
        )
    assert {"demo", "scrape", "worker"} <= shown


def test_every_file_linked_exists():
    links = re.findall(r"\]\(([^)#:]+)\)", README)
    assert [link for link in links if not (ROOT / link).exists()] == []
