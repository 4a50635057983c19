"""What is refused is told in one line, in the words that were typed, and says what is accepted."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import raising
from tests.unit.cli.conftest import Command
from tubeq.cli import main
from tubeq.cli.main import in_words_of
from tubeq.queue.queue_manager import QueueManager
from tubeq.settings import unknown_variables

EMPTY = [
    ("tasks", "--type"),
    ("tasks", "--error"),
    ("tasks", "--before"),
    ("worker", "--type"),
    ("worker", "--proxy"),
    ("worker", "--ca-file"),
    ("worker", "--cookies-file"),
    ("worker", "--lease"),
    ("scrape @a", "--since"),
    ("scrape @a", "--proxy"),
    ("scrape @a", "--max-results"),
    ("items", "--channel"),
    ("items", "--search"),
    ("requeue", "--error"),
    ("demo", "--svg"),
    ("add youtube_channel -p channel_url=@a", "--idempotency-key"),
]


@pytest.mark.parametrize(("arguments", "option"), EMPTY)
@pytest.mark.parametrize("form", ["two words", "one word"])
def test_an_empty_value(
    tubeq: Command, queue: QueueManager, arguments: str, option: str, form: str
) -> None:
    given = [option, ""] if form == "two words" else [f"{option}="]
    assert f"{option} is empty" in tubeq.refused(*arguments.split(), *given)
    assert queue.list_tasks() == []


@pytest.mark.parametrize("arguments", ["show", "cancel", "stop", "db backup", "export", "search"])
def test_an_empty_argument(tubeq: Command, arguments: str) -> None:
    assert "an argument is empty" in tubeq.refused(*arguments.split(), "")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("tasks --limit abc", "--limit: must be a whole number"),
        ("tasks --limit 0", "--limit: must be 1 or more"),
        ("tasks --limit -1", "--limit: must be 1 or more"),
        ("tasks --limit 99999999999999999999", "--limit: must be 1000000000 or less"),
        ("results --limit 99999999999999999999", "--limit: must be 1000000000 or less"),
        ("items --limit 99999999999999999999", "--limit: must be 1000000000 or less"),
        ("worker --strategy newest", "'newest' is not one of lifo"),
        ("tasks --status lost", "'lost' is not one of queued"),
        ("limits set host:a --per-second x", "--per-second: must be a number"),
        ("limits remove host:a", "host:a has no limit: nothing is limited"),
        ("limits resume type:a", "type:a is not paused: nothing is paused"),
        ("nonsense", "nonsense"),
        ("taks", "tasks"),
        ("tasks -x", "no such option: -x"),
        ("add", "missing TYPE"),
        ("scrape @a --max-results many", "--max-results must be a whole number"),
        ("scrape @a --since 2027-01-31 --max-age-days 3", "give --since or --max-age-days"),
        ("scrape @a --tab shorts --since 2027-01-31", "--since goes with the tabs"),
        ("scrape @a --tab music", "--tab must be one of"),
        ("search tea --sort price", "--sort must be one of"),
    ],
)
def test_one_line_in_the_words_that_were_typed(
    tubeq: Command, queue: QueueManager, arguments: str, words: str
) -> None:
    refusal = tubeq.refused(*arguments.split())
    assert words in refusal
    assert "Value error" not in refusal
    assert "Input should" not in refusal


def test_quoted_values_are_not_translated() -> None:
    given = ["--max-results", "x", "--query=max_results"]
    message = "max_results must be a number, not 'max_results'; see query"
    translated = "--max-results must be a number, not 'max_results'; see query"
    assert in_words_of(given, message) == translated
    assert in_words_of(["--query", "a"], "query must be a text") == "--query must be a text"
    assert in_words_of([], message) == message


def test_variables_that_are_no_settings_are_named() -> None:
    lines = unknown_variables({"TUBEQ_DBB": "", "TUBEQ_DB": "", "TUBEQ_ZZZZ": "", "HOME": ""})
    assert len(lines) == 2
    assert "TUBEQ_DBB" in lines[0]
    assert "did you mean TUBEQ_DB?" in lines[0]
    assert "did you mean" not in lines[1]


@pytest.mark.parametrize("place", ["before", "after"])
def test_colors_are_chosen_anywhere(
    tubeq: Command, queue: QueueManager, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    queue.create_task("anything")
    for name in ("NO_COLOR", "FORCE_COLOR"):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)

    def out(option: str) -> str:
        return tubeq(*([option, "tasks"] if place == "before" else ["tasks", option])).out

    assert "\x1b[" in out("--color")
    assert "\x1b[" not in out("--no-color")
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert "\x1b[" in tubeq("tasks").out
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b[" not in tubeq("tasks").out


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (RuntimeError("two\nlines"), 1, "RuntimeError: two\\nlines; set TUBEQ_TRACEBACK=1"),
        (RecursionError("deep"), 1, "a bug in tubeq: RecursionError"),
        (PermissionError(13, "Permission denied", "some/file"), 2, "some/file: Permission denied"),
        (KeyboardInterrupt(), 130, ""),
        (SystemExit(1), 1, ""),
    ],
)
def test_what_no_command_foresees(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    error: BaseException,
    code: int,
    words: str,
) -> None:
    monkeypatch.setattr(main, "_dispatch", raising(error))
    monkeypatch.delenv("TUBEQ_TRACEBACK", raising=False)
    assert main.run([]) == code
    err = capsys.readouterr().err
    assert words in err
    assert err.count("\n") == (1 if words else 0)
    if code == 1 and words:
        monkeypatch.setenv("TUBEQ_TRACEBACK", "1")
        with pytest.raises(type(error)):
            main.run([])


def test_ctrl_c_while_the_program_is_loaded_is_ctrl_c(tmp_path: Path) -> None:
    (tmp_path / "argparse.py").write_text("raise KeyboardInterrupt\n")
    path = os.pathsep.join([str(tmp_path), *sys.path])
    done = subprocess.run(
        [sys.executable, "-m", "tubeq", "tasks"],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (130, "")
