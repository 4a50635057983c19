"""The machine that figures come from: what of it can change them, and a short name for it.

Only the standard library is used here: asv and the gate read it in environments of older commits.
"""

from __future__ import annotations

import os
import platform
import re
import sqlite3
import tempfile
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

from benchmarks.common.exits import InfrastructureError

MACHINE_VARIABLE = "LAB_MACHINE"
_LONGEST_CPU = 24
_CLOCK_READS = 1_000


def machine_name() -> str:
    """The name under which this machine's series are kept, such as "linux-amd-epyc-2cpu".

    Made of what decides the speed and stays: the system, the processor, how many of its cores may
    be used. A new kind of host so begins series of its own; a newer kernel, Python or SQLite does
    not, and is noted in the series instead. LAB_MACHINE overrides it.
    """
    chosen = _slug(os.environ.get(MACHINE_VARIABLE, ""))
    if chosen:
        return chosen
    noise = r"\((r|tm)\)|\bcpus?\b|\bprocessor\b|@.*|\b\d+-core\b|\bwith\b.*"
    cpu = _slug(re.sub(noise, " ", cpu_model(), flags=re.IGNORECASE))[:_LONGEST_CPU].strip("-")
    return f"{_slug(platform.system())}-{cpu or _slug(platform.machine())}-{cores()}cpu"


def fingerprint(folder: Path | None = None) -> dict[str, Any]:
    """What can change figures on this machine, as JSON values; None where it cannot be told.

    Args:
        folder: where the measured database files are; the folder for temporary files if None.

    Returns:
        machine, system, kernel, cpu, architecture, cores, memory_mb, python, sqlite, filesystem,
        governor (of the processor's clock), load_1m (running processes, mean of a minute), and
        clock_resolution_ns (of time.perf_counter, as measured).
    """
    return {
        "machine": machine_name(),
        "system": _system(),
        "kernel": platform.release(),
        "cpu": cpu_model(),
        "architecture": platform.machine(),
        "cores": cores(),
        "memory_mb": _memory_mb(),
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "sqlite": sqlite3.sqlite_version,
        "filesystem": _filesystem(folder or Path(tempfile.gettempdir())),
        "governor": _text("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"),
        "load_1m": _load(),
        "clock_resolution_ns": round(clock_resolution_s() * 1e9),
    }


def python_path(*folders: Path | str) -> str:
    """Folders as a PYTHONPATH.

    Raises:
        InfrastructureError: one has the separator in its name, which cannot be quoted there.
    """
    for folder in folders:
        if os.pathsep in str(folder):
            raise InfrastructureError(
                f"Python cannot import from a folder with {os.pathsep!r} in its path: {folder}"
            )
    return os.pathsep.join(map(str, folders))


def cores() -> int:
    """How many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def cpu_model() -> str:
    """The processor as its maker calls it; its architecture where no name can be read."""
    for line in (_text("/proc/cpuinfo") or "").splitlines():
        if line.startswith("model name"):
            return " ".join(line.partition(":")[2].split())
    return os.environ.get("PROCESSOR_IDENTIFIER") or platform.processor() or platform.machine()


def clock_resolution_s() -> float:
    """The smallest step that time.perf_counter was seen to make, in seconds."""
    reads = [time.perf_counter() for _ in range(_CLOCK_READS)]
    return min(
        (after - before for before, after in pairwise(reads) if after > before),
        default=time.get_clock_info("perf_counter").resolution,
    )


def _system() -> str:
    names = re.search(r'^PRETTY_NAME="?([^"\n]*)', _text("/etc/os-release") or "", re.MULTILINE)
    return names[1] if names else f"{platform.system()} {platform.release()}"


def _memory_mb() -> int | None:
    found = re.search(r"MemTotal:\s+(\d+) kB", _text("/proc/meminfo") or "")
    if found:
        return int(found[1]) * 1024 // 10**6
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 10**6
    except (AttributeError, OSError, ValueError):
        return None


def _filesystem(folder: Path) -> str | None:
    """The type of the file system that holds a folder, such as "ext4" (Linux only)."""
    where = folder.resolve()
    best, found = -1, None
    for line in (_text("/proc/self/mounts") or "").splitlines():
        point, kind = line.split(" ")[1:3]
        place = Path(point.replace("\\040", " "))
        if (where == place or place in where.parents) and len(point) >= best:
            best, found = len(point), kind
    return found


def _load() -> float | None:
    try:
        return round(os.getloadavg()[0], 2)
    except (AttributeError, OSError):
        return None


def _text(path: str) -> str | None:
    try:
        return Path(path).read_text("utf-8", "replace").strip()
    except OSError:
        return None


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


if __name__ == "__main__":
    print(machine_name())  # for `asv machine --machine` and the like
