"""What CI makes of exit codes: of the gate's, 0 and 4 (undecided) pass; of others, 0 alone."""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.commands import backfill
from tests.windows import summary

from .git_repository import Repository, git

ROOT = Path(__file__).resolve().parents[2]
CODES = [(0, 0), (1, 1), (2, 2), (3, 3), (4, 0), (130, 130)]

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="CI runs the gate on Linux")


@pytest.fixture
def tools(tmp_path: Path) -> Path:
    """A `uv` that ends with $GATE_CODE where it is to run the gate, with 1 where it is to run
    $RED_STEP; and a browser."""
    folder = tmp_path / "tools"
    folder.mkdir()
    gate = '*"benchmarks gate"*) exit "$GATE_CODE";;'
    red = '*"${RED_STEP:-none}"*) exit 1;;'
    for name, script in (("uv", f'case "$*" in {gate} {red} esac\n'), ("chromium", "")):
        (folder / name).write_text(f"#!/bin/sh\n{script}")
        (folder / name).chmod(0o755)
    return folder


def end_of(command: list[str], tools: Path, folder: Path, code: int) -> int:
    path = os.pathsep.join([str(tools), os.environ["PATH"]])
    environment = {**os.environ, "PATH": path, "GATE_CODE": str(code), "BASE": "origin/main"}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, check=False)
    return done.returncode


