"""Whether a process is alive, on every system."""

from __future__ import annotations

import os
import subprocess
import sys

from tubeq.domain.processes import process_exists


def test_a_process_exists_until_it_ends() -> None:
    assert process_exists(os.getpid())
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        assert process_exists(child.pid)
        child.kill()
        child.wait()
        assert not process_exists(child.pid)


def test_a_number_that_no_process_can_have_is_of_none() -> None:
    assert not process_exists(2**31 - 4)
