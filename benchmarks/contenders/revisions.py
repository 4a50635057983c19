"""Revisions as trees and environments: each side of a comparison has its own of both.

A tree holds the revision's files (`git archive`, which leaves no work tree registered in the
repository); an environment has the package built from it, with exactly the dependencies of the
running environment, so that two sides differ only in the package. Both are kept under `.lab/`.
"""

from __future__ import annotations

import hashlib
import io
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

from benchmarks.common import git
from benchmarks.common.exits import InfrastructureError, ending
from benchmarks.common.git import UnknownRevision, resolve
from benchmarks.common.progress import LINE_EVERY_S
from benchmarks.common.project import project
from benchmarks.contenders.environments import BASE_PYTHON, READY, virtual_environment
from benchmarks.contenders.wheels import check_wheel, is_wheel, unpack_wheel

WORK = "WORK"
"""The name of the work tree as it is, with uncommitted changes."""
_KEPT_TREES, _KEPT_ENVIRONMENTS = 200, 24
"""How many are kept; older ones are removed. A tree is small, and measuring a range needs all of
its trees."""


class BuildFailed(InfrastructureError):
    """A revision's package cannot be built or installed."""


@dataclass(frozen=True)
class Side:
    """One side of a comparison, ready to be run."""

    name: str  # as it was asked for: "main", "WORK", a folder
    commit: str  # the full id; empty for a plain folder and for a wheel
    dirty: bool  # whether it may contain uncommitted changes
    python: Path  # the interpreter that has its package
    path: tuple[Path, ...] = ()  # folders that come before that interpreter's packages
    contender: str = ""  # the module here that replaces the package


def prepare_side(repository: Path, name: str, tell: Callable[[str], None] = lambda _: None) -> Side:
    """The tree and the environment of a revision, created or reused.

    Args:
        name: anything that git resolves to a commit; WORK; a wheel's file (it ends with ".whl"); or
            a path (absolute, or beginning with ".") of a folder with the package. Wheels and
            folders are run as they are, by the running interpreter.
        tell: called every few seconds while it is built, which may take a minute.

    Raises:
        BadInput: git does not know it, a folder has no package, a wheel does not run here.
        BuildFailed: it cannot be built; the message has the builder's last output.
    """
    if is_wheel(name) or _is_folder(name):
        package = package_folder(repository, name)
        return Side(name, "", _is_folder(name), Path(sys.executable), (package.parent,))
    commit = _resolve(repository, name)
    environments = repository / ".lab" / "environments"
    tree = source_tree(repository, name)
    python = _environment(tree, environments, lambda: tell(f"building {name}"))
    _forget_oldest(environments, _KEPT_ENVIRONMENTS)
    return Side(name, commit, name == WORK, python)


def check_side(repository: Path, name: str) -> dict[str, Any]:
    """A side's entry in a comparison. Refuses what `prepare_side` would refuse with BadInput,
    before anything is created."""
    commit = ""
    if is_wheel(name):
        check_wheel(Path(name))
    elif _is_folder(name):
        package_folder(repository, name)
    else:
        commit = _resolve(repository, name)
    return {"name": name, "commit": commit, "dirty": name == WORK or _is_folder(name)}


def source_tree(repository: Path, name: str) -> Path:
    """A folder with the files of a revision, of WORK, or of a wheel, not to be written to: it is
    reused. BadInput where git does not know it, or the wheel does not run here."""
    trees = repository / ".lab" / "trees"
    if is_wheel(name):
        tree = _unpacked(Path(name), trees)
    elif name == WORK:
        tree = _snapshot(repository, trees)
    else:
        tree = _export(repository, _resolve(repository, name), trees)
    _forget_oldest(trees, _KEPT_TREES)
    return tree


def package_folder(repository: Path, name: str) -> Path:
    """The package of a revision, of WORK, of a wheel, or of a plain folder, not to be written to;
    BadInput as in `prepare_side`, UnknownRevision where there is no package."""
    tree = Path(name).resolve() if _is_folder(name) else source_tree(repository, name)
    package = tree / project().source
    if not package.is_dir():
        raise UnknownRevision(f"there is no {project().source} in {name}")
    return package


def _is_folder(name: str) -> bool:
    return not is_wheel(name) and (Path(name).is_absolute() or name.startswith("."))


def _resolve(repository: Path, name: str) -> str:
    return resolve(repository, "HEAD" if name == WORK else name)


def _export(repository: Path, commit: str, trees: Path) -> Path:
    """The commit's files under `trees`."""
    tree = trees / commit[:16]
    if not _is_kept(tree):
        archive = git.archive(repository, commit)
        with _made_whole(tree) as new, tarfile.open(fileobj=io.BytesIO(archive)) as files:
            if sys.version_info >= (3, 12):
                files.extraction_filter = tarfile.data_filter
            files.extractall(new)
    return tree


