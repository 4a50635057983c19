"""What CI makes of the gate's exit codes: 0 and 4 (undecided) pass, and nothing else."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CODES = [(0, 0), (1, 1), (2, 2), (3, 3), (4, 0), (130, 130)]

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="CI runs the gate on Linux")


@pytest.fixture
def tools(tmp_path: Path) -> Path:
    """A `uv` that ends with $GATE_CODE where it is to run the gate, and a browser."""
    folder = tmp_path / "tools"
    folder.mkdir()
    for name, text in (
        ("uv", '#!/bin/sh\ncase "$*" in *"benchmarks gate"*) exit "$GATE_CODE";; esac\n'),
        ("chromium", "#!/bin/sh\n"),
    ):
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)
    return folder


def end_of(command: list[str], tools: Path, folder: Path, code: int) -> int:
    path = os.pathsep.join([str(tools), os.environ["PATH"]])
    environment = {**os.environ, "PATH": path, "GATE_CODE": str(code), "BASE": "origin/main"}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, check=False)
    return done.returncode


@pytest.mark.parametrize(("code", "wanted"), CODES)
def test_the_script(tools: Path, tmp_path: Path, code: int, wanted: int) -> None:
    for name in (".ci/run", "README.md", "results/baseline"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)

    assert end_of(["bash", ".ci/run"], tools, tmp_path, code) == wanted


@pytest.mark.parametrize(("code", "wanted"), CODES)
def test_the_workflow(tools: Path, tmp_path: Path, code: int, wanted: int) -> None:
    lines = (ROOT / ".github/workflows/lab.yml").read_text("utf-8").splitlines()
    first = next(number for number, line in enumerate(lines) if "run: |" in line) + 1
    deep = len(lines[first]) - len(lines[first].lstrip())
    script = []
    for line in lines[first:]:
        if line.strip() and not line.startswith(" " * deep):
            break
        script.append(line[deep:])
    assert any("benchmarks gate" in line for line in script)

    assert end_of(["bash", "-e", "-c", "\n".join(script)], tools, tmp_path, code) == wanted
