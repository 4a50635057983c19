"""What plugins print: whole lines on standard error, each with its task's id."""

from __future__ import annotations

import os
import subprocess
import sys
import threading

import pytest

from tubeq.workers.plugin_output import TaskOutput


def test_lines_bear_the_task_of_their_thread(capfd: pytest.CaptureFixture[str]) -> None:
    running = threading.local()
    output = TaskOutput(lambda: getattr(running, "task_id", None))

    def say(task_id: str) -> None:
        running.task_id = task_id
        print("begin", end=" ", file=output)
        print("end\nand one more", file=output, flush=True)

    threads = [threading.Thread(target=say, args=(each,)) for each in ("a", "b")]
    for each in threads:
        each.start()
        each.join()
    print("nobody's", file=output)
    assert capfd.readouterr().err.splitlines() == [
        "[task a] begin end", "[task a] and one more",
        "[task b] begin end", "[task b] and one more", "[worker] nobody's",
    ]  # fmt: skip


def test_a_line_without_an_end_is_its_own_tasks(capfd: pytest.CaptureFixture[str]) -> None:
    tasks = ["a", "b"]
    output = TaskOutput(lambda: tasks[0])
    print("no end", end="", file=output)
    del tasks[0]
    print("another's", end="", file=output)
    output.end_lines()
    output.end_lines()
    assert capfd.readouterr().err == "[task a] no end\n[task b] another's\n"


def test_it_is_a_stream_as_plugins_know_it(capfd: pytest.CaptureFixture[str]) -> None:
    output = TaskOutput(lambda: "a")
    output.reconfigure(encoding="utf-8")
    assert (output.fileno(), output.writable(), output.isatty()) == (
        sys.stderr.fileno(),
        True,
        False,
    )
    assert output.write("four") == 4
    output.buffer.write(b"bytes\n")
    output.buffer.flush()
    assert capfd.readouterr().err == "bytes\n"
    output.close()
    output.writelines([" lines\n", "stay\n"])
    assert capfd.readouterr().err == "[task a] four lines\n[task a] stay\n"


def test_a_closed_standard_error_fails_no_task() -> None:
    program = (
        "import os; from tubeq.workers.plugin_output import own_no_output\n"
        "own_no_output(lambda: 'a'); print('x'); os._exit(7)"
    )
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    code = subprocess.run(f'{sys.executable} -c "{program}" 2>&-', shell=True, env=env).returncode
    assert code == 7
