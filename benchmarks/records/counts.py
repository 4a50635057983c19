"""results/counts/<series>/<package>.json: instructions and exact counters of each package.

What can be counted exactly makes a history that can be believed: no machine's bad day shows in it.
A file a package, so that two runs cannot conflict, and nothing is appended to. A series is what the
counts depend on beside the package: the CPU, Python, SQLite, valgrind and the C library; another of
these begins a new one, since its figures cannot be compared.

    schema       1
    package      {key, sha, subject, committed_at}: see packages.py
    environment  {cpu, python, sqlite, libc, valgrind, seeds}
    workloads    by name: {"instructions": per operation, "counters": {name: per operation}},
                 or {"lacks": why} where the package has no such verb
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import platform
import sqlite3
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks.common.exits import BadInput, InfrastructureError
from benchmarks.measuring.instructions import SMALLEST_CHANGE
from benchmarks.records.environment import cpu_model
from benchmarks.records.packages import Package

SCHEMA = 1


@dataclass(frozen=True)
class Step:
    """A change of a workload's instructions between two neighbouring packages that have it.

    Args:
        workload: its name.
        last, first: the last package before the change, and the first with it.
        before, after: instructions per operation.
        counters: those that changed too, by name: (before, after).
    """

    workload: str
    last: Package
    first: Package
    before: float
    after: float
    counters: Mapping[str, tuple[float, float]]

    @property
    def change(self) -> float:
        """Relative: 0.02 is two per cent more."""
        return self.after / self.before - 1


def environment(seeds: Sequence[int]) -> dict[str, Any]:
    """What the counts depend on beside the package."""
    try:
        asked = ["valgrind", "--version"]
        valgrind = subprocess.run(asked, capture_output=True, text=True, check=False).stdout
    except OSError:  # what is kept can be shown without it
        valgrind = ""
    return {
        "cpu": cpu_model(),
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "sqlite": sqlite3.sqlite_version,
        "libc": " ".join(platform.libc_ver()),
        "valgrind": valgrind.strip(),
        "seeds": list(seeds),
    }


def series_name(environment: Mapping[str, Any]) -> str:
    """The folder of a series: short, and another one for another environment."""
    text = json.dumps(environment, sort_keys=True)
    python = str(environment["python"]).rsplit(" ", 1)[-1]
    return f"python-{python}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"


def write(folder: Path, package: Package, env: Mapping[str, Any], workloads: Any) -> Path:
    """Keep a package's counts; the file appears whole or not at all.

    Raises:
        InfrastructureError: it cannot be written.
    """
    path = folder / "counts" / series_name(env) / f"{package.key}.json"
    kept = {key: each for key, each in asdict(package).items() if key != "commits"}
    record = {"schema": SCHEMA, "package": kept, "environment": env, "workloads": workloads}
    partial = path.with_suffix(f".{os.getpid()}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.write_text(json.dumps(record, indent=1, sort_keys=True) + "\n", encoding="utf-8")
        partial.replace(path)
    except OSError as error:
        with suppress(OSError):
            partial.unlink()
        raise InfrastructureError(f"{path}: {error.strerror}: the counts are not kept") from None
    return path


def read(folder: Path, env: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The workloads of each package of a series, by the package's key; unreadable files are left
    out, to be counted again.

    Raises:
        BadInput: a file was written by a newer lab, which must not be replaced by an older one's.
    """
    found: dict[str, dict[str, Any]] = {}
    for path in sorted((folder / "counts" / series_name(env)).glob("*.json")):
        schema, workloads = 0, {}
        with suppress(OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
            record = json.loads(path.read_text(encoding="utf-8"))
            schema = int(record["schema"])
            if schema == SCHEMA and all(map(_is_sound, record["workloads"].values())):
                workloads = record["workloads"]
        if schema > SCHEMA:
            raise BadInput(f"{path}: schema {schema} is newer than {SCHEMA}, see a newer lab")
        if workloads:
            found[path.stem] = workloads
    return found


def _is_sound(counted: Mapping[str, Any]) -> bool:
    if "lacks" in counted:
        return True
    figures = [counted["instructions"], *counted["counters"].values()]
    return all(isinstance(each, (int, float)) and math.isfinite(each) for each in figures) and (
        figures[0] > 0
    )


def steps(
    packages: Sequence[Package], counts: Mapping[str, Mapping[str, Any]], workload: str
) -> list[Step]:
    """Where the instructions of a workload changed, oldest first.

    Neighbours are compared, and a package with the last one that no step followed too: a slow
    drift below the threshold adds up to a step in the end.
    """
    found: list[Step] = []
    anchor: tuple[Package, Mapping[str, Any]] | None = None
    before: tuple[Package, Mapping[str, Any]] | None = None
    for package in packages:
        own = counts.get(package.key, {}).get(workload, {})
        if "instructions" not in own:
            continue
        if anchor is not None and before is not None:
            for reference in (before, anchor):
                was, now = reference[1]["instructions"], own["instructions"]
                if abs(now / was - 1) >= SMALLEST_CHANGE:
                    differ = _changed(reference[1]["counters"], own["counters"])
                    found.append(Step(workload, reference[0], package, was, now, differ))
                    anchor = None
                    break
        before = (package, own)
        anchor = anchor or before
    return found


def _changed(
    before: Mapping[str, float], after: Mapping[str, float]
) -> dict[str, tuple[float, float]]:
    return {
        name: (before[name], after[name])
        for name in before
        if name in after and before[name] != after[name]
    }
