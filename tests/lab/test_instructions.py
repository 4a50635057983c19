"""Instructions repeat exactly, do not see comments, and see two per cent more work."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import tubeq
from benchmarks.measuring import instructions
from benchmarks.measuring.instructions import SMALLEST_CHANGE, measure_instructions, why_not

WORKLOAD = "claim-lifo-1e3"
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
    return measure_instructions(WORKLOAD, package=folder / "tubeq")


def change(folder: Path, old: str, new: str) -> None:
    file = folder / "tubeq" / "storage" / "sqlite" / "claims.py"
    text = file.read_text("utf-8")
    assert text.count(old) == 1
    file.write_text(text.replace(old, new), "utf-8")


@needs_valgrind
def test_the_count_repeats_and_a_comment_or_two_per_cent_more_work_is_told_apart(
    copy: Path,
) -> None:
    before = count(copy)
    assert count(copy) == before

    line = "        changes = self.changes(request, now, uptime_s)\n        if request.strategy"
    change(copy, line, f"        # A comment.\n{line}")
    assert count(copy) / before == pytest.approx(1.0, abs=SMALLEST_CHANGE)

    busy = "        for _ in range(100):\n            pass\n"
    change(copy, line, busy + line)
    assert 1.01 < count(copy) / before < 1.1


@needs_valgrind
def test_a_workload_that_the_package_lacks_and_one_that_fails_are_told_apart(copy: Path) -> None:
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
        measure_instructions(WORKLOAD)


@needs_valgrind
def test_outside_of_valgrind_the_requests_do_nothing() -> None:
    code = "from benchmarks.measuring import counting as c; print(c._Requests().count(lambda: 7))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "7\n"


@pytest.fixture
def fake_valgrind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A script on the PATH in valgrind's place, which fails."""
    monkeypatch.setattr(instructions, "why_not", lambda: "")
    path = tmp_path / "bin" / "valgrind"
    path.parent.mkdir()
    path.write_text("#!/bin/sh\nexit 7\n")
    path.chmod(0o755)
    monkeypatch.setenv("PATH", str(path.parent), prepend=os.pathsep)
    return path


@pytest.mark.skipif(sys.platform != "linux", reason="counted on Linux only")
@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("echo out of memory >&2; exit 7", "ended with 7 at 'instructions': out of memory"),
        ("true", "ended with 0 at 'instructions'"),
        ("echo nonsense", "gave no answer"),
        ("""echo '{"ok": 5}'; read order""", "gave no count"),
        ("exec sleep 60", "did not answer 'instructions' within"),
    ],
)
def test_a_valgrind_that_fails_is_a_failure_in_words(
    text: str, words: str, fake_valgrind: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(instructions, "PATIENCE_S", 1.0 if "sleep" in text else 60.0)
    fake_valgrind.write_text(f"#!/bin/sh\n{text}\n")
    with pytest.raises(RuntimeError, match=words):
        measure_instructions(WORKLOAD)


@pytest.mark.skipif(sys.platform != "linux", reason="counted on Linux only")
def test_a_folder_is_in_use_as_long_as_a_process_that_counts_there(
    fake_valgrind: Path, tmp_path: Path
) -> None:
    """Else the next one would read the totals of one that outlived its parent."""
    fake_valgrind.write_text(f"#!/bin/sh\necho $$ $PWD >{tmp_path}/told\nexec sleep 60\n")
    code = f"import benchmarks.measuring.instructions as i; i.measure_instructions({WORKLOAD!r})"
    with subprocess.Popen([sys.executable, "-c", code]) as parent:
        while not (tmp_path / "told").exists() or not (tmp_path / "told").read_text().strip():
            assert parent.poll() is None
            time.sleep(0.02)
        parent.kill()
    number, folder = (tmp_path / "told").read_text().split()
    try:
        with instructions.counting_lane() as lane:
            assert lane.folder != Path(folder)
    finally:
        os.kill(int(number), signal.SIGKILL)


@pytest.mark.skipif(sys.platform != "linux", reason="counted on Linux only")
def test_a_link_or_a_file_of_the_folders_name_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(instructions.os, "access", lambda *_: False)
    monkeypatch.setattr(instructions.tempfile, "gettempdir", lambda: str(tmp_path))
    with instructions.counting_lane() as lane:
        first = lane.folder
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "precious").touch()
    first.rmdir()
    first.symlink_to(mine)
    first.with_name(first.name[:-1] + "1").write_text("a file")
    with instructions.counting_lane() as lane:
        assert lane.folder.name.endswith("-2")
    assert (mine / "precious").exists()
