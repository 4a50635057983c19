"""results/ratios/<series>/<package>.json: times of each package as ratios to one companion.

An absolute time is as much the machine's as the package's. A ratio is measured: the package and its
companion run interleaved, in pairs of processes (measuring/interleave.py), so that what slows the
machine slows both. The companion of a series is one anchor package, or the bare reference of
`contenders/`; each of them, the CPU, Python and SQLite begin another series, since ratios to
something else cannot be compared. The form of a file is in package_files.py; of a workload it has

    metrics      {metric: {"ratio": [value, low, high], "processes": [...], "value",
                 "companion_value"}}
    companion    {"key", "sha"}: where the anchor lacks the workload, the package in its place
    histograms   {"package", "companion"}: HdrHistogram text; of the newest package and the anchor
    pairs, calls, confidence, measured_at, elapsed_s, load_1m

A ratio is package / companion: 1.05 in latency_p95_ms is 5 % slower, 1.05 in throughput_per_s is
5 % more. `processes` are the ratios of the single process pairs, of which `ratio` is the trimmed
mean of their logs with its interval (`ratio_of`); `value` and `companion_value` are medians in the
metric's own unit, kept for readers who want them; no trend is made of those.
"""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.common.statistics import estimate
from benchmarks.records.environment import cores, cpu_model, machine_name, python_version
from benchmarks.records.package_files import series_name

CONFIDENCE = 0.99
FEWEST_TRIMMED = 8
_WIDEST = 10.0


def environment(companion: str) -> dict[str, Any]:
    """What the ratios of a series depend on besides the package.

    Args:
        companion: names it and its content: "anchor <package key>", "reference_sqlite <hash>".
    """
    return {
        "machine": machine_name(),
        "cpu": cpu_model(),
        "cores": cores(),
        "python": python_version(),
        "sqlite": sqlite3.sqlite_version,
        "companion": companion,
    }


def folder_of(results: Path, environment: Mapping[str, Any]) -> Path:
    """Where the ratios of an environment are kept."""
    kind = str(environment["companion"]).partition(" ")[0]
    return results / "ratios" / series_name(f"{environment['machine']}-{kind}", environment)


def ratio_of(processes: Sequence[float]) -> list[float]:
    """[value, low, high] of the ratios of process pairs: a mean of logs from which an eighth is
    trimmed at each end, with its 99 % interval (common/statistics.estimate). Unlike the gate, which
    measures on while it is undecided, a record has eight pairs and no more: trimmed, one that
    another program disturbed does not move it (one sigma of P50 fell from 1.04 to 0.88 %, of P95
    from 2.6 to 2.2 %, over 31 records of one package)."""
    found = estimate([math.log(each) for each in processes], trimmed_from=FEWEST_TRIMMED)
    half_width = min(found.half_width((1 - CONFIDENCE) / 2), _WIDEST)
    ends = (found.mean, found.mean - half_width, found.mean + half_width)
    return [float(f"{math.exp(end):.5g}") for end in ends]
