"""`tubeq` as a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tubeq.testing.youtube import SimulatedYouTube

SOURCE = str(Path(__file__).parents[2] / "src")


def environment_of(youtube: SimulatedYouTube) -> dict[str, str]:
    """Without settings of whoever runs the tests; all that is scraped is the simulated YouTube."""
    inherited = {name: value for name, value in os.environ.items() if "TUBEQ" not in name}
    path = os.pathsep.join(filter(None, [SOURCE, os.environ.get("PYTHONPATH")]))
    return {
        **inherited, **youtube.environment, "PYTHONPATH": path, "TUBEQ_BACKOFF_S": "0.2",
    }  # fmt: skip


def command(*arguments: str | Path) -> list[str]:
    return [sys.executable, "-m", "tubeq", *map(str, arguments)]


def run(
    *arguments: str | Path, cwd: Path, env: dict[str, str], stdin: str | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(*arguments),
        cwd=cwd,
        env=env,
        input=stdin,
        capture_output=True,
        encoding="utf-8",
        timeout=40,
        check=False,
    )
