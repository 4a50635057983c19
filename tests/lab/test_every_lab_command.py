"""Every command of the lab, with outputs closed, full or gone, and with input that makes no sense:
a documented exit code, a line that says what is wrong, and no traceback. Nothing is measured.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from benchmarks.__main__ import COMMANDS, main
from benchmarks.commands import history as history_command
from benchmarks.common import net
from benchmarks.common.exits import BadInput, ExitCode, InfrastructureError

from .synthetic_history import write_history

ROOT = Path(__file__).resolve().parents[2]
LAB = [sys.executable, "-m", "benchmarks"]
CODES = {int(code) for code in ExitCode}

BAD = [
    ["run", "claim-lifo"],
    ["run", "claim-lifo-1e3", "--junit", "{tmp}"],
    ["run", "claim-lifo-1e3", "--report", "{file}"],
    ["run", "claim-lifo-1e3", "--report", "{file}/results"],
    ["run", "claim-lifo-1e3", "--profile", "huge"],
    ["compare", "no-such-revision"],
    ["compare", "HEAD", "--folder", "{tmp}/nope"],
    ["compare", "HEAD", "--folder", "{file}"],
    ["compare", "HEAD", "--budget-minutes", "nan"],
    ["compare", "HEAD", "--budget-minutes", "inf"],
    ["compare", "HEAD", "--budget-minutes", "-1"],
    ["compare", "HEAD", "--markdown", ""],
    ["gate", "no-such-revision"],
    ["gate", "./nowhere"],
    ["gate", "HEAD", "--pairs", "0"],
    ["gate", "HEAD", "--pairs", "-3"],
    ["gate", "HEAD", "--pairs", "1e3"],
    ["gate", "HEAD", "--pairs", "9" * 5000],
    ["gate", "HEAD", "--workload", "nope"],
    ["gate", "HEAD", "--workload", "null"],
    ["bisect", "no-such", "HEAD", "claim-lifo-1e3"],
    ["bisect", "HEAD", "HEAD", "claim-lifo"],
    ["bisect", "HEAD", "HEAD", "null"],
    ["history", "--results", "{results}", "no-such-workload"],
    ["history", "--results", "{results}", "--old", "--metric", "latency_p95_msx"],
    ["history", "--results", "{results}", "--old", "no-such-workload"],
    ["history", "--old", "--check"],
    ["history", "--results", "{tmp}/nope"],
    ["history", "--results", "{results}", "--last", "0"],
    ["history", "--results", "{results}", "--last", "-1"],
    ["backfill", "^HEAD"],
    ["backfill", "--newest", "0"],
    ["backfill", "--jobs", "-1"],
    ["backfill", "--results", "{file}/results"],
    ["backfill", "--anchor", "no-such"],
    ["backfill", "--only", "memory"],
    ["backfill", "--all-workloads", "--workload", "claim-*"],
    ["history", "--results", "x" * 300],
    ["gate", "HEAD", "HEAD", "--folder", "x" * 5000],
    ["gate", "HEAD", "HEAD", "--markdown", "x" * 300],
    ["backfill", "--results", "x" * 300],
    ["backfill", "no-such..HEAD"],
    ["backfill", "HEAD..HEAD"],
    ["backfill", "HEAD", "--workload", "claim-lifo"],
    ["backfill", "HEAD", "--results", "{file}"],
    ["publish", "--results", "{tmp}/nope"],
    ["publish", "--out", "{file}"],
    ["publish", "--out", "{results}"],
    ["publish", "--asv", "{tmp}/nope"],
    ["publish", "--repository-url", "javascript:alert(1)", "--results", "{results}",
     "--out", "{tmp}/site"],
    ["preview", "--port", "99999"],
    ["preview", "--port", "-1"],
    ["preview", "--results", "{tmp}/nope"],
    ["doctor", "--pairs", "0"],
    ["doctor", "--pairs", "1"],
    ["doctor", "--workload", "nope"],
    ["prove", "--no-change", "-1"],
    ["prove", "--planted", "many"],
    ["prove", "--tools-runs", "9" * 30],
    ["prove", "--budget-minutes", "nan"],
    ["prove", "--revision", "no-such"],
    ["prove", "--output", "{file}"],
    ["peers", "--only", "no-such-queue"],
    ["peers", "--depth", "-1"],
    ["peers", "--markdown", "{tmp}"],
    ["figures", "{tmp}/nope.md"],
    ["no-such-command"],
    [],
]  # fmt: skip


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    tmp = tmp_path_factory.mktemp("commands")
    (tmp / "file").write_text("")
    write_history(tmp / "results", 2)
    return {"tmp": str(tmp), "file": str(tmp / "file"), "results": str(tmp / "results")}


def ended(arguments: Sequence[str]) -> int:
    try:
        return main(list(arguments))
    except SystemExit as error:  # argparse's way
        assert isinstance(error.code, int)
        return error.code


@pytest.mark.parametrize("arguments", BAD, ids=lambda each: " ".join(each)[:60])
def test_bad_input_is_refused_in_a_line(
    arguments: list[str], places: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    before = sorted(Path(places["tmp"]).rglob("*"))

    assert ended([each.format_map(places) for each in arguments]) == ExitCode.BAD_INPUT

    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    assert sorted(Path(places["tmp"]).rglob("*")) == before


def test_every_command_is_among_them_and_tells_its_codes(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert {each[0] for each in BAD if each} >= set(COMMANDS)
    for name in COMMANDS:
        assert ended([name, "--help"]) == 0
        assert "4 undecided" in " ".join(capsys.readouterr().out.split())


@pytest.mark.skipif(sys.platform == "win32", reason="links")
@pytest.mark.parametrize("end", ["", "/x"])
def test_links_that_lead_nowhere_are_refused(
    end: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """By the commands that read, and by those that would write there after ten minutes."""
    (tmp_path / "circle").symlink_to(tmp_path / "circle")
    (tmp_path / "nowhere").symlink_to(tmp_path / "gone" / "x")
    for link in ("circle", "nowhere"):
        path = str(tmp_path / link) + end
        for arguments in (
            ["history", "--results", path],
            ["publish", "--out", path],
            ["backfill", "--results", path],
            ["gate", "no-such", "--markdown", path],
        ):
            assert ended(arguments) == ExitCode.BAD_INPUT
            err = capsys.readouterr().err
            assert err.count("\n") == 1
            assert link in err


def test_names_that_are_close_are_offered(
    places: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    ended(["history", "--old", "--results", places["results"], "--metric", "latency_p95_msx"])
    assert "did you mean latency_p95_ms" in capsys.readouterr().err
    ended(["gate", "HEAD", "--workload", "claim-lifo"])
    assert "did you mean claim-lifo-1e" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (BadInput("no"), ExitCode.BAD_INPUT),
        (InfrastructureError("no"), ExitCode.INFRASTRUCTURE),
        (KeyboardInterrupt(), ExitCode.INTERRUPTED),
        (ZeroDivisionError("two\nlines"), ExitCode.INFRASTRUCTURE),
        (UnicodeDecodeError("utf-8", b"\xfc", 0, 1, "no"), ExitCode.INFRASTRUCTURE),
        (RecursionError(), ExitCode.INFRASTRUCTURE),
        (MemoryError(), ExitCode.INFRASTRUCTURE),
    ],
)
def test_no_error_has_the_code_of_a_verdict(
    error: BaseException,
    code: ExitCode,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def fail(_: object) -> int:
        raise error

    monkeypatch.setattr(history_command, "run", fail)
    monkeypatch.setattr(net, "lab_folder", lambda: tmp_path)
    assert main(["history"]) == code
    err = capsys.readouterr().err
    assert "Traceback" not in err
    assert err.count("\n") == 1
    if isinstance(error, ZeroDivisionError):
        assert "ZeroDivisionError: two lines" in err
        assert "Traceback" in (tmp_path / "last-failure.txt").read_text("utf-8")
        monkeypatch.setenv(net.DEBUG_VARIABLE, "1")
        assert main(["history"]) == code
        assert "Traceback" in capsys.readouterr().err


def test_sigterm_is_as_ctrl_c(monkeypatch: pytest.MonkeyPatch) -> None:
    def end(_: object) -> int:
        signal.raise_signal(signal.SIGTERM)
        return 0

    before = signal.getsignal(signal.SIGTERM)
    monkeypatch.setattr(history_command, "run", end)
    assert main(["history"]) == ExitCode.INTERRUPTED
    assert signal.getsignal(signal.SIGTERM) is before


QUICK = [
    ["run", "--list"],
    ["history", "--results", "{results}"],
    ["history", "--results", "{results}", "--json"],
    ["history", "--old", "--results", "{results}"],
    ["--help"],
    ["compare", "no-such-revision"],
    ["bisect", "no-such", "HEAD", "claim-lifo-1e3"],
    ["backfill", "no-such"],
    ["publish", "--results", "{tmp}/nope"],
    ["preview", "--port", "x"],
    ["doctor", "--workload", "nope"],
    ["prove", "--no-change", "-1"],
    ["peers", "--only", "nope"],
]
READ_ONLY = ("run", "history", "--help")
OUTPUTS = {"closed": ">&- 2>&-", "full": ">/dev/full 2>/dev/full", "gone": "2>&1 | true"}


@pytest.mark.slow
@pytest.mark.timeout(240)
@pytest.mark.skipif(sys.platform != "linux", reason="/dev/full, and a shell's redirections")
def test_outputs_that_are_closed_full_or_gone(places: dict[str, str], tmp_path: Path) -> None:
    """Real processes. Where standard error is closed or full the exit code alone can be seen."""

    def code_of(arguments: list[str], how: str) -> tuple[list[str], str, int, str]:
        given = [each.format_map(places) for each in arguments]
        said = tmp_path / f"{QUICK.index(arguments)}-{how}"
        command = f'set -o pipefail; "$@" {OUTPUTS[how]}'
        if how == "full" and arguments[0] in READ_ONLY:
            command = f'"$@" >/dev/full 2>"{said}"'
        environment = {**os.environ, "LC_ALL": "C", "PYTHONIOENCODING": "ascii", "COLUMNS": "60"}
        environment.pop("HOME", None)
        done = subprocess.run(
            ["bash", "-c", command, "bash", *LAB, *given], cwd=ROOT, env=environment,
            capture_output=True, stdin=subprocess.DEVNULL, check=False,
        )  # fmt: skip
        words = said.read_text() if said.exists() else done.stderr.decode()
        return arguments, how, done.returncode, words

    with ThreadPoolExecutor(3) as threads:
        both = [
            (arguments, how)
            for arguments in QUICK
            for how in (OUTPUTS if arguments[0] in READ_ONLY else ("closed", "full"))
        ]
        found = list(threads.map(lambda each: code_of(*each), both))

    for arguments, how, code, words in found:
        assert "Traceback" not in words, (arguments, how, words)
        assert code in CODES, (arguments, how, code, words)
        if arguments[0] not in READ_ONLY:
            assert code == ExitCode.BAD_INPUT, (arguments, how, code)
        elif how == "full":  # what was asked for cannot be had
            assert code == ExitCode.INFRASTRUCTURE, (arguments, how, words)
            assert "could not be written: No space left" in words
        else:
            assert code == ExitCode.PASS, (arguments, how, code, words)


def test_a_history_of_garbage_is_read_as_far_as_it_goes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_history(tmp_path, 2)
    (tmp_path / "history" / "folder.ndjson").mkdir()
    (tmp_path / "history" / "odd.ndjson").write_bytes(b"\xff\xfe\n[]\n")
    assert main(["history", "--old", "--results", str(tmp_path)]) == ExitCode.PASS
    assert "folder.ndjson: " in capsys.readouterr().err
