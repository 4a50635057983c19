"""Measured processes: orders and answers, and every way in which one can fail to answer."""

from __future__ import annotations

import signal
import subprocess
import sys
from array import array
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from benchmarks.measuring.process import (
    ROOT,
    Process,
    ProcessFailed,
    ProcessLacks,
    WrongResult,
    actor_command,
    pack,
    unpack,
    variables,
)
from tests.support import is_gone, until

ACTOR = """
import time

class Actor:
    def __init__(self, *words):
        self.words = list(words)

    def close(self):
        open("closed", "w").close()

    def say(self, more):
        print("a library prints")
        return {"words": self.words + [more]}

    def lack(self):
        raise NotImplementedError("no such verb")

    def fail(self):
        assert 1 == 2, "claimed twice"

    def raise_error(self):
        raise KeyError("x")

    def sleep(self, seconds):
        time.sleep(seconds)
        return time.time()
"""
posix = pytest.mark.skipif(sys.platform == "win32", reason="signals, shell scripts")
Start = Callable[..., Process]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    (tmp_path / "acting.py").write_text(ACTOR)
    started: list[Process] = []

    def one(*command: str) -> Process:
        actual = command or actor_command("acting:Actor", "one", "two")
        environment = variables(ROOT, tmp_path)
        started.append(Process(actual, name="here", folder=tmp_path, environment=environment))
        return started[-1]

    yield one
    for each in started:
        each.close()


def test_orders_are_answered_whatever_is_printed(start: Start, tmp_path: Path) -> None:
    process = start()
    assert process.ask("say", more="three") == {"words": ["one", "two", "three"]}
    process.close()
    process.close()
    assert (tmp_path / "closed").exists()


def test_the_work_lacks_fails_its_check_or_raises(start: Start) -> None:
    process = start()
    with pytest.raises(ProcessLacks, match="here: no such verb") as lacks:
        process.ask("lack")
    assert lacks.value.process is process
    with pytest.raises(WrongResult, match="claimed twice"):
        process.ask("fail")
    with pytest.raises(ProcessFailed, match="KeyError"):
        process.ask("raise_error")
    with pytest.raises(ProcessFailed, match="'__init__' is not an order"):
        process.ask("__init__")
    assert process.ask("say", more="still there")


def test_several_processes_work_at_once(start: Start) -> None:
    processes = [start(), start()]
    for process in processes:
        process.ask("sleep", seconds=0.0)  # both have started: on Windows one takes a second
    for process in processes:
        process.tell("sleep", seconds=0.5)
        process.tell("sleep", seconds=0.0)
    ends = [process.answer() for process in processes]
    assert abs(ends[0] - ends[1]) < 0.5
    assert [process.answer() for process in processes] >= ends


@posix
@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("kill -9 $$", "here ended by signal 9 at 'check'"),
        ("echo no disk >&2; exit 7", "here ended with 7 at 'check': no disk"),
        ("read order; echo nonsense; read order", "here gave no answer to 'check': b'nonsense"),
        ("read order; echo []; read order", "here gave no answer to 'check'"),
        ("exec sleep 600", "here did not answer 'check' within 0.3 s"),
        ("exec >&-; exec sleep 600", "here closed its output at 'check'"),
    ],
)
def test_a_process_that_does_not_answer(
    text: str, words: str, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    process = start("sh", "-c", text)
    if "closed" in words:
        monkeypatch.setattr(process, "wait", _times_out)
    with pytest.raises(ProcessFailed) as caught:
        process.ask("check", patience_s=0.3 if "sleep 600" in text and ">&-" not in text else 60)
    monkeypatch.undo()
    assert words in str(caught.value)
    process.kill()


def _times_out(*_: Any) -> None:
    raise subprocess.TimeoutExpired("it", 5)


@posix
def test_a_process_that_is_gone_stays_gone(start: Start) -> None:
    process = start()
    process.kill()
    for _ in range(2):
        with pytest.raises(ProcessFailed, match="ended by signal 9"):
            process.ask("say", more="")
    assert process.has_answered


def test_a_command_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ProcessFailed, match="here cannot be started"):
        Process([str(tmp_path / "python")], name="here")


@posix
def test_an_error_in_the_block_kills_it(start: Start) -> None:
    with pytest.raises(KeyboardInterrupt), start() as process:
        process.tell("sleep", seconds=600)
        raise KeyboardInterrupt
    assert process.returncode == -signal.SIGKILL


@pytest.mark.skipif(sys.platform != "linux", reason="Linux's signal at a parent's death")
def test_it_dies_with_its_parent_in_the_middle_of_an_order(start: Start, tmp_path: Path) -> None:
    start()  # its module
    code = (
        "import os, sys; from pathlib import Path\n"
        "from benchmarks.measuring.process import *\n"
        "from benchmarks.measuring.process import ROOT\n"
        f"it = Process(actor_command('acting:Actor'), name='it', folder=Path({str(tmp_path)!r}),\n"
        f"             environment=variables(ROOT, {str(tmp_path)!r}))\n"
        "it.ask('say', more='')\n"
        "it.tell('sleep', seconds=600)\n"
        "print(it.pid, flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as parent:
        assert parent.stdout
        pid = int(parent.stdout.readline())
        parent.kill()
    until(lambda: is_gone(pid))


def test_numbers_travel_as_strings() -> None:
    assert unpack(pack(array("q", [1, 2**60])), "q").tolist() == [1, 2**60]
    assert unpack(pack(array("d", [0.5]))).tolist() == [0.5]
