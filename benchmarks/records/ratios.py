"""results/ratios/<series>/<package>.json: times of each package as ratios to one companion.

An absolute time is as much the machine's as the package's. A ratio is measured: the package and its
companion run interleaved, in pairs of processes (measuring/blocks.py), so that what slows the
machine slows both. The companion of a series is one anchor package, or the bare reference of
`contenders/`; each of them, the CPU, Python and SQLite begin another series, since ratios to
something else cannot be compared. A file a package, so that two runs cannot conflict.

    schema       1
    package      {key, sha, subject, committed_at}: see packages.py
    environment  {machine, cpu, cores, python, sqlite, companion}: names the series
    workloads    by name: {"metrics": {metric: {"ratio": [value, low, high], "processes": [...],
                 "value", "companion_value"}}, "pairs", "calls", "confidence", "measured_at",
                 "elapsed_s", "load_1m"}, or {"lacks": why}

A ratio is package / companion: 1.05 in latency_p95_ms is 5 % slower, 1.05 in throughput_per_s is
5 % more. `processes` are the ratios of the single process pairs, of which `ratio` is the trimmed
mean of logs with its interval (`ratio_of`); `value` and `companion_value`
medians in the metric's own unit, kept for whoever wants them; no trend is made of those.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.common.exits import BadInput, InfrastructureError
from benchmarks.common.statistics import estimate
from benchmarks.records.environment import cores, cpu_model, fingerprint, machine_name
from benchmarks.records.packages import Package

SCHEMA = 1
CONFIDENCE = 0.99
FEWEST_TRIMMED = 8
_WIDEST = 10.0


def environment(companion: str) -> dict[str, Any]:
    """What the ratios of a series depend on beside the package.

    Args:
        companion: names it and its content: "anchor <package key>", "reference_sqlite <hash>".
    """
    return {
        "machine": machine_name(),
        "cpu": cpu_model(),
        "cores": cores(),
        "python": str(fingerprint()["python"]),
        "sqlite": sqlite3.sqlite_version,
        "companion": companion,
    }


def series_name(environment: Mapping[str, Any]) -> str:
    """The folder of a series: short, and another one for another environment."""
    text = json.dumps(environment, sort_keys=True)
    kind = str(environment["companion"]).partition(" ")[0]
    return f"{environment['machine']}-{kind}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"


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


def keep(
    folder: Path,
    package: Package,
    environment: Mapping[str, Any],
    workload: str,
    measured: Mapping[str, Any],
) -> Path:
    """Add one workload to a package's file, or replace it there; the file is whole at all times.

    Raises:
        InfrastructureError: it cannot be written.
        BadInput: it was written by a newer lab.
    """
    path = folder / "ratios" / series_name(environment) / f"{package.key}.json"
    workloads = {**_workloads(path), workload: dict(measured)}
    kept = {key: each for key, each in asdict(package).items() if key != "commits"}
    record = {
        "schema": SCHEMA, "package": kept, "environment": environment, "workloads": workloads,
    }  # fmt: skip
    partial = path.with_suffix(f".{os.getpid()}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.write_text(_as_text(record), encoding="utf-8")
        partial.replace(path)
    except OSError as error:
        with suppress(OSError):
            partial.unlink()
        raise InfrastructureError(f"{path}: {error.strerror}: the ratios are not kept") from None
    return path


def read(folder: Path, environment: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The workloads of each package of a series, by the package's key. What cannot be read is left
    out, to be measured again.

    Raises:
        BadInput: a file was written by a newer lab.
    """
    paths = sorted((folder / "ratios" / series_name(environment)).glob("*.json"))
    found = {path.stem: _workloads(path) for path in paths}
    return {key: workloads for key, workloads in found.items() if workloads}


def _workloads(path: Path) -> dict[str, Any]:
    schema, workloads = 0, {}
    with suppress(OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        record = json.loads(path.read_text(encoding="utf-8"))
        schema = int(record["schema"])
        if schema == SCHEMA:
            workloads = {
                name: each for name, each in record["workloads"].items() if _is_sound(each)
            }
    if schema > SCHEMA:
        raise BadInput(f"{path}: schema {schema} is newer than {SCHEMA}, see a newer lab")
    return workloads


def _is_sound(measured: Mapping[str, Any]) -> bool:
    if "lacks" in measured:
        return True
    ratios = [each["ratio"] for each in measured["metrics"].values()]
    return bool(ratios) and all(
        len(ratio) == 3 and all(math.isfinite(end) and end > 0 for end in ratio) for ratio in ratios
    )


def _as_text(record: Mapping[str, Any]) -> str:
    """A line a workload: short, and a diff that says which one was measured."""
    head = {key: value for key, value in record.items() if key != "workloads"}
    lines = ",\n".join(
        f"  {json.dumps(name)}: {json.dumps(each, sort_keys=True, allow_nan=False)}"
        for name, each in sorted(record["workloads"].items())
    )
    text = json.dumps(head, indent=1, sort_keys=True)
    return f'{text[:-2]},\n "workloads": {{\n{lines}\n }}\n}}\n'
