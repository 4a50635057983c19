"""lab.toml, and that nothing else in the lab says what is measured."""

from __future__ import annotations

import ast
import os
from pathlib import Path

import pytest

from benchmarks.common.exits import BadInput
from benchmarks.common.project import LAB, choose, project, root

GOOD = """
name = "other"
source = "src/other"
workloads = "work"
counted = ["one"]
timed = ["one"]
"""
PARTS = ("id", "attr", "name", "module")
ENGINE = ("common", "measuring", "records", "judging", "reporting", "proving", "commands")


@pytest.fixture(autouse=True)
def _again():
    yield
    os.environ.pop("LAB_PROJECT", None)
    project.cache_clear()


def test_the_labs_own_project_is_read_and_needs_no_variable(monkeypatch):
    monkeypatch.chdir(LAB / "docs")
    choose()
    assert root() == LAB and "LAB_PROJECT" not in os.environ
    assert project().package == "tubeq" and project().requirement == "tubeq[demo]"
    assert len(project().counted) == 8 and len(project().timed) == 3


def test_another_project_is_found_above_the_current_folder_or_where_it_is_said(
    tmp_path, monkeypatch
):
    (tmp_path / "lab.toml").write_text(GOOD)
    (tmp_path / "src" / "other").mkdir(parents=True)
    (tmp_path / "below").mkdir()
    monkeypatch.chdir(tmp_path / "below")
    choose()
    assert root() == tmp_path.resolve() and project().package == "other"
    monkeypatch.chdir(LAB)
    choose(tmp_path)
    assert project().requirement == "other" and os.environ["LAB_PROJECT"] == str(root())


def test_a_folder_without_a_project_is_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for folder in (None, tmp_path):
        with pytest.raises(BadInput, match=r"there is no lab.toml in .* --project"):
            choose(folder)


@pytest.mark.parametrize(
    ("lines", "why"),
    [
        ("name =", "lab.toml: "),
        (GOOD.replace('name = "other"', ""), "name is missing"),
        (GOOD + 'color = "red"', "there is no 'color'; there are name, source"),
        (GOOD + "extras = 3", "extras is a list of strings"),
        (GOOD + "extras = [3]", "extras is a list of strings"),
        (GOOD.replace('"work"', "3"), "workloads is a string"),
        (GOOD.replace('["one"]', "[]"), "counted is missing"),
        (GOOD.replace('"other"', '"an/other"'), "name = 'an/other' is not the name of a package"),
        (GOOD.replace("src/other", "src/others"), "'src/others' is not a folder of "),
        (GOOD.replace("src/other", "../x/src"), "'../x/src' is not a folder of this repository"),
        (GOOD.replace("src/other", "/tmp"), "'/tmp' is not a folder of this repository"),
    ],
)
def test_a_wrong_lab_toml_is_refused_in_one_line(tmp_path, lines, why):
    (tmp_path / "src" / "other").mkdir(parents=True)
    (tmp_path / "lab.toml").write_text(lines)
    choose(tmp_path)
    with pytest.raises(BadInput) as error:
        project()
    assert why in str(error.value) and "\n" not in str(error.value)


def test_the_engine_knows_numbers_never_this_repository():
    """A string or a name in it would be one more place that says what is measured."""
    found = []
    for folder in ENGINE:
        for path in sorted((LAB / "benchmarks" / folder).rglob("*.py")):
            found += [f"{path.relative_to(LAB)}: {each!r}" for each in _named(path)]
    for path in sorted((LAB / "benchmarks" / "reporting").rglob("*.*")):
        if path.suffix in {".html", ".css", ".js", ".svg"} and "tubeq" in path.read_text("utf-8"):
            found.append(str(path.relative_to(LAB)))
    assert not found, "\n".join(found)


def _named(path: Path) -> list[str]:
    words = []
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            words.append(node.value)
        words += [str(getattr(node, part, "")) for part in PARTS]
    marks = ("tubeq", "src/", "[demo]")
    return [word[:80] for word in words if any(mark in word.lower() for mark in marks)]
