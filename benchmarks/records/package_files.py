"""results/<what>/<series>/<package>.json: what was measured of one package, a file a package.

Two runs that measure different packages write different files, so they cannot conflict in git; no
file is appended to, and each is whole at all times. A series is what the figures depend on besides
the package (`environment`): its folder's name ends with a hash of that.

    schema       1
    package      {key, sha, subject, committed_at}: see packages.py
    environment  what names the series
    workloads    by name, see counts.py and ratios.py; {"lacks": why} where the package has no such
                 verb: a gap
"""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.common.exits import BadInput, InfrastructureError
from benchmarks.records.packages import Package

SCHEMA = 1
_ABOUT = ("key", "sha", "subject", "committed_at")


@dataclass(frozen=True)
class Kept:
    """One package's file in a series' folder; `workloads` by name, without those that make no
    sense."""

    series: str
    environment: Mapping[str, Any]
    package: Package
    workloads: Mapping[str, Mapping[str, Any]]


def series_name(prefix: str, environment: Mapping[str, Any]) -> str:
    """The folder of a series: short, and another one for another environment."""
    text = json.dumps(environment, sort_keys=True)
    return f"{prefix}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"


def keep(
    folder: Path,
    package: Package,
    environment: Mapping[str, Any],
    workload: str,
    measured: Mapping[str, Any],
) -> Path:
    """Add one workload to a package's file in a series' folder, or replace it there.

    Raises InfrastructureError if it cannot be written, BadInput if a newer lab wrote it.
    """
    path = folder / f"{package.key}.json"
    found = _read(path)
    workloads = {**(found.workloads if found else {}), workload: measured}
    about = {name: getattr(package, name) for name in _ABOUT}
    head = {"schema": SCHEMA, "package": about, "environment": environment}
    # A line a workload: short, and a diff that says which one was measured.
    lines = ",\n".join(
        f"  {json.dumps(name)}: {json.dumps(each, sort_keys=True, allow_nan=False)}"
        for name, each in sorted(workloads.items())
    )
    text = json.dumps(head, indent=1, sort_keys=True)[:-2]
    partial = path.with_suffix(f".{os.getpid()}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.write_text(f'{text},\n "workloads": {{\n{lines}\n }}\n}}\n', encoding="utf-8")
        partial.replace(path)
    except OSError as error:
        with suppress(OSError):
            partial.unlink()
        raise InfrastructureError(f"{path}: {error.strerror}: it is not kept") from None
    return path


def read(folder: Path) -> Iterator[Kept]:
    """The files of a folder and of the folders in it. What cannot be read is left out, so that it
    is measured again; BadInput if a newer lab wrote a file, which an older one must not replace.
    """
    for path in sorted(folder.rglob("*.json")):
        found = _read(path)
        if found is not None and found.workloads:
            yield found


def by_package(folder: Path) -> dict[str, Mapping[str, Mapping[str, Any]]]:
    """The workloads of each package of one series, by the package's key."""
    return {each.package.key: each.workloads for each in read(folder)}


def _read(path: Path) -> Kept | None:
    schema, found = 0, None
    with suppress(OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        record = json.loads(path.read_text(encoding="utf-8"))
        schema = int(record["schema"])
        if schema == SCHEMA and isinstance(record["environment"], dict):
            key, sha, subject, committed_at = (str(record["package"][name]) for name in _ABOUT)
            package = Package(key, sha, subject, committed_at)
            sound = {name: each for name, each in record["workloads"].items() if _is_sound(each)}
            found = Kept(path.parent.name, record["environment"], package, sound)
    if schema > SCHEMA:
        raise BadInput(f"{path}: schema {schema} is newer than {SCHEMA}: use the newer lab")
    return found


def _is_sound(measured: Mapping[str, Any]) -> bool:
    """Whether it is a gap, a count or ratios, with finite figures above 0 where they are needed."""
    if "lacks" in measured:
        return True
    if "instructions" in measured:
        counts = [measured["instructions"], *measured["counters"].values()]
        finite = all(isinstance(each, (int, float)) and math.isfinite(each) for each in counts)
        return finite and counts[0] > 0
    ratios = [each["ratio"] for each in measured["metrics"].values()]
    ends = [end for ratio in ratios for end in ratio]
    are_triples = bool(ratios) and all(len(ratio) == 3 for ratio in ratios)
    return are_triples and all(math.isfinite(end) and end > 0 for end in ends)
