"""Revisions as trees and environments: each side of a comparison has its own of both.

A tree holds the revision's files (`git archive`, which leaves no work tree registered in the
repository); an environment has the package built from it, and beside it exactly the dependencies of
the running environment, so that two sides differ in the package only. Both are kept under `.lab/`.
"""

from __future__ import annotations

import hashlib
import io
import os
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.lab import git
from benchmarks.lab.exits import InfrastructureError, ending
from benchmarks.lab.git import UnknownRevision, is_dirty, resolve

__all__ = [
    "LAB_FOLDER", "WORK", "BuildFailed", "InfrastructureError", "Side", "UnknownRevision",
    "check_side", "folder_side", "is_dirty", "prepare_side", "resolve", "source_tree",
]  # fmt: skip
WORK = "WORK"
"""Names the work tree as it is, with what is not committed."""
LAB_FOLDER = ".lab"
_KEPT = 24
"""Trees and environments that are kept; older ones are removed."""
_READY = ".ready"
_EXTRA = "[demo]"


class BuildFailed(InfrastructureError):
    """A revision's package cannot be built or installed."""


@dataclass(frozen=True)
class Side:
    """One side of a comparison, ready to be run.

    Args:
        name: as it was asked for: "main", "WORK", a folder.
        commit: the full id; empty for a plain folder.
        dirty: whether it may hold what no commit does.
        python: the interpreter that has its package.
        path: folders that come before that interpreter's packages.
    """

    name: str
    commit: str
    dirty: bool
    python: Path
    path: tuple[Path, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """What a comparison says about it."""
        return {"name": self.name, "commit": self.commit, "dirty": self.dirty}


def prepare_side(repository: Path, name: str) -> Side:
    """The tree and the environment of a revision, made or found.

    Args:
        repository: the folder with `.git`.
        name: anything that git resolves to a commit; WORK; or a path (absolute, or beginning with
            ".") of a folder with `src/tubeq`, which is run from there as it is.

    Raises:
        UnknownRevision: git does not know it, and it is no folder either.
        BuildFailed: it cannot be built; the message has the builder's last words.
    """
    folder = Path(name)
    if folder.is_absolute() or name.startswith("."):
        return folder_side(folder)
    commit = resolve(repository, "HEAD" if name == WORK else name)
    environments = repository / LAB_FOLDER / "environments"
    python = _environment(source_tree(repository, name), environments)
    _forget_oldest(environments)
    return Side(name, commit, name == WORK, python)


def check_side(repository: Path, name: str) -> None:
    """Refuse what `prepare_side` would refuse, before anything is made.

    Raises:
        UnknownRevision: as of `prepare_side`.
    """
    folder = Path(name)
    if folder.is_absolute() or name.startswith("."):
        folder_side(folder)
    else:
        resolve(repository, "HEAD" if name == WORK else name)


def source_tree(repository: Path, name: str) -> Path:
    """A folder with the files of a revision, or of WORK; kept, so not to be written to.

    Raises:
        UnknownRevision: git does not know it.
    """
    trees = repository / LAB_FOLDER / "trees"
    if name == WORK:
        tree = _snapshot(repository, trees)
    else:
        tree = _export(repository, resolve(repository, name), trees)
    _forget_oldest(trees)
    return tree


def folder_side(folder: Path) -> Side:
    """A plain folder with `src/tubeq` as a side, run by the running interpreter.

    Raises:
        UnknownRevision: there is no package in it.
    """
    source = folder.resolve() / "src"
    if not (source / "tubeq").is_dir():
        raise UnknownRevision(f"there is no src/tubeq in the folder {folder}")
    return Side(str(folder), "", True, Path(sys.executable), (source,))


def _export(repository: Path, commit: str, trees: Path) -> Path:
    """The commit's files under `trees`."""
    tree = trees / commit[:16]
    if not (tree / _READY).exists():
        archive = git.archive(repository, commit)
        _start_anew(tree)
        with tarfile.open(fileobj=io.BytesIO(archive)) as files:
            if sys.version_info >= (3, 12):
                files.extractall(tree, filter="data")
            else:
                files.extractall(tree)
        (tree / _READY).touch()
    return tree


def _snapshot(repository: Path, trees: Path) -> Path:
    """A copy of the work tree: of what git tracks, and of new files that it does not ignore.

    Only what a build needs is copied: `src` and the files beside it.
    """
    digest = hashlib.sha256()
    contents: dict[str, bytes] = {}
    for name in git.work_files(repository):
        path = repository / name
        if not _is_text(name):
            continue  # no wheel can hold such a name, so the package is the same without
        if (name.startswith("src/") or "/" not in name) and path.is_file():
            try:
                contents[name] = path.read_bytes()
            except OSError as error:
                raise InfrastructureError(f"the work tree cannot be copied: {error}") from None
            digest.update(os.fsencode(name) + f"\0{len(contents[name])}\0".encode())
            digest.update(contents[name])
    tree = trees / digest.hexdigest()[:16]
    if not (tree / _READY).exists():
        _start_anew(tree)
        for name, content in contents.items():
            target = tree / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
        (tree / _READY).touch()
    return tree


def _is_text(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _environment(tree: Path, environments: Path) -> Path:
    """The interpreter of an environment that has the tree's package.

    Both sides' folders have names of one length: the length of a path alone can move a process's
    memory about and so change its speed (Mytkowicz et al. 2009).
    """
    pins = _pins()
    key = hashlib.sha256("\n".join([tree.name, sys.version, *pins]).encode()).hexdigest()[:16]
    folder = environments / key
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    if (folder / _READY).exists() and python.exists():
        os.utime(folder)
        return python
    _start_anew(folder)
    constraints = folder.with_suffix(".constraints")
    constraints.write_text("\n".join(pins), encoding="utf-8")
    # As an address, in which each character of the path has one meaning only: "#", "%", "[" ...
    package = f"tubeq{_EXTRA} @ {tree.resolve().as_uri()}"
    uv = shutil.which("uv")
    if uv:
        # The interpreter is the running one's own, not a link to an environment that may go.
        home = Path(getattr(sys, "_base_executable", sys.executable))
        _build([uv, "venv", "--quiet", "--allow-existing", "--python", str(home), str(folder)])
        install = [uv, "pip", "install", "--quiet", "--python", str(python), "--compile-bytecode"]
    else:
        _build([sys.executable, "-m", "venv", str(folder)])
        install = [str(python), "-m", "pip", "install", "--quiet"]
    _build([*install, "--constraint", str(constraints), package])
    constraints.unlink()
    (folder / _READY).touch()
    return python


def _pins() -> list[str]:
    """The exact versions of the running environment's packages, without those built from files."""
    from importlib.metadata import distributions

    pins = {
        f"{each.name}=={each.version}"
        for each in distributions()
        if each.name and not each.read_text("direct_url.json")
    }
    return sorted(pins)


def _build(command: Sequence[str]) -> None:
    # What the caller's environment says about packages must not reach the builder.
    kept = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    kept.pop("VIRTUAL_ENV", None)
    try:
        done = subprocess.run(
            command, capture_output=True, env=kept, check=False, stdin=subprocess.DEVNULL
        )
    except OSError as error:
        raise InfrastructureError(f"{command[0]} cannot be started: {error}") from None
    if done.returncode:
        words = (done.stderr or done.stdout).decode(errors="replace").strip()
        told = f"{' '.join(command[:3])} {ending(done.returncode)}:\n{words[-1500:]}"
        if done.returncode < 0:  # killed: no word about the package
            raise InfrastructureError(f"the package of this revision was not installed: {told}")
        raise BuildFailed(f"the package of this revision cannot be installed: {told}")


def _start_anew(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)


def _forget_oldest(folder: Path) -> None:
    kept = sorted((each for each in folder.iterdir() if each.is_dir()), key=_age, reverse=True)
    for each in kept[_KEPT:]:
        with suppress(OSError):
            shutil.rmtree(each)


def _age(folder: Path) -> float:
    try:
        return folder.stat().st_mtime
    except OSError:
        return 0.0
