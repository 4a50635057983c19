"""What a call does, counted: the same figures at every repetition, however noisy the machine.

A workload runs in a Python process of its own, in which everything that chance or other threads
could change stands still: hashes and random numbers are seeded, time is a counter, and background
threads are not started (a checkpoint at a random moment is no property of a call). So a planted
predicate shows as exactly +2 VM steps a claim, and one run is enough. Counters are blind to locks,
contention and what a sync costs: they stand beside latencies, not in their place.

Per operation:

vm_steps        steps of SQLite's virtual machine, by a progress handler called at every step
                (https://www.sqlite.org/c3ref/progress_handler.html)
statements      SQL statements executed, those of triggers left out
transactions    commits that wrote: the commit frames appended to the write-ahead log
                (https://www.sqlite.org/fileformat2.html#walformat)
fsyncs          os.fsync and os.fdatasync calls; and, where a connection's `synchronous` is FULL or
                more, one for each transaction, which SQLite then does by itself. Not seen: SQLite's
                own syncs at checkpoints, and at the start of a new log (no strace is needed, and
                none is used)
wal_bytes       bytes of the frames appended to the write-ahead log
pages_written   the same in pages
read_bytes      bytes read from files by this thread, pages that were not in SQLite's cache
                mostly; Linux only (/proc/thread-self/io)
python_calls    calls of functions, Python's and C's, by sys.setprofile
python_peak_bytes  the most memory that Python held for one call, above what it held before
                (tracemalloc). Numbers of blocks, as sys.getallocatedblocks has them, differ by one
                from process to process

Only the standard library is used here: this file also runs in the environment of an older commit.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.common.exits import ending
from benchmarks.common.project import LAB
from benchmarks.records.environment import python_path

COUNTERS = (
    "vm_steps", "statements", "transactions", "fsyncs", "wal_bytes", "pages_written", "read_bytes",
    "python_calls", "python_peak_bytes",
)  # fmt: skip
REGISTRY = "benchmarks.workloads:all_workloads"
ROOT = LAB
PATIENCE_S = 600.0
"""How long a process may count: many times what the slowest workload needs."""


def measure_counters(
    workload_name: str,
    calls: int = 100,
    *,
    python: str | os.PathLike[str] = sys.executable,
    environment: Mapping[str, str] | None = None,
    root: Path = ROOT,
    registry: str = REGISTRY,
) -> dict[str, float]:
    """Counters per operation, by name: see the top of this file.

    Args:
        workload_name: one of the registry's.
        calls: how many calls are counted, after 11 that warm up; fewer where the workload's
            `counted_calls` says so, since its calls are large.
        python: the interpreter, and so the environment whose package is measured.
        environment: variables for it, beside this process's own.
        root: the folder to import `benchmarks` from.
        registry: "module:function" that gives the workloads by name.

    Raises:
        NotImplementedError: the measured package lacks what the workload needs.
        RuntimeError: the process failed; the message says how, with the end of what it wrote.
    """
    command = [os.fspath(python), "-m", "benchmarks.measuring.counting", registry, workload_name]
    try:
        done = subprocess.run(
            [*command, str(calls)],
            env=counting_environment(root, environment or {}),
            cwd=root,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            check=False,
            stdin=subprocess.DEVNULL,
            timeout=PATIENCE_S,
        )
    except OSError as error:
        raise RuntimeError(f"counting {workload_name} cannot be started: {error}") from None
    except subprocess.TimeoutExpired:
        raise RuntimeError(
            f"counting {workload_name} did not end within {PATIENCE_S:g} s"
        ) from None
    words = done.stderr[-2000:].strip()
    if done.returncode:
        how = ending(done.returncode)
        raise RuntimeError(f"counting {workload_name} failed, its process {how}: {words}")
    try:
        answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    except (ValueError, IndexError):
        raise RuntimeError(f"counting {workload_name} gave no answer: {words}") from None
    if "lacks" in answer:
        raise NotImplementedError(answer["lacks"])
    return dict(answer["counters"])


def counting_environment(
    root: Path, environment: Mapping[str, str], seed: int = 0
) -> dict[str, str]:
    """The variables of a process in which something is counted. A coverage tool that watches the
    tests would be counted along, so it is left behind."""
    own = {"PYTHONHASHSEED": str(seed), "PYTHONPATH": python_path(root)}
    inherited = os.environ.get("PYTHONPATH")
    given = dict(environment)
    if "PYTHONPATH" in given or inherited:
        own["PYTHONPATH"] += os.pathsep + given.pop("PYTHONPATH", inherited or "")
    kept = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}
    return {**kept, **given, **own}
