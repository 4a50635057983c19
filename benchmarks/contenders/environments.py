"""Where a queue runs: an environment of its own under .lab/peers, made when it is missing.

Versions are pinned, and part of the folder's name, so that an environment that is there is right.
What cannot be had is a `CannotRun` with the reason, never a failure of the whole.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.common.exits import ending
from benchmarks.common.project import LAB
from benchmarks.contenders.base import Queue
from benchmarks.records.environment import python_path

ROOT = LAB
FOLDER = ROOT / ".lab" / "peers"
_READY = ".ready"
_PATIENCE_S = 900.0
_LONGEST_REASON = 240


class CannotRun(Exception):
    """Why a candidate cannot be measured here, in words for its row."""


@dataclass(frozen=True)
class Launch:
    """How to start its driver: a whole command for node, else the interpreter."""

    command: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    folder: Path = ROOT


def prepare(queue: type[Queue], extra_path: Path | None = None) -> Launch:
    """Make sure that the queue can run, installing what it needs.

    Args:
        extra_path: where its module is found, if not in this repository.

    Raises:
        CannotRun: it cannot be installed.
    """
    if queue.script:
        folder = _node_packages(queue)
        script = Path(__file__).parent / queue.script
        return Launch([_tool("node"), str(script)], dict(os.environ), folder)
    paths = [each for each in (ROOT, extra_path) if each is not None]
    python = _environment(queue) if queue.requirements else Path(sys.executable)
    environment = {**os.environ, "PYTHONPATH": python_path(*paths)}
    environment.pop("VIRTUAL_ENV", None)
    return Launch([str(python)], environment)


def _environment(queue: type[Queue]) -> Path:
    """The interpreter of the queue's virtual environment."""
    base = _interpreter(queue.python)
    folder = FOLDER / _folder_name(queue.requirements, f"py{_version_of(base)}")
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    if (folder / _READY).exists():
        return python
    shutil.rmtree(folder, ignore_errors=True)
    folder.parent.mkdir(parents=True, exist_ok=True)
    uv = shutil.which("uv")
    if uv:
        _run([uv, "venv", "--quiet", "--no-project", "--python", base, str(folder)])
        _run([uv, "pip", "install", "--quiet", "--python", str(python), *queue.requirements])
    else:
        _run([base, "-m", "venv", str(folder)])
        _run([str(python), "-m", "pip", "install", "--quiet", *queue.requirements])
    (folder / _READY).touch()
    return python


def _interpreter(oldest: tuple[int, int]) -> str:
    """A Python that is new enough: this one, else one that uv finds or that pyenv has."""
    if sys.version_info >= oldest:
        return getattr(sys, "_base_executable", sys.executable) or sys.executable
    wanted = ".".join(str(part) for part in oldest)
    found = _by_uv(wanted) or _by_pyenv(oldest)
    if found:
        return found
    own = ".".join(str(part) for part in sys.version_info[:2])
    raise CannotRun(f"not installed: it needs Python {wanted} or newer, and here is {own} only")


def _by_uv(wanted: str) -> str:
    """Where uv finds that version or a newer one installed; "" where it does not."""
    uv = shutil.which("uv")
    if not uv:
        return ""
    asked = [uv, "python", "find", "--no-project", "--no-python-downloads", f">={wanted}"]
    found = subprocess.run(asked, capture_output=True, text=True, check=False)
    return found.stdout.strip() if found.returncode == 0 else ""


def _by_pyenv(oldest: tuple[int, int]) -> str:
    """The oldest of pyenv's that is new enough: uv stumbles over pyenv's stand-ins for versions
    that are not switched on. "" where there is none."""
    root = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    found = []
    for python in root.glob("versions/*/bin/python"):
        numbers = re.fullmatch(r"(\d+)\.(\d+)(\.\d+)?", python.parents[1].name)
        version = (int(numbers[1]), int(numbers[2])) if numbers else (0, 0)
        if version >= oldest:
            found.append((version, str(python)))
    return min(found)[1] if found else ""


def _version_of(python: str) -> str:
    code = "import sys; print('.'.join(map(str, sys.version_info[:2])))"
    return _run([python, "-c", code]).strip()


def _node_packages(queue: type[Queue]) -> Path:
    """A folder with the queue's npm packages, those in C++ compiled against node's headers."""
    node, npm = _tool("node"), _tool("npm")
    version = _run([node, "--version"]).strip()
    folder = FOLDER / _folder_name(queue.requirements, f"node{version}")
    if (folder / _READY).exists():
        return folder
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    names = dict(each.rsplit("@", 1) for each in queue.requirements)
    package = {"private": True, "dependencies": names}
    (folder / "package.json").write_text(json.dumps(package), encoding="utf-8")
    environment = dict(os.environ)
    # Where node brought its headers along, nothing is downloaded but the packages themselves.
    home = Path(node).resolve().parent.parent
    if (home / "include" / "node" / "node.h").exists():
        environment |= {"npm_config_nodedir": str(home), "npm_config_build_from_source": "true"}
    _run([npm, "install", "--no-audit", "--no-fund", "--loglevel=error"], folder, environment)
    for name in names:
        asked = f"import({json.dumps(name)}).then(() => 0)"
        _run([node, "--input-type=module", "-e", asked], folder)
    opens = 'new (require("better-sqlite3"))(":memory:")'
    if "better-sqlite3" in names:
        _run([node, "-e", opens], folder)
    (folder / _READY).touch()
    return folder


def _tool(name: str) -> str:
    found = shutil.which(name)
    if not found:
        raise CannotRun(f"not installed: there is no {name} on this machine")
    return found


def _run(
    command: Sequence[str], folder: Path | None = None, environment: Mapping[str, str] | None = None
) -> str:
    """What the command prints.

    Raises:
        CannotRun: it failed, or took too long.
    """
    try:
        done = subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, check=False,
            encoding="utf-8", errors="replace", timeout=_PATIENCE_S,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise CannotRun(f"not installed: nothing after {_PATIENCE_S:.0f} s") from None
    except OSError as error:
        raise CannotRun(f"not installed: {error.strerror or error}") from None
    if done.returncode:
        words = gist_of(done.stderr or done.stdout)
        how = f" ({ending(done.returncode)})" if done.returncode < 0 else ""
        raise CannotRun(f"not installed: {words}{how}")
    return done.stdout


def gist_of(text: str) -> str:
    """The gist of an error, fit for a page: no addresses, no folders of this machine."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    errors = [line for line in lines if re.search(r"error|cause|because", line, re.IGNORECASE)]
    gist = " ".join((errors or lines or ["it gave no reason"])[-3:])
    gist = re.sub(r"\w+://\S+", "an address", gist)
    gist = re.sub(r"(?:/[\w.@+-]+){2,}/?", lambda path: Path(path[0]).name, gist)
    return gist if len(gist) <= _LONGEST_REASON else f"{gist[:_LONGEST_REASON]} …"


def _folder_name(requirements: Sequence[str], runtime: str) -> str:
    text = "-".join([*requirements, runtime])
    return re.sub(r"[^A-Za-z0-9._-]+", "-", text).strip("-").lower()
