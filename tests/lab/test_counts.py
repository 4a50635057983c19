"""Which packages a history has, and where what is counted of them changed."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from benchmarks.lab import counts
from benchmarks.lab.exits import BadInput
from benchmarks.lab.packages import Package, distinct_packages

PROJECT = '[project]\nname = "x"\ndependencies = [{}]\n'


class Repository:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.git("init", "-q", "-b", "main")

    def git(self, *arguments: str) -> str:
        who = ["-c", "user.name=T", "-c", "user.email=t@example.org"]
        command = ["git", "-C", str(self.folder), *who, *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    def commit(self, subject: str, **files: str) -> str:
        for name, content in files.items():
            path = self.folder / name.replace("__", "/").replace("_DOT_", ".")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content)
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", subject)
        return self.git("rev-parse", "HEAD")


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path)


def test_commits_that_share_a_package_are_one_and_a_dependency_makes_another(
    repository: Repository,
) -> None:
    repository.commit("nothing yet", README="x")
    first = repository.commit(
        "first", src__tubeq__a_DOT_py="1", pyproject_DOT_toml=PROJECT.format("")
    )
    repository.commit("documents", README="y")
    repository.commit("a version of the project", pyproject_DOT_toml=PROJECT.format("") + "#")
    second = repository.commit("dependency", pyproject_DOT_toml=PROJECT.format('"rich"'))
    third = repository.commit("code", src__tubeq__a_DOT_py="2")

    found = distinct_packages(repository.folder)

    assert [(each.sha, each.commits) for each in found] == [(first, 3), (second, 1), (third, 1)]
    assert [each.sha for each in distinct_packages(repository.folder, f"{second}..main")] == [third]


def test_a_range_that_git_does_not_know_is_refused_in_its_own_words(
    repository: Repository,
) -> None:
    repository.commit("one")
    with pytest.raises(BadInput, match="nope"):
        distinct_packages(repository.folder, "nope..main")


def packages(count: int) -> list[Package]:
    return [Package(f"{n:016x}", f"{n:040x}", f"commit {n}", "2026-01-01") for n in range(count)]


def counted(instructions: float, **counters: float) -> dict[str, Any]:
    return {"enqueue": {"instructions": instructions, "counters": counters}}


def changes(*values: float | None) -> list[tuple[str, str]]:
    some = packages(len(values))
    kept = {
        package.key: {"enqueue": {"lacks": "it"}} if value is None else counted(value)
        for package, value in zip(some, values, strict=True)
    }
    found = counts.steps(some, kept, "enqueue")
    return [(step.last.subject[-1], step.first.subject[-1]) for step in found]


def test_a_step_has_both_ends_and_what_is_too_small_is_none() -> None:
    assert changes(1000, 1003, 999, 1002) == []
    assert changes(1000, 1000, 1020, 1020, 1000) == [("1", "2"), ("3", "4")]
    assert changes(1000, None, 1020, 1021) == [("0", "2")]
    assert changes(None, None) == []


def test_a_slow_drift_is_found_once_it_adds_up() -> None:
    assert changes(1000, 1004, 1008, 1012) == [("0", "2")]


def test_a_step_names_the_counters_that_changed_with_it() -> None:
    some = packages(2)
    kept = {
        some[0].key: counted(1000, statements=1, fsyncs=1),
        some[1].key: counted(1100, statements=2, fsyncs=1),
    }
    (step,) = counts.steps(some, kept, "enqueue")
    assert step.change == pytest.approx(0.1)
    assert step.counters == {"statements": (1, 2)}


def test_another_environment_is_another_series_and_a_broken_file_is_counted_again(
    tmp_path: Path,
) -> None:
    environment = {"cpu": "a", "python": "CPython 3.11.7", "seeds": [0]}
    package = packages(1)[0]
    path = counts.write(tmp_path, package, environment, counted(1000))

    assert counts.read(tmp_path, environment) == {package.key: counted(1000)}
    assert counts.read(tmp_path, {**environment, "cpu": "b"}) == {}
    path.write_text('{"schema": 1')
    assert counts.read(tmp_path, environment) == {}
