"""The lab in a small other repository, made of the two files that docs/lab-elsewhere.md shows."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from benchmarks.common.project import LAB

from .git_repository import Repository

PAGE = (LAB / "docs" / "lab-elsewhere.md").read_text("utf-8")
PACKAGE = '''"""Numbers in lines of text."""


def parse(line):
    return [int(each) for each in line.split(",")]


def total(line):
    return sum(parse(line))
'''
PYPROJECT = """
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "other"
version = "1"

[tool.hatch.build.targets.wheel]
packages = ["src/other"]
"""
PARSE = "def parse(line):\n"
PLANT = f"{PARSE}    for _ in range(23):\n        len(line)\n"
"""About a tenth more instructions than parsing forty numbers has."""


def block(language: str) -> str:
    """The page's first block of code in that language."""
    return re.search(f"```{language}\n(.*?)```", PAGE, re.DOTALL)[1]


class Elsewhere(Repository):
    """The other repository."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        (folder / "lab.toml").write_text(block("toml"))
        (folder / "lab_work.py").write_text(block("python"))
        (folder / "pyproject.toml").write_text(PYPROJECT)
        (folder / ".gitignore").write_text(".lab/\n__pycache__/\n")
        self.package("First", PACKAGE)

    def package(self, subject: str, text: str) -> None:
        """Commit another one."""
        self.commit(subject, {"src/other/__init__.py": text})

    def lab(self, *arguments: str, code: int = 0) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "PYTHONPATH": str(LAB)}
        environment.pop("GITHUB_STEP_SUMMARY", None)
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks", *arguments],
            cwd=self.folder, env=environment, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == code, done.stdout + done.stderr
        assert "Traceback" not in done.stderr
        return done


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory) -> Elsewhere:
    made = Elsewhere(tmp_path_factory.mktemp("elsewhere"))
    made.package("A comment", PACKAGE.replace(PARSE, f"# Lines come from a file.\n{PARSE}"))
    made.package("Slower", PACKAGE.replace(PARSE, PLANT))
    return made


@pytest.mark.slow
def test_run_measures_its_workloads(elsewhere):
    elsewhere.lab("run", "--profile", "smoke", "--quiet")
    listed = elsewhere.lab("run", "--list").stdout.split()
    assert listed == ["parse", "total"]


@pytest.mark.slow
def test_a_planted_tenth_is_red_and_a_comment_green(elsewhere):
    exact = ("--workload", "parse", "--no-time", "--quiet")
    with ThreadPoolExecutor(2) as gates:
        red = gates.submit(elsewhere.lab, "gate", "HEAD~1", "HEAD", *exact, code=1)
        green = gates.submit(elsewhere.lab, "gate", "HEAD~2", "HEAD~1", *exact, code=0)
        assert red.result() and green.result()


@pytest.mark.slow
def test_compare_times_the_work_tree_in_environments_of_its_own(elsewhere):
    done = elsewhere.lab("compare", "HEAD~1", "WORK", "--pairs", "4", "--no-counters", "--json",
                         "--quiet", "--workload", "total")  # fmt: skip
    said = json.loads(done.stdout)
    assert said["head"]["name"] == "WORK"
    assert [(each["name"], each["pairs"]) for each in said["workloads"]] == [("total", 4)]


@pytest.mark.slow
def test_its_history_is_measured_and_published(elsewhere, tmp_path):
    said = elsewhere.lab("backfill", "--only", "time", code=2).stderr
    assert "anchor names no commit to compare with: write one into it" in said
    (elsewhere.folder / "results").mkdir()
    (elsewhere.folder / "results" / "anchor").write_text(elsewhere.git("rev-parse", "HEAD~2"))
    elsewhere.lab("backfill", "--only", "time", "--newest", "2", "--pairs", "4", "--workload",
                  "parse", "--results", "results", "--quiet")  # fmt: skip
    assert len(list(elsewhere.folder.glob("results/ratios/*/*.json"))) == 2
    elsewhere.lab("publish", "--out", str(tmp_path / "site"), "--quiet")
    overview = (tmp_path / "site" / "index.html").read_text("utf-8")
    assert "other <b>performance lab</b>" in overview and "tubeq" not in overview


def test_what_is_missing_is_said_in_one_line(tmp_path, elsewhere):
    other = Elsewhere(tmp_path)

    def said(*arguments: str) -> str:
        text = other.lab(*arguments, code=2).stderr
        assert text.count("\n") == 1
        return text

    assert "there is no workload 'pars': did you mean parse?" in said("run", "pars")
    (tmp_path / "lab.toml").write_text(block("toml").replace('["parse"]', '["pars"]'))
    assert "no workload for lab.toml's timed: 'pars': did you mean parse?" in said("run")
    (tmp_path / "lab.toml").write_text(block("toml").replace('"lab_work"', '"lab_wark"'))
    assert "lab.toml: workloads = 'lab_wark' cannot be imported: " in said("run")
    (tmp_path / "lab_work.py").write_text("WORKLOADS = ()\n")
    (tmp_path / "lab.toml").write_text(block("toml"))
    assert "no WORKLOADS = (...) in it" in said("run")
    (tmp_path / "lab.toml").write_text("name = ")
    assert "lab.toml: " in said("gate", "HEAD")
    (tmp_path / "lab.toml").unlink()
    assert "there is no lab.toml in" in said("run")
    assert "there is no lab.toml in" in said("--project", str(tmp_path), "publish")
