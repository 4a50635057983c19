"""Which packages a history has: those that differ in what runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.common.exits import BadInput
from benchmarks.records.packages import distinct_packages

from .git_repository import Repository

PROJECT = '[project]\nname = "x"\ndependencies = [{}]\n'


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path)


def test_commits_that_share_a_package_are_one_and_a_dependency_makes_another(
    repository: Repository,
) -> None:
    code, project = "src/tubeq/a.py", "pyproject.toml"
    repository.commit("nothing yet", {"README": "x"})
    first = repository.commit("first", {code: "1", project: PROJECT.format("")})
    repository.commit("documents", {"README": "y"})
    repository.commit("a version of the project", {project: PROJECT.format("") + "#"})
    second = repository.commit("dependency", {project: PROJECT.format('"rich"')})
    third = repository.commit("code", {code: "2"})

    found = distinct_packages(repository.folder)

    assert [(each.sha, each.commits) for each in found] == [(first, 3), (second, 1), (third, 1)]
    assert [each.sha for each in distinct_packages(repository.folder, f"{second}..main")] == [third]


def test_a_range_that_git_does_not_know_is_refused_in_its_own_words(repository: Repository) -> None:
    repository.commit("one")
    with pytest.raises(BadInput, match="nope"):
        distinct_packages(repository.folder, "nope..main")


def test_an_empty_range_is_bad_input(repository: Repository) -> None:
    repository.commit("one")
    for revisions in ("main..main", "main..", "..", "main...main"):
        with pytest.raises(BadInput, match="no commit in"):
            distinct_packages(repository.folder, revisions)


@pytest.mark.parametrize(
    "project",
    ["project = 3", "[project]\ndependencies = 3", "[project]\ndependencies = [1, 'a']", "[", "",
     "[project]\ndependencies = [[]]\n#\xfc"],
)  # fmt: skip
def test_a_project_file_that_makes_no_sense_has_no_dependencies(
    repository: Repository, project: str
) -> None:
    repository.commit("odd", {"src/tubeq/a.py": "1", "pyproject.toml": project})
    assert len(distinct_packages(repository.folder)) == 1
