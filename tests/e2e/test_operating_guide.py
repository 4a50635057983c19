"""Every command of docs/operating.md is executed, in the order in which it stands there."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

GUIDE = Path(__file__).parents[2] / "docs" / "operating.md"


@pytest.mark.timeout(240)
def test_the_commands_of_the_guide_work(tmp_path: Path) -> None:
    def tubeq(*arguments: str) -> str:
        command = [sys.executable, "-m", "tubeq", *arguments]
        ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert ended.returncode == 0, (arguments, ended.stdout, ended.stderr)
        return ended.stdout

    tubeq("add", "youtube_video", "-p", "video=dQw4w9WgXcQ")
    blocks = re.findall(r"```bash\n(.*?)```", GUIDE.read_text("utf-8"), re.DOTALL)
    lines = [shlex.split(line) for block in blocks for line in block.splitlines()]
    commands = [line[1:] for line in lines if line[0] == "tubeq"]
    assert len(commands) == len(lines) - 1  # pip is not called
    assert len(commands) >= 10
    for command in commands:
        tubeq(*command)
    assert tubeq("tasks", "--json").count("youtube_video") == 1
    assert (tmp_path / "tubeq.db.before-restore").exists()
