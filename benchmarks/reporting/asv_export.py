"""The published history in asv's own format: results/asv, written from results/counts and ratios.

    python -m benchmarks.reporting.asv_export              # writes results/asv; commit it
    asv publish --config benchmarks/asv.published.conf.json

Nothing is measured for it, so asv cannot contradict the lab: a package's figures stand at the first
commit that has it, in commit order. Its names are not those of `asv run` (bench_workloads.py),
whose figures are compared with the bare reference. Lower is better, as asv needs it:

    <workload>.instructions      an operation, counted
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
from benchmarks.records.record import higher_is_better
from benchmarks.records.series import INSTRUCTIONS, Point, Series, current, read_series

_VERSION = "1"
_COLUMNS = [
    "result",
    "params",
    "version",
    "started_at",
    "duration",
    "stats_ci_99_a",
    "stats_ci_99_b",
]
_ENVIRONMENT = "published"


def export(results: Path, into: Path | None = None) -> Path:
    """Write what a results folder has of the repository's packages into a folder, which is replaced
    (results/asv if None); the folder.

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
    of_machine = folder / machine["machine"]
    of_machine.mkdir()
    _write(of_machine / "machine.json", {**machine, "version": 1})
    about = {name_of(each): _about(each) for each in series}
    _write(folder / "benchmarks.json", {**about, "version": 2})
    packages: dict[Package, dict[str, list[Any]]] = {}
    for each in series:
        for point in each.points:
            packages.setdefault(point.package, {})[name_of(each)] = _row(each, point)
    for package, rows in packages.items():
        _write(of_machine / f"{package.sha[:8]}-{_ENVIRONMENT}.json", {
            "commit_hash": package.sha, "env_name": _ENVIRONMENT, "date": _milliseconds(package),
            "params": machine, "python": machine["python"], "requirements": {}, "env_vars": {},
            "result_columns": _COLUMNS, "results": rows, "durations": {}, "version": 2,
        })  # fmt: skip
    return folder


def name_of(series: Series) -> str:
    """The benchmark's name."""
    if series.metric == INSTRUCTIONS:
        return f"{series.workload}.{series.metric}"
    figure = series.metric.removeprefix("latency_").removesuffix("_ms").removesuffix("_per_s")
    suffix = "to_reference" if series.kind == "waits" else "ratio"
    return f"{series.workload}.{figure}_{suffix}"


def _about(series: Series) -> dict[str, Any]:
    """What benchmarks.json has of it."""
    text, unit = "CPU instructions an operation, counted by callgrind.", "instructions"
    if series.metric != INSTRUCTIONS:
        ends = ["package", series.companion]
        over, under = ends[::-1] if higher_is_better(series.metric) else ends
        text = f"{series.metric} of the {over} / that of the {under}, measured interleaved."
        unit = "ratio"
    return {
        "code": f"{text}\nWritten from the lab's records by benchmarks/reporting/asv_export.py.",
        "name": name_of(series), "pretty_name": name_of(series), "type": "track", "unit": unit,
        "timeout": 60, "params": [], "param_names": [], "version": _VERSION,
    }  # fmt: skip


def _row(series: Series, point: Point) -> list[Any]:
    ends = (point.value, point.low, point.high)
    if higher_is_better(series.metric):  # asv knows no such figure
        ends = (1 / point.value, 1 / point.high, 1 / point.low)
    value, low, high = (float(f"{end:.6g}") for end in ends)
    interval = [[low], [high]] if low < high < math.inf else [None, None]
    return [[value], [], _VERSION, _milliseconds(point.package), None, *interval]


def _milliseconds(package: Package) -> int:
    return int(moment(package.committed_at).timestamp() * 1000)


def _machine(series: Sequence[Series]) -> dict[str, str]:
    """One for all figures, of which each has its own series: a graph never mixes two."""
    known: dict[str, Any] = {}
    for each in sorted(series, key=lambda each: bool(each.companion)):  # counts, then ratios
        known |= each.environment
    names = {"machine": "machine", "cpu": "cpu", "num_cpu": "cores", "arch": "", "os": "",
             "ram": "", "python": "python", "sqlite": "sqlite"}  # fmt: skip
    found = {name: str(known.get(key, "")) for name, key in names.items()}
    return {**found, "machine": found["machine"] or "counted"}


def _write(path: Path, content: Mapping[str, Any]) -> None:
    """A line a benchmark, so that a diff says what changed."""
    lines = {key: json.dumps(value) for key, value in content.items()}
    if "results" in content:
        rows = (f"  {json.dumps(name)}: {json.dumps(row)}"
                for name, row in sorted(content["results"].items()))  # fmt: skip
        lines["results"] = "{\n" + ",\n".join(rows) + "\n }"
    text = ",\n".join(f' "{key}": {value}' for key, value in lines.items())
    path.write_text(f"{{\n{text}\n}}\n", encoding="utf-8", newline="\n")


if __name__ == "__main__":
    try:
        print(export(root() / "results"))
    except LabError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
