"""Where a queue runs: an environment of its own under .lab/peers, created when it is missing.

Versions are pinned, and part of the folder's name, so that an existing environment is correct. A
queue that cannot be installed raises `CannotRun` with the reason, and never fails the whole run.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.common.exits import ending
from benchmarks.common.project import LAB
from benchmarks.contenders.base import Queue
from benchmarks.records.environment import python_path

FOLDER = LAB / ".lab" / "peers"
READY = ".ready"
"""A file that marks its folder as complete."""
BASE_PYTHON: str = getattr(sys, "_base_executable", "") or sys.executable
"""The running interpreter's own, not a link to an environment that may be removed."""
_PATIENCE_S = 900.0
_LONGEST_REASON = 240


class CannotRun(Exception):
    """Why a candidate cannot be measured here, in words for its row."""


@dataclass(frozen=True)
class Launch:
    """How to start its driver: a whole command for node, else the interpreter."""

    command: Sequence[str]
    environment: Mapping[str, str]
    folder: Path = LAB


def prepare(queue: type[Queue], extra_path: Path | None = None) -> Launch:
    """Make sure that the queue can run, installing what it needs; else CannotRun. `extra_path` is
    where its module is found, if not in this repository."""
    if queue.script:
        script = Path(__file__).parent / queue.script
        return Launch([_tool("node"), str(script)], os.environ, _node_packages(queue))
    python = _environment(queue) if queue.requirements else Path(sys.executable)
    path = python_path(*filter(None, (LAB, extra_path)))
    own = {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"}
    return Launch([str(python)], {**own, "PYTHONPATH": path})


def virtual_environment(
    folder: Path, base: str, run: Callable[[Sequence[str]], object], *wanted: str
) -> Path:
    """The interpreter of a virtual environment, made of `base` with what pip is to install where
    its folder is not complete. `run` executes a command, and raises an error where that fails."""
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    if python.exists() and (folder / READY).exists():
        return python
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    if uv := shutil.which("uv"):
        make = [uv, "venv", "--quiet", "--allow-existing", "--no-project", "--python", base]
        install = [uv, "pip", "install", "--quiet", "--python", str(python), "--compile-bytecode"]
    else:
        make = [base, "-m", "venv"]
        install = [str(python), "-m", "pip", "install", "--quiet"]
    run([*make, str(folder)])
    run([*install, *wanted])
    (folder / READY).touch()
    return python


def _environment(queue: type[Queue]) -> Path:
    """The interpreter of the queue's virtual environment."""
    base = _interpreter(queue.python)
    code = "import sys; print('.'.join(map(str, sys.version_info[:2])))"
    version = run([base, "-c", code]).strip()
    return virtual_environment(_folder(queue, f"py{version}"), base, run, *queue.requirements)


def _interpreter(oldest: tuple[int, int]) -> str:
    """A Python that is new enough: this one, else one that uv or pyenv has."""
    if sys.version_info >= oldest:
        return BASE_PYTHON
    wanted = f"{oldest[0]}.{oldest[1]}"
    if uv := shutil.which("uv"):
        asked = [uv, "python", "find", "--no-project", "--no-python-downloads", f">={wanted}"]
        found = subprocess.run(asked, capture_output=True, text=True, check=False)
        if found.returncode == 0 and found.stdout.strip():
            return found.stdout.strip()
    if python := _by_pyenv(oldest):
        return python
    own = f"{sys.version_info[0]}.{sys.version_info[1]}"
    raise CannotRun(f"not installed: it needs Python {wanted} or newer, and only {own} is here")


def _by_pyenv(oldest: tuple[int, int]) -> str:
    """The oldest of pyenv's that is new enough: uv fails on pyenv's shims of versions that are not
    activated. "" where there is none."""
    root = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    found = []
    for python in root.glob("versions/*/bin/python"):
        numbers = re.fullmatch(r"(\d+)\.(\d+)(\.\d+)?", python.parents[1].name)
        if numbers and (version := (int(numbers[1]), int(numbers[2]))) >= oldest:
            found.append((version, str(python)))
    return min(found)[1] if found else ""


def _node_packages(queue: type[Queue]) -> Path:
    """A folder with the queue's npm packages, those in C++ compiled against node's headers."""
    node, npm = _tool("node"), _tool("npm")
    folder = _folder(queue, f"node{run([node, '--version']).strip()}")
    if (folder / READY).exists():
        return folder
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    names = dict(each.rsplit("@", 1) for each in queue.requirements)
    package = {"private": True, "dependencies": names}
    (folder / "package.json").write_text(json.dumps(package), encoding="utf-8")
    environment = dict(os.environ)
    # Where node includes its headers, only the packages themselves are downloaded.
    home = Path(node).resolve().parent.parent
    if (home / "include" / "node" / "node.h").exists():
        environment |= {"npm_config_nodedir": str(home), "npm_config_build_from_source": "true"}
    install = [npm, "install", "--no-audit", "--no-fund", "--loglevel=error"]
    run(install, cwd=folder, env=environment)
    checks = [f"import({json.dumps(name)}).then(() => 0)" for name in names]
    if "better-sqlite3" in names:
        checks.append('new (require("better-sqlite3"))(":memory:")')
    for code in checks:
        options = ["--input-type=module"] if code.startswith("import") else []
        run([node, *options, "-e", code], cwd=folder)
    (folder / READY).touch()
    return folder


def _tool(name: str) -> str:
    found = shutil.which(name)
    if not found:
        raise CannotRun(f"not installed: there is no {name} on this machine")
    return found


def run(command: Sequence[str | Path], failure: str = "not installed", **options: Any) -> str:
    """The output of the command; CannotRun, which begins with `failure`, where it failed or took
    too long. Options are subprocess's."""
    try:
        done = subprocess.run(
            [str(part) for part in command], capture_output=True, check=False, encoding="utf-8",
            errors="replace", timeout=_PATIENCE_S, **options,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise CannotRun(f"{failure}: nothing after {_PATIENCE_S:.0f} s") from None
    except OSError as error:
        raise CannotRun(f"{failure}: {error.strerror or error}") from None
    if done.returncode:
        how = f" ({ending(done.returncode)})" if done.returncode < 0 else ""
        raise CannotRun(f"{failure}: {gist_of(done.stderr or done.stdout)}{how}")
    return str(done.stdout)


def gist_of(text: str) -> str:
    """The gist of an error, for publication: no addresses, no folders of this machine."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    errors = [line for line in lines if re.search(r"error|cause|because", line, re.IGNORECASE)]
    gist = " ".join((errors or lines or ["it gave no reason"])[-3:])
    gist = re.sub(r"\w+://\S+", "an address", gist)
    gist = re.sub(r"(?:/[\w.@+-]+){2,}/?", lambda path: Path(path[0]).name, gist)
    return gist if len(gist) <= _LONGEST_REASON else f"{gist[:_LONGEST_REASON]} …"


def _folder(queue: type[Queue], runtime: str) -> Path:
    parts = "-".join([*queue.requirements, runtime])
    return FOLDER / re.sub(r"[^A-Za-z0-9._-]+", "-", parts).strip("-").lower()
