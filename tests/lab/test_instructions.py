"""Instructions repeat exactly, do not see comments, and see two per cent more work."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import tubeq
from benchmarks.lab import instructions
from benchmarks.lab.instructions import SMALLEST_CHANGE, measure_instructions, why_not

SCENARIO = "claim-lifo-1e3"
pytestmark = pytest.mark.timeout(180)
needs_valgrind = pytest.mark.skipif(bool(why_not()), reason=why_not() or "-")


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the package, to change; its parent folder."""
    source = Path(tubeq.__file__).parent
    folder = tmp_path / "copy"
    shutil.copytree(source, folder / "tubeq", ignore=shutil.ignore_patterns("__pycache__"))
    return folder


def count(folder: Path) -> float:
    return measure_instructions(SCENARIO, environment={"PYTHONPATH": str(folder)})


def change(folder: Path, old: str, new: str) -> None:
    file = folder / "tubeq" / "storage" / "sqlite_claims.py"
    text = file.read_text("utf-8")
    assert text.count(old) == 1
    file.write_text(text.replace(old, new), "utf-8")


@needs_valgrind
def test_the_count_repeats_and_a_comment_or_two_per_cent_more_work_is_told_apart(
    copy: Path,
) -> None:
    before = count(copy)
    assert count(copy) == before

    line = "        changes = claim_changes(request, now)\n        if request.strategy"
    change(copy, line, f"        # A comment.\n{line}")
    assert count(copy) / before == pytest.approx(1.0, abs=SMALLEST_CHANGE)

    busy = "        for _ in range(100):\n            pass\n"
    change(copy, line, busy + line)
    assert 1.01 < count(copy) / before < 1.1


@needs_valgrind
def test_a_scenario_that_the_package_lacks_and_one_that_fails_are_told_apart(copy: Path) -> None:
    (copy / "tubeq" / "__init__.py").write_text("", "utf-8")
    with pytest.raises(NotImplementedError, match="QueueManager"):
        count(copy)
    with pytest.raises(RuntimeError, match="no-such"):
        measure_instructions("no-such")


def test_without_valgrind_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(instructions.platform, "machine", lambda: "x86_64")
    monkeypatch.setattr(instructions.shutil, "which", lambda _: None)
    with pytest.raises(NotImplementedError, match="install"):
        measure_instructions(SCENARIO)


@needs_valgrind
def test_outside_of_valgrind_the_requests_do_nothing() -> None:
    code = "from benchmarks.lab.instructions import _Requests as R; print(R().count(lambda: 7))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "7\n"
