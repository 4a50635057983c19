"""The distinct packages of a history: commits that share one are one thing to measure.

What runs is the source that lab.toml names and the dependencies that `pyproject.toml` names.
Commits that leave both alone (documents, tests, the lab) cannot be slower or faster than the one
before, and share its record. A package is named by a hash of both, and stands for the first commit,
along first parents, that has it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from benchmarks.common import git
from benchmarks.common.exits import InfrastructureError
from benchmarks.common.project import parse_toml, project


@dataclass(frozen=True)
class Package:
    """One distinct package, and the first commit that has it."""

    key: str  # 16 hexadecimal digits
    sha: str
    subject: str
    committed_at: str  # ISO 8601 with its offset
    commits: int = 1  # how many share it


def distinct_packages(repository: Path, revisions: str = "HEAD") -> list[Package]:
    """The packages of a range, oldest first, without commits that have none.

    Args:
        revisions: "HEAD" for all that led to it, or a range such as "v1..main".

    Raises:
        UnknownRevision: git does not know them, or there is none.
        InfrastructureError: git cannot answer.
    """
    commits = git.commits_in(repository, revisions)
    if not commits:
        raise git.UnknownRevision(f"there is no commit in {revisions}")
    found: list[Package] = []
    for sha, key in zip(commits, _keys(repository, commits)):
        if key is None:
            continue
        if found and found[-1].key == key:
            found[-1] = replace(found[-1], commits=found[-1].commits + 1)
        else:
            committed_at, subject = git.describe(repository, sha)
            found.append(Package(key, sha, subject, committed_at))
    return found


def moment(text: str) -> datetime:
    """A recorded time; Python 3.10 does not know the Z that others write for +00:00."""
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


def previous_package(repository: Path, revision: str = "HEAD") -> Package:
    """The distinct package before the revision's own; UnknownRevision if the clone has none."""
    packages = distinct_packages(repository, revision)
    if len(packages) < 2:
        hint = f"; {git.UNSHALLOW}" if git.is_shallow(repository) else ""
        raise git.UnknownRevision(f"no package came before that of {revision}{hint}")
    return packages[-2]


def content_key(tree: Path) -> str:
    """Names what the package in a tree and its dependencies are: equal ones run alike.
    InfrastructureError if it cannot be read."""
    digest = hashlib.sha256()
    try:
        for part in (project().source, *project().also):
            files = [tree / part] if (tree / part).is_file() else sorted((tree / part).rglob("*"))
            for path in files:
                if path.is_file() and "__pycache__" not in path.parts:
                    content = path.read_bytes()
                    name = f"{path.relative_to(tree).as_posix()}\0{len(content)}\0"
                    digest.update(name.encode("utf-8", "surrogateescape") + content)
        described = tree / "pyproject.toml"
        text = described.read_text("utf-8-sig") if described.exists() else ""
    except (OSError, UnicodeDecodeError) as error:
        raise InfrastructureError(f"the package in {tree} cannot be read: {error}") from None
    digest.update(_named_dependencies(text).encode())
    return digest.hexdigest()[:16]


def _keys(repository: Path, shas: Iterable[str]) -> Iterator[str | None]:
    """The package of each commit; None where it has none."""
    paths = (project().source, *project().also, "pyproject.toml")
    names = git.object_names(repository, [f"{sha}:{path}" for sha in shas for path in paths])
    described = {*names[len(paths) - 1 :: len(paths)]} - {""}
    texts = {name: git.git_text(repository, "cat-file", "blob", name) for name in described}
    dependencies = {name: _named_dependencies(text) for name, text in texts.items()}
    for first in range(0, len(names), len(paths)):
        *trees, last = names[first : first + len(paths)]
        text = "\n".join((*trees, dependencies.get(last, "")))
        yield hashlib.sha256(text.encode()).hexdigest()[:16] if trees[0] else None


def _named_dependencies(text: str) -> str:
    """The dependencies that a pyproject.toml names, a line each, sorted; "" where it is none."""
    try:
        return "\n".join(sorted(parse_toml(text)["project"]["dependencies"]))
    except (ValueError, KeyError, TypeError):  # no TOML, no such table, no texts
        return ""
