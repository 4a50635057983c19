"""Every command of docs/operating.md is executed, in the order in which it stands there."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from tests.e2e.command_line import Tubeq, environment

GUIDE = Path(__file__).parents[2] / "docs" / "operating.md"


@pytest.mark.timeout(240)
def test_the_commands_of_the_guide_work(tmp_path: Path) -> None:
    tubeq = Tubeq(tmp_path, environment())
    tubeq("add", "youtube_video", "-p", "video=dQw4w9WgXcQ")
    blocks = re.findall(r"```bash\n(.*?)```", GUIDE.read_text("utf-8"), re.DOTALL)
    lines = [shlex.split(line) for block in blocks for line in block.splitlines()]
    commands = [line[1:] for line in lines if line[0] == "tubeq"]
    assert len(commands) == len(lines) - 1  # pip is not called
    assert len(commands) >= 10
    for command in commands:
        tubeq(*command)
    assert tubeq("tasks", "--json").stdout.count("youtube_video") == 1
    assert (tmp_path / "tubeq.db.before-restore").exists()
