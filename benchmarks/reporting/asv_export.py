"""The published history in asv's own format: results/asv, written from results/counts and ratios.

    python -m benchmarks.reporting.asv_export              # writes results/asv; commit it
    asv publish --config benchmarks/asv.published.conf.json

Nothing is measured for it, so asv cannot contradict the lab: a package's figures stand at the first
commit that has it, in commit order, and its names are not those of `asv run` (bench_workloads.py),
whose figures are compared with the bare reference. A benchmark is a workload and a figure, lower is
better, as asv needs it:

    <workload>.instructions         an operation, counted
    <workload>.p95_ratio         the package's latency / the anchor's; p50, p99, service_time too
    <workload>.throughput_ratio  the anchor's throughput / the package's
    <workload>.p50_to_reference  / the bare reference's, of work that waits: it raises no alarm
"""

from __future__ import annotations

import json
import math
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.common.exits import BadInput, LabError
from benchmarks.common.git import UNSHALLOW, is_shallow
from benchmarks.common.project import root
from benchmarks.records.packages import Package, distinct_packages, moment
from benchmarks.records.series import INSTRUCTIONS, Point, Series, current, read_series

_VERSION = "1"
_COLUMNS = ("result", "params", "version", "started_at", "duration", "stats_ci_99_a",
            "stats_ci_99_b")  # fmt: skip
_ENVIRONMENT = "published"


def export(results: Path, into: Path | None = None) -> Path:
    """Write what a results folder has of the repository's packages; the folder it is in.

    Args:
        results: the results folder.
        into: replaced; results/asv if None.

    Raises:
        BadInput: a record was written by a newer lab, or the clone has no history.
        OSError: it cannot be written.
    """
    if is_shallow(root()):
        raise BadInput(f"asv needs the commits that were measured: {UNSHALLOW}")
    folder = into or results / "asv"
    series = current(read_series(results, distinct_packages(root())))
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    if not series:
        return folder
    machine = _machine(series)
    (folder / machine["machine"]).mkdir()
    _write(folder / machine["machine"] / "machine.json", {**machine, "version": 1})
    _write(folder / "benchmarks.json", {**dict(map(_benchmark, series)), "version": 2})
    for package in {point.package.sha: point.package for each in series for point in each.points}:
        _write_package(folder / machine["machine"], package, series, machine)
    return folder


def name_of(workload: str, metric: str, kind: str) -> str:
    """The benchmark's name."""
    if metric == INSTRUCTIONS:
        return f"{workload}.{metric}"
    figure = metric.removeprefix("latency_").removesuffix("_ms").removesuffix("_per_s")
    return f"{workload}.{figure}_{'to_reference' if kind == 'waits' else 'ratio'}"


def _benchmark(series: Series) -> tuple[str, dict[str, Any]]:
    name = name_of(series.workload, series.metric, series.kind)
    if series.metric == INSTRUCTIONS:
        text, unit = "CPU instructions an operation, counted by callgrind.", "instructions"
    else:
        ends = ("package", series.companion)
        over, under = reversed(ends) if _is_inverted(series) else ends
        text = f"{series.metric} of the {over} / that of the {under}, measured interleaved."
        unit = "ratio"
    about = {
        "code": f"{text}\nWritten from the lab's records by benchmarks/reporting/asv_export.py.",
        "name": name, "pretty_name": name, "type": "track", "unit": unit, "timeout": 60,
        "params": [], "param_names": [], "version": _VERSION,
    }  # fmt: skip
    return name, about


def _is_inverted(series: Series) -> bool:
    """asv knows no figure that is better when it is higher."""
    return series.metric.endswith("_per_s")


def _write_package(
    folder: Path, sha: str, series: Sequence[Series], machine: Mapping[str, str]
) -> None:
    found: dict[str, list[Any]] = {}
    package: Package | None = None
    for each in series:
        for point in each.points:
            if point.package.sha == sha:
                package = point.package
                name = name_of(each.workload, each.metric, each.kind)
                found[name] = _row(point, _is_inverted(each), package)
    assert package is not None
    python = machine["python"]
    _write(folder / f"{sha[:8]}-{_ENVIRONMENT}.json", {
        "commit_hash": sha, "env_name": _ENVIRONMENT, "date": _milliseconds(package),
        "params": dict(machine), "python": python, "requirements": {}, "env_vars": {},
        "result_columns": _COLUMNS, "results": found, "durations": {}, "version": 2,
    })  # fmt: skip


def _row(point: Point, is_inverted: bool, package: Package) -> list[Any]:
    ends = (point.value, point.low, point.high)
    if is_inverted:
        ends = (1 / point.value, 1 / point.high, 1 / point.low)
    value, low, high = (float(f"{end:.6g}") for end in ends)
    interval = [[low], [high]] if math.isfinite(high) and low < high else [None, None]
    return [[value], [], _VERSION, _milliseconds(package), None, *interval]


def _milliseconds(package: Package) -> int:
    return int(moment(package.committed_at).timestamp() * 1000)


def _machine(series: Sequence[Series]) -> dict[str, str]:
    """One for all figures, of which each has its own series: a graph never mixes two."""
    known = {
        key: str(value)
        for each in (*(each for each in series if not each.companion), *series)
        for key, value in each.environment.items()
    }
    return {
        "machine": known.get("machine", "counted"), "cpu": known.get("cpu", ""),
        "num_cpu": known.get("cores", ""), "arch": "", "os": "", "ram": "",
        "python": known.get("python", ""), "sqlite": known.get("sqlite", ""),
    }  # fmt: skip


def _write(path: Path, content: Mapping[str, Any]) -> None:
    """A line a benchmark, so that a diff says what changed."""
    lines = []
    for key, value in content.items():
        if key == "results":
            rows = ",\n".join(f"  {json.dumps(name)}: {json.dumps(row)}"
                              for name, row in sorted(value.items()))  # fmt: skip
            lines.append(f' "results": {{\n{rows}\n }}')
        else:
            lines.append(f" {json.dumps(key)}: {json.dumps(value)}")
    path.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8", newline="\n")


if __name__ == "__main__":
    try:
        print(export(root() / "results"))
    except LabError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
