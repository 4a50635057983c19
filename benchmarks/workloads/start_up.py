"""How long the first use takes: importing the queue, and the command line."""

from __future__ import annotations

from pathlib import Path
from time import perf_counter
from typing import NamedTuple

from benchmarks.workloads import base
from benchmarks.workloads.base import Lacks, Profile, Sample, Workload, run_python, sizes

_IMPORT = """
from time import perf_counter
began = perf_counter()
{statement}
print(perf_counter() - began)
"""


class _State(NamedTuple):
    code: str
    found: list[float]


class StartUp(Workload):
    """One fresh Python process a call, which times its own import; its own start is left out.

    Args:
        what: completes the name.
        statement: what is imported.
    """

    reference = _IMPORT.format(statement="import sqlite3; sqlite3.connect(':memory:')")

    has_reference = True
    calls = sizes(6, 80, 1_000)
    batch = 10
    counted_calls = 0  # done in other processes

    def __init__(self, what: str, statement: str) -> None:
        self.name = f"start-up-{what}"
        self._code = _IMPORT.format(statement=statement)

    def prepare(self, folder: Path, profile: Profile) -> _State:
        code = self.reference if base.opens else self._code
        try:
            run_python("-c", code)  # compiles what was never compiled before
        except RuntimeError as error:
            if "ModuleNotFoundError" in str(error) or "AttributeError" in str(error):
                raise Lacks(str(error).splitlines()[-1]) from error
            raise
        return _State(code, [])

    def work(self, state: _State, calls: int) -> Sample:
        began = perf_counter()
        latencies_s = [float(run_python("-c", state.code)) for _ in range(calls)]
        elapsed_s = perf_counter() - began
        state.found.extend(latencies_s)
        return Sample(latencies_s, elapsed_s, 0)

    def check(self, state: _State) -> None:
        assert all(0 < each < 60 for each in state.found), "an import took no time, or a minute"


WORKLOADS = [
    StartUp("queue", "import tubeq; tubeq.QueueManager"),
    StartUp("cli", "import tubeq.cli.main"),
]
