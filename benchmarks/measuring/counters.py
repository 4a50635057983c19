"""What a call does, counted: the same figures at every repetition, however noisy the machine.

A workload runs in a Python process of its own, in which everything that chance or other threads
could change stands still: hashes and random numbers are seeded, time is a counter, and background
threads are not started (a checkpoint at a random moment is no property of a call). So a planted
predicate shows as exactly +2 VM steps a claim, and one run is enough. Counters are blind to locks,
contention and what a sync costs: they stand next to latencies, not in their place.

Per operation:

vm_steps        steps of SQLite's virtual machine (c3ref/progress_handler.html of sqlite.org)
statements      SQL statements executed, those of triggers left out
transactions    commits that wrote: commit frames in the log (fileformat2.html#walformat)
fsyncs          calls of os.fsync and os.fdatasync; and one a transaction where a connection's
                `synchronous` is FULL or more. Not seen: SQLite's at checkpoints and new logs
wal_bytes       bytes of the frames appended to the write-ahead log
pages_written   the same in pages
read_bytes      bytes read from files by this thread, mostly pages that were not in SQLite's cache;
                Linux only (/proc/thread-self/io)
python_calls    calls of functions, Python's and C's, by sys.setprofile
python_peak_bytes  the most memory that Python held for one call, above what it held before
                (tracemalloc; numbers of blocks differ by one from process to process)

Only the standard library is used here: this file also runs in the environment of an older commit.
"""

from __future__ import annotations

import os
from pathlib import Path

from benchmarks.measuring.process import ROOT, Process, actor_command, variables

COUNTERS = (
    "vm_steps", "statements", "transactions", "fsyncs", "wal_bytes", "pages_written", "read_bytes",
    "python_calls", "python_peak_bytes",
)  # fmt: skip
REGISTRY = "benchmarks.workloads:all_workloads"
PATIENCE_S = 600.0
"""How long a process may count: many times what the slowest workload needs."""


def measure_counters(
    workload_name: str, calls: int = 100, *, path: tuple[Path, ...] = ()
) -> dict[str, float]:
    """Counters per operation, by name, over `calls` calls (at most the workload's `counted_calls`)
    after 11 that warm up; raises as Process.answer does. Folders in `path` come before the
    environment's packages."""
    command, own = actor_command("benchmarks.measuring.counting:Counting"), counting_variables(path)
    with Process(command, name=f"counting {workload_name}", environment=own) as process:
        found = process.ask("count", PATIENCE_S, workload=workload_name, calls=calls)
    return {name: found[name] for name in COUNTERS if name in found}


def counting_variables(path: tuple[Path, ...], seed: int = 0) -> dict[str, str]:
    """The variables of a process in which something is counted. A coverage tool that watches the
    tests would be counted along, so it is left behind."""
    inherited = os.environ.get("PYTHONPATH")
    found = variables(ROOT, *(path or ([inherited] if inherited else [])), hash_seed=seed)
    return {name: value for name, value in found.items() if not name.startswith("COVERAGE_")}
