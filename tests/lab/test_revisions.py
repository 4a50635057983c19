"""Revisions of a tiny repository, as trees and environments."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from benchmarks.common.exits import InfrastructureError
from benchmarks.common.git import UnknownRevision, is_dirty, resolve
from benchmarks.contenders import revisions
from benchmarks.contenders.revisions import (
    WORK,
    BuildFailed,
    check_side,
    prepare_side,
    source_tree,
)

from .git_repository import Repository, git


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Two commits, the first one tagged; `.lab` ignored."""
    made = Repository(tmp_path / "repository")
    files = {".gitignore": ".lab/\n*.db\n", "docs/page.md": "words"}
    for number in (1, 2):
        files["src/tubeq/__init__.py"] = f"NUMBER = {number}\n"
        made.commit(f"commit {number}", files)
    made.git("tag", "first", "HEAD~1")
    return made.folder


@pytest.fixture
def built(monkeypatch: pytest.MonkeyPatch) -> list[Sequence[str]]:
    """The commands that would have built environments."""
    commands: list[Sequence[str]] = []

    def build(command: Sequence[str], tell: Callable[[], None]) -> None:
        commands.append(command)
        if "venv" in command:
            folder = Path(command[-1])
            for name in ("bin/python", "Scripts/python.exe"):
                (folder / name).parent.mkdir(parents=True)
                (folder / name).touch()

    monkeypatch.setattr(revisions, "_build", build)
    return commands


def test_names_are_resolved_as_git_does(repository: Path) -> None:
    head = git(repository, "rev-parse", "HEAD")
    assert resolve(repository, "main") == resolve(repository, head[:9]) == head
    assert resolve(repository, "first") == git(repository, "rev-parse", "HEAD~1")
    subject = git(repository, "log", "-1", "--format=%s", "first")
    assert resolve(repository, f":/{subject}") == resolve(repository, "first")


def test_not_this_one_is_no_revision(repository: Path) -> None:
    with pytest.raises(UnknownRevision, match="HEAD"):
        resolve(repository, "^HEAD")


