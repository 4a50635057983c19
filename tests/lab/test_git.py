"""Git in every state that a checkout can be in, with every configuration that a user can have."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks.__main__ import main
from benchmarks.commands import bisect
from benchmarks.common import git
from benchmarks.common.exits import BadInput, ExitCode, InfrastructureError
from benchmarks.common.git import is_dirty, resolve
from benchmarks.contenders import revisions
from benchmarks.contenders.revisions import WORK, source_tree
from benchmarks.records import history
from benchmarks.records.packages import distinct_packages

from .git_repository import Repository

LATIN = "Gr\xfc\xdfe".encode("latin-1")
HOSTILE_CONFIGURATION = """
[user]
    name = Some One
    email = some.one@example.org
[alias]
    status = log
    rev-parse = log
[color]
    ui = always
[core]
    quotePath = true
    pager = false
    autocrlf = true
    fsmonitor = /nowhere/at/all
[diff]
    external = /nowhere/at/all
    noprefix = true
[format]
    pretty = fuller
[gpg]
    program = /nowhere/at/all
[i18n]
    logOutputEncoding = latin1
[log]
    date = relative
    showSignature = true
[status]
    showUntrackedFiles = no
    short = true
    branch = true
"""


def git_(repository: Path | str, *arguments: str | bytes, **environment: str) -> bytes:
    """Git as a user runs it, and may have configured it."""
    command = ["git", "-C", str(repository), *arguments]
    env = {**os.environ, **environment}
    return subprocess.run(command, check=True, capture_output=True, env=env).stdout.strip()


@pytest.fixture(autouse=True)
def configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user's own, without anything odd."""
    path = tmp_path / "gitconfig"
    path.write_text("[user]\nname = x\nemail = x@example.org\n[init]\ndefaultBranch = main\n")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(path))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    return path


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Three commits on main, and one on a branch that ends at the first."""
    made = Repository(tmp_path / "repository")
    for number in (1, 2, 3):
        files = {".gitignore": ".lab/\n", "src/tubeq/__init__.py": f"NUMBER = {number}\n"}
        made.commit(f"commit {number}", files)
    made.git("checkout", "--quiet", "-b", "aside", "HEAD~2")
    made.commit("aside")
    made.git("checkout", "--quiet", "main")
    return made.folder


@pytest.fixture
def install_as_git(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Put a shell script in git's place."""
    program = tmp_path / "bin" / "git"
    program.parent.mkdir()
    monkeypatch.setenv("PATH", str(program.parent), prepend=os.pathsep)

    def install(script: str) -> None:
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)

    return install


def clone(repository: Path, name: str, *options: str) -> Path:
    to = repository.parent / name
    git_(repository.parent, "clone", "--quiet", *options, repository.as_uri(), str(to))
    return to


def why(repository: Path, name: str = "main") -> tuple[str, int]:
    """What is said of a revision that cannot be had, and with which exit code."""
    with pytest.raises(InfrastructureError) as caught:
        resolve(repository, name)
    return str(caught.value), caught.value.exit_code


def test_a_shallow_clone_is_told_how_to_become_whole(repository: Path) -> None:
    shallow = clone(repository, "shallow", "--depth", "1")
    head = resolve(shallow, "HEAD")
    told, code = why(shallow, "HEAD~1")
    assert "fetch-depth: 0" in told
    assert "git fetch --unshallow" in told
    assert code == ExitCode.INFRASTRUCTURE  # the name may be right
    old = git_(repository, "rev-parse", "HEAD~2").decode()
    git_(repository, "config", "uploadpack.allowAnySHA1InWant", "true")
    git_(shallow, "fetch", "--quiet", "--depth", "1", "origin", old)
    with pytest.raises(git.HistoryMissing, match="--unshallow"):
        git.commits_after(shallow, old, head)  # an ancestor, which the clone cannot tell


def test_what_is_no_ancestor_is_bad_input_and_an_ancestor_is_one(repository: Path) -> None:
    main, aside, first = (resolve(repository, name) for name in ("main", "aside", "main~2"))
    assert git.commits_after(repository, first, main) == [
        resolve(repository, "main~1"), main,
    ]  # fmt: skip
    with pytest.raises(BadInput, match="not an ancestor"):
        git.commits_after(repository, aside, main)
    with pytest.raises(git.GitFailed, match="git"):  # git's own error is no answer
        git.commits_after(repository, "0" * 39 + "1", main)


