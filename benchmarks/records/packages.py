"""The distinct packages of a history: commits that share one are one thing to measure.

What runs is `src/tubeq` and the dependencies that `pyproject.toml` names. Commits that leave both
alone (documents, tests, the lab) cannot be slower or faster than the one before, and share its
record. A package is named by a hash of both, and stands for the first commit, along first parents,
that has it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.common.exits import InfrastructureError
from benchmarks.common.git import (
    UNSHALLOW,
    UnknownRevision,
    commits_in,
    describe,
    git_text,
    is_shallow,
    object_names,
)

_SOURCE, _PROJECT = "src/tubeq", "pyproject.toml"


@dataclass(frozen=True)
class Package:
    """One distinct package.

    Args:
        key: 16 hexadecimal digits.
        sha: the full id of the first commit that has it.
        subject: the first line of that commit's message.
        committed_at: ISO 8601 with its offset.
        commits: how many commits share it.
    """

    key: str
    sha: str
    subject: str
    committed_at: str
    commits: int = 1


def distinct_packages(repository: Path, revisions: str = "HEAD") -> list[Package]:
    """The packages of a range, oldest first, without commits that have none.

    Args:
        repository: the folder with `.git`.
        revisions: "HEAD" for all that led to it, or a range such as "v1..main".

    Raises:
        UnknownRevision: git does not know them, or there is none.
        InfrastructureError: git cannot answer.
    """
    commits = commits_in(repository, revisions)
    if not commits:
        raise UnknownRevision(f"there is no commit in {revisions}")
    found: list[Package] = []
    for sha, key in zip(commits, _keys(repository, commits)):
        if key is None:
            continue
        if found and found[-1].key == key:
            last = found[-1]
            found[-1] = Package(key, last.sha, last.subject, last.committed_at, last.commits + 1)
        else:
            committed_at, subject = describe(repository, sha)
            found.append(Package(key, sha, subject, committed_at))
    return found


def previous_package(repository: Path, revision: str = "HEAD") -> Package:
    """The distinct package before the revision's own.

    Raises:
        UnknownRevision: there is none, or the clone does not reach so far.
    """
    packages = distinct_packages(repository, revision)
    if len(packages) < 2:
        hint = f"; {UNSHALLOW}" if is_shallow(repository) else ""
        raise UnknownRevision(f"no package came before that of {revision}{hint}")
    return packages[-2]


def content_key(package: Path) -> str:
    """Names what a package's folder and the dependencies beside it hold: equal ones run alike.

    Raises:
        InfrastructureError: it cannot be read.
    """
    digest = hashlib.sha256()
    try:
        for path in sorted(package.rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                content = path.read_bytes()
                name = path.relative_to(package).as_posix()
                digest.update(f"{name}\0{len(content)}\0".encode("utf-8", "surrogateescape"))
                digest.update(content)
        project = package.parents[1] / _PROJECT
        text = project.read_text(encoding="utf-8") if project.exists() else ""
    except (OSError, UnicodeDecodeError) as error:
        raise InfrastructureError(f"the package in {package} cannot be read: {error}") from None
    digest.update(_named_dependencies(text).encode())
    return digest.hexdigest()[:16]


def _keys(repository: Path, shas: Iterable[str]) -> Iterator[str | None]:
    """The package of each commit; None where it has none."""
    names = object_names(
        repository, [f"{sha}:{path}" for sha in shas for path in (_SOURCE, _PROJECT)]
    )
    dependencies = {name: _dependencies(repository, name) for name in {*names[1::2]} - {""}}
    for tree, project in zip(names[::2], names[1::2]):
        text = f"{tree}\n{dependencies.get(project, '')}"
        yield hashlib.sha256(text.encode()).hexdigest()[:16] if tree else None


def _dependencies(repository: Path, blob: str) -> str:
    """As `_named_dependencies` of a stored file."""
    return _named_dependencies(git_text(repository, "cat-file", "blob", blob))


def _named_dependencies(text: str) -> str:
    """The dependencies that a pyproject.toml names, a line each, sorted; "" where it is none."""
    try:
        import tomllib
    except ImportError:  # Python 3.10
        import tomli as tomllib  # type: ignore[no-redef, import-not-found]

    try:
        return "\n".join(sorted(tomllib.loads(text)["project"]["dependencies"]))
    except (ValueError, KeyError, TypeError):  # no TOML, no such table, no texts
        return ""
