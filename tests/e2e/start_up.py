"""How long commands take to start, as multiples of `python -c pass`: medians of interleaved runs.

    python -m tests.e2e.start_up [RUNS]

ends with exit code 1 where a limit is exceeded. It is no test: a busy machine exceeds them.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median
from time import perf_counter

from tubeq import QueueManager

SOURCE = str(Path(__file__).parents[2] / "src")
COMMAND = "import sys; from tubeq.__main__ import main; sys.argv[1:] = {!r}; main()"
CASES = {
    "python -c pass": ("pass", 1.0),
    "from tubeq import QueueManager": ("from tubeq import QueueManager", 3.0),
    "tubeq --help": (COMMAND.format(["--help"]), 6.0),
    "tubeq stats": (COMMAND.format(["stats"]), 10.0),
}
"""What is run, and the limit of its ratio."""


def seconds(code: str, folder: Path) -> float:
    """The time of one process."""
    inherited = {name: each for name, each in os.environ.items() if "BYTECODE" not in name}
    own = {"PYTHONPATH": SOURCE, "PYTHONPYCACHEPREFIX": str(folder / "bytecode")}
    began = perf_counter()
    subprocess.run(
        [sys.executable, "-c", code], cwd=folder, env={**inherited, **own}, capture_output=True,
        check=True,
    )  # fmt: skip
    return perf_counter() - began


def main() -> int:
    """Print the ratios; the exit code."""
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 20
    times: dict[str, list[float]] = {name: [] for name in CASES}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with QueueManager(folder / "tubeq.db") as queue:
            queue.create_task("youtube_video", {"video": "abcdefghijk"})
        for number in range(runs + 1):  # the first one writes the bytecode
            for case, (code, _) in CASES.items():
                taken_s = seconds(code, folder)
                if number:
                    times[case].append(taken_s)
    reference_s = median(times["python -c pass"])
    exceeded = False
    for case, (_, limit) in CASES.items():
        ratio = median(times[case]) / reference_s
        exceeded |= ratio > limit
        print(f"{case:32} {1000 * median(times[case]):7.1f} ms {ratio:6.2f}x  (limit {limit:g}x)")
    return int(exceeded)


if __name__ == "__main__":
    sys.exit(main())
