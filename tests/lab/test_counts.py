"""Which packages a history has, and where what is counted of them changed."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from benchmarks.__main__ import main
from benchmarks.commands import count
from benchmarks.common.exits import BadInput, ExitCode, InfrastructureError
from benchmarks.records import counts
from benchmarks.records.packages import Package, distinct_packages

ENVIRONMENT = {"cpu": "a", "python": "CPython 3.11.7", "seeds": [0]}
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
    environment = ENVIRONMENT
    package = packages(1)[0]
    path = counts.write(tmp_path, package, environment, counted(1000))

    assert counts.read(tmp_path, environment) == {package.key: counted(1000)}
    assert counts.read(tmp_path, {**environment, "cpu": "b"}) == {}
    path.write_text('{"schema": 1')
    assert counts.read(tmp_path, environment) == {}


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
    repository.commit("odd", src__tubeq__a_DOT_py="1", pyproject_DOT_toml=project)
    assert len(distinct_packages(repository.folder)) == 1


@pytest.mark.parametrize(
    "text",
    ["[]", "{}", '{"schema": 1}', '{"schema": 1, "workloads": 5}', '{"schema": "x"}', "[" * 9999,
     '{"schema": 1, "workloads": {"enqueue": 5}}',
     '{"schema": 1, "workloads": {"enqueue": {"instructions": 0, "counters": {}}}}',
     '{"schema": 1, "workloads": {"enqueue": {"instructions": NaN, "counters": {}}}}',
     '{"schema": 1, "workloads": {"enqueue": {"instructions": 5}}}',
     '{"schema": 1, "workloads": {"enqueue": {"instructions": 5, "counters": {"a": "b"}}}}'],
)  # fmt: skip
def test_a_file_that_makes_no_sense_is_counted_again(tmp_path: Path, text: str) -> None:
    path = counts.write(tmp_path, packages(1)[0], ENVIRONMENT, counted(1000))
    path.write_text(text)
    assert counts.read(tmp_path, ENVIRONMENT) == {}


def test_what_a_newer_lab_counted_is_not_replaced(tmp_path: Path) -> None:
    path = counts.write(tmp_path, packages(1)[0], ENVIRONMENT, counted(1000))
    path.write_text('{"schema": 2}')
    with pytest.raises(BadInput, match="newer"):
        counts.read(tmp_path, ENVIRONMENT)


def test_counts_that_cannot_be_kept_are_said_and_leave_nothing(tmp_path: Path) -> None:
    path = counts.write(tmp_path, packages(1)[0], ENVIRONMENT, counted(1000))
    path.unlink()
    path.mkdir()
    with pytest.raises(InfrastructureError, match="not kept"):
        counts.write(tmp_path, packages(1)[0], ENVIRONMENT, counted(1000))
    assert list(path.parent.iterdir()) == [path]


@pytest.fixture
def two_packages(
    repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> list[str]:
    """A repository with two packages, and no valgrind needed; their ids, and HEAD's last."""
    monkeypatch.setattr(count, "ROOT", tmp_path)
    monkeypatch.setattr(count, "why_not", lambda: "")
    monkeypatch.setattr(count, "_counted", lambda *_: counted(1000)["enqueue"])
    return [repository.commit(f"{n}", src__tubeq__a_DOT_py=f"{n}") for n in (1, 2)]


def run_count(*arguments: str) -> int:
    return main(["count", "--jobs", "1", *arguments])


def test_a_package_that_cannot_be_counted_is_a_gap(
    two_packages: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def some(package: Package, _: str) -> dict[str, Any]:
        if package.sha == two_packages[0]:
            raise RuntimeError("Traceback:\n  its check failed")
        return counted(1000)["enqueue"]

    monkeypatch.setattr(count, "_counted", some)
    given = ("--results", str(tmp_path / "results"))
    assert run_count(*given) == ExitCode.PASS
    out, err = capsys.readouterr()
    assert "1 of 2 packages" in out
    assert f"{two_packages[0][:7]}: not counted: Traceback: its check failed\n" in err
    assert run_count(f"{two_packages[0]}", *given, "--quiet") == ExitCode.INFRASTRUCTURE
    assert "nothing could be counted" in capsys.readouterr().err
    monkeypatch.setattr(count, "_counted", lambda *_: counted(1000)["enqueue"])
    assert run_count(*given, "--quiet") == ExitCode.PASS
    assert capsys.readouterr().err == ""


@pytest.mark.skipif(sys.platform == "win32", reason="links")
def test_what_is_kept_is_shown_without_valgrind(
    two_packages: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    git_only = tmp_path / "bin"
    git_only.mkdir()
    (git_only / "git").symlink_to(str(shutil.which("git")))
    monkeypatch.setenv("PATH", str(git_only))
    results = ("--results", str(tmp_path))
    assert run_count("--show", *results) == ExitCode.PASS
    assert "0 of 2 packages" in capsys.readouterr().out
    monkeypatch.setattr(count, "why_not", lambda: "install it")
    assert run_count(*results) == ExitCode.BAD_INPUT


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_ctrl_c_keeps_what_is_counted_and_calls_nothing_a_failure(
    two_packages: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def some(package: Package, workload: str) -> dict[str, Any]:
        if package.sha == two_packages[0] and workload == "enqueue":
            # As a terminal does: to the main thread and to the process that counts.
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
            raise RuntimeError("its process ended by signal 2")
        return counted(1000)["enqueue"]

    monkeypatch.setattr(count, "_counted", some)
    assert run_count("--results", str(tmp_path / "results")) == ExitCode.INTERRUPTED
    assert "not counted" not in capsys.readouterr().err
    assert len([*(tmp_path / "results").rglob("*.json")]) == 1


def test_a_shallow_clone_says_that_it_is_one(
    two_packages: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    clone = tmp_path / "clone"
    command = ["git", "clone", "--quiet", "--depth=1", tmp_path.as_uri(), str(clone)]
    subprocess.run(command, check=True)
    monkeypatch.setattr(count, "ROOT", clone)
    assert run_count("--show", "--results", str(tmp_path)) == ExitCode.PASS
    out, err = capsys.readouterr()
    assert "of 1 packages" in out
    assert "git fetch --unshallow" in err
