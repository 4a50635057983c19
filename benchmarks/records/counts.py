"""results/counts/<series>/<package>.json: instructions and exact counters of each package.

What can be counted exactly makes a history that can be believed: no machine's bad day shows in it.
A series is what counts depend on besides the package: the CPU, Python, SQLite, valgrind and the C
library. The form of a file is in package_files.py; of a workload it has
{"instructions": per operation, "counters": {name: per operation}}.
"""

from __future__ import annotations

import platform
import sqlite3
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.records.environment import cpu_model, python_version
from benchmarks.records.package_files import series_name


def environment(seeds: Sequence[int]) -> dict[str, Any]:
    """What the counts depend on besides the package."""
    try:
        asked = ["valgrind", "--version"]
        valgrind = subprocess.run(asked, capture_output=True, text=True, check=False).stdout
    except OSError:  # what is kept can be shown without it
        valgrind = ""
    return {
        "cpu": cpu_model(),
        "python": python_version(),
        "sqlite": sqlite3.sqlite_version,
        "libc": " ".join(platform.libc_ver()),
        "valgrind": valgrind.strip(),
        "seeds": list(seeds),
    }


def folder_of(results: Path, environment: Mapping[str, Any]) -> Path:
    """Where the counts of an environment are kept."""
    python = str(environment["python"]).rsplit(" ", 1)[-1]
    return results / "counts" / series_name(f"python-{python}", environment)