def test_a_tree_in_use_is_not_the_oldest(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(revisions, "_KEPT_TREES", 2)
    used = source_tree(repository, "first")
    os.utime(used, (1, 1))
    other = source_tree(repository, "main")
    os.utime(other, (2, 2))
    assert source_tree(repository, "first") == used
    (repository / "src" / "tubeq" / "new.py").write_text("")
    source_tree(repository, WORK)
    assert used.exists()
    assert not other.exists()


def test_a_tree_that_two_make_at_once_is_never_half_there(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    with revisions._made_whole(tree) as first:
        (first / "file").write_text("first")
        with revisions._made_whole(tree) as second:
            (second / "file").write_text("second")
            assert not tree.exists()
        assert (tree / "file").read_text() == "second"
    assert (tree / "file").read_text() == "second"
    assert [each.name for each in tmp_path.iterdir()] == ["tree"]


def test_a_long_build_says_that_it_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(revisions, "LINE_EVERY_S", 0.05)
    told: list[int] = []
    code = "import time; time.sleep(0.5)"
    revisions._build([sys.executable, "-c", code], lambda: told.append(1))
    assert told


def test_an_unknown_revision_is_named(repository: Path) -> None:
    with pytest.raises(UnknownRevision, match="'no-such-branch'"):
        prepare_side(repository, "no-such-branch")
    assert issubclass(UnknownRevision, InfrastructureError)


def test_a_tree_has_the_commits_files_and_leaves_no_trace_in_git(repository: Path) -> None:
    tree = source_tree(repository, "first")
    assert (tree / "src" / "tubeq" / "__init__.py").read_text() == "NUMBER = 1\n"
    assert git(repository, "worktree", "list").count("\n") == 0
    assert not is_dirty(repository)
    assert source_tree(repository, "first") == tree


def test_a_cut_off_tree_is_made_anew(repository: Path) -> None:
    tree = source_tree(repository, "first")
    (tree / revisions.READY).unlink()
    (tree / "src" / "tubeq" / "__init__.py").unlink()
    assert (source_tree(repository, "first") / "src" / "tubeq" / "__init__.py").exists()


def test_the_work_tree_with_what_is_not_committed(repository: Path) -> None:
    package = repository / "src" / "tubeq"
    clean = source_tree(repository, WORK)
    (package / "__init__.py").write_text("NUMBER = 3\n")
    (package / "new.py").write_text("")
    (package / "ignored.db").write_text("")
    assert is_dirty(repository)
    tree = source_tree(repository, WORK)
    assert tree != clean
    copied = {path.name: path for path in (tree / "src" / "tubeq").iterdir()}
    assert set(copied) == {"__init__.py", "new.py"}
    assert copied["__init__.py"].read_text() == "NUMBER = 3\n"
    assert not (tree / "docs").exists()  # no build needs it
    (package / "new.py").unlink()
    assert source_tree(repository, WORK) != tree


def test_a_file_deleted_from_the_work_tree_is_not_copied(repository: Path) -> None:
    (repository / "src" / "tubeq" / "__init__.py").unlink()
    tree = source_tree(repository, WORK)
    assert not (tree / "src").exists()


def test_an_environment_is_built_once(repository: Path, built: list[Sequence[str]]) -> None:
    base = prepare_side(repository, "first")
    head = prepare_side(repository, "main")
    assert len(built) == 4
    assert len(str(base.python)) == len(str(head.python))
    assert base.python != head.python
    assert prepare_side(repository, "first") == base
    assert len(built) == 4
    about = check_side(repository, "first")
    assert about == {"name": "first", "commit": base.commit, "dirty": False}
    assert prepare_side(repository, WORK).dirty and check_side(repository, WORK)["dirty"]


def test_both_sides_get_the_running_dependencies(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pins: list[str] = []

    def build(command: Sequence[str], tell: Callable[[], None]) -> None:
        if "--constraint" in command:
            constraints = Path(command[command.index("--constraint") + 1])
            pins.extend(constraints.read_text().splitlines())

    monkeypatch.setattr(revisions, "_build", build)
    prepare_side(repository, "first")
    assert f"pytest=={pytest.__version__}" in pins
    assert not any(pin.startswith("tubeq==") for pin in pins)


def test_a_base_that_cannot_be_built_says_why() -> None:
    with pytest.raises(BuildFailed, match="no module named hatchling"):
        revisions._build(
            [sys.executable, "-c", "raise SystemExit('no module named hatchling')"], lambda: None
        )


def test_a_failed_build_is_tried_again(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise BuildFailed("no")

    monkeypatch.setattr(revisions, "_build", fail)
    for _ in range(2):
        with pytest.raises(BuildFailed):
            prepare_side(repository, "first")


def test_old_trees_are_forgotten(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(revisions, "_KEPT_TREES", 1)
    source_tree(repository, "first")
    source_tree(repository, "main")
    assert len(list((repository / ".lab" / "trees").iterdir())) == 1


def test_a_plain_folder(tmp_path: Path) -> None:
    (tmp_path / "src" / "tubeq").mkdir(parents=True)
    side = prepare_side(tmp_path, str(tmp_path))
    assert side.python == Path(sys.executable)
    assert side.path == (tmp_path.resolve() / "src",)
    with pytest.raises(UnknownRevision, match="no src/tubeq"):
        prepare_side(tmp_path, str(tmp_path / "src"))


ODD_FOLDER = "a #b %20 &c=1 'q' ?[x] ${HOME} \xe9,;@" if os.name != "nt" else "a #b %20 &c \xe9"


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_repository_may_lie_anywhere(tmp_path: Path) -> None:
    """A real build, in a path of all that means something in addresses, patterns and shells."""
    repository = tmp_path / ODD_FOLDER
    pyproject = (
        '[build-system]\nrequires = ["hatchling"]\nbuild-backend = "hatchling.build"\n'
        '[project]\nname = "tubeq"\nversion = "1"\n'
        '[project.optional-dependencies]\ndemo = []\n'
        '[tool.hatch.build.targets.wheel]\npackages = ["src/tubeq"]\n'
    )  # fmt: skip
    files = {"src/tubeq/__init__.py": "HERE = True\n", "pyproject.toml": pyproject}
    Repository(repository).commit("x", files)

    side = prepare_side(repository, "HEAD")

    asked = [str(side.python), "-c", "import tubeq; print(tubeq.HERE)"]
    assert subprocess.run(asked, capture_output=True, text=True, check=True).stdout == "True\n"
