"""Completion: what may follow, and that real shells complete it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit.cli.conftest import Command
from tubeq.cli.completion import SHELLS

CASES = [
    ("sta", {"stats"}),
    ("st", {"stop", "stats"}),
    ("--ver", {"--version"}),
    ("db|pr", {"prune"}),
    ("items|", {"show"}),
    ("tasks|--li", {"--limit"}),
    ("tasks|--limit|5|--st", {"--status"}),
    ("tasks|--status|f", {"failed"}),
    ("items|show|--o", {"--over"}),
    ("items|--json|sh", {"show"}),
    ("scrape|@a|--since|2027-01-01|--t", {"--tab", "--threads"}),
    ("completion|", set(SHELLS)),
    ("tasks|--db|", set()),
    ("nonsense|", set()),
    ("tasks|--nonsense|5|--js", {"--json"}),
]


@pytest.mark.parametrize(("line", "found"), CASES)
def test_what_may_follow(capsys: pytest.CaptureFixture[str], line: str, found: set[str]) -> None:
    from tubeq.cli.completion import complete

    assert complete(line.replace("|", "\x1f")) == 0
    assert set(capsys.readouterr().out.split()) == found


BASH = """
source tubeq.sh
COMP_WORDS=(tubeq sta); COMP_CWORD=1; _tubeq; echo "${COMPREPLY[@]}"
COMP_WORDS=(tubeq tasks --li); COMP_CWORD=2; _tubeq; echo "${COMPREPLY[@]}"
COMP_WORDS=(tubeq db ""); COMP_CWORD=2; _tubeq; echo "${COMPREPLY[@]}"
complete -p tubeq
"""
ZSH = """
autoload -Uz compinit; compinit -u -D
source ./tubeq.sh
compadd() { shift; print -r -- "$@" }
words=(tubeq sta); CURRENT=2; _tubeq
words=(tubeq tasks --li); CURRENT=3; _tubeq
words=(tubeq db ""); CURRENT=3; _tubeq
print -r -- $_comps[tubeq]
"""
FISH = """
source tubeq.sh
complete -C "tubeq sta"
complete -C "tubeq tasks --li"
complete -C "tubeq db " | string join " "
"""
DB = {"check", "backup", "restore", "migrate", "prune", "import"}


@pytest.mark.parametrize(("shell", "session"), [("bash", BASH), ("zsh", ZSH), ("fish", FISH)])
def test_a_real_shell_completes(tubeq: Command, tmp_path: Path, shell: str, session: str) -> None:
    if not shutil.which(shell):
        assert shell != "bash" or sys.platform == "win32"
        return
    (tmp_path / "tubeq.sh").write_text(tubeq("completion", shell).out)
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    ran = subprocess.run(
        [shell, "-c", session], cwd=tmp_path, capture_output=True, text=True, timeout=40,
        env={**os.environ, "PATH": path, "HOME": str(tmp_path)}, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    command, option, *groups = [line.split() for line in ran.stdout.splitlines()]
    assert command == ["stats"]
    assert option == ["--limit"]
    assert set(groups[0]) >= DB
