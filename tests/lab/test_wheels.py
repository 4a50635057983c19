"""Wheels as sides of a comparison: without git, without a repository, without a network."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.common.exits import BadInput
from benchmarks.common.project import LAB
from benchmarks.contenders.revisions import check_side, package_folder, prepare_side
from benchmarks.records.packages import content_key

from .test_elsewhere import PACKAGE, PARSE, PLANT, Elsewhere
from .wheel_file import write_wheel

SLOWER = PACKAGE.replace(PARSE, PLANT)
NEEDS_PYTEST = "Requires-Dist: pytest>=8\nRequires-Dist: no; extra == 'x'\n"


class Unpacked(Elsewhere):
    """The other project as an archive would leave it, where no git is to be found."""

    def git(self, *_: str) -> str:
        return ""

    def lab(self, *arguments: str, code: int = 0) -> subprocess.CompletedProcess[str]:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("PATH", "")
            return super().lab(*arguments, code=code)


@pytest.fixture
def unpacked(tmp_path: Path) -> Unpacked:
    return Unpacked(tmp_path / "unpacked")


def wheel(folder: Path, text: str = PACKAGE, **more: str) -> str:
    return str(write_wheel(folder, {"other/__init__.py": text}, **more))


def test_equal_wheels_are_one_package(unpacked: Unpacked, tmp_path: Path) -> None:
    one, two = (wheel(tmp_path / each) for each in ("one", "two"))
    said = unpacked.lab("gate", one, two, "--quiet").stdout
    assert f"{two} and {one} have the same package" in said
    assert "the same package" in unpacked.lab("compare", one, ".", "--quiet").stdout


def test_a_planted_tenth_is_red_by_counts_and_named(unpacked: Unpacked, tmp_path: Path) -> None:
    base, head = wheel(tmp_path / "base"), wheel(tmp_path / "head", SLOWER)
    exact = ("--workload", "parse", "--no-time", "--quiet")
    said = unpacked.lab("gate", base, head, *exact, code=1).stdout
    assert f"regressed: {head} compared with {base}" in said


def test_two_wheels_are_timed_as_two_packages(unpacked: Unpacked, tmp_path: Path) -> None:
    base, head = wheel(tmp_path / "base"), wheel(tmp_path / "head", SLOWER)
    options = ("--pairs", "4", "--no-counters", "--workload", "parse", "--json", "--quiet")
    said = json.loads(unpacked.lab("compare", base, head, *options).stdout)
    assert said["base"] == {"name": base, "commit": "", "dirty": False}
    (work,) = said["workloads"]
    assert work["pairs"] == 4
    (median,) = (each for each in work["metrics"] if each["metric"] == "latency_p50_ms")
    assert median["effect"] > 0.05  # a tenth was planted, and 5 % is what counts


def test_what_cannot_be_measured_is_said_in_one_line(unpacked: Unpacked, tmp_path: Path) -> None:
    def said(base: str) -> str:
        text = unpacked.lab("gate", base, ".", code=2).stderr
        assert text.count("\n") == 1
        return text

    text = tmp_path / "other-1-py3-none-any.whl"
    assert f"there is no wheel {text}" in said(str(text))
    text.write_text("words")
    assert "is not a wheel: File is not a zip file" in said(str(text))
    folder = tmp_path / "other-2-py3-none-any.whl"
    folder.mkdir()
    assert "is not a wheel: " in said(str(folder))
    renamed = tmp_path / "other.whl"
    renamed.write_bytes(Path(wheel(tmp_path / "right")).read_bytes())
    assert "is not a wheel: Invalid wheel filename" in said(str(renamed))
    other = write_wheel(tmp_path, {"tiny/__init__.py": ""}, name="tiny")
    assert "is a wheel of tiny, and other is measured here" in said(str(other))
    empty = write_wheel(tmp_path / "empty", {"another/__init__.py": ""})
    assert f"there is no other in {empty}" in said(str(empty))
    old = wheel(tmp_path / "old", tag="cp27-cp27m-win32")
    assert "is for cp27-cp27m-win32, and does not run in CPython 3." in said(old)
    new = wheel(tmp_path / "new", metadata="Requires-Python: >=4\n")
    assert "needs Python >=4, which CPython 3." in said(new)
    lacks = wheel(tmp_path / "lacks", metadata="Requires-Dist: nowhere-to-be-found>=1\n")
    assert "needs nowhere-to-be-found>=1, which" in said(lacks)
    newer = wheel(tmp_path / "newer", metadata="Requires-Dist: pytest>=900\n")
    assert "needs pytest>=900, which" in said(newer)
    bad = wheel(tmp_path / "bad", metadata="Requires-Dist: >>>\n")
    assert "is not a wheel: " in said(bad)


@pytest.fixture
def own(monkeypatch: pytest.MonkeyPatch, unpacked: Unpacked) -> Iterator[Path]:
    """The other project as this process's own."""
    from benchmarks.common import project

    monkeypatch.setenv("LAB_PROJECT", str(unpacked.folder))
    monkeypatch.chdir(unpacked.folder)
    project.project.cache_clear()
    yield unpacked.folder
    monkeypatch.undo()
    project.project.cache_clear()


def test_what_a_wheel_needs_tells_packages_apart(own: Path, tmp_path: Path) -> None:
    def key(name: str) -> str:
        return content_key(package_folder(own, name).parents[1])

    plain, needy = wheel(tmp_path / "plain"), wheel(tmp_path / "needy", metadata=NEEDS_PYTEST)
    assert key(plain) == key(".") != key(needy)
    described = own / "pyproject.toml"
    text = described.read_text("utf-8").replace("[tool", 'dependencies = ["pytest>=8"]\n[tool', 1)
    described.write_text(text, "utf-8")
    assert key(needy) == key(".")


def test_a_wheel_of_the_same_name_with_other_content_is_another(own: Path, tmp_path: Path) -> None:
    one, two = wheel(tmp_path / "one"), wheel(tmp_path / "two", SLOWER)
    sides = [prepare_side(own, each) for each in (one, two)]
    assert sides[0].path != sides[1].path
    assert len(str(sides[0].path[0])) == len(str(sides[1].path[0]))  # lengths move timings
    assert prepare_side(own, one) == sides[0]
    Path(one).write_bytes(Path(two).read_bytes())
    assert prepare_side(own, one).path == sides[1].path
    assert not check_side(own, one)["dirty"]
    with pytest.raises(BadInput, match="no wheel"):
        prepare_side(own, "gone-1-py3-none-any.whl")


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("uv"), reason="builds with uv")
def test_a_built_wheel_compares_with_revisions(tmp_path: Path) -> None:
    made = Elsewhere(tmp_path / "repository")
    build = ["uv", "build", "--wheel", "--quiet", "--out-dir", str(tmp_path / "dist")]
    environment = {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"}
    subprocess.run([*build, str(made.folder)], check=True, cwd=LAB, env=environment)
    (built,) = map(str, (tmp_path / "dist").glob("*.whl"))
    assert "the same package" in made.lab("gate", built, "--quiet").stdout
    made.package("Slower", SLOWER)
    exact = ("--workload", "parse", "--no-time", "--quiet")
    assert made.lab("gate", built, *exact, code=1)
    options = ("--workload", "total", "--no-counters", "--pairs", "4", "--json", "--quiet")
    said = json.loads(made.lab("compare", built, "HEAD", *options).stdout)
    assert said["head"]["commit"] == made.git("rev-parse", "HEAD")
