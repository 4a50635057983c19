"""How a helper process ended is told apart: a signal, an exit code, silence, nonsense."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from benchmarks.common.exits import InfrastructureError
from benchmarks.contenders import revisions
from benchmarks.contenders.revisions import BuildFailed
from benchmarks.contenders.servers import _conninfo_value
from benchmarks.records.environment import python_path

posix = pytest.mark.skipif(sys.platform == "win32", reason="signals, shell scripts")
KILL = "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"


@posix
def test_a_builder_that_is_killed_says_nothing_about_the_package(tmp_path: Path) -> None:
    with pytest.raises(InfrastructureError, match="ended by signal 9") as caught:
        revisions._build([sys.executable, "-c", KILL], lambda: None)
    assert not isinstance(caught.value, BuildFailed)
    with pytest.raises(InfrastructureError, match="cannot be started"):
        revisions._build([str(tmp_path / "uv")], lambda: None)


def test_a_path_that_no_pythonpath_can_hold(tmp_path: Path) -> None:
    assert python_path("a", "b") == f"a{os.pathsep}b"
    with pytest.raises(InfrastructureError, match="cannot import from"):
        python_path(tmp_path / f"a{os.pathsep}b")


def test_a_path_in_a_connection_string_is_quoted() -> None:
    assert _conninfo_value(Path("/a b/it's\\x")).replace("/", "|") in {
        r"'|a b|it\'s\\x'", r"'\\a b\\it\'s\\x'",
    }  # fmt: skip