def test_bisect_says_what_is_wrong(
    repository: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(bisect, "ROOT", repository)

    def told(*arguments: str) -> tuple[int, str]:
        return main(["bisect", *arguments]), capsys.readouterr().err

    assert told("aside", "main", "claim-lifo-1e3")[0] == ExitCode.BAD_INPUT
    code, words = told("main", "main", "claim-lifo")
    assert code == ExitCode.BAD_INPUT
    assert "did you mean claim-lifo-1e" in words
    shutil.rmtree(repository / ".git")
    code, words = told("main~1", "main", "claim-lifo-1e3")
    assert code == ExitCode.INFRASTRUCTURE
    assert "not a git repository" in words


def test_an_unpacked_archive(repository: Path, tmp_path: Path) -> None:
    shutil.rmtree(repository / ".git")
    told, code = why(repository)
    assert "not a git repository" in told
    assert "compare folders (./one ./other) or wheels" in told
    assert code == ExitCode.INFRASTRUCTURE
    assert revisions.prepare_side(repository, str(repository)).path  # folders need no git


def test_an_archive_unpacked_inside_another_repository(repository: Path) -> None:
    inside = repository / ".lab" / "unpacked"
    inside.mkdir(parents=True)
    told, code = why(inside)
    assert "not part of the repository that it lies in" in told
    assert code == ExitCode.INFRASTRUCTURE
    assert resolve(repository / "src", "main") == resolve(repository, "main")


def test_the_repository_of_another_owner(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    told, code = why(repository)
    assert "dubious ownership" in told
    assert f"git config --global --add safe.directory '{repository}'" in told
    assert code == ExitCode.INFRASTRUCTURE
    with pytest.raises(InfrastructureError, match=r"safe\.directory"):
        is_dirty(repository)
    with pytest.raises(InfrastructureError, match=r"safe\.directory"):
        history.commit_of("HEAD", repository)
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")  # the remedy, given by the environment
    monkeypatch.setenv("GIT_CONFIG_KEY_0", "safe.directory")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", str(repository))
    assert resolve(repository, "main")


def test_a_repository_without_commits(tmp_path: Path) -> None:
    git_(tmp_path, "init", "--quiet", "empty")
    for name in ("HEAD", "main"):
        told, code = why(tmp_path / "empty", name)
        assert "no commit yet" in told
        assert code == ExitCode.BAD_INPUT


def test_a_bare_repository(repository: Path) -> None:
    bare = clone(repository, "bare.git", "--bare")
    assert resolve(bare, "main") == resolve(repository, "main")
    with pytest.raises(InfrastructureError, match="a bare repository has no files"):
        source_tree(bare, WORK)


def test_detached_worktree_and_submodule(repository: Path, tmp_path: Path) -> None:
    wanted = resolve(repository, "main")
    git_(repository, "checkout", "--quiet", "--detach", "HEAD~1")
    assert resolve(repository, "main") == wanted
    assert resolve(repository, "HEAD") == resolve(repository, "main~1")
    git_(repository, "worktree", "add", "--quiet", str(tmp_path / "tree"), "main")
    assert resolve(tmp_path / "tree", "HEAD") == wanted
    git_(tmp_path, "init", "--quiet", "above")
    allowed = ("-c", "protocol.file.allow=always")
    git_(tmp_path / "above", *allowed, "submodule", "add", "--quiet", repository.as_uri(), "part")
    assert resolve(tmp_path / "above" / "part", "HEAD") == resolve(repository, "HEAD")


def test_git_is_not_installed(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(repository))
    told, code = why(repository)
    assert "git is not installed" in told
    assert code == ExitCode.INFRASTRUCTURE


@pytest.mark.skipif(sys.platform == "win32", reason="a shell script as git")
@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("kill -9 $$", "ended by signal 9"),
        ("echo 'fatal: bad config line 7 in file x' >&2; exit 128", "bad config line 7"),
        ("exit 3", "ended with 3"),
    ],
)
def test_whatever_git_ends_with_is_said_and_is_no_answer(
    script: str, words: str, repository: Path, install_as_git: Callable[[str], None]
) -> None:
    install_as_git(script)
    told, code = why(repository)
    assert words in told
    assert code == ExitCode.INFRASTRUCTURE
    with pytest.raises(InfrastructureError, match=words):
        is_dirty(repository)


