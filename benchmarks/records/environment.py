"""The machine that figures come from: what of it can change them, and a short name for it.

Only the standard library is used here: it is also read in environments of older commits.
"""

from __future__ import annotations

import os
import platform
import re
import sqlite3
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.common.exits import InfrastructureError

MACHINE_VARIABLE = "LAB_MACHINE"
_LONGEST_CPU = 24
_CLOCK_READS, _CLOCK_STEPS = 1_000, 3


def machine_name() -> str:
    """The name under which this machine's series are kept, such as "linux-amd-epyc-2cpu".

    Made of what decides the speed and stays: the system, the processor, how many of its cores may
    be used. A new kind of host so begins series of its own; a newer kernel, Python or SQLite does
    not, and is noted in the series instead. Wine is a system of its own. LAB_MACHINE overrides it.
    """
    if chosen := _slug(os.environ.get(MACHINE_VARIABLE, "")):
        return chosen
    noise = r"\((r|tm)\)|\bcpus?\b|\bprocessor\b|@.*|\b\d+-core\b|\bwith\b.*"
    cpu = _slug(re.sub(noise, " ", cpu_model(), flags=re.IGNORECASE))[:_LONGEST_CPU].strip("-")
    system = "wine" if wine_version() else _slug(platform.system())
    return f"{system}-{cpu or _slug(platform.machine())}-{cores()}cpu"


def fingerprint(folder: Path | None = None) -> dict[str, Any]:
    """What can change figures on this machine, as JSON values; None where it cannot be found.

    `folder` is where the measured database files are; the folder for temporary files if None.
    Among the values: governor (of the processor's clock), load_1m (running processes, mean of a
    minute), and clock_resolution_ns (of time.perf_counter, as measured).
    """
    memory_bytes = None
    if hasattr(os, "sysconf"):
        memory_bytes = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    names = re.search(r'^PRETTY_NAME="?([^"\n]*)', _text("/etc/os-release") or "", re.MULTILINE)
    return {
        "machine": machine_name(),
        "system": names[1] if names else f"{platform.system()} {platform.release()}",
        "kernel": platform.release(), "cpu": cpu_model(), "architecture": platform.machine(),
        "cores": cores(), "python": python_version(), "wine": wine_version() or None,
        "memory_mb": memory_bytes and memory_bytes // 10**6,
        "sqlite": sqlite3.sqlite_version,
        "filesystem": _filesystem(folder or Path(tempfile.gettempdir())),
        "governor": _text("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"),
        "load_1m": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
        "clock_resolution_ns": round(clock_resolution_s() * 1e9),
    }  # fmt: skip


def python_path(*folders: Path | str) -> str:
    """Folders as a PYTHONPATH; InfrastructureError if one has the separator in its name, which
    cannot be quoted there."""
    for folder in folders:
        if os.pathsep in str(folder):
            raise InfrastructureError(
                f"Python cannot import from a folder with {os.pathsep!r} in its path: {folder}"
            )
    return os.pathsep.join(map(str, folders))


def cores() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def cpu_model() -> str:
    """The processor as its maker calls it; its architecture where no name can be read."""
    for line in (_text("/proc/cpuinfo") or "").splitlines():
        if line.startswith("model name"):
            return " ".join(line.partition(":")[2].split())
    return os.environ.get("PROCESSOR_IDENTIFIER") or platform.processor() or platform.machine()


def clock_resolution_s() -> float:
    """The smallest step that time.perf_counter was seen to make, in seconds: not what it claims. A
    coarse one is read until it made three."""
    steps: list[float] = []
    reads, last = 0, time.perf_counter()
    while reads < _CLOCK_READS or len(steps) < _CLOCK_STEPS:
        now = time.perf_counter()
        if now > last:
            steps.append(now - last)
        reads, last = reads + 1, now
    return min(steps)


def wine_version() -> str:
    """The version of the Wine that this process runs under; "" elsewhere, on Windows too."""
    if sys.platform != "win32":
        return ""
    import ctypes

    ask = getattr(ctypes.WinDLL("ntdll"), "wine_get_version", None)
    if ask is None:
        return ""
    ask.restype = ctypes.c_char_p
    return str(ask().decode())


def python_version() -> str:
    """The implementation and its version: "CPython 3.11.7"."""
    return f"{platform.python_implementation()} {platform.python_version()}"


def _filesystem(folder: Path) -> str | None:
    """The type of the file system that holds a folder, such as "ext4" (Linux only)."""
    where = folder.resolve()
    mounts: list[tuple[str, str | None]] = []
    for line in (_text("/proc/self/mounts") or "").splitlines():
        point, type_name = line.split(" ")[1:3]
        if Path(point.replace("\\040", " ")) in (where, *where.parents):
            mounts.append((point, type_name))
    # The deepest; of several at one place, the last one hides the others.
    return max(reversed(mounts), key=lambda each: len(each[0]), default=("", None))[1]


def _text(path: str) -> str | None:
    """A file of Linux's. None elsewhere: Wine shows those of its host to Windows processes."""
    if sys.platform != "linux":
        return None
    try:
        return Path(path).read_text("utf-8", "replace").strip()
    except OSError:
        return None


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


if __name__ == "__main__":
    print(machine_name())  # for `asv machine --machine` and the like
