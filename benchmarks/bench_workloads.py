"""The workloads in asv, over commits: compared with the bare reference, and counted.

asv installs an older commit and imports this file as it is today. It runs one commit after the
other, so a time would be as much the machine's as the commit's: a figure here is the ratio to the
bare reference (contenders/reference_sqlite.py), measured interleaved with it, the median of six
process pairs, 1.5 where the package needs half as much again; or a count. Lower is better, in
throughput too (the reference's / the package's): asv knows no other way round. What a commit lacks
has no figure (nan).

The published history has other names: see reporting/asv_export.py.
"""

from __future__ import annotations

import json
import math
import os
import random
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from statistics import median

from benchmarks.common.project import LAB, project
from benchmarks.contenders.revisions import Side
from benchmarks.measuring.counters import measure_counters
from benchmarks.measuring.instructions import measure_instructions
from benchmarks.measuring.interleave import process_pair, run_pair

PAIRS = 6
BATCHES = 12
PROFILE = "LAB_PROFILE"
"""The variable that names another profile than regular."""
_MEMORY = "/dev/shm"


class Workloads:
    """A workload's figures, of which each is measured when it is first asked for, once a commit."""

    params = project().counted
    param_names = ("workload",)
    timeout = 300

    def setup_cache(self) -> str:
        """The folder that keeps what was measured of this commit."""
        return str(Path.cwd())

    def track_p50_to_reference(self, folder: str, name: str) -> float:
        """The median latency."""
        return _kept(folder, name, ratios).get("latency_p50_ms", math.nan)

    def track_p95_to_reference(self, folder: str, name: str) -> float:
        """The latency that one call in twenty exceeds."""
        return _kept(folder, name, ratios).get("latency_p95_ms", math.nan)

    def track_throughput_to_reference(self, folder: str, name: str) -> float:
        """The reference's throughput / the package's."""
        return _kept(folder, name, ratios).get("throughput_per_s", math.nan)

    def track_instructions(self, folder: str, name: str) -> float:
        """CPU instructions an operation: needs valgrind."""
        return _kept(folder, name, instructions).get("instructions", math.nan)

    def track_statements(self, folder: str, name: str) -> float:
        """SQL statements an operation."""
        return _kept(folder, name, measure_counters).get("statements", math.nan)

    def track_vm_steps(self, folder: str, name: str) -> float:
        """Steps of SQLite's virtual machine an operation."""
        return _kept(folder, name, measure_counters).get("vm_steps", math.nan)

    def track_wal_bytes(self, folder: str, name: str) -> float:
        """Bytes written to the log an operation."""
        return _kept(folder, name, measure_counters).get("wal_bytes", math.nan)


for _name, _track in vars(Workloads).items():
    if _name.startswith("track_"):
        _track.unit = "ratio" if "reference" in _name else _name.removeprefix("track_")


def ratios(name: str) -> dict[str, float]:
    """By metric, how many times the reference's figure the package's is."""
    python = Path(sys.executable)
    reference = Side("the reference", "", False, python, contender="reference_sqlite")
    package = Side("the package", "", False, python)
    profile = os.environ.get(PROFILE, "regular")
    place = _MEMORY if os.access(_MEMORY, os.W_OK) else None
    found = []
    with tempfile.TemporaryDirectory(prefix="lab-", dir=place) as folder:
        for number in range(PAIRS):
            files = Path(folder) / f"pair-{number}"
            with process_pair(reference, package, LAB, files, number) as pair:
                chance = random.Random(number)
                found.append(run_pair(pair, name, files, BATCHES, chance, profile).log_ratios)
    metrics = set(found[0]).intersection(*found)
    return {metric: math.exp(median(each[metric] for each in found)) for metric in metrics}


def instructions(name: str) -> dict[str, float]:
    """Instructions an operation."""
    return {"instructions": measure_instructions(name)}


def _kept(
    folder: str, name: str, measure: Callable[[str], Mapping[str, float]]
) -> Mapping[str, float]:
    """What `measure` gives for the workload, measured once; empty where the commit lacks it."""
    path = Path(folder) / f"{name}.{measure.__name__}.json"
    if not path.exists():
        try:
            found = dict(measure(name))
        except NotImplementedError as error:
            print(error, file=sys.stderr)
            found = {}
        path.write_text(json.dumps(found), encoding="utf-8")
    kept: dict[str, float] = json.loads(path.read_text("utf-8"))
    return kept
