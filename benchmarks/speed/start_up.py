"""The cost of `import tubeq`, and the memory that a worker needs beside yt-dlp's."""

from __future__ import annotations

import statistics
import sys
from collections.abc import Iterator
from pathlib import Path
from time import perf_counter

from benchmarks.scenarios.base import run_python
from benchmarks.speed.rows import Row
from benchmarks.speed.timing import percentile, steps

_IMPORT = "import tubeq; tubeq.QueueManager"
_WORKER = """
import pathlib, tempfile
import yt_dlp
def peak_kib():
    # Not ru_maxrss where there is another way: that begins with what the parent process had.
    try:
        status = pathlib.Path("/proc/self/status").read_text("ascii", "replace")
        return int(status.split("VmHWM:")[1].split()[0])
    except (OSError, IndexError):
        import resource, sys
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak / 1024 if sys.platform == "darwin" else peak
try:
    # The peak from now on (man 5 proc): the one of importing yt-dlp would hide what follows.
    pathlib.Path("/proc/self/clear_refs").write_text("5")
except OSError:
    pass
alone = peak_kib()
from tubeq import BaseWorker, QueueManager, WorkerConfig
class Plugin:
    def scrape(self, **parameters):
        return [{"source_id": "a", "title": "b", "score": 1.0}]
with tempfile.TemporaryDirectory() as folder:
    path = pathlib.Path(folder) / "queue.db"
    queue = QueueManager(path)
    for _ in range(1000):
        queue.create_task("benchmark", {})
    worker = BaseWorker(WorkerConfig(worker_id="w", task_type="benchmark"), path, Plugin())
    while task := worker.claim_task():
        assert worker.process_task(task).success
    worker.close()
    queue.close()
print((peak_kib() - alone) / 1024)
"""


def measure(quick: bool, _: Path) -> Iterator[Row]:
    """Two rows; on Windows, where memory is told otherwise, one."""
    run_python("-c", _IMPORT)  # compiles what was never compiled before
    extra = [
        _run_s(_IMPORT) - _run_s("pass") for _ in steps(range(3 if quick else 15), "importing")
    ]
    loads = run_python("-c", "import sys, tubeq; print('yt_dlp' in sys.modules)").strip()
    yield Row(
        "start-up",
        "import tubeq, and its QueueManager",
        {
            "P50 ms": statistics.median(extra) * 1e3,
            "P95 ms": percentile(extra, 0.95) / 1e3,
            "loads yt_dlp": float(loads == "True"),
        },
        {"P50 ms": 60, "loads yt_dlp": 0},
    )
    if sys.platform != "win32":
        memory_mb = float(run_python("-c", _WORKER))
        yield Row("start-up", "a worker's memory beside yt-dlp's", {"MB": memory_mb}, {"MB": 100})


def _run_s(code: str) -> float:
    began = perf_counter()
    run_python("-c", code)
    return perf_counter() - began
