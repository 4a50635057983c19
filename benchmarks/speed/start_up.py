"""The cost of `import tubeq`, and the memory that a worker needs beside yt-dlp's."""

from __future__ import annotations

import json
import statistics
import sys
from collections.abc import Iterator
from pathlib import Path
from time import perf_counter

from benchmarks.speed.rows import Row
from benchmarks.speed.timing import percentile, steps
from benchmarks.workloads.base import run_python

_IMPORT = "import tubeq; tubeq.QueueManager"
_HELP = """
import contextlib, io, sys
from tubeq.cli.main import main
sys.argv = ["tubeq", "--help"]
said = io.StringIO()
with contextlib.redirect_stdout(said), contextlib.suppress(SystemExit):
    main()
assert "Usage" in said.getvalue(), said.getvalue()
"""
_LOADED = """
import json, re
from tubeq.plugins.registry import plugin_types
assert plugin_types(), "no plugin is registered"
is_plugin = re.compile(r"tubeq\\.plugins\\.\\w+_plugin").fullmatch
answer = ["yt_dlp" in sys.modules, len(list(filter(is_plugin, sys.modules)))]
print(json.dumps(answer), file=own, flush=True)
"""
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
    """Three rows; on Windows, where memory is told otherwise, two."""
    rounds = 3 if quick else 15
    yield _started("import tubeq, and its QueueManager", _IMPORT, rounds, {"P50 ms": 60})
    yield _started("tubeq --help", _HELP, rounds, {})
    if sys.platform != "win32":
        memory_mb = float(run_python("-c", _WORKER))
        yield Row("start-up", "a worker's memory beside yt-dlp's", {"MB": memory_mb}, {"MB": 100})


def _started(what: str, code: str, rounds: int, limits: dict[str, float]) -> Row:
    """How long that takes, and whether it loads what only a scrape needs: the plugins that are
    registered, and yt-dlp."""
    # A descriptor of its own: a command gives standard output away when it has ended.
    own = "import os, sys; own = os.fdopen(os.dup(1), 'w')"
    loads_yt_dlp, plugins = json.loads(run_python("-c", f"{own}\n{code}\n{_LOADED}"))
    run_python("-c", code)  # compiles what was never compiled before
    extra = [_run_s(code) - _run_s("pass") for _ in steps(range(rounds), what)]
    return Row(
        "start-up",
        what,
        {
            "P50 ms": statistics.median(extra) * 1e3,
            "P95 ms": percentile(extra, 0.95) / 1e3,
            "loads yt_dlp": float(loads_yt_dlp),
            "plugins loaded": float(plugins),
        },
        {**limits, "loads yt_dlp": 0, "plugins loaded": 0},
    )


def _run_s(code: str) -> float:
    began = perf_counter()
    run_python("-c", code)
    return perf_counter() - began