def _unpacked(wheel: Path, trees: Path) -> Path:
    """The wheel's package, in a tree named by a hash of its content."""
    metadata = check_wheel(wheel)
    tree = trees / hashlib.sha256(wheel.read_bytes()).hexdigest()[:16]
    if not _is_kept(tree):
        with _made_whole(tree) as new:
            unpack_wheel(wheel, metadata, new)
    return tree


def _snapshot(repository: Path, trees: Path) -> Path:
    """What a build needs of the work tree (the sources' top folder and the files next to it): files
    that git tracks, and new ones that it does not ignore."""
    digest = hashlib.sha256()
    contents: dict[str, bytes] = {}
    sources = f"{Path(project().source).parts[0]}/"
    for name in git.work_files(repository):
        path = repository / name
        if any("\ud800" <= each <= "\udfff" for each in name):
            continue  # not UTF-8: a wheel cannot contain such a name, so the package is the same
        if (name.startswith(sources) or "/" not in name) and path.is_file():
            try:
                contents[name] = path.read_bytes()
            except OSError as error:
                raise InfrastructureError(f"the work tree cannot be copied: {error}") from None
            digest.update(os.fsencode(name) + f"\0{len(contents[name])}\0".encode())
            digest.update(contents[name])
    tree = trees / digest.hexdigest()[:16]
    if not _is_kept(tree):
        with _made_whole(tree) as new:
            for name, content in contents.items():
                target = new / name
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(content)
    return tree


def _environment(tree: Path, environments: Path, tell: Callable[[], None]) -> Path:
    """The interpreter of an environment that has the tree's package.

    Both sides' folders have names of one length: the length of a path alone can shift a process's
    memory layout and so change its speed (Mytkowicz et al. 2009).
    """
    # The exact versions of the running environment's packages, without those built from files.
    pins = sorted(
        f"{each.name}=={each.version}"
        for each in distributions()
        if each.name and not each.read_text("direct_url.json")
    )
    key = hashlib.sha256("\n".join([tree.name, sys.version, *pins]).encode()).hexdigest()[:16]
    _is_kept(environments / key)
    # As a URL, in which each character of the path has only one meaning: "#", "%", "[" ...
    wanted = [f"{project().requirement} @ {tree.resolve().as_uri()}"]
    if sys.version_info < (3, 11):
        wanted.append("tomli")  # reads lab.toml
    with tempfile.TemporaryDirectory() as scratch:
        constraints = Path(scratch) / "constraints"
        constraints.write_text("\n".join(pins), encoding="utf-8")
        return virtual_environment(
            environments / key, BASE_PYTHON, lambda command: _build(command, tell),
            "--constraint", str(constraints), *wanted,
        )  # fmt: skip


def _build(command: Sequence[str], tell: Callable[[], None]) -> None:
    # Packaging variables of the caller's environment must not reach the builder.
    dropped = ("PYTHONPATH", "VIRTUAL_ENV")
    own = {name: value for name, value in os.environ.items() if name not in dropped}
    try:
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=own,
            stdin=subprocess.DEVNULL,
        )  # fmt: skip
    except OSError as error:
        raise InfrastructureError(f"{command[0]} cannot be started: {error}") from None
    output = None
    with process:
        while output is None:
            try:
                output, _ = process.communicate(timeout=LINE_EVERY_S)
            except subprocess.TimeoutExpired:
                tell()
            except BaseException:
                process.kill()
                raise
    if process.returncode:
        words = output.decode(errors="replace").strip()
        message = f"{' '.join(command[:3])} {ending(process.returncode)}:\n{words[-1500:]}"
        if process.returncode < 0:  # killed: this says nothing about the package
            raise InfrastructureError(f"the package of this revision was not installed: {message}")
        raise BuildFailed(f"the package of this revision cannot be installed: {message}")


def _is_kept(folder: Path) -> bool:
    """Whether it exists and is complete. Marks it as used now, so that others are older."""
    with suppress(OSError):
        os.utime(folder)
    return (folder / READY).exists()


@contextmanager
def _made_whole(tree: Path) -> Iterator[Path]:
    """A folder to fill; it becomes the tree, unless another process made that meanwhile."""
    tree.parent.mkdir(parents=True, exist_ok=True)
    new = Path(tempfile.mkdtemp(prefix=f"{tree.name}-", dir=tree.parent))
    try:
        yield new
        (new / READY).touch()
        if not (tree / READY).exists():
            shutil.rmtree(tree, ignore_errors=True)  # an incomplete one of an older lab
        with suppress(OSError):
            new.rename(tree)
    finally:
        shutil.rmtree(new, ignore_errors=True)


def _forget_oldest(folder: Path, most: int) -> None:
    with suppress(OSError):  # another process may remove them too
        folders = (each for each in folder.iterdir() if each.is_dir())
        for each in sorted(folders, key=lambda each: each.stat().st_mtime)[:-most]:
            shutil.rmtree(each, ignore_errors=True)
