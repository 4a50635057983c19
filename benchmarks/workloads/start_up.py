"""How long the first use takes: importing the queue, and the command line."""

from __future__ import annotations

from pathlib import Path
from time import perf_counter

from benchmarks.workloads.base import Lacks, Profile, Sample, Workload, run_python, sizes

_IMPORT = """
from time import perf_counter
began = perf_counter()
{statement}
print(perf_counter() - began)
"""


class StartUp(Workload):
    """One fresh Python process a call, which times its own import; its own start is left out.

    Args:
        what: completes the name.
        statement: what is imported.
    """

    calls = sizes(6, 80, 1_000)
    batch = 10
    counted_calls = 0  # done in other processes

    def __init__(self, what: str, statement: str) -> None:
        self.name = f"start-up-{what}"
        self._code = _IMPORT.format(statement=statement)

    def prepare(self, folder: Path, profile: Profile) -> list[float]:
        try:
            run_python("-c", self._code)  # compiles what was never compiled before
        except RuntimeError as error:
            if "ModuleNotFoundError" in str(error) or "AttributeError" in str(error):
                raise Lacks(str(error).splitlines()[-1]) from error
            raise
        return []

    def work(self, state: list[float], calls: int) -> Sample:
        began = perf_counter()
        latencies_s = [float(run_python("-c", self._code)) for _ in range(calls)]
        elapsed_s = perf_counter() - began
        state += latencies_s
        return Sample(latencies_s, elapsed_s, 0)

    def check(self, state: list[float]) -> None:
        assert all(0 < each < 60 for each in state), "an import that took no time, or a minute"


WORKLOADS = [
    StartUp("queue", "import tubeq; tubeq.QueueManager"),
    StartUp("cli", "import tubeq.cli.main"),
]
