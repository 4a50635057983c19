"""How a helper process ended is told apart: a signal, an exit code, silence, nonsense."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from benchmarks.common.exits import InfrastructureError
from benchmarks.contenders import revisions
from benchmarks.contenders.environments import Launch
from benchmarks.contenders.revisions import BuildFailed, Side
from benchmarks.contenders.servers import _conninfo_value
from benchmarks.measuring import blocks, counters
from benchmarks.measuring.blocks import Contestant
from benchmarks.peers.process import DriverFailed, started
from benchmarks.records.environment import python_path

posix = pytest.mark.skipif(sys.platform == "win32", reason="signals, shell scripts")
KILL = "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"


def script(path: Path, text: str) -> Path:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


@posix
@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("kill -9 $$", "here ended by signal 9 at 'check'"),
        ("echo no disk >&2; exit 7", "here ended with 7 at 'check':\nno disk"),
        ("read order; echo nonsense; read order", "here gave no answer to 'check': b'nonsense"),
        ("exec sleep 600", "did not answer 'check' within 0.3 s"),
    ],
)
def test_a_contestant_that_does_not_answer(text: str, words: str, tmp_path: Path) -> None:
    side = Side("here", "", True, script(tmp_path / "python", text))
    contestant = Contestant(side, tmp_path, tmp_path, 0)
    try:
        with pytest.raises(InfrastructureError) as caught:
            contestant.ask("check", patience_s=0.3 if "sleep" in text else blocks._PATIENCE_S)
        assert words in str(caught.value)
    finally:
        contestant.close()


@posix
@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("kill -9 $$", "its process ended by signal 9"),
        ("echo no disk >&2; exit 7", "its process ended with 7: no disk"),
        ("exit 0", "gave no answer"),
        ("echo nonsense", "gave no answer"),
    ],
)
def test_counting_that_does_not_answer(text: str, words: str, tmp_path: Path) -> None:
    python = script(tmp_path / "python", text)
    with pytest.raises(RuntimeError, match=words):
        counters.measure_counters("claim-lifo-1e3", python=python)


@posix
def test_counting_that_never_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counters, "PATIENCE_S", 0.5)
    python = script(tmp_path / "python", "exec sleep 60")
    with pytest.raises(RuntimeError, match="did not end within"):
        counters.measure_counters("claim-lifo-1e3", python=python)


def test_counting_without_an_interpreter(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="cannot be started"):
        counters.measure_counters("claim-lifo-1e3", python=tmp_path / "python")


@posix
def test_a_builder_that_is_killed_says_nothing_about_the_package(tmp_path: Path) -> None:
    with pytest.raises(InfrastructureError, match="ended by signal 9") as caught:
        revisions._build([sys.executable, "-c", KILL], lambda: None)
    assert not isinstance(caught.value, BuildFailed)
    with pytest.raises(InfrastructureError, match="cannot be started"):
        revisions._build([str(tmp_path / "uv")], lambda: None)


@posix
def test_a_peer_that_talks_nonsense_is_a_row(tmp_path: Path) -> None:
    command = [str(script(tmp_path / "driver", "read order; echo nonsense; read order"))]
    with (
        pytest.raises(DriverFailed, match="no answer"),
        started(Launch(command, {}, tmp_path)) as it,
    ):
        it.ask("open")


def test_a_path_that_no_pythonpath_can_hold(tmp_path: Path) -> None:
    assert python_path("a", "b") == f"a{os.pathsep}b"
    with pytest.raises(InfrastructureError, match="cannot import from"):
        python_path(tmp_path / f"a{os.pathsep}b")


def test_a_path_in_a_connection_string_is_quoted() -> None:
    assert _conninfo_value(Path("/a b/it's\\x")).replace("/", "|") in {
        r"'|a b|it\'s\\x'", r"'\\a b\\it\'s\\x'",
    }  # fmt: skip
