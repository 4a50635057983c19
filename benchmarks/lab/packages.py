"""The distinct packages of a history: commits that share one are one thing to measure.

What runs is `src/tubeq` and the dependencies that `pyproject.toml` names. Commits that leave both
alone (documents, tests, the lab) cannot be slower or faster than the one before, and share its
record. A package is named by a hash of both, and stands for the first commit, along first parents,
that has it.
"""

from __future__ import annotations

import hashlib
import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.lab.revisions import InfrastructureError

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
        revisions: as `git log` takes them: "HEAD", "v1..main".

    Raises:
        InfrastructureError: git does not know them; its own words.
    """
    listed = _git(
        repository,
        ["log", "--first-parent", "--reverse", "--format=%H%x00%cI%x00%s", revisions, "--"],
    )
    lines = [line.split("\0", 2) for line in listed.decode(errors="replace").splitlines()]
    keys = _keys(repository, [sha for sha, _, _ in lines])
    found: list[Package] = []
    for (sha, committed_at, subject), key in zip(lines, keys):
        if key is None:
            continue
        if found and found[-1].key == key:
            last = found[-1]
            found[-1] = Package(key, last.sha, last.subject, last.committed_at, last.commits + 1)
        else:
            found.append(Package(key, sha, subject, committed_at))
    return found


def _keys(repository: Path, shas: Iterable[str]) -> Iterator[str | None]:
    """The package of each commit; None where it has none."""
    wanted = [f"{sha}:{path}" for sha in shas for path in (_SOURCE, _PROJECT)]
    checked = _git(
        repository,
        ["cat-file", "--batch-check=%(objectname) %(objecttype)"],
        "\n".join(wanted).encode() + b"\n",
    ).decode()
    names = [line.split(" ")[0] if "missing" not in line else "" for line in checked.splitlines()]
    dependencies = {name: _dependencies(repository, name) for name in {*names[1::2]} - {""}}
    for tree, project in zip(names[::2], names[1::2]):
        text = f"{tree}\n{dependencies.get(project, '')}"
        yield hashlib.sha256(text.encode()).hexdigest()[:16] if tree else None


def _dependencies(repository: Path, blob: str) -> str:
    """The dependencies that a pyproject.toml names, a line each, sorted; "" where it is none."""
    try:
        import tomllib
    except ImportError:  # Python 3.10
        import tomli as tomllib  # type: ignore[no-redef, import-not-found]

    text = _git(repository, ["cat-file", "blob", blob]).decode(errors="replace")
    try:
        return "\n".join(sorted(tomllib.loads(text)["project"]["dependencies"]))
    except (tomllib.TOMLDecodeError, KeyError):
        return ""


def _git(repository: Path, arguments: list[str], given: bytes = b"") -> bytes:
    command = ["git", "-C", str(repository), *arguments]
    try:
        done = subprocess.run(command, input=given, capture_output=True, check=False)
    except FileNotFoundError:
        raise InfrastructureError("git is not installed, or not on the PATH") from None
    if done.returncode:
        raise InfrastructureError(f"git: {done.stderr.decode(errors='replace').strip()}")
    return done.stdout