@pytest.mark.parametrize("name", ["", "-n1", "--all", "HEAD..main", "no such", "HEAD:src", "a\nb"])
def test_what_is_no_revision_is_bad_input(repository: Path, name: str) -> None:
    assert why(repository, name)[1] == ExitCode.BAD_INPUT


def test_a_name_that_is_close_is_offered(repository: Path) -> None:
    assert "did you mean main?" in why(repository, "mian")[0]
    cloned = clone(repository, "cloned", "--branch", "aside")
    assert "did you mean origin/main?" in why(cloned, "main")[0]


def test_the_users_configuration_changes_nothing(
    repository: Path, configuration: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each answer as before, with everything in the way that a user can put there."""
    (repository / "src" / "tubeq" / "n\xe4me\n\"x'.py").write_text("")

    def answers() -> list[object]:
        tree = source_tree(repository, "main")
        work = source_tree(repository, WORK)
        return [
            resolve(repository, "main"),
            history.commit_of("main~1", repository),
            distinct_packages(repository, "main"),
            (tree / "src" / "tubeq" / "__init__.py").read_bytes(),
            sorted(path.name for path in (work / "src" / "tubeq").iterdir()),
            is_dirty(repository),
            git.is_dirty(repository, but_for_results=True),
        ]

    before = answers()
    shutil.rmtree(repository / ".lab")
    configuration.write_text(HOSTILE_CONFIGURATION)
    other = repository.parent / "other"
    git_(repository.parent, "init", "--quiet", str(other))
    for name, value in {
        "GIT_DIR": str(other / ".git"),  # as in a hook
        "GIT_INDEX_FILE": str(other / "index"),
        "GIT_WORK_TREE": str(other),
        "GIT_PREFIX": "src/",
        "GIT_LITERAL_PATHSPECS": "1",
        "GIT_TRACE": "2",
        "GIT_PAGER": "false",
        "GIT_EXTERNAL_DIFF": "false",
        "LANGUAGE": "de",
        "LC_ALL": "de_DE.ISO-8859-1",
    }.items():
        monkeypatch.setenv(name, value)
    assert answers() == before
    assert "git knows no revision 'nope'" in why(repository, "nope")[0]


@pytest.mark.skipif(sys.platform != "linux", reason="file names are bytes")
def test_a_file_name_that_is_no_utf8(repository: Path) -> None:
    name = os.fsdecode(LATIN)
    (repository / name).write_text("")
    (repository / "src" / "tubeq" / name).write_text("")
    assert is_dirty(repository)
    tree = source_tree(repository, WORK)
    assert [path.name for path in (tree / "src" / "tubeq").iterdir()] == ["__init__.py"]
    git_(repository, "add", "--all")
    git_(repository, "commit", "--quiet", "--message", "x")
    assert (source_tree(repository, "main") / name).exists()


@pytest.mark.parametrize("declared", [True, False])
def test_a_subject_and_an_author_in_another_encoding(repository: Path, declared: bool) -> None:
    raw = git_(repository, "cat-file", "commit", "HEAD")
    head, _, _ = raw.partition(b"\n\n")
    encoding = b"\nencoding ISO-8859-1" if declared else b""
    raw = head.replace(b"author T", b"author " + LATIN) + encoding + b"\n\n" + LATIN + b"\n"
    made = ["git", "-C", str(repository), "hash-object", "-t", "commit", "-w", "--stdin"]
    sha = subprocess.run(made, input=raw, capture_output=True, check=True).stdout.decode().strip()
    git_(repository, "reset", "--quiet", "--soft", sha)

    subject = history.commit_of("HEAD", repository).subject

    assert subject == ("Gr\xfc\xdfe" if declared else "Gr\ufffd\ufffde")
    assert git.commits_in(repository, "main~1..main") == [sha]
    assert git.describe(repository, sha)[1] == subject


def test_a_damaged_repository_is_not_called_none(repository: Path) -> None:
    (repository / ".git" / "HEAD").write_text("garbage")
    with pytest.raises(InfrastructureError, match="damaged"):
        resolve(repository, "main")


@pytest.mark.skipif(sys.platform == "win32", reason="a shell script")
def test_a_program_that_answers_nonsense_is_no_git(
    repository: Path, install_as_git: Callable[[str], None]
) -> None:
    install_as_git("echo garbage")
    with pytest.raises(InfrastructureError, match="not the id of a commit"):
        resolve(repository, "main")