@pytest.mark.parametrize(("code", "wanted"), CODES)
def test_the_script(tools: Path, tmp_path: Path, code: int, wanted: int) -> None:
    for name in (".ci/run", "README.md"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    (tmp_path / ".ci" / "windows").write_text('exit "${WINDOWS_CODE:-0}"')

    assert end_of(["bash", ".ci/run"], tools, tmp_path, code) == wanted


@pytest.mark.parametrize(
    "step", ["history --check", "zizmor --offline .github", "check-jsonschema --builtin-schema"]
)
def test_a_red_step_makes_the_script_red(
    tools: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    monkeypatch.setenv("RED_STEP", step)
    test_the_script(tools, tmp_path, 0, 1)


@pytest.mark.parametrize(("code", "wanted"), [(0, 0), (1, 1), (4, 0)])
def test_a_red_windows_leg_is_said_and_decides_nothing_yet(
    tools: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, wanted: int
) -> None:
    monkeypatch.setenv("WINDOWS_CODE", "3")
    test_the_script(tools, tmp_path, code, wanted)


@pytest.mark.parametrize(("code", "wanted"), CODES)
def test_the_workflow(tools: Path, tmp_path: Path, code: int, wanted: int) -> None:
    lines = (ROOT / ".github/workflows/lab.yml").read_text("utf-8").splitlines()
    first = next(number for number, line in enumerate(lines) if "run: |" in line) + 1
    deep = len(lines[first]) - len(lines[first].lstrip())
    script = []
    for line in lines[first:]:
        if line.strip() and not line.startswith(" " * deep):
            break
        script.append(line[deep:])
    assert any("benchmarks gate" in line for line in script)

    assert end_of(["bash", "-e", "-c", "\n".join(script)], tools, tmp_path, code) == wanted


def test_windows_and_macos_run_the_tests_as_the_readme_says() -> None:
    command = re.findall("^uv run pytest.*$", (ROOT / "README.md").read_text("utf-8"), re.MULTILINE)
    text = (ROOT / ".github/workflows/ci.yml").read_text("utf-8")
    _, _, job = text.partition("system: [windows-latest, macos-latest]")
    assert f"- run: {command[0]} " in job
    classifiers = (ROOT / "pyproject.toml").read_text("utf-8")
    oldest, *_, newest = re.findall(r'Python :: (3\.\d+)"', classifiers)
    assert f'python: ["{oldest}", "{newest}"]' in job


class Remote:
    """A bare repository, and a clone of it that has measured something."""

    def __init__(self, folder: Path) -> None:
        self.bare = folder / "bare"
        git(folder, "init", "--quiet", "--bare", "--initial-branch=main", str(self.bare))
        self.clone = self.cloned("clone").folder
        self.push(Repository(self.clone), "code")

    def cloned(self, name: str) -> Repository:
        git(self.bare.parent, "clone", "--quiet", str(self.bare), name)
        return Repository(self.bare.parent / name)

    def push(self, clone: Repository, name: str) -> None:
        clone.commit(name, {name: "x"})
        clone.git("push", "--quiet", "origin", "main")

    def measure(self, package: str) -> subprocess.CompletedProcess[str]:
        path = self.clone / "results" / "counts" / f"{package}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("{}")
        who = {f"GIT_{role}_{what}": "t@example.org"
            for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}  # fmt: skip
        return subprocess.run(
            ["bash", str(ROOT / ".ci" / "keep-results")], cwd=self.clone, capture_output=True,
            env={**os.environ, **who}, text=True, check=False,
        )  # fmt: skip

    def files(self, branch: str) -> set[str]:
        return set(git(self.bare, "ls-tree", "-r", "--name-only", branch).split())


def test_what_is_measured_is_pushed_though_others_push_too(tmp_path: Path) -> None:
    remote = Remote(tmp_path)
    remote.push(remote.cloned("other"), "results/counts/two.json")

    assert remote.measure("one").returncode == 0

    assert remote.files("main") == {"code", *(f"results/counts/{n}.json" for n in ("one", "two"))}
    first_parents = git(remote.bare, "log", "--first-parent", "--format=%s")
    assert "results/counts/two.json" in first_parents
    assert "nothing new" in remote.measure("one").stdout


def test_where_main_is_protected_it_goes_to_the_branch_results(tmp_path: Path) -> None:
    remote = Remote(tmp_path)
    hook = remote.bare / "hooks" / "update"
    hook.write_text('#!/bin/sh\n[ "$1" != refs/heads/main ]\n')
    hook.chmod(0o755)

    done = remote.measure("one")

    assert done.returncode == 0, done.stderr
    assert "results/counts/one.json" in remote.files("results")
    assert remote.files("main") == {"code"}
    assert remote.measure("two").returncode == 0
    assert {f"results/counts/{n}.json" for n in ("one", "two")} <= remote.files("results")


def test_the_workflow_that_measures_gives_options_that_there_are() -> None:
    text = (ROOT / ".github/workflows/measure.yml").read_text("utf-8")
    commands = re.findall(r"benchmarks backfill((?:\s+(?:--)?[a-z0-9-]+)+)", text)
    assert len(commands) == 3
    for command in commands:
        parser = argparse.ArgumentParser()
        backfill.add_arguments(parser)
        own = command.partition(" - name")[0].partition("\n      -")[0].split()
        options = parser.parse_args(own)
        assert (options.range, str(options.results)) == ("HEAD", "results")


def test_a_push_that_changes_only_results_is_not_measured() -> None:
    text = (ROOT / ".github/workflows/measure.yml").read_text("utf-8")
    _, _, paths = text.partition("paths:")
    assert [each.strip() for each in paths.partition("schedule:")[0].splitlines() if each] == [
        '- "src/**"', '- "pyproject.toml"', ""
    ]  # fmt: skip


CASE = '<testcase classname="t" name="{}">{}</testcase>'
SKIPPED = '<skipped type="pytest.{}" message="no git here"/>'


@pytest.mark.parametrize(
    ("again", "code", "said"),
    [
        ("<failure/>", 1, "failed in the end: t::red"),
        ("", 0, "passed in the end: t::red"),
        (SKIPPED.format("xfail"), 1, "50.0% of the tests"),
    ],
)
def test_the_windows_leg_is_red_by_what_fails_twice_or_by_too_many(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], again: str, code: int, said: str
) -> None:
    first = [("green", ""), ("red", "<failure/>"), ("git", SKIPPED.format("skip"))]
    runs = []
    for number, cases in enumerate((first, [("red", again)])):
        runs.append(str(tmp_path / f"{number}.xml"))
        text = "".join(CASE.format(name, end) for name, end in cases)
        Path(runs[-1]).write_text(f"<testsuites>{text}</testsuites>")

    assert summary.main(runs) == code

    out = capsys.readouterr().out
    assert said in out
    assert "left out: 1 x no git here" in out
